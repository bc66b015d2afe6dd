/**
 * Keep the edits of a page that is left before IndexedDB has them. IndexedDB reads before it writes, and a page
 * that ends has no time for that. localStorage writes at once.
 */

import type { TodoClient } from "./client.ts";
import type { Edits } from "./types.ts";

/** Return the key of localStorage for the edits of a user. */
export function lastEditsOf(userId: string): string {
  return `todos-${userId}-last-edits`;
}

/** Store what the client has not stored yet, together with what another page has left. */
export function keepLastEdits(client: TodoClient): void {
  const key = lastEditsOf(client.options.userId);
  const edits = client.unwritten();
  if (edits.length > 0) store(key, merge([...load(key), ...edits]));
}

/** Apply the edits that a page has left. Those of todos that it does not know yet stay for the next time. */
export async function takeLastEdits(client: TodoClient): Promise<void> {
  const key = lastEditsOf(client.options.userId);
  const isKnown = ([id, edits]: [string, Edits]) => client.get(id) !== undefined || isWhole(edits);
  const left = load(key);
  const ready = left.filter(isKnown);
  if (ready.length === 0) return;
  await client.edit(new Map(ready));
  store(key, left.filter((entry) => !ready.includes(entry)));
}

/** Return whether edits are those of a new todo. */
function isWhole({ title, position }: Edits): boolean {
  return title !== undefined && position !== undefined;
}

/** Return one entry for each todo. */
function merge(entries: [string, Edits][]): [string, Edits][] {
  const merged = new Map<string, Edits>();
  for (const [id, edits] of entries) merged.set(id, { ...merged.get(id), ...edits });
  return [...merged];
}

function load(key: string): [string, Edits][] {
  try {
    const left: unknown = JSON.parse(localStorage.getItem(key) ?? "[]");
    return Array.isArray(left) ? (left as [string, Edits][]) : [];
  } catch {
    return []; // a browser may be set to refuse it
  }
}

function store(key: string, edits: [string, Edits][]): void {
  try {
    if (edits.length > 0) localStorage.setItem(key, JSON.stringify(edits));
    else localStorage.removeItem(key);
  } catch {
    // The storage is full or refused.
  }
}
