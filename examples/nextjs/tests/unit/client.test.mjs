// Test the client with an API in memory. `make test-clients` runs it against the real one. No server runs.

import assert from "node:assert/strict";
import { test } from "node:test";

import { SignedOut } from "../../sync/client.ts";
import { MemoryStore } from "../../sync/store.ts";
import { add, addMany, answer, clientOf, device, deviceWith, edit, FakeApi, noticesOf, synced, tokenOf } from "./fake-api.mjs";

/** @typedef {import("../../sync/store.ts").Change} Change */

const TIMEOUT = { timeout: 20_000 };

/** Return the state and the message of a client. @param {import("../../sync/client.ts").TodoClient} client */
function stateOf(client) {
  const { state, unsent, message } = client.getSnapshot().status;
  return [state, unsent, message];
}

/** A store that fails on command, as a device without storage does. */
class FailingStore extends MemoryStore {
  isFull = false;

  /** @param {string[]} ids @param {Change} change */
  async update(ids, change) {
    const isFull = this.isFull;
    await new Promise((resolve) => setImmediate(resolve));
    if (isFull) throw new DOMException("The device is full.", "QuotaExceededError");
    return super.update(ids, change);
  }
}

// --- Edits and answers that cross

test("a todo that is restored while its deletion is sent stays in the list", TIMEOUT, async (t) => {
  const { api, client, id } = await deviceWith(t, { title: "Milk" });
  await edit(client, id, { place: "trash" });
  api.once("/batch", (_, go) => {
    void edit(client, id, { place: "list" });
    return go();
  });
  await synced(client);
  assert.equal(client.get(id)?.place, "list");
  assert.equal(api.todos.get(id)?.deleted_at, null);
});

test("a todo that is restored after the answer to its deletion was lost stays in the list", TIMEOUT, async (t) => {
  const { api, client, id } = await deviceWith(t, { title: "Milk" });
  await edit(client, id, { place: "trash" });
  api.lose("/batch");
  await client.sync();
  assert.deepEqual(stateOf(client), ["offline", 1, undefined]);
  await edit(client, id, { place: "list" });
  await synced(client);
  assert.equal(client.get(id)?.place, "list");
  assert.equal(api.todos.get(id)?.deleted_at, null);
});

for (const [place, isLost] of /** @type {const} */ ([
  ["trash", true],
  ["list", true],
  ["trash", false],
  ["list", false],
])) {
  const name = isLost ? "without an answer" : "that was sent";
  test(`a deletion for good ${name} is undone to the ${place}`, TIMEOUT, async (t) => {
    const api = new FakeApi();
    const client = await device(t, api);
    const id = await add(client, { title: "Milk", description: "two litres" });
    await edit(client, id, { place: "trash" });
    await synced(client);
    const before = client.get(id);
    assert(before);
    await edit(client, id, { place: "gone" });
    if (isLost) api.lose(`/trash/${id}`);
    await client.sync();
    assert.equal(api.todos.has(id), false);
    // This is what lib/hooks/use-todos.ts does.
    const { id: _, isSaved: __, problem: ___, deleted_at: ____, updated_at: _____, ...all } = before;
    await edit(client, id, { ...all, place });
    await synced(client);
    assert.equal(client.get(id)?.place, place);
    assert.equal(api.todos.get(id)?.description, "two litres");
    assert.equal(api.todos.get(id)?.deleted_at !== null, place === "trash");
  });
}

test("a todo is deleted again after the answer to its restore was lost", TIMEOUT, async (t) => {
  for (const arrives of [true, false]) {
    const api = new FakeApi();
    const client = await device(t, api);
    const id = await add(client, { title: "Milk" });
    await edit(client, id, { place: "trash" });
    await synced(client);
    await edit(client, id, { place: "list" });
    api.once("/batch", (_, go) => {
      if (arrives) go();
      throw new TypeError("fetch failed");
    });
    await client.sync();
    await edit(client, id, { place: "trash" });
    await synced(client);
    assert(api.todos.get(id)?.deleted_at);
  }
});

test("a todo that was changed and deleted here, and deleted elsewhere, stays in the trash", TIMEOUT, async (t) => {
  const { api, client, id } = await deviceWith(t, { title: "Milk" });
  await edit(client, id, { title: "Bread" });
  await edit(client, id, { place: "trash" });
  api.put(id, { deleted_at: "2026-01-03T00:00:00Z" });
  await synced(client);
  assert.equal(client.get(id)?.place, "trash");
  assert.equal(api.todos.get(id)?.title, "Bread");
  assert(api.todos.get(id)?.deleted_at);
});

test("a todo in the trash that is changed stays there", TIMEOUT, async (t) => {
  const api = new FakeApi();
  const client = await device(t, api);
  const id = await add(client, { title: "Milk" });
  await edit(client, id, { place: "trash" });
  await synced(client);
  await edit(client, id, { title: "Bread" });
  assert.equal(client.get(id)?.place, "trash");
  await synced(client);
  assert.equal(client.get(id)?.place, "trash");
  assert.equal(api.todos.get(id)?.title, "Bread");
  assert(api.todos.get(id)?.deleted_at);
});

