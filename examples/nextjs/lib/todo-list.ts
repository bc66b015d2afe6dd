/** Keep the list of todos on the screen. It contains changes that are still being saved. */

import type { Todo } from "./api";

export type Filter = "all" | "active" | "completed";

export type Item = {
  /** The todo on the screen, with changes that are not saved yet. */
  todo: Todo;
  /** The todo in the API, which is shown again if a change is refused. */
  saved: Todo;
  /** The number of changes that are being saved. */
  saving: number;
};

export type TodoList = {
  filter: Filter;
  status: "loading" | "ready" | "failed";
  items: Item[];
  /** The cursor of the next page, or null if there is none. */
  cursor: string | null;
};

export type Event =
  | { type: "loading"; filter: Filter }
  | { type: "failed" }
  | { type: "loaded"; todos: Todo[]; cursor: string | null; more: boolean }
  | { type: "created"; todo: Todo }
  | { type: "changed"; todo: Todo }
  | { type: "saved"; id: string; todo: Todo }
  | { type: "refused"; id: string }
  | { type: "removed"; id: string }
  | { type: "restored"; item: Item };

export const EMPTY: TodoList = { filter: "all", status: "loading", items: [], cursor: null };

function matches(todo: Todo, filter: Filter): boolean {
  return filter === "all" || todo.completed === (filter === "completed");
}

export function reduce(list: TodoList, event: Event): TodoList {
  switch (event.type) {
    case "loading":
      return { ...EMPTY, filter: event.filter };
    case "failed":
      return { ...list, status: "failed" };
    case "loaded": {
      // A todo that is being saved may be missing in the API's answer.
      const kept = event.more ? list.items : list.items.filter(({ saving }) => saving > 0);
      const known = new Set(kept.map(({ todo }) => todo.id));
      const items = event.todos.filter(({ id }) => !known.has(id)).map(item);
      return { ...list, status: "ready", items: [...kept, ...items], cursor: event.cursor };
    }
    case "created":
      return put(list, { ...item(event.todo), saving: 1 });
    case "changed":
      return edit(list, event.todo.id, (old) => ({ ...old, todo: event.todo, saving: old.saving + 1 }));
    case "saved": {
      const isKnown = list.items.some(({ todo }) => todo.id === event.id);
      // A new todo that was added under another filter is not in the list yet.
      if (!isKnown && event.id !== event.todo.id) return put(list, item(event.todo));
      // The list may contain a new todo before the answer to its creation arrives.
      const once = list.items.filter(({ todo }) => todo.id === event.id || todo.id !== event.todo.id);
      // If a later change is being saved, the todo on the screen contains it already.
      const saved = edit({ ...list, items: once }, event.id, ({ todo, saving }) => ({
        todo: saving > 1 ? todo : event.todo,
        saved: event.todo,
        saving: Math.max(0, saving - 1),
      }));
      return { ...saved, items: saved.items.filter((shown) => shown.saving > 0 || matches(shown.saved, list.filter)) };
    }
    case "refused":
      return edit(list, event.id, ({ todo, saved, saving }) => ({
        todo: saving > 1 ? todo : saved,
        saved,
        saving: Math.max(0, saving - 1),
      }));
    case "removed":
      return { ...list, items: list.items.filter(({ todo }) => todo.id !== event.id) };
    case "restored":
      return put(list, { ...event.item, saving: 0 }, placeOf(event.item.todo, list.items));
  }
}

function item(todo: Todo): Item {
  return { todo, saved: todo, saving: 0 };
}

/** Insert an item at an index, unless the list contains it already or it does not match the filter. */
function put(list: TodoList, item: Item, index = 0): TodoList {
  const isShown = list.items.some(({ todo }) => todo.id === item.todo.id);
  return isShown || !matches(item.todo, list.filter) ? list : { ...list, items: list.items.toSpliced(index, 0, item) };
}

/** Return the index of a todo in the list. The newest todos come first. */
function placeOf(todo: Todo, items: Item[]): number {
  const index = items.findIndex((other) => other.todo.created_at < todo.created_at);
  return index === -1 ? items.length : index;
}

function edit(list: TodoList, id: string, change: (item: Item) => Item): TodoList {
  return { ...list, items: list.items.map((old) => (old.todo.id === id ? change(old) : old)) };
}
