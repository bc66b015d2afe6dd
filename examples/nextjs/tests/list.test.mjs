// The list: adding, views, search, sort, tags, the trash and exports.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe } from "node:test";

import { day, eventually, it } from "./stage.mjs";

describe("adding", () => {
  it("puts the newest on top, and keeps the field ready", async (cast) => {
    const ada = await cast.user();
    for (const title of ["Milk", "Bread", "Butter"]) await ada.add(title);
    await ada.sees("Butter", "Bread", "Milk");
    assert.equal(await ada.field.inputValue(), "");
    assert.equal(await ada.focus(), "New todo");
    await ada.isSaved();
    await ada.user.has("Butter", "Bread", "Milk");
    await ada.reload();
    await ada.sees("Butter", "Bread", "Milk");
  });

  it("keeps a title that is being typed, and what is set for it, while the page is loaded again", async (cast) => {
    const ada = await cast.user();
    await ada.field.fill("Buy milk tomorrow");
    await ada.button("Due tomorrow").click();
    await ada.reload();
    assert.equal(await ada.field.inputValue(), "Buy milk");
    await ada.field.press("Enter");
    await ada.sees("Buy milk");
    assert.match((await ada.details())[0]?.text ?? "", /Tomorrow/);
    await ada.isSaved();
    await ada.reload();
    assert.equal(await ada.field.inputValue(), "");
  });

  it("by the button works, and an empty title is told in plain words", async (cast) => {
    const ada = await cast.user();
    await ada.field.fill("  Milk  ");
    await ada.button("Add").click();
    await ada.sees("Milk");
    await ada.field.fill("   ");
    await ada.field.press("Enter");
    await ada.reads("A todo needs a title.");
    assert.equal(await ada.field.getAttribute("aria-invalid"), "true");
    await ada.sees("Milk");
    await ada.add("Bread");
    await ada.sees("Bread", "Milk");
    assert.equal(await ada.page.getByText("A todo needs a title.").count(), 0);
  });

  it("more than 200 characters is told in plain words, and the text is kept", async (cast) => {
    const ada = await cast.user();
    await ada.add("x".repeat(201));
    await ada.reads(/at most 200 characters/);
    assert.equal(await ada.field.inputValue(), "x".repeat(201));
    await ada.sees();
    await ada.add("é".repeat(200));
    await ada.sees("é".repeat(200));
    await ada.isSaved();
  });

  it("several pasted lines makes several todos, the first one on top", async (cast) => {
    const ada = await cast.user({ todos: ["Before"] });
    await ada.field.focus();
    await paste(ada.page, "- Milk\n- [x] Bread\n\n1. Butter\r\n   \n* Eggs");
    await ada.sees("Milk", "Bread", "Butter", "Eggs", "Before");
    await ada.isSaved();
    await ada.user.has("Milk", "Bread", "Butter", "Eggs", "Before");
    await ada.undo();
    await ada.sees("Before");
    await ada.isSaved();
    await ada.user.has("Before");
  });

  it("one pasted line stays in the field", async (cast) => {
    const ada = await cast.user();
    await ada.field.fill("Buy ");
    await ada.field.press("End");
    await paste(ada.page, "milk");
    await eventually(async () => assert.equal(await ada.field.inputValue(), "Buy milk"));
    await ada.sees();
  });

  it("in Completed, Today and the trash shows what happened", async (cast) => {
    const ada = await cast.user({ todos: [{ title: "Done", completed: true }] });
    for (const view of ["Completed", "Trash"]) {
      await ada.goTo(view);
      if (!(await ada.field.isVisible())) continue; // a view may have no field
      await ada.add(`Added in ${view}`);
      await ada.hears(`Added in ${view}`);
      await ada.goTo("All");
      assert((await ada.titles()).includes(`Added in ${view}`));
    }
    await ada.goTo("Today");
    await ada.add("For today");
    await ada.sees("For today");
    await ada.isSaved();
    assert.equal((await ada.user.todo("For today")).due?.slice(0, 10), day(0));
  });

  it("in the view of a tag gives the tag", async (cast) => {
    const ada = await cast.user({ todos: [{ title: "Milk", tags: ["shop"] }], path: "/?tag=shop" });
    await ada.add("Bread");
    await ada.sees("Bread", "Milk");
    await ada.isSaved();
    assert.deepEqual((await ada.user.todo("Bread")).tags, ["shop"]);
  });

  it("words like tomorrow are taken on request alone", async (cast) => {
    const ada = await cast.user();
    await ada.add("Meet Grace tomorrow");
    await ada.sees("Meet Grace tomorrow");
    await ada.isSaved();
    assert.equal((await ada.user.todo("Meet Grace tomorrow")).due, null);
    await ada.field.fill("Call Bob tomorrow 9:00 #work !high");
    await ada.button("Use all").click();
    assert.equal(await ada.field.inputValue(), "Call Bob");
    await ada.field.press("Enter");
    await ada.sees("Call Bob", "Meet Grace tomorrow");
    await ada.isSaved();
    const { due, tags, priority } = await ada.user.todo("Call Bob");
    assert.deepEqual({ due, tags, priority }, { due: `${day(1)}T09:00`, tags: ["work"], priority: "high" });
  });

  it("from a link fills the field, and leaves the address", async (cast) => {
    const ada = await cast.user({ path: "/?title=From%20elsewhere%20%26%20more" });
    assert.equal(await ada.field.inputValue(), "From elsewhere & more");
    assert(!ada.page.url().includes("title"));
  });
});

