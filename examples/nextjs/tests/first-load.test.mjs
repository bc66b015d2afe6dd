// What the server sends first, how much it is, and what happens before the page is alive.

import assert from "node:assert/strict";
import { describe } from "node:test";
import { brotliCompressSync } from "node:zlib";

import { eventually, HAS_ONE_ORIGIN, it, LONGEST_RETRY, pause, REFUSED, stage, UNREACHABLE } from "./stage.mjs";

const MOST = 150_000; // bytes of JavaScript, compressed with Brotli; docs/benchmarks.md has gzip, too
/** The page of a user comes from the server, also on the second visit. */
const SERVED = { serviceWorkers: /** @type {const} */ ("block") };

describe("the first load", () => {
  it("has the first todos in the HTML, of the view in the address", async (cast) => {
    const ada = await cast.stranger({ todos: ["Milk <b>", { title: "Piano", completed: true }, { title: "Bread", tags: ["shop"] }] });
    const html = async (/** @type {string} */ path) => (await ada.context.request.get(path)).text();
    const all = await html("/");
    assert.match(all, /<h1[^>]*>All</);
    for (const title of ["Milk &lt;b&gt;", "Piano", "Bread"]) assert(all.includes(title), title);
    const completed = await html("/?view=completed");
    const list = completed.match(/<ul[^>]*class="todos"[\s\S]*?<\/ul>/)?.[0] ?? "";
    assert(list.includes("Piano") && !list.includes("Bread"));
    assert.match(await html("/?tag=shop"), /<ul[^>]*class="todos"[\s\S]*Bread/);
    const answer = await ada.context.request.get("/");
    assert.match(answer.headers()["cache-control"] ?? "", /no-store|private/);
  });

  it("is under 150 kB of compressed JavaScript", async (cast) => {
    const ada = await cast.stranger({ todos: ["One"], options: SERVED });
    /** @type {Promise<[string, number]>[]} */
    const scripts = [];
    ada.page.on("response", (response) => {
      if (response.request().resourceType() !== "script") return;
      scripts.push(response.body().then((body) => [response.url(), brotliCompressSync(body).length]));
    });
    await ada.open();
    await pause(500);
    const sizes = await Promise.all(scripts);
    const sum = sizes.reduce((total, [, size]) => total + size, 0);
    console.log(`The first load has ${sizes.length} scripts of ${sum} bytes, compressed.`);
    assert(sizes.length > 2);
    assert(sum < MOST, `${sum} bytes: ${sizes.join("; ")}`);
    for (const [url] of sizes) assert.equal(new URL(url).origin, stage.places.web);
  });

  it("asks each thing once", async (cast) => {
    const ada = await cast.stranger({ todos: ["One", "Two"], options: SERVED });
    /** @type {string[]} */
    const asked = [];
    ada.context.on("request", (request) => {
      if (request.resourceType() === "fetch") asked.push(`${request.method()} ${new URL(request.url()).pathname}`);
    });
    await ada.open();
    await pause(1000);
    const count = (/** @type {string} */ request) => asked.filter((one) => one === request).length;
    assert.equal(count("GET /api/auth/token"), 1, asked.join());
    assert.equal(count("GET /api/changes"), 1, asked.join());
    assert.equal(count("POST /api/batch"), 0, asked.join());
    assert(asked.length <= 4, asked.join());
  });

  it("needs no permission from the API before a request, if both have one origin", async (cast) => {
    const ada = await cast.stranger({ todos: ["One"], options: SERVED });
    const chromium = await ada.context.newCDPSession(ada.page); // Playwright hides these requests
    await chromium.send("Network.enable");
    /** @type {string[]} */
    const preflights = [];
    /** @type {string[]} */
    const others = [];
    chromium.on("Network.requestWillBeSent", ({ request }) => {
      (request.method === "OPTIONS" ? preflights : others).push(request.url);
    });
    await ada.open();
    await ada.add("Two");
    await ada.checkbox("One").click();
    await ada.isSaved();
    await ada.user.has("Two", "One");
    assert(others.some((url) => url.endsWith("/api/batch")), others.join());
    if (HAS_ONE_ORIGIN) assert.deepEqual(preflights, []);
    else assert(preflights.some((url) => url.endsWith("/api/batch")), preflights.join());
    const api = new URL(others.find((url) => url.includes("/api/changes")) ?? "");
    assert.equal(api.origin, HAS_ONE_ORIGIN ? stage.places.web : stage.places.api);
  });

  it("shows no todo twice, and does not jump, when the device has them already", async (cast) => {
    const ada = await cast.user({ todos: ["One", "Two"], options: SERVED });
    const changes = await ada.hold("**/api/changes*");
    await ada.page.reload();
    await ada.sees("One", "Two");
    await ada.add("Three");
    await ada.sees("Three", "One", "Two");
    await changes.release();
    await ada.isSaved();
    await ada.sees("Three", "One", "Two");
  });

  it("shows rows that wait, and not an empty list, while nothing is known", async (cast) => {
    const ada = await cast.stranger({ todos: ["One"], options: SERVED });
    const changes = await ada.hold("**/api/changes*");
    await ada.page.goto("/shell");
    await ada.page.getByRole("heading", { level: 1 }).waitFor();
    // The device of this new context knows no user, so the shell asks to sign in, or shows the skeleton.
    await eventually(async () => {
      const isWaiting = await ada.page.locator("[aria-busy=true], .skeleton").count();
      assert(isWaiting > 0 || /sign-in/.test(ada.page.url()) || (await ada.titles()).length === 1);
    });
    await changes.release();
  });

  it("survives an API that is down: the page says so, and the list of the device is shown", async (cast) => {
    const ada = await cast.user({ todos: ["One"], options: SERVED });
    ada.expects(UNREACHABLE, REFUSED); // with one origin, Next.js answers 500 in place of the API
    await stage.tell("stop api");
    try {
      const answer = await ada.page.reload();
      assert.equal(answer?.status(), 200);
      await ada.sees("One");
      await ada.isOffline(0);
      await ada.add("Two");
      await ada.sees("Two", "One");
      await ada.isOffline(1);
    } finally {
      await stage.tell("start api");
    }
    await ada.isSaved(LONGEST_RETRY);
    await ada.user.has("Two", "One");
  });
});

