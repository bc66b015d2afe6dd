// Test the rules of the sync, one by one. No server runs.

import assert from "node:assert/strict";
import { test } from "node:test";

import {
  confirmed,
  edited,
  mismatched,
  nextOperation,
  purged,
  received,
  refused,
  same,
  shown,
  vanished,
} from "../../sync/item.ts";
import { NEW } from "../../sync/types.ts";

/** @typedef {import("../../sync/item.ts").Item} Item */
/** @typedef {import("../../sync/item.ts").Content} Content */
/** @typedef {import("../../sync/types.ts").Todo} Todo */
/** @typedef {import("../../sync/types.ts").Edits} Edits */

const ID = "7c1a6f1e-6d0b-4f9c-8f0e-1d2c3b4a5968";
const FIELDS = { ...NEW, title: "old" };
const DELETED_AT = "2026-11-25T08:00:00Z";

/** Return a todo of the API. @param {Partial<Todo>} fields @returns {Todo} */
function todo(fields = {}) {
  const times = { created_at: "2026-11-24T08:00:00Z", updated_at: null, completed_at: null, deleted_at: null };
  return { ...FIELDS, tags: [], ...times, id: ID, version: 1, position: "5", user_id: "ada", ...fields };
}

/** Return what a put sends. @param {Partial<Content>} fields @returns {Content} */
function content(fields = {}) {
  return { ...FIELDS, tags: [], ...fields };
}

/** Return a todo that the API has, with edits. @param {Edits} edits @param {Partial<Item>} more @returns {Item} */
function item(edits = {}, more = {}) {
  return { id: ID, server: todo(), edits, ...more };
}

const TRASHED = { server: todo({ deleted_at: DELETED_AT }) };

test("edits: what is the same as in the API is none, unless an answer is missing", () => {
  /** @type {[string, Item | undefined, Edits, Edits | undefined][]} */
  const table = [
    ["a new todo", undefined, { title: "new", position: "6" }, { title: "new", position: "6" }],
    ["another edit", item({ title: "new" }), { completed: true }, { title: "new", completed: true }],
    ["back to the old value", item({ title: "new", completed: true }), { title: "old" }, { completed: true }],
    ["the same title with spaces", item(), { title: " old " }, {}],
    ["the same tags", item({}, { server: todo({ tags: ["a"] }) }), { tags: ["a"] }, {}],
    ["other tags", item({}, { server: todo({ tags: ["a", "b"] }) }), { tags: ["b", "a"] }, { tags: ["b", "a"] }],
    [
      "back while it is sent",
      item({ title: "new" }, { sent: [content({ title: "new" })] }),
      { title: "old" },
      { title: "old" },
    ],
    ["a deletion", item(), { place: "trash" }, { place: "trash" }],
    ["restored before it is sent", item({ place: "trash" }), { place: "list" }, {}],
    ["restored while it is sent", item({ place: "trash" }, { removal: "trash" }), { place: "list" }, { place: "list" }],
    ["a restore", item({}, TRASHED), { place: "list" }, { place: "list" }],
    ["in the trash, a title", item({}, TRASHED), { title: "new" }, { title: "new", place: "trash" }],
    ["in the trash, back to the old title", item({ title: "new", place: "trash" }, TRASHED), { title: "old" }, {}],
    [
      "restored after a title",
      item({ title: "new", place: "trash" }, TRASHED),
      { place: "list" },
      { title: "new", place: "list" },
    ],
    ["the times of a todo that the API has", item(), { created_at: "2020-01-01T00:00:00Z", completed_at: null }, {}],
    ["gone before it was sent", { id: ID, server: null, edits: { title: "new" } }, { place: "gone" }, undefined],
    ["gone after it was sent", item({}, { server: null, sent: [content()] }), { place: "gone" }, { place: "gone" }],
    ["an unknown todo gone", undefined, { place: "gone" }, undefined],
    ["an unknown todo completed", undefined, { completed: true }, undefined],
  ];
  for (const [name, before, changes, expected] of table) {
    assert.deepEqual(edited(before, ID, changes)?.edits, expected, name);
  }
  const wrong = item({ title: " " }, { problem: "A title is needed." });
  assert.equal(edited(wrong, ID, { title: "new" })?.problem, undefined);
});