test("a restored todo that was deleted for good elsewhere comes back with a notice", TIMEOUT, async (t) => {
  const api = new FakeApi();
  const client = await device(t, api);
  const id = await add(client, { title: "Milk" });
  await edit(client, id, { place: "trash" });
  await synced(client);
  await edit(client, id, { place: "list" });
  api.purge(id);
  await synced(client);
  assert.equal(api.todos.get(id)?.title, "Milk");
  assert.equal(api.todos.get(id)?.deleted_at, null);
  assert.deepEqual(noticesOf(client), [{ id, kind: "returned", title: "Milk" }]);
});

test("what is typed into a todo that another device has just deleted for good is kept, as a whole todo", TIMEOUT, async (t) => {
  const { api, client, id } = await deviceWith(t, { title: "Milk", tags: ["shop"] });
  api.purge(id);
  await synced(client);
  assert.equal(client.get(id), undefined);
  await edit(client, id, { place: "trash" });
  assert.equal(client.get(id), undefined, "a deletion does not bring it back");
  await edit(client, id, { description: "two litres" });
  await synced(client);
  const { title, tags, description } = api.todos.get(id) ?? {};
  assert.deepEqual([title, tags, description], ["Milk", ["shop"], "two litres"]);
  assert.deepEqual(noticesOf(client), [{ id, kind: "returned", title: "Milk" }]);
});

test("a put that was refused with 412 is not taken for one that has arrived", TIMEOUT, async (t) => {
  const { api, client, id } = await deviceWith(t, { title: "Milk" });
  await edit(client, id, { title: "ours", completed: true });
  api.once("/batch", (_, go) => {
    api.put(id, { title: "theirs", completed: true });
    return go();
  });
  await synced(client);
  assert.equal(api.todos.get(id)?.title, "ours");
  assert.deepEqual(noticesOf(client), [{ id, kind: "conflict", title: "ours", field: "title", theirs: "theirs" }]);
});

test("a text that may have been replaced after a lost answer is in a notice", TIMEOUT, async (t) => {
  const { api, client, id } = await deviceWith(t, { title: "Milk" });
  await edit(client, id, { title: "ours", completed: true });
  // The put has not arrived. Another device changes the same fields, and completes the todo as well.
  api.once("/batch", () => {
    api.put(id, { title: "theirs", completed: true });
    throw new TypeError("fetch failed");
  });
  await client.sync();
  await synced(client);
  const texts = [api.todos.get(id)?.title, ...client.getSnapshot().notices.map((notice) => notice.theirs)];
  assert.deepEqual(texts.sort(), ["ours", "theirs"]);
});

test("a new todo whose second put never arrived keeps the edits of the second put", TIMEOUT, async (t) => {
  const api = new FakeApi();
  const client = await device(t, api);
  const id = await add(client, { title: "first" });
  api.lose("/batch");
  await client.sync();
  await edit(client, id, { title: "second" });
  api.once("/changes", () => answer(200, { todos: [], gone: [], next: "0", more: false }));
  api.once("/batch", () => {
    throw new TypeError("fetch failed");
  });
  await client.sync();
  api.put(id, { title: "theirs" });
  await synced(client);
  assert.equal(api.todos.get(id)?.title, "second");
  assert.equal(noticesOf(client)[0]?.theirs, "theirs");
});

test("spaces around a title and tags, which the API removes, are no conflict", TIMEOUT, async (t) => {
  const api = new FakeApi();
  const client = await device(t, api);
  const id = await add(client, { title: "Milk " });
  await edit(client, id, { tags: [" shop"] });
  api.lose("/batch");
  await client.sync();
  await synced(client);
  assert.deepEqual(noticesOf(client), []);
  assert.equal(api.batches().length, 1);
  await edit(client, id, { title: " Bread ", description: " two " });
  api.lose("/batch");
  await client.sync();
  await synced(client);
  assert.deepEqual(noticesOf(client), []);
  assert.equal(api.batches().length, 2);
  assert.deepEqual([api.todos.get(id)?.title, api.todos.get(id)?.description], ["Bread", " two "]);
});

test("an edit that corrects a refused one while it is sent is sent next", TIMEOUT, async (t) => {
  const api = new FakeApi();
  const client = await device(t, api);
  const id = await add(client, { title: " " });
  api.once("/batch", (_, go) => {
    void edit(client, id, { title: "Milk" });
    return go();
  });
  await synced(client);
  assert.equal(api.todos.get(id)?.title, "Milk");
  assert.equal(client.get(id)?.problem, undefined);
});

test("an edit during a batch is sent with the next one, and no edit is sent twice", TIMEOUT, async (t) => {
  const api = new FakeApi();
  const client = await device(t, api);
  const id = await add(client, { title: "first" });
  api.once("/batch", (_, go) => {
    void edit(client, id, { title: "second", completed: true });
    return go();
  });
  await synced(client);
  const titles = api.batches().map(({ put }) => put.map((/** @type {any} */ item) => [item.title, item.base]));
  assert.deepEqual(titles, [[["first", 0]], [["second", 1]]]);
  assert.equal(api.todos.get(id)?.completed, true);
});

