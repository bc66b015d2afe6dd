/** Where the todos of a user are stored on a device. */

import type { Item } from "./item.ts";
import type { Notice } from "./types.ts";

/** What is stored in addition to the todos. */
export type Meta = {
  /** The token for the next request to `/api/changes`. */
  next?: string;
  /** Whether all todos were received once. */
  isComplete: boolean;
  /** The ids that a new walk over all todos has not returned yet, after a 410. */
  unseen?: string[];
  /** The ETag of a list. While it is the same, nothing has changed. */
  etag?: string;
  notices: Notice[];
};

export type Stored = { items: Map<string, Item>; meta: Meta };

/** Return a change of stored todos: only those that change, with undefined for those that are removed. */
export type Change = (stored: Stored) => { items: Map<string, Item | undefined>; meta?: Meta };

export interface Store {
  /** Return everything. */
  load(): Promise<Stored>;
  /** Return the todos of these ids, without those that are not stored. */
  read(ids: string[]): Promise<Stored>;
  /**
   * Read todos, change them and write them, as one transaction. Return them as they are after it.
   *
   * @throws DOMException the device has no storage left (`QuotaExceededError`), or another error of it
   */
  update(ids: string[], change: Change): Promise<Stored>;
}

export const EMPTY: Meta = { isComplete: false, notices: [] };

/** Keep todos in memory, for tests, for scripts, and for browsers without IndexedDB. */
export class MemoryStore implements Store {
  stored: Stored;

  constructor(stored: Stored = { items: new Map(), meta: EMPTY }) {
    this.stored = stored;
  }

  async load(): Promise<Stored> {
    return { items: new Map(this.stored.items), meta: this.stored.meta };
  }

  async read(ids: string[]): Promise<Stored> {
    return { items: pick(this.stored.items, ids), meta: this.stored.meta };
  }

  async update(ids: string[], change: Change): Promise<Stored> {
    const { items, meta } = change({ items: pick(this.stored.items, ids), meta: this.stored.meta });
    write(this.stored.items, items);
    if (meta) this.stored.meta = meta;
    return this.read(ids);
  }
}

/** Return the entries of some keys. */
export function pick<T>(entries: ReadonlyMap<string, T>, keys: Iterable<string>): Map<string, T> {
  const picked = new Map<string, T>();
  for (const key of keys) {
    const value = entries.get(key);
    if (value !== undefined) picked.set(key, value);
  }
  return picked;
}

/** Set the entries that changed, and remove those that are undefined. */
export function write<T>(entries: Map<string, T>, changed: ReadonlyMap<string, T | undefined>): void {
  for (const [key, value] of changed) {
    if (value === undefined) entries.delete(key);
    else entries.set(key, value);
  }
}
