/**
 * The todos of a user on a device, in memory and in the store. A change is in memory at once, and later in the store.
 */

import { edited, type Item, type Outcome, shown, vanished } from "./item.ts";
import { type Change, EMPTY, type Meta, pick, type Store, type Stored, write } from "./store.ts";
import type { Edits, Notice, Shown, Status, Todo } from "./types.ts";

export type StateOptions = {
  store: Store;
  /** Call this with the ids of todos that were stored, so that other tabs can read them. */
  onStored?: (ids: string[]) => void;
  /** Call this after the user changed something. */
  onEdit?: () => void;
};

/** What is shown. The objects are the same while nothing has changed. */
export type Snapshot = { all: readonly Shown[]; notices: readonly Notice[]; status: Status };

/** Show, edit and store todos. */
export class TodoState<Options extends StateOptions> {
  readonly options: Options;
  protected items = new Map<string, Item>();
  protected meta: Meta = EMPTY;
  #views = new WeakMap<Item, { todo: Shown | null }>();
  #snapshot: Snapshot | undefined;
  #all: readonly Shown[] = [];
  #listeners = new Set<() => void>();
  #state: Status["state"] = "starting";
  #message: string | undefined;
  #isStored = true;
  /** The ids of todos whose last write has failed, so that an older state is stored. */
  #unstored = new Set<string>();
  /** Todos that another device deleted for good since the start. The user may be typing into one of them. */
  protected gone = new Map<string, Item>();
  /** Edits that the store does not have yet. */
  #unwritten = new Set<ReadonlyMap<string, Edits>>();
  #isMetaUnstored = false;
  /** The number of writes under way, for each todo and in all. */
  #writing = new Map<string, number>();
  #writes = 0;
  /** The ids of todos that another tab has stored. */
  #toRead = new Set<string>();

  constructor(options: Options) {
    this.options = options;
  }

  /** Show todos that a server rendered, until the store is loaded. */
  seed(todos: readonly Todo[]): void {
    for (const todo of todos) this.items.set(todo.id, { id: todo.id, server: todo, edits: {} });
    this.#emit();
  }

