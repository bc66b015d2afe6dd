// Undo for each action, on the screen and in the API, and on devices that were offline.

import assert from "node:assert/strict";
import { describe } from "node:test";

import { eventually, it } from "./stage.mjs";

/** @typedef {import("./stage.mjs").Visitor} Visitor */

const TODOS = [
  { title: "One", tags: ["home", "work"], due: "2030-01-02", description: "Notes" },
  { title: "Two", completed: true, completed_at: "2026-01-01T10:00:00Z" },
  { title: "Three", tags: ["home"] },
];

/** @type {Record<string, { path?: string, act: (ada: Visitor) => Promise<void>, text: RegExp }>} */
const ACTIONS = {
  "an addition": { act: (ada) => ada.add("Four"), text: /Four/ },
  "a completion": { act: (ada) => ada.checkbox("One").click(), text: /Completed “One”\./ },
  "an opening again": { act: (ada) => ada.checkbox("Two").click(), text: /Two/ },
  "a deletion": { act: (ada) => ada.button("Delete “One”").click(), text: /Deleted “One”\./ },
  "a move": { act: (ada) => ada.checkbox("Three").press("Alt+ArrowUp"), text: /Moved “Three”/ },
  "an edit of several fields": {
    act: (ada) => ada.change("One", { Title: "Uno", Notes: "", "Due date": "", Tags: "", Priority: "High" }),
    text: /One|Uno/,
  },
  "Complete all": { act: (ada) => ada.more("Complete all"), text: /Completed 2 todos\./ },
  "Clear completed": { act: (ada) => ada.more("Clear completed"), text: /Deleted “Two”\.|Deleted 1/ },
  "the rename of a tag": {
    path: "/?tag=home",
    act: (ada) => ada.renameTag("house"),
    text: /home.*house/,
  },
  "the deletion of a tag": {
    path: "/?tag=home",
    act: async (ada) => {
      await ada.more("Delete tag…");
      await ada.answer("Delete tag");
    },
    text: /home/,
  },
};

/** Return what the API has, without what every change changes. @param {Visitor} ada */
async function content({ user }) {
  const todos = [...(await user.todos()), ...(await user.api("GET", "/trash"))];
  return todos.map(({ version, updated_at, completed_at, ...todo }) => ({ ...todo, deleted_at: Boolean(todo.deleted_at) }));
}

describe("undo", () => {
  for (const [name, { path = "/", act, text }] of Object.entries(ACTIONS)) {
    it(`of ${name} brings everything back, also in the API`, async (cast) => {
      const ada = await cast.user({ todos: TODOS, path });
      const before = await content(ada);
      const shown = await ada.details();
      await act(ada);
      await ada.hears(text);
      await eventually(async () => assert.notDeepEqual(await content(ada), before));
      await ada.isSaved();
      await ada.undo();
      await eventually(async () => assert.deepEqual(await content(ada), before.concat(await extra(ada, before))));
      await ada.isSaved();
      if (!path.includes("tag")) await eventually(async () => assert.deepEqual(await ada.details(), shown));
      assert.notEqual(await ada.focus(), "nothing");
      await ada.reload();
      await ada.open("/");
      await ada.sees("One", "Two", "Three");
    });
  }

  it("asks before the trash is emptied, and makes no half todos after it", async (cast) => {
    const ada = await cast.user({ todos: TODOS });
    await ada.button("Delete “One”").click();
    await ada.button("Delete “Two”").click();
    await ada.goTo("Trash");
    await eventually(async () => assert.equal((await ada.titles()).length, 2));
    await ada.isSaved();
    await ada.button("Empty trash").click();
    await ada.answer("Empty trash");
    await ada.sees();
    await ada.hears("Deleted 2 todos for good.");
    await ada.isSaved();
    await eventually(async () => assert.deepEqual(await ada.user.api("GET", "/trash"), []));
    // What was done before cannot be undone for todos that are gone, and brings back no part of them.
    for (let press = 0; press < 3; press++) await ada.page.keyboard.press("z");
    await ada.isSaved();
    await ada.goTo("All");
    const titles = await ada.titles();
    assert(titles.every((title) => ["One", "Two", "Three"].includes(title)), titles.join());
    await ada.reload();
    assert.deepEqual(await ada.titles(), await ada.user.titles());
  });

  it("works offline and after a change of the view, several times", async (cast) => {
    const ada = await cast.user({ todos: ["One", "Two"] });
    await ada.goOffline();
    await ada.checkbox("One").click();
    await ada.button("Delete “Two”").click();
    await ada.sees("One");
    await ada.goTo("Completed");
    await ada.page.keyboard.press("z");
    await ada.page.keyboard.press("z");
    await ada.sees();
    await ada.goTo("All");
    await ada.sees("One", "Two");
    assert(!(await ada.checkbox("One").isChecked()));
    await ada.goOnline();
    await ada.isSaved();
    await ada.user.has("One", "Two");
    assert.equal((await ada.user.todo("One")).completed, false);
  });

  it("works without a keyboard, more than once and after the toast", async (cast) => {
    const ada = await cast.user({ todos: ["One", "Two"], options: { hasTouch: true, isMobile: true } });
    await ada.checkbox("One").tap();
    await ada.checkbox("Two").tap();
    await ada.toast.getByRole("button", { name: "Dismiss" }).tap();
    await ada.more("Undo");
    await ada.hears("Undone: Completed “Two”.");
    await ada.more("Undo");
    await ada.hears("Undone: Completed “One”.");
    assert(!(await ada.checkbox("One").isChecked()) && !(await ada.checkbox("Two").isChecked()));
  });

  it("reverts this device's change alone, and keeps what another device did", async (cast) => {
    const laptop = await cast.user({ todos: ["One"] });
    await laptop.change("One", { Title: "Uno" });
    await laptop.isSaved();
    const { id } = await laptop.user.todo("Uno");
    await laptop.user.api("PATCH", `/todos/${id}`, { tags: ["elsewhere"] });
    await laptop.undo();
    await laptop.sees("One");
    await laptop.isSaved();
    await eventually(async () => assert.equal((await laptop.user.todo("One")).tags[0], "elsewhere"));
  });

  it("is offered for 10 s, and longer while the pointer is on it", async (cast) => {
    const ada = await cast.stranger({ todos: ["One", "Two"] });
    await ada.stopClock();
    await ada.open();
    await ada.button("Delete “One”").click();
    await ada.hears("Deleted “One”.");
    await ada.page.clock.runFor(8000);
    assert(await ada.toast.isVisible());
    await ada.toast.hover();
    await ada.page.clock.runFor(30_000);
    assert(await ada.toast.isVisible());
    await ada.page.mouse.move(5, 5);
    await eventually(async () => {
      await ada.page.clock.runFor(12_000); // the ten seconds begin when the page knows that the pointer has left
      assert(!(await ada.toast.isVisible()));
    });
  });
});

/** After the undo of an addition, the todo may be in the trash. @param {Visitor} ada @param {{ id: string }[]} before */
async function extra(ada, before) {
  const known = new Set(before.map(({ id }) => id));
  return (await content(ada)).filter(({ id, deleted_at }) => !known.has(id) && deleted_at);
}