describe("before the page is alive", () => {
  it("typed text stays in the field", async (cast) => {
    const ada = await cast.stranger({ options: SERVED });
    const scripts = await late(ada);
    await ada.page.goto("/", { waitUntil: "commit" });
    await ada.field.click();
    await ada.page.keyboard.type("Milk and b");
    await scripts.release();
    await ada.isSaved();
    await ada.page.keyboard.type("read");
    assert.equal(await ada.field.inputValue(), "Milk and bread");
    await ada.page.keyboard.press("Enter");
    await ada.sees("Milk and bread");
    await ada.isSaved();
    await ada.user.has("Milk and bread");
  });

  it("Enter adds the todo, once", async (cast) => {
    const ada = await cast.stranger({ todos: ["One"], options: SERVED });
    const scripts = await late(ada);
    await ada.page.goto("/?view=today", { waitUntil: "commit" });
    await ada.field.click();
    await ada.page.keyboard.type("Milk");
    const answered = ada.page.waitForEvent("framenavigated");
    await ada.page.keyboard.press("Enter");
    await answered; // the page before must not become alive
    await ada.user.has("Milk", "One");
    await scripts.release();
    await ada.page.waitForURL(/view=today/);
    await ada.isSaved();
    assert.equal(await ada.field.inputValue(), "");
    await ada.goTo("All");
    await ada.sees("Milk", "One");
    await ada.reload();
    await ada.sees("Milk", "One");
    await ada.user.has("Milk", "One");
  });

  it("links of views work", async (cast) => {
    const ada = await cast.stranger({ todos: ["One", { title: "Two", completed: true }], options: SERVED });
    const scripts = await late(ada);
    await ada.page.goto("/", { waitUntil: "commit" });
    await ada.view("Completed").click();
    await ada.page.waitForURL(/view=completed/, { waitUntil: "commit" });
    await ada.sees("Two");
    await scripts.release();
    await ada.isSaved();
    await ada.sees("Two");
  });
});

