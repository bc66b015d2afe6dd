// Test the actions: `node --test tests/unit/actions.test.mjs`. No server runs.

import assert from "node:assert/strict";
import { test } from "node:test";

import { add, change, complete, deleteTag, move, purge, remove, renameTag, restore } from "../../lib/actions.ts";
import { compare } from "../../sync/order.ts";
import { todo } from "./todos.mjs";

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

/** Return the edits of an action as an object. @param {{ edits: Map<string, object> } | undefined} action */
function edits(action) {
  return Object.fromEntries(action?.edits ?? []);
}

test("a new todo has an id of its own, and is on top of all", () => {
  const all = [todo({ position: "9999999999.5" }), todo({ position: "12" })];
  const { ids, edits, text } = add([{ title: "Milk", due: "2026-11-28", tags: ["home"] }], all);
  const [id = ""] = ids;
  assert.match(id, UUID);
  assert.deepEqual([...edits], [[id, { title: "Milk", due: "2026-11-28", tags: ["home"], position: "10000000000" }]]);
  assert.equal(text, "Added “Milk”.");
});

test("the first of several new todos is the top one", () => {
  const drafts = Array.from({ length: 10_000 }, (_, index) => ({ title: `Todo ${index}` }));
  const all = [todo({ position: "1795507200" })];
  const { ids, edits, text } = add(drafts, all);
  assert.equal(new Set(ids).size, 10_000);
  const added = Array.from(edits, ([id, { title, position = "" }]) => ({ id, title, position }));
  assert.deepEqual(added.map(({ id }) => id), ids);
  assert.deepEqual(added.map(({ title }) => title), drafts.map(({ title }) => title));
  const sorted = [...added, ...all].sort(compare);
  assert.deepEqual(sorted.map(({ title }) => title).slice(0, -1), drafts.map(({ title }) => title));
  assert.equal(sorted.at(-1), all[0]);
  assert.equal(text, "Added 10,000 todos.");
});

test("a new todo is as the API stores it, and needs a title", () => {
  const { ids, edits } = add([{ title: " a\r\nb\0 ", description: "", tags: [" x ", "x", ""] }, { title: " " }], []);
  assert.equal(ids.length, 1);
  const [{ position, ...fields } = {}] = edits.values();
  assert.deepEqual(fields, { title: "a b", description: null, tags: ["x"] });
  assert.match(position ?? "", /^\d{10}$/);
});

test("completing changes those that are not completed, and opening those that are", () => {
  const [open, done, other] = [todo({ title: "Milk" }), todo({ title: "Bread", completed: true }), todo()];
  const action = complete([open, done], true);
  assert.deepEqual(action, { edits: new Map([[open.id, { completed: true }]]), text: "Completed “Milk”." });
  assert.equal(complete([open, other], true).text, "Completed 2 todos.");
  assert.deepEqual(complete([open, done], false), {
    edits: new Map([[done.id, { completed: false }]]),
    text: "Reopened “Bread”.",
  });
  assert.equal(complete([done], true).edits.size, 0);
});

test("a change has only the fields that differ", () => {
  const one = todo({ title: "Milk", tags: ["a", "b"], description: null, due: "2026-11-28", priority: "low" });
  const action = change(one, { title: "Milk ", tags: ["a", "b"], description: "", due: null, priority: "high" });
  assert.deepEqual(action, { edits: new Map([[one.id, { due: null, priority: "high" }]]), text: "Changed “Milk”." });
  assert.deepEqual(edits(change(one, { tags: ["b", "a"] })), { [one.id]: { tags: ["b", "a"] } });
  assert.equal(change(one, { title: "Milk", due: "2026-11-28" }).edits.size, 0);
  assert.equal(change(one, { due: null }, "No date.").text, "No date.");
});

test("a changed title is as the API stores it, and an empty one is no change", () => {
  const one = todo({ title: "Milk" });
  const action = change(one, { title: " Two\nmilks\ud800 " });
  assert.deepEqual(edits(action), { [one.id]: { title: "Two milks\ufffd" } });
  assert.equal(action.text, "Changed “Two milks\ufffd”.");
  assert.deepEqual(change(one, { title: " \n" }), { edits: new Map(), text: "Changed “Milk”." });
  assert.deepEqual(edits(change(one, { title: "", due: "2026-11-28" })), { [one.id]: { due: "2026-11-28" } });
  assert.deepEqual(edits(change(one, { description: " a\n\0b " })), { [one.id]: { description: " a\nb " } });
});

