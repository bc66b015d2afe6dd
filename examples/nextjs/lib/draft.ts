/** What a user types into the editor of a todo, while other devices may change the same todo. No React is here. */

import type { Fields, Priority } from "../sync/types.ts";
import { fit, length, MAX_DESCRIPTION, MAX_TAG, MAX_TAGS, oneLine, storable, titleError } from "./text/lines.ts";

/** The fields of a todo as they are typed. */
export type Typed = {
  title: string;
  description: string;
  due: { date: string; time: string; isIncomplete?: boolean };
  priority: Priority;
  tags: string;
};

export type Name = keyof Typed;

const NAMES = ["title", "description", "due", "priority", "tags"] as const;

/**
 * The fields that a user has touched in one editor. They stay as typed. The other fields show the todo as it is.
 *
 * A field that is not valid is not saved, so the todo keeps its old value meanwhile.
 */
export class Draft {
  #typed: Partial<Typed> = {};
  /** The values of the touched fields, as the todo had them at the first touch, or as they were saved last. */
  #saved: Partial<Fields> = {};

  /** Take what the user typed. */
  type(todo: Fields, part: Partial<Typed>): void {
    for (const name of NAMES) {
      if (name in part && !(name in this.#saved)) Object.assign(this.#saved, { [name]: todo[name] });
    }
    Object.assign(this.#typed, part);
  }

  /** Return what the editor shows. */
  show(todo: Fields): Typed {
    return { ...typedOf(todo), ...this.#typed };
  }

  /** Return why a touched field cannot be saved, in words for the user. */
  error(name: Name): string | undefined {
    return name in this.#typed ? errorOf(name, this.#typed as Typed, this.#saved.tags ?? []) : undefined;
  }

  /** Return the first field that cannot be saved. An empty title is none: the todo keeps its old one. */
  get wrong(): Name | undefined {
    return NAMES.find((name) => this.error(name) && !(name === "title" && !oneLine(this.#typed.title ?? "")));
  }

  /** Return the edits that are not saved yet, and regard them as saved. */
  take(): Partial<Fields> {
    const edits: Partial<Fields> = {};
    for (const name of NAMES) {
      if (!(name in this.#typed) || this.error(name)) continue;
      const value = valueOf(name, this.#typed as Typed, this.#saved.tags ?? []);
      if (isSame(value, this.#saved[name])) continue;
      Object.assign(edits, { [name]: value });
      Object.assign(this.#saved, { [name]: value });
    }
    return edits;
  }

  /** Return the touched fields that another device has changed since they were saved, as the todo has them. */
  theirs(todo: Fields): Partial<Pick<Fields, Name>> {
    const isTheirs = (name: Name) => name in this.#typed && !isSame(todo[name], this.#saved[name]);
    return Object.fromEntries(NAMES.filter(isTheirs).map((name) => [name, todo[name]]));
  }

  /** Show a field as the todo has it again. */
  follow(name: Name): void {
    delete this.#typed[name];
    delete this.#saved[name];
  }

  /** Move what is too long for the title to the top of the notes. */
  moveRest(todo: Fields): void {
    const { title, description } = this.show(todo);
    const start = fit(title)[0]?.title ?? "";
    const rest = oneLine(title).slice(start.length).trim();
    if (rest) this.type(todo, { title: start, description: description ? `${rest}\n\n${description}` : rest });
  }

  /** Cut the notes to their largest length. */
  cutNotes(todo: Fields): void {
    const { description } = this.show(todo);
    if (length(description) <= MAX_DESCRIPTION) return;
    this.type(todo, { description: [...description].slice(0, MAX_DESCRIPTION).join("") });
  }
}

function typedOf(todo: Fields): Typed {
  const [date = "", time = ""] = (todo.due ?? "").split("T");
  return {
    title: todo.title,
    description: todo.description ?? "",
    due: { date, time },
    priority: todo.priority,
    tags: todo.tags.join(", "),
  };
}

function valueOf(name: Name, typed: Typed, known: string[]): Fields[Name] {
  if (name === "title") return oneLine(typed.title);
  if (name === "description") return storable(typed.description) || null;
  if (name === "due") return typed.due.date ? typed.due.date + (typed.due.time && `T${typed.due.time}`) : null;
  if (name === "tags") return parseTags(typed.tags, known);
  return typed.priority;
}

function errorOf(name: Name, typed: Typed, known: string[]): string | undefined {
  if (name === "title") return titleError(typed.title);
  if (name === "description") {
    const count = length(typed.description);
    if (count <= MAX_DESCRIPTION) return undefined;
    return `Notes have at most ${MAX_DESCRIPTION} characters. These have ${count}, so they are not saved.`;
  }
  if (name === "due" && (typed.due.isIncomplete || (typed.due.date && Number(typed.due.date.split("-")[0]) < 1900))) {
    return "The date is not complete. Choose “No date” to remove it.";
  }
  if (name === "tags") {
    const tags = parseTags(typed.tags, known);
    if (tags.length > MAX_TAGS) return `A todo has at most ${MAX_TAGS} tags.`;
    if (tags.some((tag) => length(tag) > MAX_TAG)) {
      return `A tag has at most ${MAX_TAG} characters. Separate tags by commas.`;
    }
  }
  return undefined;
}

/** Return the tags that are typed, separated by commas. A tag that the todo has may contain a comma itself. */
function parseTags(text: string, known: string[]): string[] {
  const withComma = known.filter((tag) => tag.includes(","));
  const joined = withComma.reduce((text, tag) => text.replace(tag, () => tag.replaceAll(",", "\0")), text);
  const tags = joined.split(",").map((part) => {
    const tag = oneLine(part.replaceAll("\0", "\uffff")).replaceAll("\uffff", ",");
    return known.includes(tag) ? tag : tag.replace(/^#+(?=.)/u, "");
  });
  return [...new Set(tags)].filter(Boolean);
}

function isSame(a: unknown, b: unknown): boolean {
  return JSON.stringify(a ?? "") === JSON.stringify(b ?? "");
}
