// How the app looks: no barriers in any view and dialog, narrow and wide, light and dark, large text; and its pictures.

import assert from "node:assert/strict";
import { describe } from "node:test";

import { day, it, pause } from "./stage.mjs";

/** @typedef {import("./stage.mjs").Visitor} Visitor */

const TODOS = [
  { title: "Book the train to Turin", due: `${day(0)}T09:00`, tags: ["travel"], priority: /** @type {const} */ ("high") },
  { title: "Answer Charles about the engine", due: day(0), tags: ["work"], description: "He asked for the notes on the cards." },
  { title: "Water the plants", due: day(-1), tags: ["home"] },
  { title: "Read https://example.com/notes on the analytical engine", tags: ["work"], priority: /** @type {const} */ ("medium") },
  { title: "Buy oat milk, bread and six lemons", tags: ["home", "shopping"], due: day(1) },
  { title: "Call Grace", tags: ["work"], due: day(5), priority: /** @type {const} */ ("low") },
  { title: "שלום עולם!", tags: ["travel"] },
  { title: "Return the library books", completed: true, completed_at: "2026-01-02T10:00:00Z", tags: ["home"] },
];
const LONG = [
  { title: "W".repeat(200), tags: ["w".repeat(50), "x".repeat(50)], due: "2030-01-02T09:00", priority: /** @type {const} */ ("high"), description: "W" },
  { title: "Word ".repeat(40).trim(), tags: Array.from({ length: 20 }, (_, n) => `tag ${n}`) },
];
const PHONE = { viewport: { width: 360, height: 640 }, hasTouch: true, isMobile: true };