test("operations: what is sent next", () => {
  /** @type {[string, Item, unknown][]} */
  const table = [
    ["nothing", item(), undefined],
    [
      "a new todo",
      { id: ID, server: null, edits: { title: "new" } },
      { kind: "put", id: ID, base: 0, content: content({ title: "new" }) },
    ],
    [
      "a change",
      item({ due: "2026-11-24" }),
      { kind: "put", id: ID, base: 1, content: content({ due: "2026-11-24" }) },
    ],
    ["a move", item({ position: "7" }), { kind: "put", id: ID, base: 1, content: content({ position: "7" }) }],
    ["a refused edit", item({ title: " " }, { problem: "no" }), undefined],
    ["a deletion", item({ place: "trash" }), { kind: "delete", id: ID, base: 1 }],
    [
      "a change, then a deletion",
      item({ title: "new", place: "trash" }),
      { kind: "put", id: ID, base: 1, content: content({ title: "new" }) },
    ],
    ["a deletion of what is in the trash", item({ place: "trash" }, TRASHED), undefined],
    [
      "the same after a lost put",
      item({ place: "trash" }, { ...TRASHED, sent: [content()] }),
      { kind: "delete", id: ID, base: 1 },
    ],
    ["a restore", item({ place: "list" }, TRASHED), { kind: "put", id: ID, base: 1, content: content() }],
    ["gone from the list", item({ place: "gone" }), { kind: "delete", id: ID, base: 1 }],
    ["gone from the trash", item({ place: "gone" }, TRASHED), { kind: "purge", id: ID, version: 1 }],
    [
      "gone after a lost first put",
      item({ place: "gone" }, { server: null, sent: [content()] }),
      { kind: "delete", id: ID },
    ],
    ["gone and never sent", item({ place: "gone" }, { server: null }), undefined],
  ];
  for (const [name, before, expected] of table) assert.deepEqual(nextOperation(before), expected, name);
});

test("operations: a put sends back fields that this client does not know", () => {
  const server = /** @type {Todo} */ ({ ...todo(), color: "red" });
  assert.deepEqual(nextOperation(item({ title: "new" }, { server })), {
    kind: "put",
    id: ID,
    base: 1,
    content: { ...content({ title: "new" }), color: "red" },
  });
});

test("confirmed: the edits that were sent disappear, and those made since then remain", () => {
  const sent = content({ title: "new", position: "7" });
  const put = /** @type {const} */ ({ kind: "put", id: ID, base: 1, content: sent });
  /** @type {[string, Edits, Edits][]} */
  const table = [
    ["nothing since", { title: "new", position: "7" }, {}],
    ["another title since", { title: "newer", position: "7" }, { title: "newer" }],
    ["back to the old title since", { title: "old", position: "7" }, { title: "old" }],
    ["another field since", { title: "new", position: "7", due: "2026-11-24" }, { due: "2026-11-24" }],
    ["a deletion that follows", { title: "new", position: "7", place: "trash" }, { place: "trash" }],
    ["gone since", { title: "new", position: "7", place: "gone" }, { place: "gone" }],
    ["restored", { title: "new", position: "7", place: "list" }, {}],
  ];
  for (const [name, edits, expected] of table) {
    const after = confirmed(item(edits, { sent: [sent] }), put, 9);
    assert.deepEqual(after?.edits, expected, name);
    assert.deepEqual([after?.server?.version, after?.server?.title, after?.server?.position], [9, "new", "7"]);
    assert.equal(after && "sent" in after, false);
  }
  const trashed = confirmed(item({ place: "trash" }, { removal: "trash" }), { kind: "delete", id: ID, base: 1 }, 9);
  assert(trashed);
  assert.deepEqual([trashed.edits, trashed.server?.version, shown(trashed)?.place], [{}, 9, "trash"]);
  const changed = confirmed(item({ title: "new", place: "trash" }), { kind: "delete", id: ID, base: 1 }, 9);
  assert.deepEqual(changed?.edits, { title: "new", place: "trash" }, "changed in the meantime, and still in the trash");
  const restored = confirmed(item({ place: "list" }, { removal: "trash" }), { kind: "delete", id: ID, base: 1 }, 9);
  assert.deepEqual([restored?.edits, shown(/** @type {Item} */ (restored))?.place], [{ place: "list" }, "list"]);
  assert.equal(confirmed(undefined, put, 9), undefined);
});

test("confirmed: a changed todo stays the one that was changed last, and a new one is unchanged", () => {
  const before = new Date().toISOString();
  const put = /** @type {const} */ ({ kind: "put", id: ID, base: 1, content: content({ title: "new" }) });
  const changed = confirmed(item({ title: "new" }), put, 9);
  assert(((changed && shown(changed)?.updated_at) ?? "") >= before);
  const same = confirmed(item({ title: "new" }, { server: todo({ title: "new" }), sent: [put.content] }), put, 1);
  assert.equal(same && shown(same)?.updated_at, null, "the put changed nothing, so no change follows");
  const created = confirmed(item({ title: "new" }, { server: null }), { ...put, base: 0 }, 9);
  assert.equal(created && shown(created)?.updated_at, null);
});

