// Measure how quick the app is with 5,000 todos, and print the section of docs/benchmarks.md. The times are those
// of this machine in this hour. Nothing is asserted here.

import assert from "node:assert/strict";
import { it as test } from "node:test";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";

import { Cast, eventually, Visitor } from "./stage.mjs";

const ROUNDS = 15;
const MANY = Array.from({ length: 5000 }, (_, n) => ({
  title: `Todo ${n}${n % 100 === 0 ? " hundred" : ""}`,
  description: n % 3 === 0 ? "Some notes that a search has to read." : null,
  due: n % 4 === 0 ? `2026-12-${String((n % 28) + 1).padStart(2, "0")}` : null,
  tags: n % 5 === 0 ? ["fifth"] : [],
  completed: n % 10 === 9,
}));

/** @type {[string, (visitor: Visitor, round: number) => Promise<number>][]} */
const ACTIONS = [
  ["complete a todo", (ada) => press(ada, "ul.todos input[type=checkbox]:not(:checked)", " ")],
  ["undo", (ada) => press(ada, "ul.todos input[type=checkbox]", "z")],
  ["delete a todo", (ada) => press(ada, "ul.todos input[type=checkbox]", "Delete")],
  ["move a todo down", (ada) => press(ada, "ul.todos input[type=checkbox]", "Alt+ArrowDown")],
  ["add a todo", (ada, round) => add(ada, `New ${round}`)],
  ["a letter in the search", (ada, round) => press(ada, "input[type=search]", "todo"[round % 4] ?? "o")],
  ["empty the search", (ada) => press(ada, "input[type=search]", "Escape")],
  ["another view", (ada, round) => press(ada, "h1", round % 2 ? "2" : "3")],
  ["open the editor", (ada) => press(ada, "ul.todos input[type=checkbox]", "e")],
];

/**
 * Press a key while an element has the focus. Return the milliseconds until the next frame after it.
 * @param {Visitor} visitor @param {string} selector @param {string} key
 */
async function press({ page }, selector, key) {
  await page.evaluate((found) => /** @type {HTMLElement | null} */ (document.querySelector(found))?.focus(), selector);
  return paintedAfter(page, () => page.keyboard.press(key));
}

/** @param {Visitor} visitor @param {string} title */
async function add({ page, field }, title) {
  await field.fill(title);
  return paintedAfter(page, () => field.press("Enter"));
}

/**
 * Return the milliseconds from a key's event to the end of the frame that follows its handlers.
 * @param {import("playwright-core").Page} page @param {() => Promise<void>} act
 */
async function paintedAfter(page, act) {
  await page.evaluate(() => {
    addEventListener(
      "keydown",
      ({ timeStamp }) =>
        requestAnimationFrame(() => setTimeout(() => Object.assign(window, { painted: performance.now() - timeStamp }))),
      { once: true, capture: true },
    );
  });
  await act();
  const painted = await page.waitForFunction(() => Reflect.get(window, "painted"));
  const time = /** @type {number} */ (await painted.jsonValue());
  await page.evaluate(() => Reflect.deleteProperty(window, "painted"));
  return time;
}

/** @param {number[]} times */
function summary(times) {
  const sorted = times.toSorted((a, b) => a - b);
  return `${Math.round(sorted[sorted.length >> 1] ?? 0)} ms | ${Math.round(sorted.at(-1) ?? 0)} ms`;
}

test("measure", { timeout: 600_000 }, async () => {
  const cast = new Cast();
  const lines = ["| with 5,000 todos, from the key to the end of the frame | median | longest |", "| --- | --- | --- |"];
  try {
    const ada = await cast.user({ todos: MANY });
    await ada.isInstalled();
    await eventually(async () => assert.equal(await ada.rows.first().getAttribute("aria-setsize"), "5000"), 60_000);
    for (const [name, act] of ACTIONS) {
      const times = [];
      for (let round = 0; round < ROUNDS; round++) {
        times.push(await act(ada, round));
        if (name.includes("editor")) await ada.page.keyboard.press("Escape");
        await ada.isSaved();
      }
      if (name.includes("search")) await ada.search.fill(name.startsWith("a letter") ? "todo" : "");
      lines.push(`| ${name} | ${summary(times)} |`);
    }
    await ada.page.goto("/");
    await ada.isSaved();
    lines.push("", await scrolled(ada), "", await opened(ada), "", await size(cast));
  } finally {
    await cast.leave();
  }
  console.log(lines.join("\n"));
});

/** Scroll from the top to the end in 10 seconds. @param {Visitor} visitor */
async function scrolled({ page }) {
  const frames = await page.evaluate(async () => {
    /** @type {number[]} */
    const times = [];
    const [end, start] = [document.documentElement.scrollHeight - innerHeight, performance.now()];
    for (let last = start; last - start < 10_000; ) {
      scrollTo(0, (end * (last - start)) / 10_000);
      const now = await new Promise(requestAnimationFrame);
      times.push(now - last);
      last = now;
    }
    return times;
  });
  const slow = frames.filter((time) => time > 50).length;
  return `Scrolling all 5,000 rows in 10 s: ${frames.length} frames, ${slow} of them longer than 50 ms, the longest ${Math.round(Math.max(...frames))} ms.`;
}

/** Open the app on a device that has all todos, without a network. @param {Visitor} visitor */
async function opened(visitor) {
  await visitor.goOffline();
  const times = [];
  for (let round = 0; round < ROUNDS; round++) {
    await visitor.page.reload({ waitUntil: "commit" });
    await visitor.rows.first().waitFor();
    times.push(await visitor.page.evaluate(() => performance.now()));
  }
  await visitor.goOnline();
  return `Opening it without a network, until the first of 5,000 rows is there: ${summary(times).replace(" | ", ", longest ")}.`;
}

/** Return the size of the scripts of the first load. @param {Cast} cast */
async function size(cast) {
  const ada = await cast.stranger({ options: { serviceWorkers: "block" } });
  /** @type {Promise<Buffer>[]} */
  const scripts = [];
  ada.page.on("response", (response) => {
    if (response.request().resourceType() === "script") scripts.push(response.body());
  });
  await ada.open();
  const bodies = await Promise.all(scripts);
  const quick = { params: { [constants.BROTLI_PARAM_QUALITY]: 5 } };
  const total = (/** @type {(body: Buffer) => Buffer} */ compress) =>
    `${Math.round(bodies.reduce((sum, body) => sum + compress(body).length, 0) / 1000)} kB`;
  return `JavaScript of the first load: ${total((body) => brotliCompressSync(body))} with Brotli 11 (files compressed once), ${total((body) => brotliCompressSync(body, quick))} with Brotli 5, ${total((body) => gzipSync(body))} with gzip.`;
}
