/**
 * Remember who uses this device, so that the app opens without a connection. There is one user at a time.
 * The todos of a user are in a database of their own.
 */

import { databaseOf } from "../sync/browser.ts";
import { IndexedDBStore } from "../sync/indexeddb.ts";
import { lastEditsOf } from "../sync/last-edits.ts";

export type User = { id: string; name: string; email: string };

/**
 * The address of a page that the server renders, also if the service worker keeps one. Only the server knows
 * whether there is a session. So the kept page never opens the sign-in page itself, and the two pages cannot
 * open each other forever.
 */
export const ASK_SERVER = "/?signed-in=";

const KEY = "todos-user";
const DELETED = "todos-deleted";
/** The service worker returns the kept page if this cache has this entry. It cannot read localStorage. */
const FLAG = { cache: "todos-device", key: "/has-user" };

let last: { text: string; user: User | undefined } | undefined;

/** Return the user of this device. The object is the same as long as the user is. */
export function readUser(): User | undefined {
  const text = read(KEY) ?? "";
  if (last?.text !== text) last = { text, user: parse(text) };
  return last.user;
}

/**
 * Remember the user that the server has rendered the page for. If the session of another user had ended without
 * a sign-out, the todos of that user are deleted here, unless there are changes that the API does not have.
 */
export async function rememberUser(user: User): Promise<void> {
  const text = JSON.stringify(user);
  const before = readUser();
  if (read(KEY) !== text) write(KEY, text);
  if (read(KEY) !== text) return; // without it the kept page would not know its user
  try {
    await (await caches.open(FLAG.cache)).put(FLAG.key, new Response());
  } catch {
    // The app needs a connection then.
  }
  if (!before || before.id === user.id || (await hasUnsent(before))) return;
  write(DELETED, JSON.stringify([...namesToDelete(), databaseOf(before.id)]));
  await deleteDatabases();
}

async function hasUnsent({ id }: User): Promise<boolean> {
  if (read(lastEditsOf(id)) !== null) return true;
  const store = new IndexedDBStore(databaseOf(id));
  try {
    const { items } = await store.load();
    return [...items.values()].some(({ edits }) => Object.keys(edits).length > 0);
  } catch {
    return true; // nobody knows
  } finally {
    await store.close();
  }
}

/**
 * Forget the user of this device. The other tabs notice it, and leave. The todos are deleted, too, unless
 * there are changes that the API does not have.
 */
export async function forgetUser(user: User, { keepTodos }: { keepTodos: boolean }): Promise<void> {
  if (!keepTodos) write(DELETED, JSON.stringify([...namesToDelete(), databaseOf(user.id)]));
  if (!keepTodos) write(lastEditsOf(user.id), undefined);
  if (readUser()?.id === user.id) write(KEY, undefined);
  await globalThis.caches?.delete(FLAG.cache).catch(() => false);
  await Promise.race([deleteDatabases(), new Promise((resolve) => setTimeout(resolve, 1000))]);
}

/**
 * Delete the databases of users that have signed out. A database that another tab uses is deleted when
 * that tab has closed it. If this page is left before, the next page deletes it.
 */
export async function deleteDatabases(): Promise<void> {
  for (const name of namesToDelete()) {
    const user = readUser();
    if (!user || databaseOf(user.id) !== name) await deleteDatabase(name).catch(() => undefined);
    const names = namesToDelete().filter((other) => other !== name);
    write(DELETED, names.length ? JSON.stringify(names) : undefined);
  }
}

/** Call `leave` when another user, or nobody, is the user of this device. Return a function that stops this. */
export function watchUser(id: string, leave: () => void): () => void {
  const check = () => {
    if (readUser()?.id !== id) leave();
  };
  const onStorage = ({ key }: StorageEvent) => {
    if (key === KEY || key === null) check();
  };
  // A page that comes back from the history received no event while it was there.
  const onShown = ({ persisted }: PageTransitionEvent) => {
    if (persisted) check();
  };
  window.addEventListener("storage", onStorage);
  window.addEventListener("pageshow", onShown);
  return () => {
    window.removeEventListener("storage", onStorage);
    window.removeEventListener("pageshow", onShown);
  };
}

/** Store the time zone for the server, which needs it for the view Today. */
export function rememberTimeZone(): void {
  const zone = encodeURIComponent(new Intl.DateTimeFormat().resolvedOptions().timeZone);
  document.cookie = `tz=${zone}; Path=/; Max-Age=31536000; SameSite=Lax`;
}

function parse(text: string): User | undefined {
  try {
    const { id, name, email } = JSON.parse(text) as Record<string, unknown>;
    if (typeof id === "string" && typeof name === "string" && typeof email === "string") return { id, name, email };
  } catch {
    // It is no user.
  }
  return undefined;
}

function namesToDelete(): string[] {
  try {
    const names: unknown = JSON.parse(read(DELETED) ?? "[]");
    return Array.isArray(names) ? names.filter((name) => typeof name === "string") : [];
  } catch {
    return [];
  }
}

function deleteDatabase(name: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.deleteDatabase(name);
    request.onsuccess = () => resolve();
    request.onerror = () => reject(request.error ?? new Error("The database was not deleted."));
  });
}

/** Read localStorage. A browser may be set to refuse it. */
function read(key: string): string | null {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

function write(key: string, text: string | undefined): void {
  try {
    if (text === undefined) localStorage.removeItem(key);
    else localStorage.setItem(key, text);
  } catch {
    // The storage is full or refused. The app works, but needs a connection to open.
  }
}
