/** The API, as the browser calls it: typed by its OpenAPI document, with the token, and with patience. */

import createClient from "openapi-fetch";

import type { components, paths } from "./schema";
import { getToken, SessionOver } from "./token";

export type Todo = components["schemas"]["TodoRead"];
export type TodoUpdate = components["schemas"]["TodoUpdate"];

/** What the API sends instead of an answer (RFC 9457), or what is said when nothing came. */
export type Problem = Pick<components["schemas"]["ProblemDetails"], "status" | "detail"> &
  Partial<Pick<components["schemas"]["ValidationProblemDetails"], "errors">>;

const WRITE_PATIENCE = 30_000; // milliseconds; a change that is saved any later would surprise
const UNREACHABLE = "The API cannot be reached.";

export const apiUrl = process.env.NEXT_PUBLIC_API_URL ?? "http://localhost:8000";

export const api = createClient<paths>({ baseUrl: apiUrl, fetch: askPatiently });

/**
 * Ask until there is an answer. What could not be reached, or says 503, is asked again: a GET for
 * ever, a PATCH or DELETE for a while, a POST never, because the first one may have arrived.
 */
async function askPatiently(request: Request): Promise<Response> {
  const patience = { GET: Infinity, POST: 0 }[request.method] ?? WRITE_PATIENCE;
  const deadline = Date.now() + patience;
  for (let attempt = 0; ; attempt++) {
    const answer = await askWithToken(request).catch((error: unknown) => {
      if (error instanceof SessionOver || request.signal.aborted) throw error;
      return unreachable();
    });
    if (answer.status !== 503) {
      over();
      return answer;
    }
    const seconds = Number(answer.headers.get("Retry-After")) || Math.min(2 ** attempt, 10);
    if (Date.now() + seconds * 1000 > deadline) return answer;
    const { detail } = (await answer.json()) as Problem;
    await wait(detail, seconds);
    request.signal.throwIfAborted();
  }
}

async function askWithToken(request: Request): Promise<Response> {
  const token = await getToken();
  const answer = await ask(request, token);
  if (answer.status !== 401) return answer;
  // Expired on its way, or signed with a key that is gone; once more, with another.
  return ask(request, await getToken(token));
}

function ask(request: Request, token: string): Promise<Response> {
  const again = request.clone(); // a body can be read once
  again.headers.set("Authorization", `Bearer ${token}`);
  return fetch(again);
}

function unreachable(): Response {
  const problem: Problem = { status: 503, detail: UNREACHABLE };
  return new Response(JSON.stringify(problem), {
    status: 503,
    headers: { "Content-Type": "application/problem+json" },
  });
}

/** Give the cursor of the next page, which the header `Link` holds while more follow (RFC 8288). */
export function nextCursor(answer: Response): string | null {
  const [, link] = /<([^>]*)>; rel="next"/.exec(answer.headers.get("Link") ?? "") ?? [];
  return link === undefined ? null : new URL(link, apiUrl).searchParams.get("cursor");
}

/** Give what a problem says about one field of what was sent. */
export function fieldError(problem: Problem | undefined, field: string): string | undefined {
  return problem?.errors?.find(({ loc }) => loc.at(-1) === field)?.msg;
}

/** What cannot be reached at the moment, and when it will be tried again. */
export type Outage = { reason: string; until: number };

let outage: Outage | undefined;
const listeners = new Set<() => void>();
const waiting = new Set<() => void>();

function tell(now: Outage | undefined): void {
  outage = now;
  for (const listener of listeners) listener();
}

/** Wait, and have it told. */
async function wait(reason: string, seconds: number): Promise<void> {
  tell({ reason, until: Date.now() + seconds * 1000 });
  await new Promise<void>((resolve) => {
    const done = () => {
      clearTimeout(timer);
      waiting.delete(done);
      resolve();
    };
    const timer = setTimeout(done, seconds * 1000);
    waiting.add(done);
  });
}

/** Something answered. */
function over(): void {
  if (outage) tell(undefined);
}

/** Do not wait any longer. */
export function tryNow(): void {
  for (const done of [...waiting]) done();
}

/** Give the outage, while there is one. */
export function getOutage(): Outage | undefined {
  return outage;
}

/** Be told when that changes; gives what ends it. */
export function subscribeToOutage(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}
