/** Select and sort the todos of a view. The address has the view, so Back works and a link opens it. */

import { compare } from "../sync/order.ts";
import type { Shown } from "../sync/types.ts";

/** An order of todos. `position` is the order by hand, or last completed first, or last deleted first. */
export type Sort = "position" | "due" | "updated";

/** What the screen lists. `q` is the text of the search, which may be blank. */
export type View = { q: string; sort: Sort } & (
  | { name: "all" | "today" | "completed" | "trash" }
  | { name: "tag"; tag: string }
);

/** The numbers of todos in the views, without a search. */
export type Counts = { today: number; all: number; completed: number; trash: number };

export type TagCount = { name: string; count: number };

const MAX_SEARCH = 1000; // characters, a limit of the API

/** Return the view of an address. Parameters that are unknown are ignored. */
export function parseView(params: Pick<URLSearchParams, "get">): View {
  const [name, sort, tag] = [params.get("view"), params.get("sort"), params.get("tag")];
  const rest = {
    q: (params.get("q") ?? "").slice(0, MAX_SEARCH),
    sort: sort === "due" || sort === "updated" ? sort : "position",
  } as const;
  if (tag) return { name: "tag", tag, ...rest };
  return { name: name === "today" || name === "completed" || name === "trash" ? name : "all", ...rest };
}

/** Return the address of a view, a path with its parameters. */
export function urlOf(view: View): string {
  const params = new URLSearchParams();
  if (view.name === "tag") params.set("tag", view.tag);
  else if (view.name !== "all") params.set("view", view.name);
  if (view.q) params.set("q", view.q);
  if (view.sort !== "position") params.set("sort", view.sort);
  const search = params.toString();
  return search ? `/?${search}` : "/";
}

/** Return the name of a view, which is its heading. */
export function nameOf(view: View): string {
  if (view.name === "tag") return view.tag;
  return { all: "All", today: "Today", completed: "Completed", trash: "Trash" }[view.name];
}

/** Return the todos of a view in their order. `today` is a date such as 2026-11-24. */
export function listOf(all: readonly Shown[], view: View, today: string): Shown[] {
  const words = wordsOf(view.q);
  const isFound = (todo: Shown) => words.every((word) => textOf(todo).includes(word));
  const todos = all.filter((todo) => isIn(todo, view, today) && (words.length === 0 || isFound(todo)));
  if (view.name === "trash") return sortBy(todos, (todo) => momentOf(todo.deleted_at), true, (a, b) => byId(b, a));
  if (view.sort === "due") return sortBy(todos, (todo) => todo.due ?? "~", false); // "~" is after all digits
  if (view.sort === "updated") return sortBy(todos, (todo) => momentOf(todo.updated_at ?? todo.created_at), true);
  if (view.name === "completed") return sortBy(todos, (todo) => momentOf(todo.completed_at), true);
  return sortBy(todos, (todo) => Number(todo.position), true, compare);
}

/** Return how many todos each view has, without a search. */
export function counts(all: readonly Shown[], today: string): Counts {
  const numbers = { today: 0, all: 0, completed: 0, trash: 0 };
  for (const todo of all) {
    if (todo.place === "trash") {
      numbers.trash++;
      continue;
    }
    numbers.all++;
    if (todo.completed) numbers.completed++;
    if (isForToday(todo, today)) numbers.today++;
  }
  return numbers;
}

/** Return the tags of the todos by name. Those in the trash do not count. */
export function tagsOf(all: readonly Shown[]): TagCount[] {
  const numbers = new Map<string, number>();
  for (const { place, tags } of all) {
    if (place === "list") for (const tag of tags) numbers.set(tag, (numbers.get(tag) ?? 0) + 1);
  }
  const tags = Array.from(numbers, ([name, count]) => ({ name, count }));
  return tags.sort((a, b) => COLLATOR.compare(a.name, b.name) || (a.name < b.name ? -1 : 1));
}

// One locale, because the server and the browser must sort alike.
const COLLATOR = new Intl.Collator("en", { numeric: true });

function isIn(todo: Shown, view: View, today: string): boolean {
  if (view.name === "trash" || todo.place === "trash") return view.name === todo.place;
  if (view.name === "today") return isForToday(todo, today);
  if (view.name === "completed") return todo.completed;
  return view.name !== "tag" || todo.tags.includes(view.tag);
}

/** Return whether a todo is open, and due today or overdue. */
function isForToday({ completed, due }: Shown, today: string): boolean {
  return !completed && due !== null && due.slice(0, 10) <= today;
}

/** Return the words of a search, as the API finds them: all of them, as parts, in upper or lower case. */
function wordsOf(q: string): string[] {
  return q.toLowerCase().split(/\s+/).filter(Boolean);
}

const texts = new WeakMap<Shown, string>();

/** Return the text that a search reads. It is kept, because a todo is searched again with each letter. */
function textOf(todo: Shown): string {
  let text = texts.get(todo);
  if (text === undefined) {
    text = [todo.title, todo.description ?? "", ...todo.tags].join("\n").toLowerCase();
    texts.set(todo, text);
  }
  return text;
}

/** Return a text that sorts as the time does. A time with fractions of a second is longer than one without. */
function momentOf(time: string | null): string {
  return (time ?? "").replace("Z", "");
}

function byId(a: Shown, b: Shown): number {
  return a.id < b.id ? -1 : 1;
}

/**
 * Return the todos sorted by a key, which is computed once for each. Numbers are equal if they differ only
 * after their 16th digit, so `ties` compares them again.
 */
function sortBy(
  todos: readonly Shown[],
  keyOf: (todo: Shown) => string | number,
  isDescending: boolean,
  ties = byId,
): Shown[] {
  const larger = isDescending ? -1 : 1;
  return todos
    .map((todo) => ({ todo, key: keyOf(todo) }))
    .sort((a, b) => (a.key === b.key ? ties(a.todo, b.todo) : a.key > b.key ? larger : -larger))
    .map(({ todo }) => todo);
}
