// The keyboard, dragging, the focus, and what screen readers are told.

import assert from "node:assert/strict";
import { describe } from "node:test";

import { eventually, it } from "./stage.mjs";

/** @typedef {import("./stage.mjs").Visitor} Visitor */

/** Return the title of the row with the focus. @param {Visitor} ada */
async function focused(ada) {
  return ada.page.evaluate(() => document.activeElement?.closest("li")?.querySelector(".title")?.textContent ?? null);
}

/** @param {Visitor} ada @param {string | null} title */
async function isOn(ada, title) {
  await eventually(async () => assert.equal(await focused(ada), title));
}

describe("the keyboard", () => {
  it("does everything with a list", async (cast) => {
    const ada = await cast.user({ todos: ["One", "Two", "Three"] });
    const { keyboard } = ada.page;
    await keyboard.press("n");
    assert.equal(await ada.focus(), "New todo");
    await keyboard.type("Zero n / j ?");
    await keyboard.press("Enter");
    await ada.sees("Zero n / j ?", "One", "Two", "Three");
    await keyboard.press("Tab");
    await keyboard.press("j");
    await isOn(ada, "Zero n / j ?");
    await keyboard.press("j");
    await isOn(ada, "One");
    await keyboard.press("ArrowDown");
    await isOn(ada, "Two");
    await keyboard.press("k");
    await isOn(ada, "One");
    await keyboard.press("ArrowUp");
    await isOn(ada, "Zero n / j ?");
    await keyboard.press("Space");
    assert(await ada.checkbox("Zero n / j ?").isChecked());
    await isOn(ada, "Zero n / j ?");
    await keyboard.press("z");
    await eventually(async () => assert(!(await ada.checkbox("Zero n / j ?").isChecked())));
    await keyboard.press("Delete");
    await ada.sees("One", "Two", "Three");
    await isOn(ada, "One");
    await keyboard.press("Alt+ArrowDown");
    await ada.sees("Two", "One", "Three");
    await isOn(ada, "One");
    await keyboard.press("Alt+ArrowDown");
    await keyboard.press("Alt+ArrowDown"); // it is the last one
    await ada.sees("Two", "Three", "One");
    await keyboard.press("Alt+ArrowUp");
    await ada.sees("Two", "One", "Three");
    await keyboard.press("e");
    await ada.editor.waitFor();
    await keyboard.press("Escape");
    await ada.editor.waitFor({ state: "hidden" });
    await isOn(ada, "One");
    await keyboard.press("Backspace");
    await ada.sees("Two", "Three");
    await isOn(ada, "Three");
    await keyboard.press("Delete");
    await isOn(ada, "Two");
    await keyboard.press("Delete");
    await ada.sees();
    assert.notEqual(await ada.focus(), "nothing");
    await keyboard.press("z");
    await ada.sees("Two");
    await ada.isSaved();
    await ada.user.has("Two");
  });

  it("searches, changes the view and leaves the search", async (cast) => {
    const ada = await cast.user({ todos: ["Milk", "Bread", { title: "Done", completed: true }] });
    const { keyboard } = ada.page;
    await keyboard.press("/");
    await keyboard.type("milk");
    await ada.sees("Milk");
    await keyboard.press("ArrowDown");
    await isOn(ada, "Milk");
    await keyboard.press("/");
    await keyboard.press("Escape");
    await ada.sees("Milk", "Bread", "Done");
    assert.notEqual(await ada.focus(), "nothing");
    const heading = (/** @type {string} */ name) => ada.page.getByRole("heading", { level: 1, name, exact: true }).waitFor();
    await ada.checkbox("Milk").focus();
    for (const [key, name] of [["1", "Today"], ["3", "Completed"], ["4", "Trash"], ["2", "All"]]) {
      await keyboard.press(String(key));
      await heading(String(name));
      assert.notEqual(await ada.focus(), "nothing", `after ${key}`);
    }
  });

  it("asks before it deletes for good, in the trash", async (cast) => {
    const ada = await cast.user({ todos: ["One", "Two"] });
    await ada.button("Delete “One”").click();
    await ada.goTo("Trash");
    await ada.sees("One");
    await ada.page.keyboard.press("j");
    await ada.page.keyboard.press("Delete");
    await ada.question.waitFor();
    await ada.page.keyboard.press("Escape");
    await ada.question.waitFor({ state: "hidden" });
    await ada.sees("One");
    assert.notEqual(await ada.focus(), "nothing");
  });

  it("leaves keys with modifiers, and keys that are typed, alone", async (cast) => {
    const ada = await cast.user({ todos: ["One"] });
    const { keyboard } = ada.page;
    await ada.checkbox("One").focus();
    await keyboard.press("Control+z");
    await keyboard.press("Control+e");
    await keyboard.press("Shift+N");
    assert.equal(await ada.editor.count(), 0);
    assert.equal(await focused(ada), "One");
    await ada.search.focus();
    await keyboard.type("n1z");
    assert.equal(await ada.search.inputValue(), "n1z");
    await ada.page.getByRole("heading", { level: 1, name: "All" }).waitFor();
  });

  it("has a list of its keys, and they can be turned off", async (cast) => {
    const ada = await cast.user({ todos: ["One"] });
    const { keyboard } = ada.page;
    await ada.checkbox("One").focus();
    await keyboard.press("?");
    const help = ada.page.getByRole("dialog", { name: /[Kk]eyboard/ });
    await help.waitFor();
    await ada.seesNoBarrier();
    const text = await help.innerText();
    for (const word of ["New", "Search", "Undo", "Delete", "Today"]) assert.match(text, new RegExp(word, "i"));
    await help.getByRole("switch").click();
    await keyboard.press("Escape");
    await help.waitFor({ state: "hidden" });
    assert.notEqual(await ada.focus(), "nothing");
    await ada.checkbox("One").focus();
    await keyboard.press("n");
    assert.equal(await focused(ada), "One");
    await ada.reload();
    await ada.checkbox("One").focus();
    await keyboard.press("e");
    await keyboard.press("?");
    assert.equal((await help.count()) + (await ada.editor.count()), 0);
    await ada.more("Keyboard shortcuts"); // still reachable
    await help.getByRole("switch").click();
    await keyboard.press("Escape");
    await help.waitFor({ state: "hidden" });
    await ada.checkbox("One").focus();
    await keyboard.press("n");
    assert.equal(await ada.focus(), "New todo");
  });

  it("reaches everything by Tab, in the order of the screen, and what has the focus is marked", async (cast) => {
    const ada = await cast.user({ todos: ["One"] });
    /** @type {Set<string>} */
    const reached = new Set();
    await ada.page.evaluate(() => /** @type {HTMLElement} */ (document.activeElement)?.blur());
    for (let press = 0; press < 40; press++) {
      await ada.page.keyboard.press("Tab");
      const { name, isMarked } = await ada.page.evaluate(() => {
        const element = /** @type {HTMLElement} */ (document.activeElement);
        const style = getComputedStyle(element);
        const outer = getComputedStyle(element.parentElement ?? element);
        return {
          name: element.getAttribute("aria-label") ?? /** @type {HTMLInputElement} */ (element).labels?.[0]?.innerText ?? element.innerText,
          isMarked:
            element === document.body ||
            (style.outlineStyle !== "none" && style.outlineWidth !== "0px") ||
            style.boxShadow !== "none" ||
            outer.outlineStyle !== "none" ||
            outer.boxShadow !== "none",
        };
      });
      assert(isMarked, `${name} is not marked`);
      reached.add(name.trim());
    }
    const names = [...reached].join("; ");
    for (const name of ["New todo", "Search", "Sort", "Edit “One”", "Delete “One”", "More", "Account of Ada"]) {
      assert(names.includes(name), `${name} is not among ${names}`);
    }
  });
});