describe("a row", () => {
  it("opens the editor by a click on its text, and never completes", async (cast) => {
    const ada = await cast.user({ todos: ["Milk"] });
    await ada.page.locator(".title").click();
    await ada.editor.waitFor();
    assert(!(await ada.checkbox("Milk").isChecked()));
    await ada.close();
    assert.equal((await ada.user.todo("Milk")).completed, false);
  });

  it("has links that can be clicked, and right-to-left text in its own direction", async (cast) => {
    const ada = await cast.user({
      todos: ["See https://example.com/a?b=1.", "שלום עולם!", "javascript:alert(1) <img src=x onerror=alert(1)>", { title: "Ring", description: "mailto:grace@example.com" }],
    });
    const link = ada.page.locator(".title").getByRole("link");
    assert.equal(await link.count(), 1);
    assert.equal(await link.getAttribute("href"), "https://example.com/a?b=1");
    assert.match(String(await link.getAttribute("rel")), /noopener|noreferrer/);
    await ada.context.route("https://example.com/**", (route) => route.fulfill({ body: "The other page" }));
    const opened = ada.context.waitForEvent("page");
    await link.click();
    await (await opened).close();
    assert.equal(await ada.editor.count(), 0, "a click on a link opens no editor");
    const hebrew = ada.page.locator(".title").filter({ hasText: "שלום" });
    assert.equal(await hebrew.evaluate((element) => getComputedStyle(element).direction), "rtl");
    const latin = ada.page.locator(".title").filter({ hasText: "See" });
    assert.equal(await latin.evaluate((element) => getComputedStyle(element).direction), "ltr");
    await ada.edit("Ring");
    await ada.editor.getByRole("link", { name: "grace@example.com" }).waitFor();
  });

  it("shows the date, the tags, the priority and that there are notes", async (cast) => {
    const ada = await cast.user({
      todos: [
        { title: "Ring", due: `${day(0)}T09:00`, tags: ["home", "work"], priority: "high", description: "Ask" },
        { title: "Pay", due: day(-1) },
        { title: "Plain" },
      ],
    });
    const text = await ada.row("Ring").innerText();
    assert.match(text, /Today 09:00/);
    assert.match(text, /home/);
    assert.match(text, /work/);
    assert.match(await ada.row("Ring").ariaSnapshot(), /high/i);
    assert.match(await ada.row("Ring").ariaSnapshot(), /notes/i);
    assert.match(await ada.row("Pay").ariaSnapshot(), /Yesterday|overdue/i);
    assert.doesNotMatch(await ada.row("Plain").ariaSnapshot(), /none|null|undefined/i);
  });

  it("tells its place, and is named by its title", async (cast) => {
    const ada = await cast.user({ todos: ["One", "Two"] });
    assert.equal(await ada.row("Two").getAttribute("aria-posinset"), "2");
    assert.equal(await ada.row("Two").getAttribute("aria-setsize"), "2");
    await ada.checkbox("Two").click();
    assert(await ada.checkbox("Two").isChecked());
    await ada.isSaved();
    assert.equal((await ada.user.todo("Two")).completed, true);
  });
});