describe("the looks", () => {
  for (const colorScheme of /** @type {const} */ (["light", "dark"])) {
    it(`have no barrier in any view and dialog, ${colorScheme}`, async (cast) => {
      const ada = await cast.user({ todos: TODOS, options: { colorScheme } });
      await ada.button("Delete “Call Grace”").click();
      await ada.seesNoBarrier(); // with a toast
      for (const view of ["Today", "All", "home", "Completed", "Trash"]) {
        await ada.goTo(view);
        await ada.seesNoBarrier();
      }
      await ada.goTo("home");
      await ada.page.getByRole("button", { name: "More", exact: true }).click();
      await ada.seesNoBarrier();
      await ada.page.keyboard.press("Escape");
      await ada.page.getByRole("button", { name: "Account of Ada" }).click();
      await ada.seesNoBarrier();
      await ada.page.keyboard.press("Escape");
      await ada.goTo("All");
      await ada.edit("Answer Charles about the engine");
      await ada.seesNoBarrier();
      await ada.close();
      await ada.search.fill("nothing like this");
      await ada.sees();
      await ada.seesNoBarrier();
      await ada.search.fill("");
      await ada.goOffline();
      await ada.add("Offline");
      await ada.isOffline(1);
      await ada.seesNoBarrier();
      const text = await ada.page.evaluate(() => Number(getComputedStyle(document.body).color.match(/\d+/)?.[0]));
      assert.equal(text > 128, colorScheme === "dark", `the text has ${text} of red`);
    });

    it(`have no barrier before signing in, ${colorScheme}`, async (cast) => {
      const ada = await cast.nobody({ colorScheme });
      for (const path of ["/sign-in", "/sign-up", "/sign-in?over"]) {
        await ada.page.goto(path);
        await ada.seesNoBarrier();
      }
    });
  }

  it("fit in 360 px, with targets of 44 px and rows of 56 px", async (cast) => {
    const ada = await cast.user({ todos: [...TODOS, ...LONG], options: PHONE });
    await ada.seesNoBarrier();
    for (const view of ["Today", "Completed", "Trash", "home", "All"]) {
      await ada.goTo(view);
      await ada.seesNoScrollbar();
    }
    const found = await ada.page.evaluate(() => {
      const rows = [...document.querySelectorAll("ul.todos > li")].map((row) => row.getBoundingClientRect().height);
      const targets = [...document.querySelectorAll("button, input, select, a[href], summary")]
        .filter((element) => element.checkVisibility({ visibilityProperty: true, opacityProperty: true }))
        // A link in a text may be as low as its line (WCAG 2.5.8), and the list has a title and tags.
        .filter((element) => !element.closest(".title, .meta, li a"))
        .map((element) => {
          const box = (element.closest("label") ?? element).getBoundingClientRect();
          const own = element.getBoundingClientRect();
          const name = element.getAttribute("aria-label") ?? element.textContent ?? element.tagName;
          return { name, width: Math.max(box.width, own.width), height: Math.max(box.height, own.height) };
        })
        .filter(({ width, height }) => width > 0 && height > 0);
      return { rows, targets };
    });
    assert(found.rows.length > 5);
    assert.deepEqual(found.rows.filter((height) => height > 56.5), []);
    assert.deepEqual(found.targets.filter(({ width, height }) => width < 43.5 || height < 43.5), []);
    await ada.page.locator(".title").first().click();
    await ada.editor.waitFor();
    await ada.seesNoScrollbar();
    await ada.seesNoBarrier();
    await ada.close();
    await ada.page.getByRole("button", { name: "More", exact: true }).click();
    await ada.seesNoScrollbar();
    await ada.page.keyboard.press("Escape");
    await ada.page.goto("/sign-in?over"); // without this parameter it opens the app
    await ada.page.getByRole("heading", { name: "Sign in" }).waitFor();
    await ada.seesNoScrollbar();
  });

  it("show at least 7 todos on a phone", async (cast) => {
    const ada = await cast.user({ todos: Array.from({ length: 30 }, (_, n) => `Todo ${n}`), options: PHONE });
    const whole = await ada.rows.evaluateAll((rows) => {
      const boxes = rows.map((row) => row.getBoundingClientRect());
      return boxes.filter(({ top, bottom }) => top >= 0 && bottom <= innerHeight).length;
    });
    assert(whole >= 7, `${whole} todos`);
  });

  it("stand 200 % zoom and large text", async (cast) => {
    const ada = await cast.user({
      todos: [...TODOS, ...LONG],
      options: { viewport: { width: 640, height: 400 }, deviceScaleFactor: 2 }, // a window of 1280 px, twice as large
    });
    await ada.seesNoScrollbar();
    await ada.page.addStyleTag({ content: "html { font-size: 200% }" });
    await ada.seesNoScrollbar();
    await ada.edit("Answer Charles about the engine");
    await ada.seesNoScrollbar();
    await ada.editor.getByRole("button", { name: "Close" }).scrollIntoViewIfNeeded();
    await ada.close();
    // A title that is larger is not cut in its row.
    const isCut = await ada.rows.first().evaluate((row) => {
      const title = /** @type {HTMLElement} */ (row.querySelector(".title"));
      const { top, bottom } = row.getBoundingClientRect();
      const box = title.getBoundingClientRect();
      return box.top < top - 1 || box.bottom > bottom + 1;
    });
    assert(!isCut);
  });

  it("stand a page in a right-to-left language", async (cast) => {
    const ada = await cast.user({ todos: TODOS });
    await ada.page.evaluate(() => (document.documentElement.dir = "rtl"));
    await ada.seesNoScrollbar();
    const { box, title } = await ada.rows.first().evaluate((row) => ({
      box: row.querySelector("input")?.getBoundingClientRect().x ?? 0,
      title: row.querySelector(".title")?.getBoundingClientRect().x ?? 0,
    }));
    assert(box > title, "the checkbox is at the right");
  });

  it("move nothing when that is asked for, and show in forced colours", async (cast) => {
    const ada = await cast.user({ todos: TODOS, options: { reducedMotion: "reduce", forcedColors: "active" } });
    const moving = await ada.page.evaluate(() =>
      [...document.querySelectorAll("*")].filter((element) => {
        const { animationDuration, transitionDuration } = getComputedStyle(element);
        return parseFloat(animationDuration) > 0.01 || parseFloat(transitionDuration) > 0.01;
      }).length,
    );
    assert.equal(moving, 0);
    await ada.checkbox("Call Grace").click();
    await ada.hears("Completed “Call Grace”.");
  });

  it("print the list", async (cast) => {
    const ada = await cast.user({ todos: ["One", { title: "Two", completed: true }] });
    await ada.page.mouse.move(300, 300); // the page for the printer is loaded with the first move
    await pause(1000);
    await ada.page.evaluate(() => window.dispatchEvent(new Event("beforeprint")));
    await ada.page.emulateMedia({ media: "print" });
    const shown = await ada.page.evaluate(() => ({
      text: document.body.innerText,
      field: document.querySelector("input[name=title]")?.checkVisibility() ?? false,
      navigation: document.querySelector("nav")?.checkVisibility() ?? false,
    }));
    assert.match(shown.text, /One/);
    assert.match(shown.text, /Two/);
    assert.deepEqual([shown.field, shown.navigation], [false, false]);
  });

  it("are in the pictures of the README", async (cast) => {
    const ada = await cast.user({ todos: TODOS, options: { viewport: { width: 1100, height: 760 }, deviceScaleFactor: 1 } });
    await ada.page.mouse.move(2, 2);
    await ada.photograph("light");
    await ada.page.emulateMedia({ colorScheme: "dark" });
    await ada.photograph("dark");
    await ada.page.emulateMedia({ colorScheme: "light" });
    await ada.edit("Answer Charles about the engine");
    await ada.photograph("editor");
    await ada.close();
    await ada.page.setViewportSize({ width: 390, height: 760 });
    await ada.page.mouse.move(2, 2);
    await ada.photograph("narrow");
  });
});
