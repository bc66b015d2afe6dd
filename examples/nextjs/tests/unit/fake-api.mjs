// The parts of the API that the sync client uses, in memory, and devices that use it.

import { randomUUID } from "node:crypto";

import { TodoClient } from "../../sync/client.ts";
import { MemoryStore } from "../../sync/store.ts";

/** @typedef {import("../../sync/types.ts").Todo} Todo */
/** @typedef {import("../../sync/types.ts").Edits} Edits */
/** @typedef {{ method: string, path: string, query: URLSearchParams, body: any, headers: Headers }} Request */
/** @typedef {(request: Request, go: () => Response) => Response | Promise<Response> | undefined | void} Fault */

const BLANK = { title: "", description: null, completed: false, due: null, priority: "none", tags: [] };

const ACCEPTED = [...Object.keys(BLANK), "position", "created_at", "completed_at"];

/** Return a JWT that nobody signed. @param {string} sub */
export function tokenOf(sub) {
  return `e30.${btoa(JSON.stringify({ sub })).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "")}.x`;
}

/** Return an answer of the API. @param {number} status @param {any} [body] @param {Record<string, string>} [headers] */
export function answer(status, body, headers = {}) {
  const type = { "Content-Type": status < 400 ? "application/json" : "application/problem+json" };
  return new Response(body === undefined ? null : JSON.stringify(body), { status, headers: { ...type, ...headers } });
}

export class FakeApi {
  version = 0;
  /** @type {Map<string, Todo>} */
  todos = new Map();
  /** @type {Map<string, number>} */
  gone = new Map();
  /** @type {Request[]} */
  requests = [];
  /** Each may answer a request in place of the API. The first one that does is used. @type {Fault[]} */
  faults = [];
  /** The number of todos in a page at most. */
  pageSize = 500;

  /** Create or change a todo as another device does. @param {string} id @param {Partial<Todo>} fields */
  put(id, fields) {
    this.version += 1;
    const before = this.todos.get(id);
    const times = { created_at: "2026-01-01T00:00:00Z", updated_at: null, completed_at: null, deleted_at: null };
    const made = { ...BLANK, ...times, position: "1", user_id: "ada" };
    const todo = { ...made, ...before, ...fields, id, version: this.version };
    todo.completed_at = todo.completed ? (todo.completed_at ?? "2026-01-02T00:00:00Z") : null;
    this.todos.set(id, /** @type {Todo} */ (todo));
    this.gone.delete(id);
    return /** @type {Todo} */ (todo);
  }

  /** Delete a todo for good. @param {string} id */
  purge(id) {
    if (this.todos.delete(id)) this.gone.set(id, (this.version += 1));
  }

  /** Lose the next answer to a path, after the API has executed the request. @param {string} path */
  lose(path) {
    this.once(path, (_, go) => {
      go();
      throw new TypeError("fetch failed");
    });
  }

  /** Answer the next request to a path in another way. @param {string} path @param {Fault} fault */
  once(path, fault) {
    /** @type {Fault} */
    const wrapped = (request, go) => {
      if (request.path !== path) return undefined;
      this.faults.splice(this.faults.indexOf(wrapped), 1);
      return fault(request, go);
    };
    this.faults.push(wrapped);
  }

  /** Return the bodies of the batches that were sent. */
  batches() {
    return this.requests.filter(({ path }) => path === "/batch").map(({ body }) => body);
  }