test("a todo that is deleted for good here and was changed elsewhere stays in the trash", TIMEOUT, async (t) => {
  for (const when of ["before", "during"]) {
    const api = new FakeApi();
    const client = await device(t, api);
    const id = await add(client, { title: "Milk" });
    await synced(client);
    await edit(client, id, { place: "gone" });
    if (when === "before") api.put(id, { description: "theirs" });
    else api.once("/batch", () => void api.put(id, { description: "theirs" }));
    await synced(client);
    assert.deepEqual([client.get(id)?.place, client.get(id)?.description], ["trash", "theirs"], when);
    assert.equal(api.todos.get(id)?.description, "theirs");
    await edit(client, id, { place: "gone" });
    api.once(`/trash/${id}`, () => {
      api.put(id, { title: "theirs", deleted_at: null });
      api.put(id, { deleted_at: "2026-01-03T00:00:00Z" });
    });
    await client.sync();
    await synced(client);
    assert.deepEqual([client.get(id)?.place, client.get(id)?.title], ["trash", "theirs"], when);
    await edit(client, id, { place: "gone" });
    await synced(client);
    assert.deepEqual([api.todos.size, client.get(id)], [0, undefined]);
  }
});

// --- Storage

test("edits of the same todo before and after a full storage are both kept", TIMEOUT, async (t) => {
  const api = new FakeApi();
  const store = new FailingStore();
  t.mock.method(console, "warn", () => {});
  const client = await device(t, api, { store });
  const id = await add(client, { title: "Milk" });
  store.isFull = true;
  await edit(client, id, { title: "Bread" });
  assert.equal(client.getSnapshot().status.isStored, false);
  assert.equal(store.stored.items.get(id)?.edits.title, "Milk");
  store.isFull = false;
  await edit(client, id, { description: "two" });
  assert.equal(client.getSnapshot().status.isStored, true);
  assert.deepEqual([client.get(id)?.title, client.get(id)?.description], ["Bread", "two"]);
  const { title, description } = store.stored.items.get(id)?.edits ?? {};
  assert.deepEqual([title, description], ["Bread", "two"]);
});

test("edits of the same todo of which the first write fails late are both kept", TIMEOUT, async (t) => {
  const api = new FakeApi();
  const store = new FailingStore();
  t.mock.method(console, "warn", () => {});
  const client = await device(t, api, { store });
  const id = await add(client, { title: "Milk" });
  store.isFull = true;
  const first = edit(client, id, { title: "Bread" });
  store.isFull = false;
  const second = edit(client, id, { description: "two" });
  await Promise.all([first, second]);
  assert.deepEqual([client.get(id)?.title, client.get(id)?.description], ["Bread", "two"]);
  const { title, description } = store.stored.items.get(id)?.edits ?? {};
  assert.deepEqual([title, description], ["Bread", "two"]);
});

test("no token for changes is stored without the changes before it, nor without their notices", TIMEOUT, async (t) => {
  const api = new FakeApi();
  const store = new FailingStore();
  t.mock.method(console, "warn", () => {});
  const client = await device(t, api, { store });
  const ids = [await add(client, { title: "a" }), await add(client, { title: "b" }), await add(client, { title: "c" })];
  await synced(client);
  for (const id of ids) await edit(client, id, { title: "ours" });
  for (const id of ids) api.put(id, { title: "theirs" });
  api.pageSize = 1;
  const before = store.stored.meta.next;
  let pages = 0;
  api.faults.push(({ path }) => {
    if (path === "/changes") store.isFull = ++pages === 2;
    if (path === "/batch") throw new TypeError("fetch failed");
  });
  // The store is full while the first page is stored.
  api.once("/changes", (_, go) => {
    const page = go();
    store.isFull = true;
    return page;
  });
  await client.sync();
  assert.notEqual(store.stored.meta.next, before);
  for (const id of ids) assert.equal(store.stored.items.get(id)?.server?.title, "theirs", id);
  assert.equal(store.stored.meta.notices.length, 3);
  assert.equal(noticesOf(client).length, 3);
});

test("a store that cannot be read or written keeps the todos in memory and syncs them", TIMEOUT, async (t) => {
  const api = new FakeApi();
  const store = new FailingStore();
  store.isFull = true;
  t.mock.method(store, "load", async () => Promise.reject(new Error("no storage")));
  t.mock.method(store, "read", async () => Promise.reject(new Error("no storage")));
  const warn = t.mock.method(console, "warn", () => {});
  const client = await device(t, api, { store });
  const id = await add(client, { title: "Milk" });
  await client.refresh([id]);
  await synced(client);
  assert.equal(api.todos.get(id)?.title, "Milk");
  assert.equal(client.getSnapshot().status.isStored, false);
  assert.equal(warn.mock.callCount(), 1);
});

