/** Store the todos of a user in a JSON file. */

import { readFileSync, renameSync, writeFileSync } from "node:fs";

import type { Item } from "../nextjs/sync/item.ts";
import { type Change, EMPTY, MemoryStore, type Meta, type Store, type Stored } from "../nextjs/sync/store.ts";

export class FileStore implements Store {
  #path: string;

  /** The file is created when something is stored. Its folder has to exist. */
  constructor(path: string) {
    this.#path = path;
  }

  async load(): Promise<Stored> {
    return this.#read();
  }

  async read(ids: string[]): Promise<Stored> {
    return new MemoryStore(this.#read()).read(ids);
  }

  async update(ids: string[], change: Change): Promise<Stored> {
    const memory = new MemoryStore(this.#read());
    const updated = memory.update(ids, change); // nothing else happens until the file is written
    this.#write(memory.stored);
    return updated;
  }

  #read(): Stored {
    let text: string;
    try {
      text = readFileSync(this.#path, "utf8");
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return { items: new Map(), meta: EMPTY };
      throw error;
    }
    const { items, meta } = JSON.parse(text) as { items: Item[]; meta: Meta };
    return { items: new Map(items.map((item) => [item.id, item])), meta };
  }

  /** Write the file. A crash leaves the old file or the new one. Only this user may read it. */
  #write({ items, meta }: Stored): void {
    const draft = `${this.#path}.${process.pid}.new`;
    writeFileSync(draft, JSON.stringify({ items: [...items.values()], meta }), { mode: 0o600, flush: true });
    renameSync(draft, this.#path);
  }
}