describe("the focus", () => {
  it("is never lost, whatever is done", async (cast) => {
    const ada = await cast.user({
      todos: [{ title: "One", tags: ["home"] }, "Two", { title: "Three", completed: true }, "Four", "Five"],
    });
    /** @type {[string, () => Promise<void>][]} */
    const steps = [
      ["add", () => ada.add("Six")],
      ["complete", () => ada.checkbox("Two").press("Space")],
      ["delete by its button", () => ada.button("Delete “Four”").press("Enter")],
      ["undo by its button", () => ada.toast.getByRole("button", { name: "Undo" }).press("Enter")],
      ["edit and close", async () => (await ada.edit("Five"), await ada.close())],
      ["move", () => ada.checkbox("Five").press("Alt+ArrowUp")],
      ["dismiss the toast", () => ada.toast.getByRole("button", { name: "Dismiss" }).press("Enter")],
      ["a view", () => ada.view("home").press("Enter")],
      ["complete in a view", () => ada.checkbox("One").press("Space")],
      ["a view by its link", () => ada.view("All").press("Enter")],
      ["clear completed", () => ada.more("Clear completed")],
      ["complete all", () => ada.more("Complete all")],
      ["the trash", () => ada.view("Trash").press("Enter")],
      ["restore", () => ada.button("Restore “Two”").press("Enter")],
      ["delete for good", () => ada.button("Delete “Three” for good").press("Enter")],
    ];
    for (const [name, step] of steps) {
      await step();
      await ada.page.waitForTimeout(150);
      const dialog = ada.page.locator("dialog[open]");
      if (await dialog.isVisible()) {
        await dialog.getByRole("button", { name: /^(Delete|Clear|Complete)/ }).press("Enter");
        await ada.page.waitForTimeout(150);
      }
      await ada.hasFocus(`after: ${name}`);
    }
  });

  it("stays where it is when another device changes the list", async (cast) => {
    const ada = await cast.user({ todos: ["One", "Two", "Three"] });
    await ada.checkbox("Two").focus();
    await ada.user.api("POST", "/todos", { title: "From elsewhere" });
    await ada.page.evaluate(() => window.dispatchEvent(new Event("focus")));
    await ada.sees("From elsewhere", "One", "Two", "Three");
    await isOn(ada, "Two");
    await ada.user.api("DELETE", `/todos/${(await ada.user.todo("Two")).id}`);
    await ada.page.evaluate(() => window.dispatchEvent(new Event("focus")));
    await ada.sees("From elsewhere", "One", "Three");
    assert.notEqual(await ada.focus(), "nothing");
  });
});