// --- The list of the server

test("an edit of a todo that only the server's list has keeps its fields and is no conflict", TIMEOUT, async (t) => {
  const api = new FakeApi();
  const todo = api.put("11111111-1111-4111-8111-111111111111", { title: "Milk" });
  t.mock.method(globalThis, "fetch", api.fetch);
  const store = new MemoryStore();
  const client = clientOf({ store });
  client.seed([todo]);
  await client.start();
  await edit(client, todo.id, { completed: true });
  assert.equal(client.get(todo.id)?.title, "Milk");
  const again = clientOf({ store });
  await again.start();
  assert.equal(again.get(todo.id)?.title, "Milk", "after a reload without a network");
  await synced(again);
  assert.deepEqual(noticesOf(again), []);
  assert.equal(api.todos.get(todo.id)?.completed, true);
});

test("an edit before the start is kept", TIMEOUT, async (t) => {
  const api = new FakeApi();
  const todo = api.put("11111111-1111-4111-8111-111111111111", { title: "Milk" });
  const store = new MemoryStore();
  const first = await device(t, api, { store });
  await synced(first);
  await edit(first, todo.id, { description: "two" });
  const client = clientOf({ store });
  client.seed([todo]);
  const stored = edit(client, todo.id, { completed: true });
  const created = add(client, { title: "Bread" });
  await client.start();
  await stored;
  const { title, description, completed } = client.get(todo.id) ?? {};
  assert.deepEqual([title, description, completed], ["Milk", "two", true]);
  assert.equal(client.get(await created)?.title, "Bread");
});

test("the newer one of the server's list and the stored state is shown", TIMEOUT, async (t) => {
  const api = new FakeApi();
  const [older, newer, edited, purged] = ["1", "2", "3", "4"].map((digit) =>
    api.put(`${digit}1111111-1111-4111-8111-111111111111`, { title: "old" }),
  );
  assert(older && newer && edited && purged);
  const store = new MemoryStore();
  const first = await device(t, api, { store });
  await synced(first);
  const stale = [older, purged];
  api.put(older.id, { title: "new" });
  api.purge(purged.id);
  await synced(first);
  await edit(first, edited.id, { title: "ours" });
  const lists = [api.put(newer.id, { title: "new" }), api.put(edited.id, { title: "theirs" })];
  const created = api.put("51111111-1111-4111-8111-111111111111", { title: "created" });

  const client = clientOf({ store });
  client.seed([...stale, ...lists, created]);
  await client.start();
  assert.equal(client.get(older.id)?.title, "new", "the list is older than the stored state");
  assert.equal(client.get(newer.id)?.title, "new", "the list is newer");
  assert.equal(client.get(edited.id)?.title, "ours", "an edit of this device");
  assert.equal(client.get(created.id)?.title, "created");
  assert.equal(client.get(purged.id), undefined, "the list is from before it was deleted for good");
  await synced(client);
  assert.equal(api.todos.get(edited.id)?.title, "ours");
  assert.deepEqual(noticesOf(client).map(({ theirs }) => theirs), ["theirs"]);
  const shown = client.getSnapshot().all.map(({ id, title }) => [id, title]);
  assert.deepEqual(shown.sort(), [...api.todos.values()].map(({ id, title }) => [id, title]).sort());
});

test("a todo of the server's list that is gone before the first sync disappears", TIMEOUT, async (t) => {
  const api = new FakeApi();
  const todo = api.put("11111111-1111-4111-8111-111111111111", { title: "Milk" });
  t.mock.method(globalThis, "fetch", api.fetch);
  const store = new MemoryStore();
  const client = clientOf({ store });
  client.seed([todo]);
  await client.start();
  api.purge(todo.id);
  await synced(client);
  assert.deepEqual(client.getSnapshot().all, []);
  assert.equal(store.stored.items.size, 0);
});

// --- Objects

test("a todo that did not change keeps its object, and so does the list", TIMEOUT, async (t) => {
  const api = new FakeApi();
  const client = await device(t, api);
  const [changed, kept] = [await add(client, { title: "a" }), await add(client, { title: "b" })];
  await synced(client);
  const before = client.getSnapshot();
  assert.equal(client.getSnapshot(), before);
  await synced(client);
  assert.equal(client.getSnapshot().all, before.all, "a sync without changes");
  await edit(client, changed, { title: "c" });
  const after = client.getSnapshot();
  assert.notEqual(after.all, before.all);
  assert.equal(after.all.find(({ id }) => id === kept), before.all.find(({ id }) => id === kept));
  assert.notEqual(after.all.find(({ id }) => id === changed), before.all.find(({ id }) => id === changed));
  await synced(client);
  assert.equal(client.getSnapshot().all.find(({ id }) => id === kept), before.all.find(({ id }) => id === kept));
});

test("a listener is called after each change until it is removed", TIMEOUT, async (t) => {
  const client = await device(t, new FakeApi());
  let calls = 0;
  const remove = client.subscribe(() => (calls += 1));
  await add(client, { title: "a" });
  assert(calls > 0);
  remove();
  calls = 0;
  await add(client, { title: "b" });
  assert.equal(calls, 0);
});