  /** @type {typeof fetch} */
  fetch = async (url, init = {}) => {
    const { pathname, searchParams: query } = new URL(String(url));
    const body = init.body ? JSON.parse(String(init.body)) : undefined;
    const headers = new Headers(init.headers);
    const request = { method: init.method ?? "GET", path: pathname.replace("/api", ""), query, body, headers };
    this.requests.push(request);
    await new Promise((resolve) => setImmediate(resolve));
    for (const fault of [...this.faults]) {
      const answered = await fault(request, () => this.#answer(request));
      if (answered) return answered;
    }
    return this.#answer(request);
  };

  /** @param {Request} request */
  #answer({ method, path, query, body, headers }) {
    if (path === "/todos") {
      const etag = `W/"list-${this.version}"`;
      return headers.get("If-None-Match") === etag ? answer(304) : answer(200, [], { ETag: etag });
    }
    if (path === "/changes") return this.#changes(Number(query.get("since") ?? 0));
    if (path === "/batch") {
      const puts = body.put.map((/** @type {any} */ item) => this.#put(item));
      return answer(200, { results: [...puts, ...body.delete.map((/** @type {any} */ item) => this.#delete(item))] });
    }
    if (method === "DELETE" && path === "/trash") {
      for (const todo of [...this.todos.values()]) if (todo.deleted_at) this.purge(todo.id);
      return answer(204);
    }
    if (method === "DELETE" && path.startsWith("/trash/")) {
      const id = path.slice("/trash/".length);
      const todo = this.todos.get(id);
      const match = headers.get("If-Match");
      const isOther = todo?.deleted_at && match && match !== `W/"${todo.version}"`;
      if (isOther) return answer(412, { detail: "It has changed." });
      if (todo?.deleted_at) this.purge(id);
      return this.gone.has(id) ? answer(204) : answer(404, { detail: "Todo not found." });
    }
    return answer(404, { detail: "Not found." });
  }

  /** @param {number} since */
  #changes(since) {
    const changed = [...this.todos.values()].map(({ id, version }) => ({ id, version }));
    const gone = since ? [...this.gone].map(([id, version]) => ({ id, version })) : [];
    const all = [...changed, ...gone].filter(({ version }) => version > since).sort((a, b) => a.version - b.version);
    const page = all.slice(0, this.pageSize);
    return answer(200, {
      todos: page.flatMap(({ id }) => this.todos.get(id) ?? []),
      gone: page.filter(({ id }) => this.gone.has(id)).map(({ id }) => id),
      next: String(page.at(-1)?.version ?? Math.max(since, this.version)),
      more: all.length > page.length,
    });
  }

  /** @param {any} item */
  #put({ id, base, ...content }) {
    const before = this.todos.get(id);
    const unknown = Object.keys(content).find((name) => !ACCEPTED.includes(name));
    if (unknown) return { id, status: 422, version: null, errors: [{ msg: `Unknown field ${unknown}.` }] };
    const tags = content.tags.map((/** @type {string} */ tag) => tag.trim());
    const clean = { ...content, title: content.title.trim(), tags };
    if (!clean.title) return { id, status: 422, version: null, errors: [{ msg: "A title is needed." }] };
    if (!before && base) return { id, status: 404, version: null };
    const isSame = before && Object.keys(clean).every((name) => equal(clean[name], before[/** @type {"id"} */ (name)]));
    if (isSame && (!before.deleted_at || base === 0)) return { id, status: 200, version: before.version };
    if (before && base !== undefined && before.version !== base) {
      return { id, status: 412, version: before.version, current: before };
    }
    return { id, status: before ? 200 : 201, version: this.put(id, { ...clean, deleted_at: null }).version };
  }

  /** @param {any} item */
  #delete({ id, base }) {
    const before = this.todos.get(id);
    if (!before) return { id, status: 404, version: null };
    if (before.deleted_at) return { id, status: 204, version: before.version };
    if (base !== undefined && before.version !== base) {
      return { id, status: 412, version: before.version, current: before };
    }
    return { id, status: 204, version: this.put(id, { deleted_at: "2026-01-03T00:00:00Z" }).version };
  }
}

/** @param {unknown} a @param {unknown} b */
function equal(a, b) {
  return JSON.stringify(a) === JSON.stringify(b);
}

/**
 * Return a device with a store of its own. Its user is `ada`.
 *
 * @param {import("node:test").TestContext} t
 * @param {FakeApi} api
 * @param {Partial<import("../../sync/client.ts").Options>} [options]
 */
export async function device(t, api, options = {}) {
  t.mock.method(globalThis, "fetch", api.fetch);
  const client = clientOf(options);
  await client.start();
  return client;
}

/** Return a client that was not started. @param {Partial<import("../../sync/client.ts").Options>} [options] */
export function clientOf(options = {}) {
  const getToken = async () => tokenOf("ada");
  return new TodoClient({ api: "http://api.test/api", userId: "ada", store: new MemoryStore(), getToken, ...options });
}

/** Edit a todo. @param {TodoClient} client @param {string} id @param {Edits} edits */
export function edit(client, id, edits) {
  return client.edit(new Map([[id, edits]]));
}

/**
 * Return an API, and a client of it with one todo that both have.
 *
 * @param {import("node:test").TestContext} t
 * @param {Edits} edits
 */
export async function deviceWith(t, edits) {
  const api = new FakeApi();
  const client = await device(t, api);
  const id = await add(client, edits);
  await synced(client);
  return { api, client, id };
}

/** Create a todo, and return its id. @param {TodoClient} client @param {Edits} edits */
export async function add(client, edits) {
  const id = randomUUID();
  await edit(client, id, { position: "1", ...edits });
  return id;
}

/**
 * Create todos with the same edits, and return their ids.
 *
 * @param {TodoClient} client
 * @param {number} count
 * @param {Edits} edits
 */
export async function addMany(client, count, edits) {
  const ids = Array.from({ length: count }, () => randomUUID());
  await client.edit(new Map(ids.map((id) => [id, { position: "1", ...edits }])));
  return ids;
}

/** Return the notices, without their keys. @param {TodoClient} client */
export function noticesOf(client) {
  return client.getSnapshot().notices.map(({ key: _, ...notice }) => notice);
}

/** Sync, and assert that everything has arrived. @param {TodoClient} client */
export async function synced(client) {
  await client.sync();
  const { state, unsent, message } = client.getSnapshot().status;
  if (state !== "idle" || unsent) throw new Error(`${state}, ${unsent} unsent: ${message}`);
}
