// Test when a browser syncs, with an API in memory. The events and the timers are those of the test.

import assert from "node:assert/strict";
import { test } from "node:test";

import { run } from "../../sync/browser.ts";
import { clientOf, FakeApi } from "./fake-api.mjs";

/** Wait until answers that need no timer are there. */
async function answers() {
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
}

test("a connection that is back during a sync is used at once", { timeout: 20_000 }, async (t) => {
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
    throw new TypeError("fetch failed");
  });
  const client = clientOf();
  const stop = run(client);
  t.after(stop);
  await answers();
  assert.equal(api.requests.length, 1);

  page.dispatchEvent(new Event("online"));
  t.mock.timers.tick(1);
  await answers();
  fail(); // the request was sent without a connection
  await answers();
  t.mock.timers.tick(1);
  await answers();
  assert.equal(client.getSnapshot().status.state, "idle");
  assert.equal(api.requests.length, 2);
});
