// 5,000 todos. The limits of time are generous, because other programs may run beside the tests.

import assert from "node:assert/strict";
import { describe } from "node:test";

import { eventually, it, pause } from "./stage.mjs";

const MANY = Array.from({ length: 5000 }, (_, n) => ({
  title: `Todo ${n}${n % 100 === 0 ? " hundred" : ""}`,
  tags: n % 5 === 0 ? ["fifth"] : [],
  completed: n % 10 === 9,
}));
const MOST_ROWS = 80;
const MOST_NODES = 3000;

describe("5,000 todos", () => {
  it("are windowed, scrolled, searched, completed and brought back", async (cast) => {
    const ada = await cast.stranger({ todos: MANY });
    await ada.page.goto("/");
    await ada.isSaved(60_000);
    await eventually(async () => assert.match(await ada.view("All").innerText(), /5,?000/), 60_000);
    const isWindowed = async () => {
      const { rows, nodes } = await ada.page.evaluate(() => ({
        rows: document.querySelectorAll("ul.todos > li").length,
        nodes: document.querySelectorAll("*").length,
      }));
      assert(rows > 5 && rows < MOST_ROWS, `${rows} rows`);
      assert(nodes < MOST_NODES, `${nodes} elements`);
    };
    await isWindowed();
    assert.equal(await ada.rows.first().getAttribute("aria-setsize"), "5000");

    // The end of the list, and back to the start.
    await ada.page.evaluate(() => scrollTo(0, document.documentElement.scrollHeight));
    await ada.checkbox("Todo 4999").waitFor();
    assert.equal(await ada.row("Todo 4999").getAttribute("aria-posinset"), "5000");
    await isWindowed();
    await ada.page.evaluate(() => scrollTo(0, 140_000));
    await eventually(async () => assert((await ada.titles()).some((title) => /^Todo 2[45]\d\d/.test(title))));
    await ada.page.evaluate(() => scrollTo(0, 0));
    await ada.checkbox("Todo 1").waitFor();

    // Search and filter.
    await ada.search.fill("hundred 4");
    await eventually(async () => assert.equal(await ada.rows.first().getAttribute("aria-setsize"), "14"));
    await ada.search.fill("");
    await ada.goTo("fifth");
    await eventually(async () => assert.equal(await ada.rows.first().getAttribute("aria-setsize"), "1000"));
    await ada.goTo("All");

    // An action shows soon, and does not wait for others.
    const toggle = () =>
      ada.page.evaluate(async () => {
        const box = /** @type {HTMLInputElement} */ (document.querySelector("ul.todos input[type=checkbox]"));
        const start = performance.now();
        box.click();
        await new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));
        return performance.now() - start;
      });
    // Another program may delay one of them.
    const paint = Math.min(await toggle(), await toggle(), await toggle());
    console.log(`One of 5,000 todos is completed and painted in ${Math.round(paint)} ms.`);
    assert(paint < 1000, `${paint} ms`);
    await ada.isSaved();

    // Complete all, and undo.
    await ada.more("Complete all");
    await ada.hears(/Completed 4,?499 todos\./);
    await eventually(async () => assert.equal((await ada.user.api("GET", "/counts")).open, 0), 60_000);
    await ada.page.keyboard.press("z"); // the toast may be gone
    await eventually(async () => assert.equal((await ada.user.api("GET", "/counts")).open, 4499), 60_000);
    await eventually(async () => assert.equal(await ada.page.getByText("Saved", { exact: true }).isVisible(), true), 60_000);
    await isWindowed();

    // A reload shows the list of the device, and does not walk over all changes again.
    const walks = ada.requests("/api/changes");
    await eventually(async () => {
      walks.length = 0; // the device receives its own changes, too
      await pause(3000);
      assert.equal(walks.length, 0);
    }, 60_000);
    await ada.page.reload();
    await ada.checkbox("Todo 0 hundred").waitFor();
    await ada.isSaved();
    assert(walks.length <= 2, `${walks.length} requests for changes`);
    await ada.goOffline();
    await ada.page.reload();
    await ada.checkbox("Todo 0 hundred").waitFor();
    await eventually(async () => assert.equal(await ada.rows.first().getAttribute("aria-setsize"), "5000"));
  });

  it("are reached by the keyboard, and the focus survives scrolling", async (cast) => {
    const ada = await cast.user({ todos: MANY.slice(0, 1000) });
    await eventually(async () => assert.match(await ada.view("All").innerText(), /1,?000/));
    await ada.checkbox("Todo 1").focus();
    for (let press = 0; press < 60; press++) await ada.page.keyboard.press("ArrowDown");
    await eventually(async () => {
      const { title, isInSight } = await ada.page.evaluate(() => {
        const row = document.activeElement?.closest("li");
        const { top = -1, bottom = Infinity } = row?.getBoundingClientRect() ?? {};
        return { title: row?.querySelector(".title")?.textContent, isInSight: top >= 0 && bottom <= innerHeight };
      });
      assert.deepEqual({ title, isInSight }, { title: "Todo 61", isInSight: true });
    });
    await ada.page.evaluate(() => scrollTo(0, 40_000));
    await eventually(async () => assert((await ada.titles()).some((title) => /^Todo 7\d\d/.test(title))));
    assert.notEqual(await ada.focus(), "nothing");
    await ada.page.keyboard.press("Space");
    await eventually(async () => assert((await ada.user.todo("Todo 61")).completed));
    await ada.page.keyboard.press("ArrowDown");
    await eventually(async () => {
      const title = await ada.page.evaluate(() => document.activeElement?.closest("li")?.querySelector(".title")?.textContent);
      assert.equal(title, "Todo 62");
    });
  });
});
