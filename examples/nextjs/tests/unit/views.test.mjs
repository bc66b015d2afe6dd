// Test the views: `node --test tests/unit/views.test.mjs`. No server runs.

import assert from "node:assert/strict";
import { test } from "node:test";

import { counts, listOf, nameOf, parseView, tagsOf, urlOf } from "../../lib/views.ts";
import { todo } from "./todos.mjs";

/** @typedef {import("../../lib/views.ts").View} View */

const TODAY = "2026-11-28";

/** @type {View} */
const ALL = { name: "all", q: "", sort: "position" };

/** Return the view of an address. @param {string} search */
function view(search) {
  return parseView(new URLSearchParams(search));
}

/** Return the titles of a list. @param {ReturnType<typeof todo>[]} all @param {string} search */
function titles(all, search) {
  return listOf(all, view(search), TODAY).map(({ title }) => title);
}

test("the address has the view, the tag, the search and the sort", () => {
  assert.deepEqual(view(""), ALL);
  assert.deepEqual(view("?view=today"), { ...ALL, name: "today" });
  assert.deepEqual(view("?view=completed&sort=due"), { name: "completed", q: "", sort: "due" });
  assert.deepEqual(view("?view=trash&q=milk"), { name: "trash", q: "milk", sort: "position" });
  assert.deepEqual(view("?tag=home&sort=updated&q=a+b"), { name: "tag", tag: "home", q: "a b", sort: "updated" });
});

test("unknown and empty parameters are ignored", () => {
  for (const search of ["?view=nothing", "?view=", "?sort=title", "?tag=", "?title=Milk", "?view=toString"]) {
    assert.deepEqual(view(search), ALL, search);
  }
  assert.equal(view("?tag=home&view=trash").name, "tag");
  assert.equal(view(`?q=${"x".repeat(1001)}`).q.length, 1000);
});

test("a view has an address, which has the view", () => {
  assert.equal(urlOf(ALL), "/");
  assert.equal(urlOf({ name: "today", q: "", sort: "position" }), "/?view=today");
  assert.equal(urlOf({ name: "tag", tag: "a&b/c #1", q: "x y", sort: "due" }), "/?tag=a%26b%2Fc+%231&q=x+y&sort=due");
  assert.equal(urlOf({ ...ALL, q: " " }), "/?q=+"); // the field of the search keeps what is typed
  /** @type {View[]} */
  const views = [
    { name: "tag", tag: "Zoë & 日本+%", q: " two  words ", sort: "updated" },
    { name: "trash", q: "?&=", sort: "due" },
    { name: "completed", q: "", sort: "position" },
  ];
  for (const one of views) assert.deepEqual(view(urlOf(one).slice(1)), one);
});

test("the name of a view is its heading", () => {
  const searches = ["", "?view=today", "?view=completed", "?view=trash", "?tag=home"];
  assert.deepEqual(searches.map((search) => nameOf(view(search))), ["All", "Today", "Completed", "Trash", "home"]);
});

test("each view has its todos, and only the trash has those in the trash", () => {
  const all = [
    todo({ title: "open" }),
    todo({ title: "done", completed: true, completed_at: "2026-11-27T08:00:00Z", tags: ["home"] }),
    todo({ title: "gone", place: "trash", deleted_at: "2026-11-27T08:00:00Z", tags: ["home"], due: TODAY }),
    todo({ title: "tagged", tags: ["shop", "home"] }),
    todo({ title: "due", due: TODAY }),
  ];
  assert.deepEqual(titles(all, ""), ["open", "done", "tagged", "due"]);
  assert.deepEqual(titles(all, "?view=today"), ["due"]);
  assert.deepEqual(titles(all, "?view=completed"), ["done"]);
  assert.deepEqual(titles(all, "?view=trash"), ["gone"]);
  assert.deepEqual(titles(all, "?tag=home"), ["done", "tagged"]);
  assert.deepEqual(titles(all, "?tag=Home"), []);
  assert.deepEqual(titles(all, "?tag=hom"), []);
});

test("Today has what is open and due today or before", () => {
  const all = [
    todo({ title: "before", due: "2026-11-27" }),
    todo({ title: "years before", due: "0001-01-01T23:59" }),
    todo({ title: "at night", due: "2026-11-28T23:59" }),
    todo({ title: "tomorrow", due: "2026-11-29T00:00" }),
    todo({ title: "never" }),
    todo({ title: "done", due: TODAY, completed: true }),
  ];
  assert.deepEqual(titles(all, "?view=today"), ["before", "years before", "at night"]);
});

test("the hand order compares all digits of positions", () => {
  const [a, b] = ["1795507200.00000000000000000002", "1795507200.00000000000000000001"];
  const large = "1".repeat(40);
  const all = ["9", b, "-5", "1795507200", "10", a, large].map((position) => todo({ title: position, position }));
  assert.deepEqual(titles(all, ""), [large, a, b, "1795507200", "10", "9", "-5"]);
});

test("equal positions are sorted by the id", () => {
  const [a, b, c] = [todo({ title: "a" }), todo({ title: "b", position: "1795507200.0" }), todo({ title: "c" })];
  assert.deepEqual(titles([c, a, b], ""), ["a", "b", "c"]);
});

