import assert from "node:assert/strict";
import { test } from "node:test";

import { Draft } from "../../lib/draft.ts";
import { NEW } from "../../sync/types.ts";

/** @type {import("../../sync/types.ts").Fields} */
const TODO = {
  ...NEW,
  title: "Milk",
  tags: ["home", "a, b"],
};

test("a field that was not touched follows the todo, and a touched one stays", () => {
  const draft = new Draft();
  draft.type(TODO, { title: "Milk and bread" });
  const changed = { ...TODO, title: "Oat milk", description: "2 l" };
  assert.equal(draft.show(changed).title, "Milk and bread");
  assert.equal(draft.show(changed).description, "2 l");
});

test("edits are returned once", () => {
  const draft = new Draft();
  draft.type(TODO, { title: " Bread " });
  assert.deepEqual(draft.take(), { title: "Bread" });
  assert.deepEqual(draft.take(), {});
});

test("a field that was typed and reverted is no edit", () => {
  const draft = new Draft();
  draft.type(TODO, { title: "Milkx" });
  draft.type(TODO, { title: "Milk" });
  assert.deepEqual(draft.take(), {});
});

test("a value of another device is reported until it is used", () => {
  const draft = new Draft();
  draft.type(TODO, { title: "Bread" });
  draft.take();
  assert.deepEqual(draft.theirs({ ...TODO, title: "Bread" }), {});
  const changed = { ...TODO, title: "Cheese", description: "2 l" };
  assert.deepEqual(draft.theirs(changed), { title: "Cheese" });
  draft.follow("title");
  assert.equal(draft.show(changed).title, "Cheese");
  assert.deepEqual(draft.theirs(changed), {});
  draft.type(changed, { title: "Bread" });
  assert.deepEqual(draft.take(), { title: "Bread" });
});

test("an empty title is an error, is not saved, and does not keep the editor open", () => {
  const draft = new Draft();
  draft.type(TODO, { title: "  " });
  assert.equal(draft.error("title"), "A todo needs a title.");
  assert.deepEqual(draft.take(), {});
  assert.equal(draft.wrong, undefined);
});

test("what is too long for the title moves to the top of the notes", () => {
  const draft = new Draft();
  const todo = { ...TODO, description: "before" };
  draft.type(todo, { title: "word ".repeat(50) });
  assert.equal(draft.error("title"), "A title has at most 200 characters. Move the rest to the notes.");
  assert.equal(draft.wrong, "title");
  draft.moveRest(todo);
  const { title, description } = draft.take();
  assert.equal(title, "word ".repeat(40).trim());
  assert.equal(description, `${"word ".repeat(10).trim()}\n\nbefore`);
  assert.equal(draft.wrong, undefined);
});

test("a title is measured in characters of Unicode", () => {
  const draft = new Draft();
  draft.type(TODO, { title: "😀".repeat(200) });
  assert.equal(draft.error("title"), undefined);
});

test("notes that are too long are not saved until they are cut", () => {
  const draft = new Draft();
  draft.type(TODO, { description: "😀".repeat(2001) });
  assert.match(String(draft.error("description")), /at most 2000 characters\. These have 2001/);
  assert.deepEqual(draft.take(), {});
  draft.cutNotes(TODO);
  assert.deepEqual(draft.take(), { description: "😀".repeat(2000) });
});

test("a due date is a date, a date with a time, or none", () => {
  const draft = new Draft();
  for (const [date, time, due] of [
    ["2026-11-24", "", "2026-11-24"],
    ["2026-11-24", "09:00", "2026-11-24T09:00"],
    ["", "", null],
  ]) {
    draft.type(TODO, { due: { date: String(date), time: String(time) } });
    assert.deepEqual(draft.take(), { due });
  }
});

test("a date that is not complete is an error and is not saved", () => {
  const draft = new Draft();
  const todo = { ...TODO, due: "2026-11-24T09:00" };
  for (const due of [{ date: "", time: "09:00", isIncomplete: true }, { date: "0002-11-24", time: "" }]) {
    draft.type(todo, { due });
    assert.equal(draft.wrong, "due");
    assert.deepEqual(draft.take(), {});
  }
});

test("tags are separated by commas, each once, and a tag with a comma stays whole", () => {
  const draft = new Draft();
  draft.type(TODO, { tags: "a, b, #work,, home ,home, #" });
  assert.deepEqual(draft.take(), { tags: ["a, b", "work", "home", "#"] });
});

test("a tag with a comma and a dollar sign stays as it is", () => {
  for (const tag of ["a,$&b", "$',x", "a,$`", "$$,"]) {
    const draft = new Draft();
    draft.type({ ...TODO, tags: ["first", tag] }, { tags: `first, ${tag}, new` });
    assert.deepEqual(draft.take(), { tags: ["first", tag, "new"] });
  }
});

test("a tag keeps its # if the todo has it already", () => {
  const draft = new Draft();
  draft.type({ ...TODO, tags: ["#1"] }, { tags: "#1, #2" });
  assert.deepEqual(draft.take(), { tags: ["#1", "2"] });
});

test("too many tags and long tags are errors", () => {
  const draft = new Draft();
  draft.type(TODO, { tags: Array.from({ length: 21 }, (_, index) => index).join() });
  assert.equal(draft.error("tags"), "A todo has at most 20 tags.");
  draft.type(TODO, { tags: "x".repeat(51) });
  assert.equal(draft.error("tags"), "A tag has at most 50 characters. Separate tags by commas.");
  assert.deepEqual(draft.take(), {});
});