describe("screen readers", () => {
  it("are told what happened, by one live region", async (cast) => {
    const ada = await cast.user({ todos: ["One", "Two", "Three"] });
    const told = ada.page.getByRole("status");
    await ada.checkbox("One").click();
    await told.filter({ hasText: "Completed “One”." }).first().waitFor();
    await ada.checkbox("One").click();
    await told.filter({ hasText: "“One”" }).filter({ hasNotText: "Completed" }).first().waitFor();
    await ada.button("Delete “Two”").click();
    await told.filter({ hasText: "Deleted “Two”." }).first().waitFor();
    await ada.undo();
    await told.filter({ hasText: /Undone|Undid|back|Restored/ }).first().waitFor();
    await ada.checkbox("Three").press("Alt+ArrowUp");
    await told.filter({ hasText: "Moved “Three”" }).first().waitFor();
    await ada.add("Four");
    await told.filter({ hasText: "“Four”" }).first().waitFor();
    // A live region must be there before it has a text.
    await ada.reload();
    assert((await told.count()) > 0, "the region is missing before something happens");
  });
});

describe("dragging", () => {
  it("by the mouse moves a todo, Escape cancels, and the API has the order", async (cast) => {
    const ada = await cast.user({ todos: ["One", "Two", "Three", "Four"] });
    await drag(ada, "Four", "Two");
    await ada.sees("One", "Four", "Two", "Three");
    await ada.isSaved();
    await ada.user.has("One", "Four", "Two", "Three");
    assert.equal(await ada.editor.count(), 0);
    const handle = await center(ada, "One");
    await ada.page.mouse.move(handle.x, handle.y);
    await ada.page.mouse.down();
    await ada.page.mouse.move(handle.x, handle.y + 150, { steps: 8 });
    await ada.page.keyboard.press("Escape");
    await ada.page.mouse.up();
    await ada.sees("One", "Four", "Two", "Three");
    await drag(ada, "One", "Three", 20);
    await ada.sees("Four", "Two", "Three", "One");
    await ada.undo();
    await ada.sees("One", "Four", "Two", "Three");
  });

  it("ends where the pointer is, also before the next frame", async (cast) => {
    const ada = await cast.user({ todos: ["One", "Two", "Three", "Four"] });
    const [from, to] = [await center(ada, "Four"), await center(ada, "Two")];
    await ada.page.mouse.move(from.x, from.y);
    await ada.page.mouse.down();
    await ada.page.evaluate(({ x, ys }) => {
      const handle = document.elementFromPoint(x, ys[0] ?? 0);
      const send = (/** @type {string} */ type, clientY = 0) =>
        handle?.dispatchEvent(new PointerEvent(type, { pointerId: 1, isPrimary: true, clientX: x, clientY, bubbles: true }));
      for (const y of ys) send("pointermove", y); // no frame is between these events
      send("pointerup", ys.at(-1));
    }, { x: from.x, ys: [from.y, from.y - 10, to.y - 12] });
    await ada.page.mouse.up();
    await ada.sees("One", "Four", "Two", "Three");
  });

  it("by touch moves a todo, and the page does not scroll", async (cast) => {
    const ada = await cast.user({
      todos: Array.from({ length: 20 }, (_, n) => `Todo ${n}`),
      options: { viewport: { width: 390, height: 700 }, hasTouch: true, isMobile: true },
    });
    const from = await center(ada, "Todo 3");
    const to = await center(ada, "Todo 1");
    const cdp = await ada.context.newCDPSession(ada.page);
    const touch = (/** @type {"touchStart" | "touchMove" | "touchEnd"} */ type, y = 0) =>
      cdp.send("Input.dispatchTouchEvent", { type, touchPoints: type === "touchEnd" ? [] : [{ x: from.x, y }] });
    await touch("touchStart", from.y);
    for (let step = 1; step <= 10; step++) await touch("touchMove", from.y + ((to.y - 12 - from.y) * step) / 10);
    await touch("touchEnd");
    await eventually(async () => assert.deepEqual((await ada.titles()).slice(0, 4), ["Todo 0", "Todo 3", "Todo 1", "Todo 2"]));
    assert.equal(await ada.page.evaluate(() => scrollY), 0);
    await ada.isSaved();
    assert.deepEqual((await ada.user.titles()).slice(0, 4), ["Todo 0", "Todo 3", "Todo 1", "Todo 2"]);
  });

  it("in a tag's view keeps the order of the others", async (cast) => {
    const ada = await cast.user({
      todos: [{ title: "A", tags: ["t"] }, "x", { title: "B", tags: ["t"] }, "y", { title: "C", tags: ["t"] }],
      path: "/?tag=t",
    });
    await drag(ada, "C", "A", -20);
    await ada.sees("C", "A", "B");
    await ada.isSaved();
    const titles = await ada.user.titles();
    assert.deepEqual(titles.filter((title) => "ABC".includes(title)), ["C", "A", "B"]);
    assert.deepEqual(titles.filter((title) => "xy".includes(title)), ["x", "y"]);
  });
});

/** @param {Visitor} ada @param {string} title */
async function center(ada, title) {
  const handle = ada.button(`Move “${title}”`);
  await handle.scrollIntoViewIfNeeded();
  const box = await handle.boundingBox();
  assert(box);
  return { x: box.x + box.width / 2, y: box.y + box.height / 2 };
}

/** Drag a todo to the place of another one. @param {Visitor} ada @param {string} title @param {string} target */
async function drag(ada, title, target, offset = -12) {
  const from = await center(ada, title);
  const to = await center(ada, target);
  await ada.page.mouse.move(from.x, from.y);
  await ada.page.mouse.down();
  await ada.page.mouse.move(from.x, to.y + offset, { steps: 12 });
  await ada.page.mouse.up();
}