test("by due date, the soonest is first, a date before its times, and none is last", () => {
  const dues = ["2026-11-29", null, "2026-11-28T09:00", "2026-11-28", "2026-11-28T10:30", null];
  const all = dues.map((due) => todo({ title: String(due), due }));
  assert.deepEqual(titles(all.toReversed(), "?sort=due"), [
    ...["2026-11-28", "2026-11-28T09:00", "2026-11-28T10:30", "2026-11-29", "null", "null"],
  ]);
  const [first, last] = listOf(all.toReversed(), view("?sort=due"), TODAY).slice(4);
  assert(first && last && first.id < last.id);
});

test("by last change, a todo that was never changed counts from when it was created", () => {
  const all = [
    todo({ title: "created", created_at: "2026-11-25T08:00:00Z" }),
    todo({ title: "created last", created_at: "2026-11-27T08:00:00Z" }),
    todo({ title: "changed", updated_at: "2026-11-26T08:00:00.000001Z" }),
    todo({ title: "changed before", updated_at: "2026-11-26T08:00:00Z" }),
    todo({ title: "changed after", updated_at: "2026-11-26T08:00:00.000002Z" }),
  ];
  assert.deepEqual(titles(all, "?sort=updated"), [
    ...["created last", "changed after", "changed", "changed before", "created"],
  ]);
});

test("Completed has the last completed first, unless it is sorted", () => {
  const all = [
    todo({ title: "first", completed: true, completed_at: "2026-11-25T08:00:00Z", due: "2026-01-01" }),
    todo({ title: "last", completed: true, completed_at: "2026-11-27T08:00:00Z" }),
    todo({ title: "second", completed: true, completed_at: "2026-11-25T08:00:00.5Z" }),
  ];
  assert.deepEqual(titles(all, "?view=completed"), ["last", "second", "first"]);
  assert.deepEqual(titles(all, "?view=completed&sort=due"), ["first", "last", "second"]);
});

test("the trash has the last deleted first, and the larger id first, as the API", () => {
  const all = ["2026-11-25T08:00:00Z", "2026-11-27T08:00:00Z", "2026-11-25T08:00:00Z"].map((deleted_at, index) =>
    todo({ title: String(index), place: "trash", deleted_at }),
  );
  assert.deepEqual(titles(all, "?view=trash&sort=due"), ["1", "2", "0"]);
});

test("a search finds all words, as parts, in the title, the description and the tags", () => {
  const all = [
    todo({ title: "Buy Milk", description: "Two litres", tags: ["Home", "ab"] }),
    todo({ title: "Buy bread", place: "trash", deleted_at: "2026-11-25T08:00:00Z" }),
    todo({ title: "ΟΔΟΣ İ", tags: ["cd"] }),
  ];
  for (const q of ["milk", "MILK", "il", "buy litre", "home milk", "  milk  ", "me\tto"]) {
    assert.deepEqual(titles(all, `?q=${encodeURIComponent(q)}`), q === "me\tto" ? [] : ["Buy Milk"], q);
  }
  assert.deepEqual(titles(all, "?q=milk+bread"), []);
  assert.deepEqual(titles(all, "?q=litreshome"), []);
  assert.deepEqual(titles(all, "?q=%CE%BF%CE%B4%CE%BF%CF%82"), ["ΟΔΟΣ İ"]); // the lower case of the API
  assert.deepEqual(titles(all, "?view=trash&q=buy"), ["Buy bread"]);
  assert.equal(titles(all, "?q=%20").length, 2);
});

test("a search reads a todo again after it was changed", () => {
  const before = todo({ title: "Milk" });
  assert.deepEqual(titles([before], "?q=milk"), ["Milk"]);
  assert.deepEqual(titles([{ ...before, title: "Bread" }], "?q=milk"), []);
});

test("counts are the numbers of the views", () => {
  const all = [
    todo({ due: "2026-11-27" }),
    todo({ due: "2026-11-29", tags: ["home"] }),
    todo({ due: "2026-11-27", completed: true }),
    todo({ due: "2026-11-27", place: "trash" }),
    todo({ completed: true, place: "trash" }),
  ];
  assert.deepEqual(counts(all, TODAY), { today: 1, all: 3, completed: 1, trash: 2 });
  assert.deepEqual(counts([], TODAY), { today: 0, all: 0, completed: 0, trash: 0 });
  for (const name of /** @type {const} */ (["today", "all", "completed", "trash"])) {
    assert.equal(listOf(all, { ...ALL, name }, TODAY).length, counts(all, TODAY)[name], name);
  }
});

test("tags are sorted by name, and those in the trash do not count", () => {
  const all = [
    todo({ tags: ["work", "Home", "week 10"] }),
    todo({ tags: ["home", "work", "week 9", "Äpfel", "constructor"], completed: true }),
    todo({ tags: ["work", "secret"], place: "trash" }),
  ];
  assert.deepEqual(
    tagsOf(all).map(({ name, count }) => `${name} ${count}`),
    ["Äpfel 1", "constructor 1", "home 1", "Home 1", "week 9 1", "week 10 1", "work 2"],
  );
});

test("the list is a new array, and the todos are the same objects", () => {
  const all = Object.freeze([todo({ position: "1" }), todo({ position: "2" })]);
  const list = listOf(all, ALL, TODAY);
  assert.notEqual(list, all);
  assert.equal(list[0], all[1]);
});