test("todos go to the trash, back to the list, and away for good", () => {
  const [a, b] = [todo({ title: "Milk" }), todo()];
  assert.deepEqual(remove([a]), { edits: new Map([[a.id, { place: "trash" }]]), text: "Deleted “Milk”." });
  assert.deepEqual(restore([a]), { edits: new Map([[a.id, { place: "list" }]]), text: "Restored “Milk”." });
  assert.deepEqual(purge([a]), { edits: new Map([[a.id, { place: "gone" }]]), text: "Deleted “Milk” for good." });
  assert.deepEqual(edits(remove([a, b])), { [a.id]: { place: "trash" }, [b.id]: { place: "trash" } });
  assert.equal(remove([a, b]).text, "Deleted 2 todos.");
  assert.equal(purge([a, b]).text, "Deleted 2 todos for good.");
});

test("a moved todo is where it was put, and others stay", () => {
  const list = ["50", "40", "30", "20", "10"].map((position) => todo({ title: position, position }));
  for (const index of [0, 1, 2, 3, 4]) {
    const action = move(list, list[2]?.id ?? "", index);
    if (index === 2) {
      assert.equal(action, undefined);
      continue;
    }
    assert.equal(action?.text, `Moved “30” to place ${index + 1} of 5.`);
    const after = list.map((one) => ({ ...one, ...action?.edits.get(one.id) })).sort(compare);
    assert.equal(after[index]?.title, "30");
    assert.equal(action?.edits.size, 1);
  }
});

test("a place beyond the ends is the end, and an unknown todo does not move", () => {
  const list = [todo({ position: "2" }), todo({ position: "1" })];
  const [first, last] = list.map(({ id }) => id);
  assert.match(move(list, last ?? "", -3)?.text ?? "", /place 1 of 2/);
  assert.match(move(list, first ?? "", 99)?.text ?? "", /place 2 of 2/);
  assert.equal(move(list, first ?? "", -1), undefined);
  assert.equal(move(list, "unknown", 0), undefined);
  assert.equal(move([], "unknown", 0), undefined);
});

test("a tag is renamed in all todos that have it, also in the trash", () => {
  const all = [
    todo({ tags: ["a", "home", "b"] }),
    todo({ tags: ["home", "house"] }),
    todo({ tags: ["home"], place: "trash" }),
    todo({ tags: ["Home", "homework"] }),
  ];
  const [first, both, trashed] = all.map(({ id }) => id);
  const action = renameTag(all, "home", " house ");
  assert.deepEqual(edits(action), {
    [String(first)]: { tags: ["a", "house", "b"] },
    [String(both)]: { tags: ["house"] },
    [String(trashed)]: { tags: ["house"] },
  });
  assert.equal(action.text, "Renamed the tag “home” to “house”.");
  for (const name of ["home", " ", ""]) assert.equal(renameTag(all, "home", name).edits.size, 0);
});

test("a deleted tag is in no todo, also in the trash", () => {
  const all = [todo({ tags: ["a", "home"] }), todo({ tags: ["home"], place: "trash" }), todo({ tags: ["Home"] })];
  const [first, trashed] = all.map(({ id }) => id);
  const action = deleteTag(all, "home");
  assert.deepEqual(edits(action), { [String(first)]: { tags: ["a"] }, [String(trashed)]: { tags: [] } });
  assert.equal(action.text, "Deleted the tag “home”.");
});

test("no action changes the todos", () => {
  const one = Object.freeze(todo({ tags: ["a"] }));
  Object.freeze(one.tags);
  complete([one], true);
  change(one, { tags: ["b"] });
  renameTag([one], "a", "b");
  deleteTag([one], "a");
  move([one, Object.freeze(todo({ position: "1" }))], one.id, 1);
  assert.deepEqual(one.tags, ["a"]);
});
