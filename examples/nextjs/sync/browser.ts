/** Sync in a browser: when something happens on this device, and with one tab at a time. */

import { TodoClient } from "./client.ts";
import { IndexedDBStore } from "./indexeddb.ts";
import { keepLastEdits, takeLastEdits } from "./last-edits.ts";

type User = { userId: string; api: string; getToken: (refused?: string) => Promise<string> };

const EDIT_DELAY = 250; // milliseconds; edits within this time are one request
const POLL_INTERVAL = 20_000; // milliseconds, while the tab is visible
const FIRST_RETRY = 2; // seconds; each retry waits twice as long
const LAST_RETRY = 60; // seconds

/** Return the name of the IndexedDB database that has the todos of a user. */
export function databaseOf(userId: string): string {
  return `todos-${userId}`;
}

/** Return a client with the store of this browser. It does nothing until `run` is called. */
export function browserClient({ userId, api, getToken }: User): TodoClient {
  return new TodoClient({
    userId,
    api,
    getToken,
    store: new IndexedDBStore(databaseOf(userId)),
    lock: async (run) => {
      if ("locks" in navigator) await navigator.locks.request(`todos-sync-${userId}`, run);
      else await run();
    },
  });
}

/** Load the todos, and sync them from now on. Return a function that ends this. */
export function run(client: TodoClient): () => void {
  const channel = new BroadcastChannel(databaseOf(client.options.userId));
  channel.onmessage = ({ data }: MessageEvent<string[]>) => void client.refresh(data);
  client.options.onStored = (ids) => channel.postMessage(ids);
  client.options.onEdit = () => {
    if (isLeaving) keepLastEdits(client);
    syncIn(EDIT_DELAY);
  };

  let timer: ReturnType<typeof setTimeout> | undefined;
  let failures = 0;
  let callers = 0; // of the sync that is under way
  let isOnlineAgain = false;
  let isLeaving = false;

  function syncIn(milliseconds: number): void {
    clearTimeout(timer);
    timer = setTimeout(() => void sync(), milliseconds);
  }

  async function sync(onlyIfChanged = false): Promise<void> {
    callers += 1;
    await client
      .sync({ onlyIfChanged })
      .then(() => takeLastEdits(client)) // of todos that are known now
      .catch((error: unknown) => console.error("The sync failed:", error));
    callers -= 1;
    if (callers > 0) return; // the last one to return handles the result
    const isRepeated = isOnlineAgain;
    isOnlineAgain = false;
    const { state } = client.getSnapshot().status;
    if (state === "idle" || state === "signed-out" || state === "other-user") {
      failures = 0;
      return;
    }
    if (isRepeated && state === "offline") return syncIn(0); // it was begun without a connection
    const backoff = Math.min(FIRST_RETRY * 2 ** failures, LAST_RETRY);
    failures += 1;
    syncIn(Math.max(client.retryAfter, backoff) * 1000);
  }

  const now = () => syncIn(0);
  const whenOnline = () => {
    failures = 0;
    if (callers > 0) isOnlineAgain = true;
    else now();
  };
  const whenVisible = () => document.visibilityState === "visible" && void sync(true);
  const whenLeft = () => {
    isLeaving = true;
    keepLastEdits(client);
  };
  const whenShown = (event: PageTransitionEvent) => {
    isLeaving = false;
    if (event.persisted) now();
  };
  // Edits that are in this tab alone would be lost with it.
  const beforeLeaving = (event: BeforeUnloadEvent) => {
    const { isStored, unsent } = client.getSnapshot().status;
    if (!isStored && unsent > 0) event.preventDefault();
  };
  const isSignedIn = () => !["signed-out", "other-user"].includes(client.getSnapshot().status.state);
  const poll = setInterval(() => isSignedIn() && whenVisible(), POLL_INTERVAL);
  addEventListener("online", whenOnline);
  addEventListener("focus", whenVisible);
  addEventListener("pageshow", whenShown);
  addEventListener("pagehide", whenLeft);
  addEventListener("beforeunload", beforeLeaving);
  document.addEventListener("visibilitychange", whenVisible);
  void client
    .start()
    .then(() => takeLastEdits(client))
    .then(() => sync());

  return () => {
    clearTimeout(timer);
    clearInterval(poll);
    removeEventListener("online", whenOnline);
    removeEventListener("focus", whenVisible);
    removeEventListener("pageshow", whenShown);
    removeEventListener("pagehide", whenLeft);
    removeEventListener("beforeunload", beforeLeaving);
    document.removeEventListener("visibilitychange", whenVisible);
    channel.close();
    delete client.options.onStored;
    delete client.options.onEdit;
  };
}
