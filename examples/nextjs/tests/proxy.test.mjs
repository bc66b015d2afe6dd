// Requests to the API that arrive at the origin of the app, which Next.js passes on.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { describe } from "node:test";

import { it, stage } from "./stage.mjs";

const { paths } = JSON.parse(readFileSync(resolve(import.meta.dirname, "../../../openapi.json"), "utf8"));
const PROBLEM = "application/problem+json";

/**
 * Send a request to the API at the origin of the app.
 * @param {string} path
 * @param {Omit<RequestInit, "headers"> & { token?: string | undefined, json?: unknown, headers?: Record<string, string> }} [init]
 */
async function ask(path, { token, json, headers = {}, ...init } = {}, origin = stage.places.web) {
  const answer = await fetch(origin + path, {
    redirect: "manual",
    ...init,
    headers: {
      ...(token && { Authorization: `Bearer ${token}` }),
      ...(json !== undefined && { "Content-Type": "application/json" }),
      ...headers,
    },
    ...(json !== undefined && { body: JSON.stringify(json) }),
  });
  const text = await answer.text();
  const type = answer.headers.get("Content-Type") ?? "";
  return { status: answer.status, type, headers: answer.headers, text, json: text && type.includes("json") ? JSON.parse(text) : undefined };
}

describe("the origin of the app", () => {
  it("has every operation of the API", async () => {
    let count = 0;
    for (const [template, operations] of Object.entries(paths)) {
      if (template === "/") continue; // it is the app
      const path = template.replace("{todo_id}", randomUUID()).replace("{name}", "a%2Fb");
      for (const [method, { security }] of Object.entries(operations)) {
        const name = `${method.toUpperCase()} ${path}`;
        const id = randomUUID();
        const [answer, direct] = await Promise.all(
          [stage.places.web, stage.places.api].map((origin) => ask(path, { method: method.toUpperCase(), headers: { "X-Request-ID": id } }, origin)),
        );
        assert(answer && direct, name);
        if (security.length > 0) {
          assert.deepEqual([answer.status, answer.type], [401, PROBLEM], name);
          assert.match(answer.headers.get("WWW-Authenticate") ?? "", /^Bearer/, name);
        }
        assert.deepEqual([answer.status, answer.type, answer.json], [direct.status, direct.type, direct.json], name);
        assert.equal(answer.headers.get("X-Request-ID"), id, name);
        count += 1;
      }
    }
    assert(count > 20, `${count} operations`);
  });

  it("has the API's docs, and its errors for other paths", async () => {
    for (const path of ["/docs", "/openapi.json", "/docs/nothing", "/api/nothing", "/api/authors", "/api/auth%2Ftoken"]) {
      const [answer, direct] = await Promise.all([ask(path), ask(path, {}, stage.places.api)]);
      assert.deepEqual([answer.status, answer.type], [direct.status, direct.type], path);
      assert.equal(answer.headers.get("Content-Security-Policy")?.includes("default-src 'none'") ?? false, path === "/docs");
      if (answer.status === 200) assert.equal(answer.text, direct.text, path);
      else assert.deepEqual([answer.status, answer.type], [404, PROBLEM], path);
      assert(answer.headers.has("X-Request-ID"), path);
    }
  });

  it("leaves /api/auth to Better Auth", async (cast) => {
    const { user, context } = await cast.stranger();
    const cookie = (await context.cookies()).map(({ name, value }) => `${name}=${value}`).join("; ");
    for (const [path, headers, status] of /** @type {[string, Record<string, string>, number][]} */ ([
      ["/api/auth/token", {}, 401],
      ["/api/auth/token", { Cookie: cookie }, 200],
      ["/api/auth/jwks", {}, 200],
      ["/api/auth/ok", {}, 200],
      ["/api/auth/nothing", {}, 404],
      ["/api/auth", {}, 404],
    ])) {
      const answer = await ask(path, { headers });
      assert.equal(answer.status, status, path);
      assert(!answer.headers.has("X-Request-ID") && answer.type !== PROBLEM, `${path} came from the API`);
    }
    const keys = (await ask("/api/auth/jwks")).json.keys;
    assert(keys.length > 0);
    const { kid } = JSON.parse(atob(String(user.token?.split(".")[0])));
    assert(keys.some((/** @type {{ kid: string }} */ key) => key.kid === kid));
  });

  it("passes on methods, bodies and headers unchanged", async (cast) => {
    const { user: { token } } = await cast.stranger();
    const key = { "Idempotency-Key": randomUUID() };
    const made = await ask("/api/todos", { method: "POST", token, json: { title: "Übung 💡", tags: ["a/b", "50% + é?"] }, headers: key });
    assert.deepEqual([made.status, made.json.title], [201, "Übung 💡"]);
    assert.equal(made.headers.get("Location"), `/api/todos/${made.json.id}`);
    const again = await ask("/api/todos", { method: "POST", token, json: { title: "Übung 💡", tags: ["a/b", "50% + é?"] }, headers: key });
    assert.deepEqual([again.status, again.json.id], [200, made.json.id]);

    const path = `/api/todos/${made.json.id}`;
    const etag = String(made.headers.get("ETag"));
    assert.match(etag, /^W\/"\d+"$/);
    const same = await ask(path, { token, headers: { "If-None-Match": etag } });
    assert.deepEqual([same.status, same.text, same.headers.get("ETag")], [304, "", etag]);
    const changed = await ask(path, { method: "PATCH", token, json: { title: "Two" }, headers: { "If-Match": etag } });
    assert.deepEqual([changed.status, changed.json.title], [200, "Two"]);
    assert.notEqual(changed.headers.get("ETag"), etag);
    const stale = await ask(path, { method: "PATCH", token, json: { title: "Three" }, headers: { "If-Match": etag } });
    assert.deepEqual([stale.status, stale.type], [412, PROBLEM]);
    const head = await ask(path, { method: "HEAD", token });
    assert.deepEqual([head.status, head.text, head.headers.get("ETag")], [200, "", changed.headers.get("ETag")]);

    const id = randomUUID();
    const put = await ask(`/api/todos/${id}`, { method: "PUT", token, json: { title: "x".repeat(200), description: "y".repeat(2000) } });
    assert.equal(put.status, 201);
    const page = await ask("/api/todos?limit=1", { token });
    const next = /^<([^>]+)>; rel="next"$/.exec(page.headers.get("Link") ?? "")?.[1] ?? "";
    assert.match(next, /^\/api\/todos\?/);
    assert.deepEqual((await ask(next, { token })).json.map((/** @type {{ title: string }} */ todo) => todo.title), ["Two"]);
    const found = await ask(`/api/todos?${new URLSearchParams([["tag", "a/b"], ["tag", "50% + é?"], ["q", "two"]])}`, { token });
    assert.equal(found.json.length, 1);
    const packed = await ask("/api/todos", { token, headers: { "Accept-Encoding": "gzip" } });
    assert.equal(packed.headers.get("Content-Encoding"), "gzip");
    const plain = await ask("/api/todos", { token, headers: { "Accept-Encoding": "identity" } });
    assert.equal(plain.headers.get("Content-Encoding"), null);
    assert.deepEqual(packed.json, plain.json);

    for (const [tag, name] of [["a/b", "a//c"], ["50% + é?", "..%2F#"], ["..%2F#", "a\\b"]]) {
      const renamed = await ask(`/api/tags/${encodeURIComponent(tag ?? "")}`, { method: "PATCH", token, json: { name } });
      assert.deepEqual([renamed.status, renamed.json], [200, { changed: 1 }], tag);
    }
    const removed = await ask(`/api/tags/${encodeURIComponent("a//c")}`, { method: "DELETE", token });
    assert.deepEqual([removed.status, removed.json], [200, { changed: 1 }]);
    const deleted = await ask(path, { method: "DELETE", token });
    assert.deepEqual([deleted.status, deleted.text], [204, ""]);
    const large = await ask("/api/todos", { method: "POST", token, json: { title: "x".repeat(70_000) } });
    assert.deepEqual([large.status, large.type], [413, PROBLEM]);
    const unknown = await ask("/api/me", { method: "POST", token, json: {} });
    assert.deepEqual([unknown.status, unknown.type, unknown.headers.get("Allow")], [405, PROBLEM, "GET, HEAD"]);
    const slash = await ask("/api/todos/?limit=1", { token });
    assert.deepEqual([slash.status, slash.headers.get("Location")], [308, "/api/todos?limit=1"]);
  });

  it("answers 500 without JSON if the API does not run", async (cast) => {
    const { user: { token } } = await cast.stranger();
    await stage.tell("stop api");
    try {
      // The sync client distinguishes this answer from a 500 of the API by its type (sync/requests.ts).
      for (const init of [{}, { method: "POST", json: { put: [] } }]) {
        const answer = await ask(init.json ? "/api/batch" : "/api/changes", { token, ...init });
        assert.deepEqual([answer.status, answer.json], [500, undefined]);
        assert(!answer.type.includes("json"), answer.type);
      }
      assert.equal((await ask("/api/auth/ok")).status, 200);
      assert.equal((await ask("/sign-in")).status, 200);
    } finally {
      await stage.tell("start api");
    }
    assert.equal((await ask("/api/changes", { token })).status, 200);
  });
});