describe("views", () => {
  const todos = [
    { title: "Late", due: day(-2) },
    { title: "Now", due: `${day(0)}T23:00`, tags: ["home"] },
    { title: "Done now", due: day(0), completed: true, completed_at: "2026-01-02T00:00:00Z" },
    { title: "Later", due: day(1), tags: ["home", "Work"] },
    { title: "Done before", completed: true, completed_at: "2026-01-01T00:00:00Z" },
    { title: "Some day" },
  ];

  it("show what they say, with counts, and the address keeps them", async (cast) => {
    const ada = await cast.user({ todos });
    await ada.sees("Late", "Now", "Done now", "Later", "Done before", "Some day");
    await ada.goTo("Today");
    await ada.sees("Late", "Now");
    assert.equal(await ada.view("Today").getAttribute("aria-current"), "page");
    assert.match(await ada.view("Today").innerText(), /2/);
    assert.equal(new URL(ada.page.url()).search, "?view=today");
    assert.match(await ada.page.title(), /Today/);
    await ada.reload();
    await ada.sees("Late", "Now");
    await ada.goTo("Completed");
    await ada.sees("Done now", "Done before");
    await ada.goTo("home");
    await ada.sees("Now", "Later");
    assert.match(await ada.view("home").innerText(), /2/);
    assert.equal(new URL(ada.page.url()).search, "?tag=home");
    await ada.page.goBack();
    await ada.sees("Done now", "Done before");
    await ada.page.goBack();
    await ada.sees("Late", "Now");
    await ada.page.goForward();
    await ada.sees("Done now", "Done before");
    await ada.goTo("Trash");
    await ada.sees();
  });

  it("change without a request of the page", async (cast) => {
    const ada = await cast.user({ todos });
    /** @type {string[]} */
    const asked = [];
    ada.page.on("request", (request) => asked.push(request.url()));
    await ada.goTo("Today");
    await ada.goTo("home");
    await ada.goTo("Completed");
    await ada.sees("Done now", "Done before");
    // Chromium asks for the icon after each change of the address, and parts of the app are loaded when it is idle.
    assert.deepEqual(asked.filter((url) => !/\/api\/|\/icon\.svg|\/_next\/static\//.test(url)), []);
  });

  it("open in a new tab with the keyboard's Ctrl", async (cast) => {
    const ada = await cast.user({ todos });
    const opening = ada.context.waitForEvent("page");
    await ada.view("Completed").click({ modifiers: ["ControlOrMeta"] });
    const page = await opening;
    await page.getByRole("heading", { level: 1, name: "Completed" }).waitFor();
    assert.equal(new URL(ada.page.url()).search, "");
  });

  it("of a tag opens by a click on the tag in a row", async (cast) => {
    const ada = await cast.user({ todos });
    await ada.row("Later").getByRole("link", { name: "Work" }).click();
    await ada.page.getByRole("heading", { level: 1, name: "Work" }).waitFor();
    await ada.sees("Later");
  });

  it("that are empty help", async (cast) => {
    const ada = await cast.user();
    for (const view of ["All", "Today", "Completed", "Trash"]) {
      await ada.goTo(view);
      const text = await ada.page.locator("main").innerText();
      assert(/[A-Z][^.]{6,}\./.test(text), `${view}: ${text}`);
    }
    await ada.goTo("All");
    await ada.add("One");
    await ada.search.fill("nothing like this");
    await ada.sees();
    await ada.reads(/[Nn]o.*(found|match)|Nothing/);
  });

  it("drop a todo that they no longer contain, with a toast and the focus on the next one", async (cast) => {
    const ada = await cast.user({ todos, path: "/?view=today" });
    await ada.checkbox("Late").click();
    await ada.sees("Now");
    await ada.hears("Completed “Late”.");
    assert.equal(await ada.page.evaluate(() => document.activeElement?.closest("li")?.querySelector(".title")?.textContent), "Now");
    await ada.undo();
    await ada.sees("Late", "Now");
  });
});

describe("search and sort", () => {
  const todos = [
    { title: "Buy Milk", tags: ["shop"], due: "2030-03-01" },
    { title: "Piano lesson", description: "Bring milk for the cat", due: "2030-01-01" },
    { title: "Café at noon", tags: ["milk bar"] },
    { title: "Nothing", due: "2030-01-01T09:00" },
  ];

  it("search finds words in titles, notes and tags, as they are typed", async (cast) => {
    const ada = await cast.user({ todos });
    await ada.search.pressSequentially("milk");
    await ada.sees("Buy Milk", "Piano lesson", "Café at noon");
    await ada.search.pressSequentially(" CAT");
    await ada.sees("Piano lesson");
    await ada.search.fill("caf");
    await ada.sees("Café at noon");
    await eventually(async () => assert.equal(new URL(ada.page.url()).searchParams.get("q"), "caf"));
    await ada.reload();
    await ada.sees("Café at noon");
    assert.equal(await ada.search.inputValue(), "caf");
    await ada.search.press("Escape");
    await ada.sees("Buy Milk", "Piano lesson", "Café at noon", "Nothing");
    await eventually(async () => assert.equal(new URL(ada.page.url()).search, ""));
  });

  it("search is one step of Back, and the focus stays", async (cast) => {
    const ada = await cast.user({ todos });
    await ada.goTo("Completed");
    await ada.goTo("All");
    await ada.search.pressSequentially("milk");
    await ada.sees("Buy Milk", "Piano lesson", "Café at noon");
    assert.equal(await ada.page.evaluate(() => /** @type {HTMLInputElement} */ (document.activeElement)?.type), "search");
    await ada.page.goBack();
    // Either the search is gone, or the view before is shown. No step for each letter.
    await eventually(async () => assert(!/q=/.test(ada.page.url())));
  });

  it("sorts by due date, by change and by hand, and the address keeps it", async (cast) => {
    const ada = await cast.user({ todos });
    const sort = ada.page.getByLabel("Sort");
    await sort.selectOption("By due date");
    await ada.sees("Piano lesson", "Nothing", "Buy Milk", "Café at noon");
    await eventually(async () => assert.equal(new URL(ada.page.url()).searchParams.get("sort"), "due"));
    await ada.reload();
    await ada.sees("Piano lesson", "Nothing", "Buy Milk", "Café at noon");
    assert.equal(await ada.button("Move “Nothing”").count(), 0, "there is no hand order to change");
    await sort.selectOption("Last changed");
    await ada.change("Café at noon", { Notes: "Now" });
    await eventually(async () => assert.equal((await ada.titles())[0], "Café at noon"));
    await ada.isSaved();
    assert.equal((await ada.titles())[0], "Café at noon");
    await sort.selectOption("By hand");
    await ada.sees("Buy Milk", "Piano lesson", "Café at noon", "Nothing");
    assert.equal(new URL(ada.page.url()).search, "");
  });
});

describe("tags", () => {
  it("are renamed in all todos", async (cast) => {
    const ada = await cast.user({
      todos: [{ title: "One", tags: ["a", "home"] }, { title: "Two", tags: ["home"], completed: true }, { title: "Three", tags: ["home", "house"] }],
      path: "/?tag=home",
    });
    await ada.renameTag("house");
    await ada.sees("One", "Two", "Three");
    await ada.isSaved();
    assert.deepEqual((await ada.user.todo("One")).tags, ["a", "house"]);
    assert.deepEqual((await ada.user.todo("Two")).tags, ["house"]);
    assert.deepEqual((await ada.user.todo("Three")).tags, ["house"]);
    await ada.undo();
    await ada.isSaved();
    await eventually(async () => assert.deepEqual((await ada.user.todo("Three")).tags, ["home", "house"]));
  });

  it("are deleted in all todos, and the todos stay", async (cast) => {
    const ada = await cast.user({ todos: [{ title: "One", tags: ["a", "home"] }, { title: "Two", tags: ["home"] }], path: "/?tag=home" });
    await ada.more("Delete tag…");
    await ada.answer("Delete tag");
    await ada.page.getByRole("heading", { level: 1, name: "All" }).waitFor();
    await ada.sees("One", "Two");
    await ada.isSaved();
    assert.deepEqual((await ada.user.todo("One")).tags, ["a"]);
    assert.equal(await ada.view("home").count(), 0);
    await ada.undo();
    await ada.isSaved();
    await eventually(async () => assert.deepEqual((await ada.user.todo("One")).tags, ["a", "home"]));
  });

  it("with characters of addresses work", async (cast) => {
    const name = "a/b & c=d? 50% #é";
    const ada = await cast.user({ todos: [{ title: "One", tags: [name] }, "Two"] });
    await ada.row("One").getByRole("link", { name }).click();
    await ada.page.getByRole("heading", { level: 1, name }).waitFor();
    await ada.sees("One");
    await ada.reload();
    await ada.sees("One");
  });
});

describe("the trash", () => {
  it("restores, deletes for good, and empties", async (cast) => {
    const ada = await cast.user({ todos: ["One", "Two", "Three", "Four"] });
    for (const title of ["One", "Two", "Three"]) {
      await ada.button(`Delete “${title}”`).click();
      await ada.isSaved(); // those of one request have one time
    }
    await ada.sees("Four");
    await ada.goTo("Trash");
    await ada.sees("Three", "Two", "One");
    await ada.button("Restore “Two”").click();
    await ada.sees("Three", "One");
    await ada.button("Delete “One” for good").click();
    await ada.answer("Cancel");
    await ada.sees("Three", "One");
    await ada.button("Delete “One” for good").click();
    await ada.answer("Delete for good");
    await ada.sees("Three");
    await ada.isSaved();
    await ada.user.has("Two", "Four");
    await eventually(async () => assert.equal((await ada.user.api("GET", "/trash")).length, 1));
    await ada.button("Empty trash").click();
    await ada.answer("Delete for good");
    await ada.sees();
    await ada.isSaved();
    await eventually(async () => assert.deepEqual(await ada.user.api("GET", "/trash"), []));
    await ada.goTo("All");
    await ada.sees("Two", "Four");
  });
});

describe("exports", () => {
  const todos = [
    { title: 'Say "hi", =1+1', description: "Line 1\nLine 2", tags: ["a", "b"], due: "2030-01-02T09:00", priority: /** @type {const} */ ("high") },
    { title: "Done", completed: true, completed_at: "2026-01-01T00:00:00Z" },
  ];

  it("as CSV has all todos", async (cast) => {
    const ada = await cast.user({ todos });
    const { name, text } = await download(ada, "Export as CSV");
    assert.match(name, /\.csv$/);
    assert.match(text, /^\ufeff/);
    const lines = text.split("\r\n");
    assert.match(lines[0] ?? "", /title.*description/);
    assert(text.includes('""hi""'), text);
    assert(!/(^|,)"?=/m.test(text), "no cell starts as a formula");
    assert(text.includes("Done"));
  });

  it("as CSV has the order of the list", async (cast) => {
    const titles = ["One", "Two", "Three", "Four", "Five", "Six"];
    const ada = await cast.user({ todos: titles });
    const { text } = await download(ada, "Export as CSV");
    assert.deepEqual(text.split("\r\n").slice(1, -1).map((line) => line.split('"')[1]), titles);
  });

  it("as JSON can be imported again, by another user too", async (cast) => {
    const ada = await cast.user({ todos });
    await ada.button("Delete “Done”").click();
    await ada.isSaved();
    const { name, text } = await download(ada, "Export as JSON");
    assert.match(name, /\.(jsonl|json|ndjson)$/);
    const bob = await cast.stranger({ name: "Bob" });
    const lines = text.trim().split("\n").map((line) => JSON.parse(line));
    assert.equal(lines.length, 2);
    const { spawnSync } = await import("node:child_process");
    const { resolve } = await import("node:path");
    const root = resolve(import.meta.dirname, "../../..");
    const { stage } = await import("./stage.mjs");
    const run = spawnSync(process.env.PYTHON ?? resolve(root, ".venv/bin/python"), ["-m", "dev", "import"], {
      cwd: root,
      input: text,
      encoding: "utf8",
      env: { ...process.env, TOKEN: bob.user.token, API_URL: stage.places.api },
    });
    assert.equal(run.status, 0, run.stderr);
    const [mine] = await ada.user.todos();
    const [other] = await bob.user.todos();
    for (const field of /** @type {const} */ (["id", "title", "description", "due", "priority", "position", "created_at"])) {
      assert.equal(other?.[field], mine?.[field], field);
    }
    assert.deepEqual(other?.tags, mine?.tags);
  });

  it("begin when the part of the app that writes them is loaded", async (cast) => {
    const ada = await cast.user({ todos: ["One"], options: { serviceWorkers: "block" } });
    const scripts = await ada.hold("**/_next/static/**/*.js"); // the first move of the pointer loads it
    const downloading = ada.page.waitForEvent("download");
    await ada.more("Export as JSON");
    await scripts.answered();
    await scripts.release();
    assert.match(readFileSync(await (await downloading).path(), "utf8"), /One/);
  });

  it("work offline, with what is not sent yet", async (cast) => {
    const ada = await cast.user({ todos: ["One"] });
    await ada.goOffline();
    await ada.add("Not sent yet");
    const { text } = await download(ada, "Export as JSON");
    assert.match(text, /Not sent yet/);
  });
});

/** @param {import("./stage.mjs").Visitor} visitor @param {string} item */
async function download(visitor, item) {
  const downloading = visitor.page.waitForEvent("download");
  await visitor.more(item);
  const file = await downloading;
  return { name: file.suggestedFilename(), text: readFileSync(await file.path(), "utf8") };
}

/** Paste a text where the focus is. @param {import("playwright-core").Page} page @param {string} text */
async function paste(page, text) {
  await page.evaluate((pasted) => {
    const data = new DataTransfer();
    data.setData("text/plain", pasted);
    const event = new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true });
    // A browser inserts the text unless the page handles the event.
    if (document.activeElement?.dispatchEvent(event)) document.execCommand("insertText", false, pasted);
  }, text);
}
