// Test when a browser syncs, with an API in memory. The events and the timers are those of the test.

import assert from "node:assert/strict";
import { test } from "node:test";

import { run } from "../../sync/browser.ts";
import { clientOf, FakeApi } from "./fake-api.mjs";

/** Wait until answers that need no timer are there. */
async function answers() {
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
}

/**
 * Run a client on a page whose events and timers are those of the test. Its first request is answered by `fail`.
 *
 * @param {import("node:test").TestContext} t
 * @param {() => Response} answer
 */
async function start(t, answer) {
  const page = new EventTarget();
  t.mock.timers.enable({ apis: ["setTimeout", "setInterval"] });
  for (const name of /** @type {const} */ (["addEventListener", "removeEventListener"])) {
    Object.assign(globalThis, { [name]: page[name].bind(page) });
  }
  Object.assign(globalThis, { document: Object.assign(new EventTarget(), { visibilityState: "visible" }) });
  const api = new FakeApi();
  t.mock.method(globalThis, "fetch", api.fetch);
  let fail = () => {};
  const failed = new Promise((resolve) => (fail = () => resolve(null)));
  api.once("/changes", async () => {
    await failed;
    return answer();
  });
  const client = clientOf();
  t.after(run(client));
  await answers();
  assert.equal(api.requests.length, 1);
  return { page, api, client, fail };
}

/** Let time pass. @param {import("node:test").TestContext} t @param {number} milliseconds */
async function pass(t, milliseconds) {
  await answers();
  t.mock.timers.tick(milliseconds);
  await answers();
}

/** @returns {never} */
function disconnect() {
  throw new TypeError("fetch failed");
}

test("a connection that is back during a sync is used at once", { timeout: 20_000 }, async (t) => {
  const { page, api, client, fail } = await start(t, disconnect);
  page.dispatchEvent(new Event("online"));
  await pass(t, 1);
  fail(); // the request was sent without a connection
  await pass(t, 1);
  assert.equal(client.getSnapshot().status.state, "idle");
  assert.equal(api.requests.length, 2);
});

test("a connection that is back during a 503 waits as long as the API asks for", { timeout: 20_000 }, async (t) => {
  const unavailable = () => Response.json({ detail: "Busy." }, { status: 503, headers: { "Retry-After": "60" } });
  const { page, api, fail } = await start(t, unavailable);
  page.dispatchEvent(new Event("online"));
  fail();
  await pass(t, 1000);
  assert.equal(api.requests.length, 1);
  await pass(t, 60_000);
  assert(api.requests.length > 1);
});

test("edits of a page before that cannot be read do not end the sync", { timeout: 20_000 }, async (t) => {
  Object.assign(globalThis, { localStorage: { getItem: () => "null", setItem() {}, removeItem() {} } });
  t.after(() => Reflect.deleteProperty(globalThis, "localStorage"));
  const { page, api, fail } = await start(t, disconnect);
  fail();
  await answers();
  page.dispatchEvent(new Event("online"));
  await pass(t, 1);
  assert.equal(api.requests.length, 2);
});
