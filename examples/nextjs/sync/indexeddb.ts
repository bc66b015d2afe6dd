/** Store the todos of a user in IndexedDB, in a database of their own. All tabs share it. */

import { type DBSchema, type IDBPDatabase, openDB } from "idb";

import type { Item } from "./item.ts";
import { type Change, EMPTY, type Meta, type Store, type Stored, pick, write } from "./store.ts";

interface Schema extends DBSchema {
  items: { key: string; value: Item };
  meta: { key: string; value: Meta };
}

const MANY = 200; // todos; one request for all of them is faster than one for each

export class IndexedDBStore implements Store {
  #name: string;
  #opened: Promise<IDBPDatabase<Schema>> | undefined;

  /** The database is opened, and created if it is missing, when it is used for the first time. */
  constructor(name: string) {
    this.#name = name;
  }

  /** Return the open database. After a failure, and after the browser has closed it, the next call opens it again. */
  #database(): Promise<IDBPDatabase<Schema>> {
    this.#opened ??= openDB<Schema>(this.#name, 1, {
      upgrade(created) {
        created.createObjectStore("items", { keyPath: "id" });
        created.createObjectStore("meta");
      },
      // Another tab deletes the database when the user signs out, and must not wait for this one.
      blocking: (_, __, event) => (event.target as IDBDatabase).close(),
      terminated: () => (this.#opened = undefined),
    }).catch((error: unknown) => {
      this.#opened = undefined;
      throw error;
    });
    return this.#opened;
  }

  async load(): Promise<Stored> {
    const transaction = (await this.#database()).transaction(["items", "meta"]);
    const [items, meta] = await Promise.all([
      transaction.objectStore("items").getAll(),
      transaction.objectStore("meta").get("meta"),
    ]);
    return { items: byId(items), meta: meta ?? EMPTY };
  }

  async read(ids: string[]): Promise<Stored> {
    const transaction = (await this.#database()).transaction(["items", "meta"]);
    const items = transaction.objectStore("items");
    const [found, meta] = await Promise.all([
      ids.length > MANY ? items.getAll() : Promise.all(ids.map((id) => items.get(id))),
      transaction.objectStore("meta").get("meta"),
    ]);
    return { items: pick(byId(found), ids), meta: meta ?? EMPTY };
  }

  async update(ids: string[], change: Change): Promise<Stored> {
    const transaction = (await this.#database()).transaction(["items", "meta"], "readwrite", { durability: "relaxed" });
    const done = transaction.done.catch((error: unknown) => error ?? new Error("The transaction was aborted."));
    try {
      const [items, metas] = [transaction.objectStore("items"), transaction.objectStore("meta")];
      const [found, meta = EMPTY] = await Promise.all([
        ids.length > MANY ? items.getAll() : Promise.all(ids.map((id) => items.get(id))),
        metas.get("meta"),
      ]);
      const stored = { items: pick(byId(found), ids), meta };
      const changed = change({ items: new Map(stored.items), meta });
      for (const [id, item] of changed.items) ignoreError(item ? items.put(item) : items.delete(id));
      if (changed.meta) ignoreError(metas.put(changed.meta, "meta"));
      // Otherwise a reload right after the change would abort the transaction.
      transaction.commit();
      const error = await done;
      if (error) throw error;
      write(stored.items, changed.items);
      return { items: stored.items, meta: changed.meta ?? meta };
    } catch (error) {
      try {
        transaction.abort();
      } catch {
        // It has ended already.
      }
      throw error;
    }
  }

  /** Close the database, so that it can be deleted. */
  async close(): Promise<void> {
    (await this.#opened)?.close();
  }
}

/** Leave the error of a request to its transaction, which has those of all. */
function ignoreError(request: Promise<unknown>): void {
  request.catch(() => undefined);
}

function byId(items: (Item | undefined)[]): Map<string, Item> {
  return new Map(items.flatMap((item) => (item ? [[item.id, item] as const] : [])));
}
