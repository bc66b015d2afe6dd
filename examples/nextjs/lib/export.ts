/** Write todos to files. */

import type { Shown } from "../sync/types.ts";

/** Return the todos as JSON, one a line. `make import` reads it, and leaves out those in the trash. */
export function toJsonLines(todos: readonly Shown[]): string {
  return todos.map((todo) => `${JSON.stringify(fieldsOf(todo))}\n`).join("");
}

/** Return a todo as the API has it, with the fields that a copy of the project adds. The API knows no others. */
function fieldsOf({ place: _place, isSaved: _isSaved, problem: _problem, ...fields }: Shown): object {
  return fields;
}

/** Let the browser save a text as a file. */
export function download(name: string, text: string, type: string): void {
  const url = URL.createObjectURL(new Blob([text], { type: `${type};charset=utf-8` }));
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000); // the browser reads the file after the click
}