// --- Sessions

test("after 401 twice the user is signed out, and the edits stay", TIMEOUT, async (t) => {
  const api = new FakeApi();
  /** @type {(string | undefined)[]} */
  const refused = [];
  const getToken = async (/** @type {string | undefined} */ token) => {
    refused.push(token);
    return tokenOf("ada");
  };
  const client = await device(t, api, { getToken });
  await add(client, { title: "Milk" });
  api.faults.push(() => answer(401, { detail: "The token has expired." }));
  await client.sync();
  assert.deepEqual(stateOf(client), ["signed-out", 1, undefined]);
  assert.deepEqual(refused, [undefined, tokenOf("ada")]);
  assert.equal(api.requests.length, 2);
  api.faults.pop();
  await synced(client);
  assert.equal(api.todos.size, 1);
});

test("a refused token is replaced once", TIMEOUT, async (t) => {
  const api = new FakeApi();
  const client = await device(t, api);
  await add(client, { title: "Milk" });
  api.once("/batch", () => answer(401, { detail: "The token has expired." }));
  await synced(client);
  assert.equal(api.todos.size, 1);
});

test("a session that is over keeps the edits", TIMEOUT, async (t) => {
  const api = new FakeApi();
  const client = await device(t, api, { getToken: async () => Promise.reject(new SignedOut()) });
  await add(client, { title: "Milk" });
  await client.sync();
  assert.deepEqual([stateOf(client), api.requests], [["signed-out", 1, undefined], []]);
});

test("nothing is sent with the token of another user, also when it changes in the middle", TIMEOUT, async (t) => {
  const api = new FakeApi();
  let user = "grace";
  const client = await device(t, api, { getToken: async () => tokenOf(user) });
  await add(client, { title: "Milk" });
  await client.sync();
  assert.deepEqual([stateOf(client), api.requests], [["other-user", 1, undefined], []]);
  user = "ada";
  api.once("/changes", (_, go) => {
    user = "grace";
    return go();
  });
  await client.sync();
  assert.deepEqual([stateOf(client), api.batches()], [["other-user", 1, undefined], []]);
  api.once("/changes", () => answer(401, {}));
  user = "ada";
  const sent = client.sync();
  user = "grace";
  await sent;
  assert.deepEqual([stateOf(client), api.batches()], [["other-user", 1, undefined], []]);
  for (const token of ["", "x", "a.b.c", "a.!.c"]) {
    const other = await device(t, api, { getToken: async () => token });
    await other.sync();
    assert.equal(stateOf(other)[0], "other-user", token);
  }
});

// --- Answers other than 200

for (const status of [429, 503, 502, 504]) {
  for (const path of ["/changes", "/batch"]) {
    test(`a ${status} of ${path} is waited for, and is not asked again for each todo`, TIMEOUT, async (t) => {
      const api = new FakeApi();
      const client = await device(t, api);
      for (let count = 0; count < 20; count++) await add(client, { title: "Milk" });
      /** @type {import("./fake-api.mjs").Fault} */
      const busy = (request) =>
        request.path === path ? answer(status, { detail: "Busy." }, { "Retry-After": "17" }) : undefined;
      api.faults.push(busy);
      await client.sync();
      assert.deepEqual(stateOf(client), ["waiting", 20, "Busy."]);
      assert.equal(client.retryAfter, 17);
      assert.equal(api.requests.filter((request) => request.path === path).length, 1);
      api.faults.pop();
      await synced(client);
      assert.deepEqual([client.retryAfter, api.todos.size], [0, 20]);
    });
  }
}

for (const [status, body] of /** @type {const} */ ([
  [500, { detail: "A bug." }],
  [422, { detail: "The request is not valid." }],
  [422, {}],
  [413, { detail: "Too large." }],
  [403, { detail: "A firewall." }],
])) {
  test(`a batch that is ${status} ${JSON.stringify(body)} for one todo sends all others`, TIMEOUT, async (t) => {
    const api = new FakeApi();
    const client = await device(t, api);
    for (let count = 0; count < 30; count++) await add(client, { title: count === 17 ? "poison" : `todo ${count}` });
    /** @type {import("./fake-api.mjs").Fault} */
    const poisoned = ({ path, body: sent }) =>
      path === "/batch" && sent.put.some((/** @type {any} */ item) => item.title === "poison")
        ? answer(status, body)
        : undefined;
    api.faults.push(poisoned);
    await client.sync();
    const isProblem = status === 422 || status === 413;
    assert.equal(api.todos.size, 29);
    assert.deepEqual(stateOf(client).slice(0, 2), [isProblem ? "idle" : "failed", 1]);
    const [left] = client.unsent();
    const problem = client.get(/** @type {string} */ (left))?.problem;
    assert.equal(typeof problem, isProblem ? "string" : "undefined");
    assert(api.requests.length < 20, `${api.requests.length} requests`);
    const before = api.batches().length;
    await client.sync();
    assert.equal(api.batches().length - before, isProblem ? 0 : 1);
    api.faults.pop();
    await edit(client, /** @type {string} */ (left), { title: "corrected" });
    await synced(client);
    assert.equal(api.todos.size, 30);
  });
}

