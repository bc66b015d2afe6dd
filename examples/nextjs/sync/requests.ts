/** Send requests to the API, with a token and within a time, and check what it answers. */

import { claimsOf } from "./claims.ts";
import type { Operation } from "./item.ts";
import type { Todo } from "./types.ts";

/** The API, and the user whose todos it has. */
export type Api = {
  /** The URL of the API, for example `https://api.example.com/api`, or `/api` for the origin of the page. */
  api: string;
  userId: string;
  /**
   * Return a JWT for the API. `refused` is one that the API refused.
   *
   * @throws SignedOut
   * @throws TypeError the server cannot be reached, as with `fetch`
   */
  getToken: (refused?: string) => Promise<string>;
};

/** Report that the session is over. */
export class SignedOut extends Error {
  override name = "SignedOut";
}

/** Report that somebody else is signed in now. */
export class OtherUser extends Error {}

/** Report that the API must not be asked for some seconds (429 and 503), or that it failed. */
export class NotNow extends Error {
  retryAfter: number;

  constructor(message: string, retryAfter: number) {
    super(message);
    this.retryAfter = retryAfter;
  }
}

/** A page of changes. */
export type Page = { todos: Todo[]; gone: string[]; next: string; more: boolean };

/** What a batch did to one todo. */
export type Result = { id: string; status: number; version: number | null; current?: Todo; errors?: { msg: string }[] };

export const MAX_ITEMS = 500;
export const MAX_BYTES = 900_000; // the API accepts 1 MiB
export const RETRY_AFTER = 5; // seconds, if the answer has no Retry-After
const LONGEST_RETRY_AFTER = 3600; // seconds; a timer of a browser ends at once if it is set for more than 24 days
const TIMEOUT = 30_000; // milliseconds; a network may accept a request and never answer

/** Send a request with a token. Throw if there is no answer of the API to it, for 401, 429, and 502 to 504. */
export async function request({ api, userId, getToken }: Api, path: string, init: RequestInit = {}): Promise<Response> {
  const send = (token: string) => {
    if (claimsOf(token).sub !== userId) throw new OtherUser();
    const headers = { Authorization: `Bearer ${token}`, "Content-Type": "application/json", ...init.headers };
    return fetch(api + path, { ...init, headers, cache: "no-store", signal: AbortSignal.timeout(TIMEOUT) });
  };
  const token = await getToken();
  let answer = await send(token);
  if (answer.status === 401) answer = await send(await getToken(token)); // it expired, or its key is gone
  if (answer.status === 401) throw new SignedOut();
  // If Next.js passes requests on to the API and cannot reach it, it answers 500 itself, without JSON.
  if (answer.status === 500 && !isJson(answer)) throw new TypeError("The API cannot be reached.");
  const isBusy = answer.status === 429 || answer.status > 500; // also 502 and 504 of a proxy
  const isRead = !init.method;
  if (isBusy || (isRead && !answer.ok && ![304, 410, 422].includes(answer.status))) {
    const seconds = Number(answer.headers.get("Retry-After")) || RETRY_AFTER;
    throw new NotNow(await detailOf(answer), Math.min(seconds, LONGEST_RETRY_AFTER));
  }
  return answer;
}

function isJson(answer: Response): boolean {
  return /\bjson\b/.test(answer.headers.get("Content-Type") ?? "");
}

/** Return as many operations as one batch may have. One that is too large is alone. */
export function firstBatch(operations: Operation[]): Operation[] {
  let bytes = 0;
  const end = operations.findIndex((operation, index) => {
    bytes += sizeOf(operation) + 1;
    return index === MAX_ITEMS || bytes > MAX_BYTES;
  });
  return end < 0 ? operations : operations.slice(0, Math.max(end, 1));
}

/** Return the bytes of an operation in a batch. */
export function sizeOf(operation: Operation): number {
  return new TextEncoder().encode(JSON.stringify(bodyOf(operation))).length;
}

/** Return an operation as a batch has it. */
export function bodyOf(operation: Operation): object {
  const { id } = operation;
  if (operation.kind === "put") return { ...operation.content, id, base: operation.base };
  return operation.kind === "delete" && operation.base !== undefined ? { id, base: operation.base } : { id };
}

/** Return the reason of a refusal, for a person. */
export async function detailOf(answer: Response): Promise<string> {
  try {
    const { detail } = (await answer.json()) as { detail?: unknown };
    if (typeof detail === "string") return detail;
  } catch {
    // It is not an answer of the API.
  }
  return `The server answered ${answer.status}.`;
}

/** Return whether an answer is a page of changes, with todos that can be shown. */
export function isPage(answer: unknown): answer is Page {
  const { todos, gone, next, more } = Object(answer) as { [name in keyof Page]?: unknown };
  const isWhole = Array.isArray(gone) && typeof next === "string" && typeof more === "boolean";
  return isWhole && Array.isArray(todos) && todos.every(isTodo);
}

function isTodo(value: unknown): boolean {
  const { id, version, title, description, due, position, tags } = Object(value) as { [name in keyof Todo]?: unknown };
  const isText = [id, title, description ?? "", due ?? "", position].every((text) => typeof text === "string");
  return isText && typeof version === "number" && Array.isArray(tags) && tags.every((tag) => typeof tag === "string");
}
