// Test the export as JSON: `node --test tests/unit/export.test.mjs`. No server runs.

import assert from "node:assert/strict";
import { test } from "node:test";

import { toJsonLines } from "../../lib/export.ts";
import { todo } from "./todos.mjs";

test("each todo is a line of JSON, with the fields of the API and those that a copy adds", () => {
  const one = todo({ title: 'Milk\n"fresh" 🥛\u2028', tags: ["home"], description: "a\r\nb" });
  const { place: _place, isSaved: _isSaved, ...fields } = one;
  const added = { ...one, version: 3, user_id: "u", colour: "red", problem: "No." };
  const lines = toJsonLines([one, added]).split("\n");
  assert.equal(lines.length, 3);
  assert.equal(lines[2], "");
  assert.deepEqual(JSON.parse(lines[0] ?? ""), fields);
  assert.deepEqual(JSON.parse(lines[1] ?? ""), { ...fields, version: 3, user_id: "u", colour: "red" });
});

test("a todo in the trash has the time when it was deleted, so that an import leaves it out", () => {
  const line = toJsonLines([todo({ place: "trash", deleted_at: "2026-11-28T08:00:00Z" })]);
  assert.equal(JSON.parse(line).deleted_at, "2026-11-28T08:00:00Z");
});

test("no todos are an empty text", () => {
  assert.equal(toJsonLines([]), "");
});
