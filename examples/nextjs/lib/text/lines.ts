/** Make todos of typed and pasted text, within the limits of the API. */

import type { Fields } from "../../sync/types.ts";

/** A new todo, before it has an id and a place. */
export type NewTodo = Pick<Fields, "title"> & Partial<Fields>;

/** The limits of the API, in characters of Unicode. */
const MAX_TITLE = 200;
export const MAX_DESCRIPTION = 2000;
export const MAX_TAG = 50;
export const MAX_TAGS = 20; // tags of a todo

/**
 * Return a todo for each line that is not empty, without markers of lists. A ticked box is a completed todo.
 * What does not fit into a title is in the description, and what does not fit there is in a todo of its own.
 */
export function splitLines(text: string): NewTodo[] {
  const numbers = new Set([0]);
  return text.split(LINE_END).flatMap((line) => {
    const { title, completed } = withoutMarkers(line.trim(), numbers);
    const drafts = fit(title);
    return completed ? drafts.map((draft) => ({ ...draft, completed })) : drafts;
  });
}

/** Return the todos of a text in one line: one, or none if it is blank, or more if it is too long for one. */
export function fit(text: string): NewTodo[] {
  const drafts: NewTodo[] = [];
  for (let rest = oneLine(text); rest !== ""; ) {
    const title = start(rest, MAX_TITLE);
    rest = rest.slice(title.length).trimStart();
    const description = start(rest, MAX_DESCRIPTION);
    rest = rest.slice(description.length).trimStart();
    drafts.push(description ? { title, description } : { title });
  }
  return drafts;
}

/** Return the number of characters as the API counts them. JavaScript counts an emoji twice. */
export function length(text: string): number {
  let count = 0;
  for (const _ of text) count++;
  return count;
}

/** Return a text as the API accepts it, without characters that no database stores. */
export function storable(text: string): string {
  return text.replaceAll("\0", "").replace(/\p{Surrogate}/gu, "\ufffd"); // only those that are not in a pair
}

/** Return a text for a title: in one line, and without spaces around it. */
export function oneLine(text: string): string {
  return storable(text).split(LINE_END).join(" ").trim();
}

const LINE_END = /\r\n|[\n\r\v\f\x85\u2028\u2029]/;

/** A bullet, a number with a point or a bracket, and a box. White space or the end of the line is after each. */
const BULLET = /^[-*+•◦‣▪–—](?:\s+|$)/;
const NUMBER = /^(\d{1,5})[.)](?:\s+|$)/;
const BOX = /^\[([ xX])\](?:\s+|$)/;

/**
 * Return a line without the markers that it begins with.
 *
 * @param numbers the numbers of markers before. A number is a marker if it is 1 or follows one of them, so
 *   "24. December" is a title
 */
function withoutMarkers(line: string, numbers: Set<number>): { title: string; completed: boolean } {
  let title = line.replace(BULLET, "");
  const number = NUMBER.exec(title);
  if (number && numbers.has(Number(number[1]) - 1)) {
    numbers.add(Number(number[1]));
    title = title.slice(number[0].length);
  }
  const box = BOX.exec(title);
  return { title: title.slice(box?.[0].length ?? 0), completed: box !== null && box[1] !== " " };
}

/** Return the start of a text with at most so many characters. It ends with a word unless a word is too long. */
function start(text: string, limit: number): string {
  let end = indexOf(text, limit);
  if (end === text.length) return text;
  const words = /^.*(?=\s)/su.exec(text.slice(0, end + 1))?.[0].trimEnd();
  if (words) return words;
  return text.slice(0, end);
}

/** Return the index in a text after so many characters, or its length. */
function indexOf(text: string, count: number): number {
  let index = 0;
  for (; count > 0 && index < text.length; count--) index += text.codePointAt(index)! > 0xffff ? 2 : 1;
  return index;
}

/** Return why a title cannot be saved, in words for the user. */
export function titleError(title: string): string | undefined {
  const text = oneLine(title);
  if (!text) return "A todo needs a title.";
  if (length(text) <= MAX_TITLE) return undefined;
  return `A title has at most ${MAX_TITLE} characters. Move the rest to the notes.`;
}