test("an API that is 500 for every batch is not asked for each todo", TIMEOUT, async (t) => {
  const api = new FakeApi();
  const client = await device(t, api);
  await addMany(client, 2000, { title: "x" });
  api.faults.push(({ path }) => (path === "/batch" ? answer(500, { detail: "A bug." }) : undefined));
  await client.sync();
  assert.deepEqual(stateOf(client), ["waiting", 2000, "A bug."]);
  assert(api.requests.length < 100, `${api.requests.length} requests`);
  api.faults.pop();
  await synced(client);
  assert.equal(api.todos.size, 2000);
});

for (const path of ["/changes", "/batch"]) {
  test(`a 500 of a proxy to ${path} is no answer of the API`, TIMEOUT, async (t) => {
    const api = new FakeApi();
    const client = await device(t, api);
    await addMany(client, 30, { title: "x" });
    const refused = () => new Response("Internal Server Error", { status: 500, headers: { "Content-Type": "text/plain" } });
    for (const fault of [refused, () => new Response(null, { status: 500 })]) {
      api.requests = [];
      api.once(path, fault);
      await client.sync();
      assert.deepEqual(stateOf(client), ["offline", 30, undefined]);
      assert.equal(api.requests.filter((request) => request.path === path).length, 1);
    }
    await synced(client);
    assert.equal(api.todos.size, 30);
  });
}

test("25 todos that the API cannot store do not delay the others", TIMEOUT, async (t) => {
  const api = new FakeApi();
  const client = await device(t, api);
  for (let count = 0; count < 100; count++) await add(client, { title: count % 4 === 0 ? "poison" : "todo" });
  api.faults.push(({ path, body }) => {
    const isPoisoned = path === "/batch" && body.put.some((/** @type {any} */ item) => item.title === "poison");
    return isPoisoned ? answer(500, { detail: "A bug." }) : undefined;
  });
  await client.sync();
  assert.equal(api.todos.size, 75);
  assert.deepEqual(stateOf(client).slice(0, 2), ["failed", 25]);
});

test("a change that is returned late does not replace a newer one", TIMEOUT, async (t) => {
  const { api, client, id } = await deviceWith(t, { title: "first" });
  const older = { ...api.todos.get(id) };
  api.put(id, { title: "second" });
  await synced(client);
  api.once("/changes", () => answer(200, { todos: [older], gone: [], next: String(api.version), more: false }));
  await synced(client);
  assert.equal(client.get(id)?.title, "second");
});

test("a 410 without a token does not begin anew without end", TIMEOUT, async (t) => {
  const api = new FakeApi();
  const client = await device(t, api);
  await add(client, { title: "Milk" });
  let count = 0;
  api.faults.push(({ path }) => {
    assert(++count < 50, "too many requests");
    return path === "/changes" ? answer(410, { detail: "Expired." }) : undefined;
  });
  await client.sync();
  assert.deepEqual(stateOf(client), ["waiting", 1, "Expired."]);
});

for (const [name, fault] of /** @type {[string, () => Response][]} */ ([
  ["the page of a captive portal", () => new Response("<html>", { status: 200 })],
  ["JSON of something else", () => answer(200, { hello: "world" })],
])) {
  test(`${name} loses nothing`, TIMEOUT, async (t) => {
    const api = new FakeApi();
    const client = await device(t, api);
    const id = await add(client, { title: "Milk" });
    for (const path of ["/changes", "/batch"]) {
      api.once(path, fault);
      await client.sync();
      assert(["failed", "offline"].includes(String(stateOf(client)[0])), String(stateOf(client)));
      assert.equal(client.get(id)?.title, "Milk");
    }
    await synced(client);
    assert.equal(api.todos.get(id)?.title, "Milk");
  });
}

// --- Many edits

test("5,000 edits are batches of at most 500 todos and 900 kB", TIMEOUT, async (t) => {
  const api = new FakeApi();
  const client = await device(t, api);
  const description = "💡".repeat(500);
  await addMany(client, 5000, { title: "x", description });
  let largest = 0;
  api.faults.push(({ path, body }) => {
    if (path !== "/batch") return;
    largest = Math.max(largest, Buffer.byteLength(JSON.stringify(body)));
    assert(body.put.length + body.delete.length <= 500);
  });
  await synced(client);
  assert.equal(api.todos.size, 5000);
  assert(largest <= 900_100, `${largest} bytes`);
  assert(largest > 800_000, `${largest} bytes`);
  assert.equal(api.batches().length, 12);
});