  /** Load what is stored on the device. */
  async start(): Promise<void> {
    let stored: Stored = { items: new Map(), meta: EMPTY };
    try {
      stored = await this.options.store.load();
    } catch (error) {
      this.#cannotStore(error);
    }
    const seeded = this.items;
    this.items = new Map(stored.items);
    if (!this.#isMetaUnstored) this.meta = stored.meta;
    // After a whole sync, an older todo that is not stored is one that was deleted for good.
    const versions = stored.meta.isComplete ? [...stored.items.values()].map(({ server }) => server?.version ?? 0) : [];
    const latest = versions.reduce((a, b) => Math.max(a, b), 0);
    for (const [id, item] of seeded) {
      const before = stored.items.get(id);
      const isUnedited = !before || Object.keys(before.edits).length === 0;
      const isNewer = isUnedited && (item.server?.version ?? 0) > (before ? (before.server?.version ?? 0) : latest);
      if (this.#writing.has(id) || this.#unstored.has(id) || isNewer) this.items.set(id, item);
    }
    this.#state = "idle";
    this.#emit();
  }

  /** Return what is shown now. */
  getSnapshot = (): Snapshot => {
    this.#snapshot ??= this.#build();
    return this.#snapshot;
  };

  /** Call `listener` after each change. Return a function that stops these calls. */
  subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  /** Return a todo as it is shown. */
  get(id: string): Shown | undefined {
    const item = this.items.get(id);
    return (item && this.#view(item)) ?? undefined;
  }

  /** Create, change, delete or restore todos. They are shown at once. The promise ends when they are stored. */
  edit(edits: ReadonlyMap<string, Edits>): Promise<void> {
    const known = pick(this.items, edits.keys()); // todos that a server rendered are not stored yet
    const gone = pick(this.gone, edits.keys());
    const stored = this.update([...edits.keys()], ({ items, meta }) => {
      const changed = new Map<string, Item | undefined>();
      const notices = [...meta.notices];
      for (const [id, changes] of edits) {
        const lost = items.has(id) ? undefined : gone.get(id);
        const item = edited(items.get(id) ?? lost ?? unedited(known.get(id)), id, changes);
        const outcome: Outcome = lost && item ? vanished(item) : { item, notices: [] };
        changed.set(id, outcome.item);
        notices.push(...outcome.notices);
      }
      return { items: changed, ...(notices.length > meta.notices.length && { meta: { ...meta, notices } }) };
    });
    this.#unwritten.add(edits);
    this.options.onEdit?.();
    return stored.finally(() => this.#unwritten.delete(edits));
  }

  /** Return the edits that the store does not have yet. */
  unwritten(): [string, Edits][] {
    return [...this.#unwritten].flatMap((edits) => [...edits]);
  }

  /** Remove a notice that the user has read. */
  dismiss(key: string): Promise<void> {
    return this.update([], ({ meta }) => ({
      items: new Map(),
      meta: { ...meta, notices: meta.notices.filter((notice) => notice.key !== key) },
    }));
  }

  /** Read todos again that another tab stored. */
  async refresh(ids: string[]): Promise<void> {
    for (const id of ids) this.#toRead.add(id);
    if (this.#writes) return; // the end of the last write calls this again
    const reading = [...this.#toRead];
    this.#toRead.clear();
    let stored: Stored;
    try {
      stored = await this.options.store.read(reading);
    } catch (error) {
      return this.#cannotStore(error);
    }
    const { items, meta } = stored;
    if (this.#writes) {
      for (const id of reading) this.#toRead.add(id); // this device changed something in the meantime
      return;
    }
    for (const id of reading) if (!this.#unstored.has(id)) this.#adopt(id, items.get(id));
    if (!this.#isMetaUnstored) this.meta = meta;
    this.#emit();
  }

  /** Return the ids of todos with edits that the API does not have. */
  unsent(): string[] {
    return [...this.items.values()].filter((item) => Object.keys(item.edits).length > 0).map((item) => item.id);
  }

  /** Change todos in memory at once, and then in the store. */
  protected async update(ids: string[], change: Change): Promise<void> {
    // What an earlier write could not store is in memory only. It takes the place of what is stored, so
    // that nothing is lost, and no token for changes is stored without the changes before it.
    const unstored = new Map([...this.#unstored].map((id) => [id, this.items.get(id)]));
    const unstoredMeta = this.#isMetaUnstored ? this.meta : undefined;
    const now = change({ items: pick(this.items, ids), meta: this.meta });
    write(this.items, now.items);
    if (now.meta) this.meta = now.meta;
    this.#emit();

    const all: Change = (stored) => {
      const known = new Map(stored.items);
      write(known, unstored);
      const { items, meta = unstoredMeta } = change({ items: pick(known, ids), meta: unstoredMeta ?? stored.meta });
      return { items: new Map([...unstored, ...items]), ...(meta && { meta }) };
    };
    for (const id of ids) this.#writing.set(id, (this.#writing.get(id) ?? 0) + 1);
    this.#writes += 1;
    let stored: Stored | undefined;
    try {
      stored = await this.options.store.update([...ids, ...unstored.keys()], all);
      this.#isStored = true;
      for (const id of unstored.keys()) this.#unstored.delete(id);
      if (unstoredMeta) this.#isMetaUnstored = false;
    } catch (error) {
      this.#cannotStore(error);
      for (const id of now.items.keys()) this.#unstored.add(id);
      if (now.meta) this.#isMetaUnstored = true;
    }
    this.#writes -= 1;
    for (const id of ids) {
      const left = this.#writing.get(id)! - 1;
      if (left) this.#writing.set(id, left);
      else this.#writing.delete(id);
      if (!left && stored && !this.#unstored.has(id)) this.#adopt(id, stored.items.get(id));
    }
    if (stored && !this.#writes && !this.#isMetaUnstored) this.meta = stored.meta;
    this.#emit();
    this.options.onStored?.([...ids, ...unstored.keys()]);
    if (this.#writes) return;
    // An earlier write has failed after this one was begun.
    if (stored && (this.#unstored.size || this.#isMetaUnstored)) await this.update([], () => ({ items: new Map() }));
    else if (this.#toRead.size) await this.refresh([]);
  }

  #cannotStore(error: unknown): void {
    if (this.#isStored) console.warn("The todos cannot be stored on this device:", error);
    this.#isStored = false;
  }

  /** Show a todo. The object stays the same if its content does, so that it is not rendered again. */
  #adopt(id: string, item: Item | undefined): void {
    const before = this.items.get(id);
    if (before && item && JSON.stringify(before) === JSON.stringify(item)) return;
    write(this.items, new Map([[id, item]]));
  }

  #view(item: Item): Shown | null {
    let view = this.#views.get(item);
    if (!view) this.#views.set(item, (view = { todo: shown(item) }));
    return view.todo;
  }

  #build(): Snapshot {
    const all: Shown[] = [];
    let unsent = 0;
    for (const item of this.items.values()) {
      const todo = this.#view(item);
      if (todo) all.push(todo);
      if (Object.keys(item.edits).length) unsent += 1;
    }
    if (all.length !== this.#all.length || all.some((todo, at) => todo !== this.#all[at])) this.#all = all;
    const { isComplete, notices } = this.meta;
    const message = this.#message === undefined ? {} : { message: this.#message };
    const status = { state: this.#state, unsent, isComplete, isStored: this.#isStored, ...message };
    return { all: this.#all, notices, status };
  }

  protected setState(state: Status["state"], message?: string): void {
    this.#state = state;
    this.#message = message;
    this.#emit();
  }

  #emit(): void {
    this.#snapshot = undefined;
    for (const listener of this.#listeners) listener();
  }
}

/** Return a todo as the API returned it, without edits. */
function unedited(item: Item | undefined): Item | undefined {
  return item?.server ? { id: item.id, server: item.server, edits: {} } : undefined;
}
