/** Call the API from a Server Component or a Route Handler, on behalf of the user. */

import { cookies, headers } from "next/headers";
import createClient from "openapi-fetch";

import { auth } from "./auth";
import { addDays } from "../text/dates";
import type { components, paths } from "../schema";
import type { View } from "../views";

/** A todo as the API returns it. */
export type Todo = components["schemas"]["TodoRead"];

/** The URL of the API for this server, which has no origin of its own to call. */
const apiUrl = process.env.API_URL || process.env.NEXT_PUBLIC_API_URL || "http://localhost:8000";
const FIRST = 50; // todos; the first screen has fewer
const PATIENCE = 3_000; // milliseconds; the page comes without todos then, and the browser asks for them
const WRITE_PATIENCE = 10_000; // milliseconds

/**
 * Return a client with a token for the session in the request's cookie. It throws if there is no session,
 * and its requests throw if they take longer than the signal permits.
 */
export async function apiOfRequest(signal: AbortSignal = AbortSignal.timeout(WRITE_PATIENCE)) {
  // This does not extend the session, as in session.ts.
  const query = { disableRefresh: true };
  const { token } = await auth.api.getToken({ headers: await headers(), query } as { headers: Headers });
  return createClient<paths>({
    baseUrl: apiUrl,
    headers: { Authorization: `Bearer ${token}` },
    cache: "no-store",
    signal,
  });
}

/**
 * Return the first todos of a view, or undefined if the API does not answer in time.
 *
 * @param today the date of the user, for example 2026-11-24
 */
export async function firstTodos(view: View, today: string): Promise<Todo[] | undefined> {
  const signal = AbortSignal.timeout(PATIENCE);
  const isOver = new Promise<never>((_, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
  try {
    return await Promise.race([readFirst(view, today, signal), isOver]);
  } catch (error) {
    console.warn("A page has no todos, because the API did not answer:", String(error));
    return undefined;
  }
}

async function readFirst(view: View, today: string, signal: AbortSignal): Promise<Todo[] | undefined> {
  const api = await apiOfRequest(signal);
  if (view.name === "trash") {
    // A search in the trash is done in the browser.
    const { data } = await api.GET("/api/trash", { params: { query: { limit: FIRST } } });
    return data;
  }
  const query = {
    limit: FIRST,
    sort: view.sort,
    ...(view.q.trim() && { q: view.q }),
    ...(view.name === "tag" && { tag: [view.tag] }),
    ...(view.name === "completed" && { completed: true }),
    ...(view.name === "today" && { completed: false, due_before: addDays(today, 1) }),
  };
  const { data } = await api.GET("/api/todos", { params: { query } });
  return data;
}

/** Return the date where the user is. The browser stores its time zone in a cookie. */
export async function todayOfUser(): Promise<string> {
  const timeZone = (await cookies()).get("tz")?.value;
  try {
    return dateIn(timeZone && decodeURIComponent(timeZone));
  } catch {
    return dateIn("UTC"); // the cookie names no time zone
  }
}

function dateIn(timeZone: string | undefined): string {
  return new Intl.DateTimeFormat("en-CA", { timeZone: timeZone ?? "UTC", dateStyle: "short" }).format(new Date());
}