test("a todo that no batch can contain stays here, and all others are sent", TIMEOUT, async (t) => {
  const api = new FakeApi();
  const client = await device(t, api);
  const large = await add(client, { title: "large", description: "x".repeat(1_500_000) });
  const small = await add(client, { title: "small" });
  api.faults.push(({ path, body }) => {
    assert(!path.startsWith("/trash"), "nothing is deleted for good");
    if (path === "/batch" && JSON.stringify(body).length > 1024 * 1024) throw new TypeError("the connection broke");
  });
  await client.sync();
  assert.equal(client.get(large)?.description?.length, 1_500_000);
  assert.equal(client.get(large)?.place, "list");
  assert.match(client.get(large)?.problem ?? "", /too large/);
  assert.equal(client.get(small)?.isSaved, true);
  await edit(client, large, { description: "short" });
  await synced(client);
  assert.equal(api.todos.get(large)?.description, "short");
});

test("an emptied trash of 30 is one request, unless another device has put something there", TIMEOUT, async (t) => {
  for (const isOther of [false, true]) {
    const api = new FakeApi();
    const client = await device(t, api);
    const ids = await addMany(client, 30, { title: "x", place: "trash" });
    await synced(client);
    const deletedAt = isOther ? "2026-01-03T00:00:00Z" : null;
    const other = api.put(crypto.randomUUID(), { title: "theirs", deleted_at: deletedAt });
    await client.edit(new Map(ids.map((id) => [id, /** @type {const} */ ({ place: "gone" })])));
    assert.equal(client.getSnapshot().all.length, 0);
    await synced(client);
    const purges = api.requests.filter(({ method, path }) => method === "DELETE" && path.startsWith("/trash"));
    assert.equal(purges.length, isOther ? 30 : 1);
    assert.deepEqual([...api.todos.keys()], [other.id]);
  }
});

// --- Two tabs

/**
 * Return two clients that share a store, as two tabs do.
 *
 * @param {import("node:test").TestContext} t
 * @param {FakeApi} api
 */
async function tabs(t, api) {
  const store = new MemoryStore();
  /** @type {Promise<void>} */
  let last = Promise.resolve();
  const lock = (/** @type {() => Promise<void>} */ run) => (last = last.then(run));
  const first = await device(t, api, { store, lock });
  const second = await device(t, api, { store, lock });
  first.options.onStored = (ids) => void second.refresh(ids);
  second.options.onStored = (ids) => void first.refresh(ids);
  return /** @type {const} */ ([first, second]);
}

/** Wait until nothing is left to do. */
const settled = () => new Promise((resolve) => setTimeout(resolve, 20));

test("two tabs show the same, and only one of them sends", TIMEOUT, async (t) => {
  const api = new FakeApi();
  const [first, second] = await tabs(t, api);
  const id = await add(first, { title: "Milk" });
  await settled();
  assert.equal(second.get(id)?.title, "Milk");
  await Promise.all([edit(first, id, { title: "Bread" }), edit(second, id, { description: "two" })]);
  await settled();
  await Promise.all([synced(first), synced(second)]);
  await settled();
  for (const client of [first, second]) {
    assert.deepEqual([client.get(id)?.title, client.get(id)?.description], ["Bread", "two"]);
    assert.deepEqual(stateOf(client), ["idle", 0, undefined]);
    assert.deepEqual(noticesOf(client), []);
  }
  assert.equal(api.batches().length, 1);
});

test("a tab does not send what another one has sent while it was waiting", TIMEOUT, async (t) => {
  const api = new FakeApi();
  const [first, second] = await tabs(t, api);
  const ids = [await add(first, { title: "a" }), await add(first, { title: "b" })];
  await settled();
  assert.equal(second.unsent().length, 2);
  first.options.onStored = () => {}; // the messages to the other tab are late
  await synced(first);
  await edit(first, ids[0] ?? "", { title: "c" });
  await synced(first);
  await synced(second);
  assert.equal(api.batches().length, 2);
  assert.equal(second.get(ids[0] ?? "")?.title, "c");
  assert.deepEqual(noticesOf(second), []);
});

test("a tab does not send what was undone in another one in the meantime", TIMEOUT, async (t) => {
  const api = new FakeApi();
  const [first, second] = await tabs(t, api);
  const id = await add(first, { title: "Milk" });
  await synced(first);
  await edit(first, id, { title: "Bread" });
  await settled();
  first.options.onStored = () => {}; // the messages to the other tab are late
  await edit(first, id, { title: "Milk" });
  await synced(second);
  assert.equal(api.batches().length, 1);
  assert.equal(second.get(id)?.title, "Milk");
});

test("a notice that one tab dismisses disappears in the other one", TIMEOUT, async (t) => {
  const api = new FakeApi();
  const [first, second] = await tabs(t, api);
  const id = await add(first, { title: "Milk" });
  await synced(first);
  await edit(first, id, { title: "ours" });
  api.put(id, { title: "theirs" });
  await synced(first);
  await settled();
  const [notice] = second.getSnapshot().notices;
  assert.equal(notice?.theirs, "theirs");
  await second.dismiss(notice.key);
  await settled();
  assert.deepEqual(first.getSnapshot().notices, []);
});

// --- Polling