test("received: fields that only one changed are kept from both, and others are this device's", () => {
  /** @type {[string, Item | undefined, Partial<Todo>, Edits, (string | undefined)[]][]} */
  const table = [
    ["an unknown todo", undefined, {}, {}, []],
    ["no edits", item(), { title: "theirs" }, {}, []],
    ["another field", item({ title: "ours" }), { due: "2026-11-24" }, { title: "ours" }, []],
    ["the same field", item({ title: "ours" }), { title: "theirs" }, { title: "ours" }, ["title"]],
    ["the same value", item({ title: "both" }), { title: "both" }, {}, []],
    ["the same value with spaces", item({ title: "both " }), { title: "both" }, {}, []],
    ["tags", item({ tags: ["a"] }), { tags: ["b"] }, { tags: ["a"] }, ["tags"]],
    ["a position", item({ position: "7" }), { position: "8" }, { position: "7" }, []],
    [
      "deleted there",
      item({ title: "ours" }),
      { deleted_at: DELETED_AT },
      { title: "ours", place: "list" },
      [undefined],
    ],
    [
      "deleted and changed there",
      item({ title: "ours" }),
      { title: "theirs", deleted_at: DELETED_AT },
      { title: "ours", place: "list" },
      ["title", undefined],
    ],
    ["deleted there, moved here", item({ position: "7" }), { deleted_at: DELETED_AT }, {}, []],
    ["deleted here, changed there", item({ place: "trash" }), { title: "theirs" }, { place: "trash" }, []],
    ["deleted on both", item({ place: "trash" }), { deleted_at: DELETED_AT }, {}, []],
    [
      "deleted on both, changed here",
      item({ title: "ours", place: "trash" }),
      { deleted_at: DELETED_AT },
      { title: "ours", place: "trash" },
      [],
    ],
    ["restored here", item({ place: "list" }, TRASHED), { deleted_at: DELETED_AT }, { place: "list" }, []],
    ["restored on both", item({ place: "list" }, TRASHED), {}, {}, []],
    ["gone here", item({ place: "gone" }), { deleted_at: DELETED_AT }, { place: "gone" }, []],
    ["gone here, changed there", item({ place: "gone" }), { title: "theirs" }, { place: "trash" }, []],
    [
      "gone here, changed and deleted there",
      item({ place: "gone" }),
      { title: "theirs", deleted_at: DELETED_AT },
      {},
      [],
    ],
    ["gone here, restored there", item({ place: "gone" }, TRASHED), {}, {}, []],
    [
      "changed in the trash, restored there",
      item({ title: "ours", place: "trash" }, TRASHED),
      {},
      { title: "ours" },
      [],
    ],
  ];
  for (const [name, before, fields, edits, notices] of table) {
    const outcome = received(before, todo({ version: 2, ...fields }));
    assert.deepEqual(outcome.item?.edits, edits, name);
    assert.equal(outcome.item?.server?.version, 2, name);
    assert.deepEqual(outcome.notices.map(({ field }) => field), notices, name);
    for (const notice of outcome.notices) {
      assert.equal(notice.kind, notice.field ? "conflict" : "returned");
      if (notice.field) assert.deepEqual(notice.theirs, fields[notice.field], name);
      assert.equal(notice.title, before?.edits.title ?? "old");
    }
  }
});

test("received: a put without an answer that has arrived is neither sent again nor a conflict", () => {
  const sent = [content({ title: "first", due: "2026-11-24" }), content({ title: "second", due: "2026-11-24" })];
  const edits = { title: "second", due: "2026-11-24" };
  /** @type {[string, Partial<Todo>, Edits, unknown[]][]} */
  const table = [
    ["none has arrived", { priority: "low" }, edits, []],
    ["the first has arrived", { title: "first", due: "2026-11-24" }, { title: "second" }, []],
    ["both have arrived", { title: "second", due: "2026-11-24" }, {}, []],
    // The other device may have had the same due date, so this user's title is in a notice.
    ["theirs is newer", { title: "theirs", due: "2026-11-24" }, {}, ["second"]],
  ];
  for (const [name, fields, expected, theirs] of table) {
    const outcome = received(item(edits, { sent }), todo({ version: 2, ...fields }));
    assert.deepEqual(outcome.item?.edits, expected, name);
    assert.deepEqual(outcome.notices.map((notice) => notice.theirs), theirs, name);
    assert.equal("sent" in (outcome.item ?? {}), false, name);
  }
});

test("mismatched: a put that was refused has not arrived", () => {
  const sent = content({ title: "ours", completed: true });
  const put = /** @type {const} */ ({ kind: "put", id: ID, base: 1, content: sent });
  const current = todo({ version: 2, title: "theirs", completed: true });
  const outcome = mismatched(item({ title: "ours", completed: true }, { sent: [sent] }), put, current);
  assert.deepEqual(outcome.item?.edits, { title: "ours" });
  assert.deepEqual(outcome.notices.map((notice) => notice.theirs), ["theirs"]);
  assert.equal(mismatched(undefined, put, current).item?.server, current);
});

