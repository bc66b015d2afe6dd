/** What the user can do: the edits of todos, and a sentence that is shown and read aloud. */

import { moved, top } from "../sync/order.ts";
import type { Edits, Fields, Shown } from "../sync/types.ts";
import { type NewTodo, oneLine, storable } from "./text/lines.ts";

/**
 * The edits by the id of a todo. An action can be undone unless `canUndo` is false. `show` is the address of a view
 * that has the todo, if the current one does not.
 */
export type Action = { edits: Map<string, Edits>; text: string; canUndo?: boolean; show?: string };

/** Return the action that adds todos, the first one on top, and their ids. A todo without a title is left out. */
export function add(drafts: readonly NewTodo[], all: readonly Shown[]): Action & { ids: string[] } {
  const added = drafts.map((draft) => ({ ...draft, ...clean(draft) })).filter(({ title }) => title);
  const edits: [string, Edits][] = [];
  let position = top(all);
  for (const draft of added.toReversed()) {
    const id = crypto.randomUUID();
    edits.push([id, { ...draft, position }]);
    position = top([{ id, position }]);
  }
  edits.reverse();
  return { edits: new Map(edits), ids: edits.map(([id]) => id), text: `Added ${named(added)}.` };
}

/** Return the action that completes todos, or opens them again. */
export function complete(todos: readonly Shown[], completed: boolean): Action {
  const changed = todos.filter((todo) => todo.completed !== completed);
  return { edits: each(changed, { completed }), text: `${completed ? "Completed" : "Reopened"} ${named(changed)}.` };
}

/** Return the action that changes fields of a todo. Values that it has already and an empty title are left out. */
export function change(todo: Shown, fields: Partial<Fields>, text?: string): Action {
  const cleaned = clean(fields);
  const title = cleaned.title || todo.title;
  const changed = Object.entries({ ...cleaned, title }).filter(
    ([name, value]) => !isSame(value, todo[name as keyof Fields]),
  );
  return {
    edits: new Map(changed.length ? [[todo.id, Object.fromEntries(changed)]] : []),
    text: text ?? `Changed ${named([{ title }])}.`,
  };
}

/** Return the action that moves todos to the trash. */
export function remove(todos: readonly Shown[]): Action {
  return { edits: each(todos, { place: "trash" }), text: `Deleted ${named(todos)}.` };
}

/** Return the action that moves todos from the trash to where they were in the list. */
export function restore(todos: readonly Shown[]): Action {
  return { edits: each(todos, { place: "list" }), text: `Restored ${named(todos)}.` };
}

/** Return the action that deletes todos for good. */
export function purge(todos: readonly Shown[]): Action {
  return { edits: each(todos, { place: "gone" }), text: `Deleted ${named(todos)} for good.` };
}

/**
 * Return the action that moves a todo within a list, or undefined if it is there already.
 *
 * @param list the todos on the screen, in hand order
 * @param index the place in the list that the todo has after the move
 */
export function move(list: readonly Shown[], id: string, index: number): Action | undefined {
  const todo = list.find((other) => other.id === id);
  const place = Math.max(0, Math.min(index, list.length - 1));
  const positions = moved(list, id, place);
  if (!todo || !positions?.size) return undefined;
  const edits = new Map(Array.from(positions, ([id, position]) => [id, { position }]));
  return { edits, text: `Moved ${named([todo])} to place ${place + 1} of ${list.length}.` };
}

/**
 * Return the action that renames a tag in all todos, also in those in the trash. A todo that has both names keeps
 * the new one.
 */
export function renameTag(all: readonly Shown[], from: string, to: string): Action {
  const name = oneLine(to) || from;
  const edits = new Map<string, Edits>();
  for (const { id, tags } of all) {
    if (name === from || !tags.includes(from)) continue;
    edits.set(id, {
      tags: tags.includes(name) ? tags.filter((tag) => tag !== from) : tags.map((tag) => (tag === from ? name : tag)),
    });
  }
  return { edits, text: `Renamed the tag “${from}” to “${name}”.` };
}

/** Return the action that removes a tag from all todos, also from those in the trash. */
export function deleteTag(all: readonly Shown[], name: string): Action {
  const edits = new Map<string, Edits>();
  for (const { id, tags } of all) {
    if (tags.includes(name)) edits.set(id, { tags: tags.filter((tag) => tag !== name) });
  }
  return { edits, text: `Deleted the tag “${name}”.` };
}

/** Return todos as a sentence names them: the title of one, or their number. */
function named(todos: readonly { title: string }[]): string {
  const [first] = todos;
  return todos.length === 1 && first ? `“${first.title}”` : `${todos.length.toLocaleString("en")} todos`;
}

function each(todos: readonly Shown[], edits: Edits): Map<string, Edits> {
  return new Map(todos.map(({ id }) => [id, edits]));
}

/** Return fields as the API stores them. An empty description is none. */
function clean(fields: Partial<Fields>): Partial<Fields> {
  const { title, description, tags } = fields;
  return {
    ...fields,
    ...(title !== undefined && { title: oneLine(title) }),
    ...(description !== undefined && { description: storable(description ?? "") || null }),
    ...(tags !== undefined && { tags: [...new Set(tags.map(oneLine))].filter(Boolean) }),
  };
}

/** Return whether two values of a field are equal. Tags are arrays. */
function isSame(a: Fields[keyof Fields], b: Fields[keyof Fields]): boolean {
  return a === b || (Array.isArray(a) && Array.isArray(b) && JSON.stringify(a) === JSON.stringify(b));
}