test("a poll without changes is one request, and one that fails in the middle is repeated", TIMEOUT, async (t) => {
  const api = new FakeApi();
  const client = await device(t, api);
  await add(client, { title: "Milk" });
  await synced(client);
  await client.sync({ onlyIfChanged: true });
  const before = api.requests.length;
  await client.sync({ onlyIfChanged: true });
  assert.deepEqual(api.requests.slice(before).map(({ path }) => path), ["/todos"]);
  const other = api.put(crypto.randomUUID(), { title: "theirs" });
  api.lose("/changes");
  await client.sync({ onlyIfChanged: true });
  assert.deepEqual(stateOf(client), ["offline", 0, undefined]);
  await client.sync({ onlyIfChanged: true });
  assert.equal(client.get(other.id)?.title, "theirs");
});

test("a lock that cannot be acquired is tried once more for all who asked meanwhile", TIMEOUT, async () => {
  let tries = 0;
  const client = clientOf({
    lock: async () => {
      if (++tries < 50) throw new Error("no lock");
    },
  });
  const first = client.sync();
  void client.sync({ onlyIfChanged: true });
  await assert.rejects(first, /no lock/);
  assert.equal(tries, 2);
});

test("what another device does during a sync is received if somebody asks", TIMEOUT, async (t) => {
  const { api, client } = await deviceWith(t, { title: "Milk" });
  const other = crypto.randomUUID();
  api.once("/changes", (_, go) => {
    const answered = go();
    api.put(other, { title: "theirs" });
    void client.sync({ onlyIfChanged: true }); // as a return to the tab does
    return answered;
  });
  await client.sync();
  assert.equal(client.get(other)?.title, "theirs");
});

// --- Answers that would be asked for without end

const EMPTY_PAGE = { todos: [], gone: [], next: "1", more: true };

for (const [name, fault] of /** @type {[string, import("./fake-api.mjs").Fault][]} */ ([
  ["pages of changes without end", ({ path }) => (path === "/changes" ? answer(200, EMPTY_PAGE) : undefined)],
  [
    "a 410 for each token",
    ({ path, query }) => {
      if (path !== "/changes") return undefined;
      return query.has("since") ? answer(410, { detail: "Expired." }) : answer(200, EMPTY_PAGE);
    },
  ],
  ["no result for a todo", ({ path }) => (path === "/batch" ? answer(200, { results: [] }) : undefined)],
  [
    "the result of another todo",
    ({ path }) => (path === "/batch" ? answer(200, { results: [{ id: "?", status: 200, version: 1 }] }) : undefined),
  ],
])) {
  test(`${name} ends the sync, and loses nothing`, TIMEOUT, async (t) => {
    const api = new FakeApi();
    const client = await device(t, api);
    await add(client, { title: "Milk" });
    api.faults.push((request, go) => {
      assert(api.requests.length < 50, "too many requests");
      return fault(request, go);
    });
    await client.sync();
    assert(["waiting", "failed"].includes(String(stateOf(client)[0])), String(stateOf(client)));
    assert.equal(stateOf(client)[1], 1);
    api.faults.pop();
    await synced(client);
    assert.equal(api.todos.size, 1);
  });
}

test("a todo that is 412 without end waits for the next sync", TIMEOUT, async (t) => {
  const { api, client, id } = await deviceWith(t, { title: "Milk" });
  await edit(client, id, { title: "Oat milk" });
  api.faults.push(({ path }) => {
    assert(api.requests.length < 100, "too many requests");
    if (path !== "/batch") return undefined;
    const current = api.put(id, { description: `note ${api.version}` });
    return answer(200, { results: [{ id, status: 412, version: current.version, current }] });
  });
  await client.sync();
  assert.deepEqual(stateOf(client).slice(0, 2), ["failed", 1]);
  api.faults.pop();
  await synced(client);
  assert.equal(api.todos.get(id)?.title, "Oat milk");
});

test("a Retry-After that is longer than a timer can be is an hour", TIMEOUT, async (t) => {
  const api = new FakeApi();
  const client = await device(t, api);
  for (const seconds of ["1000000000", "Infinity"]) {
    api.once("/changes", () => answer(429, {}, { "Retry-After": seconds }));
    await client.sync();
    assert.equal(client.retryAfter, 3600);
  }
});

for (const wrong of [{ tags: null }, { title: null }, { tags: [1] }, { due: 5 }, { version: "1" }]) {
  test(`a todo with ${JSON.stringify(wrong)} is not stored, because it cannot be shown`, TIMEOUT, async (t) => {
    const api = new FakeApi();
    const client = await device(t, api);
    api.once("/changes", () => {
      const todo = { ...new FakeApi().put("bad", { title: "Milk" }), ...wrong };
      return answer(200, { todos: [todo], gone: [], next: "9", more: false });
    });
    await client.sync();
    assert.deepEqual(stateOf(client), ["failed", 0, "The answer was not one of the API."]);
    assert.deepEqual(client.getSnapshot().all, []);
    await synced(client);
  });
}