describe("an idle app", () => {
  it("asks for changes every 20 s with one row, and receives 304", async (cast) => {
    const ada = await cast.stranger({ todos: ["One"] });
    await ada.stopClock();
    const walks = ada.requests("/api/changes");
    const asked = ada.requests("/api/todos");
    await ada.open();
    await ada.isIdle();
    await ada.page.clock.runFor(20_000); // the app learns the tag of the list
    await eventually(async () => assert.equal((await asked.at(-1)?.response())?.status(), 200));
    await eventually(async () => assert.equal(walks.length, 2)); // the first one is of the load
    await ada.isIdle();
    asked.length = walks.length = 0;
    const tokens = ada.requests("/api/auth/token");
    const batches = ada.requests("/api/batch", "POST");
    for (let time = 1; time <= 3; time++) {
      await ada.page.clock.runFor(20_000);
      await eventually(async () => assert.equal(asked.length, time));
      await eventually(async () => assert.equal((await asked.at(-1)?.response())?.status(), 304));
      await pause(300);
    }
    for (const request of asked) {
      assert.match(request.headers()["if-none-match"] ?? "", /^W\/"/);
      assert.equal(new URL(request.url()).searchParams.get("limit"), "1");
    }
    assert.equal(asked.length, 3);
    assert.equal(walks.length, 0);
    assert.equal(tokens.length + batches.length, 0);

    // Another device adds something.
    await ada.user.api("POST", "/todos", { title: "From elsewhere" });
    await ada.page.clock.runFor(20_000);
    await ada.sees("From elsewhere", "One");
    assert.equal(walks.length, 1);
  });

  it("asks nothing while it is hidden", async (cast) => {
    const ada = await cast.stranger({ todos: ["One"] });
    await ada.stopClock();
    await ada.open();
    await ada.isIdle();
    await ada.page.evaluate(() => {
      Object.defineProperty(document, "visibilityState", { value: "hidden", configurable: true });
      Object.defineProperty(document, "hidden", { value: true, configurable: true });
      document.dispatchEvent(new Event("visibilitychange"));
    });
    const asked = ada.requests("/api/todos");
    const walks = ada.requests("/api/changes");
    await ada.page.clock.runFor(120_000);
    await pause(500);
    assert.equal(asked.length + walks.length, 0);
  });

  it("fetches one token for many requests, and another one before it expires", async (cast) => {
    const ada = await cast.stranger({ todos: ["One"] });
    await ada.page.clock.install();
    const tokens = ada.requests("/api/auth/token");
    await ada.open();
    for (const title of ["Two", "Three", "Four"]) await ada.add(title);
    await ada.isSaved();
    await ada.user.has("Four", "Three", "Two", "One");
    assert.equal(tokens.length, 1);
    await ada.page.clock.fastForward("14:40"); // the token is valid for 20 s more
    await ada.checkbox("One").click();
    await eventually(async () => assert((await ada.user.todo("One")).completed));
    assert.equal(tokens.length, 2);
  });

  it("fetches another token once when the API refuses one", async (cast) => {
    const ada = await cast.user({ todos: ["One"] });
    ada.expects(REFUSED);
    const tokens = ada.requests("/api/auth/token");
    let refused = 0;
    await ada.context.route("**/api/batch", (route) => {
      if (refused++ > 0) return route.continue();
      const headers = { "Access-Control-Allow-Origin": "*", "WWW-Authenticate": "Bearer" };
      return route.fulfill({ status: 401, headers, json: { type: "about:blank", status: 401, detail: "The token has expired." } });
    });
    await ada.checkbox("One").click();
    await eventually(async () => assert((await ada.user.todo("One")).completed));
    await ada.isSaved();
    assert.equal(tokens.length, 1);
    assert.equal(refused, 2);
  });
});

/** Hold back the scripts of a page, as a slow network does. @param {import("./stage.mjs").Visitor} visitor */
async function late({ context }) {
  let release = () => {};
  const released = new Promise((resolve) => (release = () => resolve(null)));
  await context.route("**/_next/static/**/*.js", async (route) => {
    await released;
    await route.continue().catch(() => undefined); // the page may be gone
  });
  return { release: async () => release() };
}