test("vanished: a todo that is gone is created again as it was, if this device changed it", () => {
  /** @type {[string, Item, boolean, number][]} */
  const table = [
    ["no edits", item(), false, 0],
    ["a move", item({ position: "7" }), false, 0],
    ["a title", item({ title: "new" }), true, 1],
    ["a restore", item({ place: "list" }, TRASHED), true, 1],
    ["a deletion", item({ place: "trash" }), false, 0],
    ["a title in the trash", item({ title: "new", place: "trash" }), true, 0],
    ["gone", item({ place: "gone" }), false, 0],
    ["gone by this device", item({ place: "gone" }, { removal: "gone" }), false, 0],
    ["gone by this device, and undone", item({ place: "trash" }, { removal: "gone" }), true, 0],
    ["never received", item({ title: "new" }, { server: null }), true, 0],
  ];
  for (const [name, before, isKept, notices] of table) {
    const outcome = vanished(before);
    assert.equal(outcome.item !== undefined, isKept, name);
    assert.equal(outcome.notices.length, notices, name);
    if (!outcome.item) continue;
    const operation = nextOperation(outcome.item);
    assert(operation?.kind === "put" && operation.base === 0, name);
    assert.equal(shown(outcome.item)?.place, before.edits.place ?? "list", name);
    const { position, created_at } = operation.content;
    if (before.server) assert.deepEqual([position, created_at], ["5", "2026-11-24T08:00:00Z"]);
  }
});

test("purged: a todo that is deleted for good disappears, or is created again where the user wants it", () => {
  assert.equal(purged(item({ place: "gone" })), undefined);
  /** @type {[Edits, string][]} */
  const table = [
    [{ place: "list" }, "list"],
    [{ place: "trash" }, "trash"],
    [{}, "trash"],
  ];
  for (const [edits, place] of table) {
    const again = purged(item(edits, TRASHED));
    assert(again && nextOperation(again)?.kind === "put");
    assert.deepEqual([shown(again)?.place, shown(again)?.title, shown(again)?.isSaved], [place, "old", false]);
  }
});

test("refused: the problem is of the edits that were sent", () => {
  const before = item({ title: " " }, { sent: [content({ title: " " })] });
  const operation = nextOperation(before);
  assert(operation);
  const after = refused(before, operation, "A title is needed.");
  assert.deepEqual([after.problem, nextOperation(after), "sent" in after], ["A title is needed.", undefined, false]);
  const corrected = refused(edited(before, ID, { title: "new" }) ?? before, operation, "A title is needed.");
  assert.deepEqual([corrected.problem, nextOperation(corrected)?.kind], [undefined, "put"]);
  assert.equal(received(after, todo({ version: 2 })).item?.problem, "A title is needed.");
  const other = item({ title: "a", due: "b" }, { problem: "no" });
  assert.equal(received(other, todo({ due: "b" })).item?.problem, undefined);
});

test("shown: the todo with the edits of this device, and nothing that is gone", () => {
  assert.equal(shown(item({ place: "gone" })), null);
  const { version: _, user_id: __, ...fields } = todo();
  assert.deepEqual(shown(item()), { ...fields, place: "list", isSaved: true });
  const changed = shown(item({ title: "new", completed: true }));
  assert.deepEqual([changed?.title, changed?.isSaved, changed?.place], ["new", false, "list"]);
  assert(changed?.completed_at && changed.updated_at);
  const created = shown({ id: ID, server: null, edits: { title: "new" } });
  assert(created?.created_at);
  assert.deepEqual([created.position, created.tags, created.deleted_at, created.completed_at], ["0", [], null, null]);
  assert(shown(item({ place: "trash" }))?.deleted_at);
  assert.equal(shown(item({}, TRASHED))?.deleted_at, DELETED_AT);
  assert.equal(shown(item({ place: "list" }, TRASHED))?.deleted_at, null);
  assert.equal(shown(item({ title: " " }, { problem: "no" }))?.problem, "no");
});

test("same: values are compared as the API stores them", () => {
  /** @type {[string, unknown, unknown, boolean][]} */
  const table = [
    ["title", "a", " a ", true],
    ["title", "a", "A", false],
    ["description", "a", "a ", false],
    ["description", null, "", false],
    ["description", undefined, null, false],
    ["tags", ["a"], [" a"], true],
    ["tags", ["a", "b"], ["b", "a"], false],
    ["tags", ["a"], ["a", "b"], false],
    ["completed", true, true, true],
    ["completed", true, 1, false],
    ["other", [1, 2], [1, 2], true],
  ];
  for (const [name, a, b, expected] of table) {
    assert.equal(same(name, a, b), expected, `${name} ${a} ${b}`);
    assert.equal(same(name, b, a), expected, `${name} ${b} ${a}`);
  }
});
