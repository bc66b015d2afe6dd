/** Call the API from the browser, with types of its OpenAPI document, with the token, and with retries. */

import createClient, { type Client } from "openapi-fetch";

import type { components, paths } from "./schema";
import { getToken, SessionOver } from "./token";

export type Todo = components["schemas"]["TodoRead"];
export type TodoUpdate = components["schemas"]["TodoUpdate"];

/** The error in an answer of the API (RFC 9457), or the error that is shown when there is no answer. */
export type Problem = Pick<components["schemas"]["ProblemDetails"], "status" | "detail"> &
  Partial<Pick<components["schemas"]["ValidationProblemDetails"], "errors">>;

const WRITE_PATIENCE = 30_000; // milliseconds; a change that is saved later would surprise the user
const UNREACHABLE = "The API cannot be reached.";

export const apiUrl = process.env.NEXT_PUBLIC_API_URL ?? "http://localhost:8000";

export const api = createClient<paths>({ baseUrl: apiUrl, fetch: askPatiently });

/**
 * Send a request until there is an answer. If the API cannot be reached or answers 503, a GET is sent
 * again without a limit, and a PATCH or DELETE for a while. A POST is sent only once, because the first
 * one may have arrived.
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
  // The token expired on its way, or its key is no longer valid. The request is sent again with another token.
  return ask(request, await getToken(token));
}

function ask(request: Request, token: string): Promise<Response> {
  const again = request.clone(); // a body can be read only once
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

/** Return the cursor of the next page. The header `Link` (RFC 8288) contains it if more todos follow. */
export function nextCursor(answer: Response): string | null {
  const [, link] = /<([^>]*)>; rel="next"/.exec(answer.headers.get("Link") ?? "") ?? [];
  return link === undefined ? null : new URL(link, apiUrl).searchParams.get("cursor");
}

/** Return all todos, page after page. Throw the detail of the API's error. */
export async function allTodos(client: Client<paths>, filter: { completed?: boolean } = {}): Promise<Todo[]> {
  const todos: Todo[] = [];
  let cursor: string | null = null;
  do {
    const query: { completed?: boolean; limit: number; cursor?: string } = { ...filter, limit: 500 };
    if (cursor) query.cursor = cursor;
    const { data, error, response } = await client.GET("/api/todos", { params: { query } });
    if (!data) throw new Error(error.detail);
    todos.push(...data);
    cursor = nextCursor(response);
  } while (cursor);
  return todos;
}

/** Return the message of a problem about one field of the request. */
export function fieldError(problem: Problem | undefined, field: string): string | undefined {
  return problem?.errors?.find(({ loc }) => loc.at(-1) === field)?.msg;
}

/** The reason of an outage, and the time of the next attempt. */
export type Outage = { reason: string; until: number };

let outage: Outage | undefined;
const listeners = new Set<() => void>();
const waiting = new Set<() => void>();

function tell(now: Outage | undefined): void {
  outage = now;
  for (const listener of listeners) listener();
}

/** Report an outage, and wait for the next attempt. */
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

/** Report that an outage is over. */
function over(): void {
  if (outage) tell(undefined);
}

/** Start the next attempt now. */
export function tryNow(): void {
  for (const done of [...waiting]) done();
}

/** Return the current outage, if there is one. */
export function getOutage(): Outage | undefined {
  return outage;
}

/** Call `listener` when an outage starts, changes or ends. Return a function that stops these calls. */
export function subscribeToOutage(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}
