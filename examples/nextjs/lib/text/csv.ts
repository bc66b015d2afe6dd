/** Write todos as CSV (RFC 4180), for people who read them in a spreadsheet. */

import type { Todo } from "../../sync/types.ts";

const COLUMNS = ["title", "description", "completed", "due", "priority", "tags", "created_at", "completed_at"] as const;

type Row = Pick<Todo, (typeof COLUMNS)[number]>;

/**
 * The places of a text before which an apostrophe is written: where it begins with a tab or a carriage
 * return, and where a formula begins. Spreadsheets skip white space, and some accept full-width
 * characters. In many countries they split a line at semicolons instead of commas, and do not know the quotation
 * marks then, so a formula may also follow a semicolon, a tab, the end of a line or a quotation mark.
 */
const FORMULA =
  /^(?=[\t\r])|(?<=^|[;\t\r\n])(?=(?:(?![;\t\r\n])[\s\p{C}"])*[=+\-@\uff1d\uff0b\uff0d\uff20\ufe66\ufe62\ufe63\ufe6b\u2212])/gu;

/**
 * Return the todos as CSV, with the byte order mark that Excel needs for UTF-8.
 *
 * A cell that a spreadsheet would run as a formula gets an apostrophe, so the text of a todo cannot be
 * read back from this file. People read it. Programs use the JSON lines of `make export`.
 */
export function toCsv(todos: readonly Row[]): string {
  const lines = [COLUMNS, ...todos.map((todo) => COLUMNS.map((name) => text(todo[name])))];
  return "\ufeff" + lines.map((cells) => cells.map(cell).join(",") + "\r\n").join("");
}

function text(value: Row[keyof Row]): string {
  return Array.isArray(value) ? value.join(", ") : String(value ?? "");
}

function cell(text: string): string {
  return `"${text.replace(FORMULA, "'").replaceAll('"', '""')}"`;
}
