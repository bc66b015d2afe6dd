// The editor of a todo: what is typed is stored while it is typed, whatever happens around it.

import assert from "node:assert/strict";
import { describe } from "node:test";

import { day, eventually, it } from "./stage.mjs";

describe("the editor", () => {
  it("changes all fields, and one undo reverts them", async (cast) => {
    const ada = await cast.user({ todos: ["One", "Two"] });
    await ada.edit("One");
    assert.equal(await ada.editor.getByLabel("Title").inputValue(), "One");
    await ada.editor.getByLabel("Title").fill("Uno");
    await ada.editor.getByLabel("Notes").fill("Line 1\nLine 2");
    await ada.editor.getByRole("button", { name: "Tomorrow" }).click();
    assert.equal(await ada.editor.getByLabel("Due date").inputValue(), day(1));
    await ada.editor.getByLabel("Time").fill("09:30");
    await ada.editor.getByLabel("Priority").selectOption("High");
    await ada.editor.getByLabel("Tags").fill("home,  two words , home");
    await ada.close();
    await ada.sees("Uno", "Two");
    await ada.isSaved();
    const { description, due, priority, tags } = await ada.user.todo("Uno");
    assert.deepEqual(
      { description, due, priority, tags },
      { description: "Line 1\nLine 2", due: `${day(1)}T09:30`, priority: "high", tags: ["home", "two words"] },
    );
    await ada.undo();
    await ada.sees("One", "Two");
    await ada.isSaved();
    await eventually(async () => {
      const todo = await ada.user.todo("One");
      assert.deepEqual([todo.description, todo.due, todo.priority, todo.tags], [null, null, "none", []]);
    });
  });

  it("sets and takes off dates by its buttons", async (cast) => {
    const ada = await cast.user({ todos: ["One"] });
    await ada.edit("One");
    const date = ada.editor.getByLabel("Due date");
    await ada.editor.getByRole("button", { name: "Today" }).click();
    assert.equal(await date.inputValue(), day(0));
    await ada.editor.getByRole("button", { name: "Next week" }).click();
    const monday = new Date(`${await date.inputValue()}T12:00`);
    assert.equal(monday.getDay(), 1);
    assert(monday.getTime() - Date.now() < 8 * 86_400_000 && monday.getTime() > Date.now());
    await ada.editor.getByRole("button", { name: "No date" }).click();
    assert.equal(await date.inputValue(), "");
    await ada.editor.getByRole("button", { name: "Today" }).click();
    await ada.editor.getByLabel("Time").fill("08:00");
    await ada.editor.getByLabel("Time").fill("");
    await ada.close();
    await ada.isSaved();
    assert.equal((await ada.user.todo("One")).due, day(0));
  });

  it("keeps the old title instead of an empty one, and says so", async (cast) => {
    const ada = await cast.user({ todos: ["One"] });
    await ada.edit("One");
    await ada.editor.getByLabel("Title").fill("");
    await ada.editor.getByText("A todo needs a title.").waitFor();
    assert.equal(await ada.editor.getByLabel("Title").getAttribute("aria-invalid"), "true");
    await ada.seesNoBarrier();
    await ada.close();
    await ada.sees("One");
    await ada.isSaved();
    await ada.user.has("One");
  });

  it("says that a title is too long, and keeps the text while it is open", async (cast) => {
    const ada = await cast.user({ todos: ["One"] });
    await ada.edit("One");
    await ada.editor.getByLabel("Title").fill("x".repeat(201));
    await ada.editor.getByText("A title has at most 200 characters. Move the rest to the notes.").waitFor();
    assert.equal((await ada.editor.getByLabel("Title").inputValue()).length, 201);
    await ada.editor.getByLabel("Title").fill("y".repeat(200));
    await ada.close();
    await ada.sees("y".repeat(200));
    await ada.isSaved();
    await ada.user.has("y".repeat(200));
  });

  it("keeps text that is typed and not yet stored when the page is reloaded", async (cast) => {
    const ada = await cast.user({ todos: ["One"] });
    await ada.edit("One");
    await ada.editor.getByLabel("Notes").click();
    await ada.page.keyboard.type("Typed right before");
    await ada.page.reload();
    await ada.isSaved();
    await eventually(async () => assert.equal((await ada.user.todo("One")).description, "Typed right before"));
    await ada.edit("One");
    assert.equal(await ada.editor.getByLabel("Notes").inputValue(), "Typed right before");
  });

  it("keeps notes that are typed while the view changes, and while the tab is closed", async (cast) => {
    const ada = await cast.user({ todos: ["One", "Two"] });
    await ada.goTo("Today");
    await ada.goTo("All");
    await ada.edit("One");
    await ada.editor.getByLabel("Notes").click();
    await ada.page.keyboard.type("Before going back");
    await ada.page.goBack();
    await ada.isSaved();
    await eventually(async () => assert.equal((await ada.user.todo("One")).description, "Before going back"));
    if (await ada.editor.isVisible()) await ada.close();
    await ada.goTo("All");
    const other = await cast.tab(ada);
    await ada.edit("Two");
    await ada.editor.getByLabel("Notes").click();
    await ada.page.keyboard.type("Before closing");
    const closed = ada.page.waitForEvent("close");
    await ada.page.close({ runBeforeUnload: true });
    await closed;
    await other.page.evaluate(() => window.dispatchEvent(new Event("focus")));
    await other.row("Two").getByText("Has notes").waitFor({ state: "attached" });
    await other.edit("Two");
    await eventually(async () => assert.equal(await other.editor.getByLabel("Notes").inputValue(), "Before closing"));
    await other.close();
    await other.isSaved();
    await eventually(async () => assert.equal((await other.user.todo("Two")).description, "Before closing"));
  });

  it("keeps what is typed while another device changes the todo, and both changes", async (cast) => {
    const ada = await cast.user({ todos: ["One"] });
    const { id } = await ada.user.todo("One");
    await ada.edit("One");
    const notes = ada.editor.getByLabel("Notes");
    await notes.click();
    await ada.page.keyboard.type("First words");
    await ada.isSaved();
    await eventually(async () => assert.equal((await ada.user.todo("One")).description, "First words"));
    await ada.user.api("PATCH", `/todos/${id}`, { title: "Uno", priority: "low" });
    await ada.page.keyboard.type(", more");
    await ada.page.evaluate(() => window.dispatchEvent(new Event("focus")));
    await eventually(async () => assert.equal(await ada.page.locator("ul.todos .title").innerText(), "Uno"));
    await ada.page.keyboard.type(" words");
    assert.equal(await notes.inputValue(), "First words, more words");
    await eventually(async () => assert.equal(await ada.editor.getByLabel("Title").inputValue(), "Uno"));
    await ada.close();
    await ada.isSaved();
    await eventually(async () => {
      const { description, priority } = await ada.user.todo("Uno");
      assert.deepEqual({ description, priority }, { description: "First words, more words", priority: "low" });
    });
  });

  it("shows all of an error, and of a title that another device typed, on a phone", async (cast) => {
    const ada = await cast.user({ todos: ["One"], options: { viewport: { width: 360, height: 740 } } });
    const { id } = await ada.user.todo("One");
    await ada.edit("One");
    const title = ada.editor.locator(".field.title");
    await title.getByLabel("Title").fill("x".repeat(201));
    await title.getByText("Move the rest to the notes.").waitFor();
    await ada.user.api("PATCH", `/todos/${id}`, { title: "A title of the other device that has a second line" });
    await ada.page.evaluate(() => window.dispatchEvent(new Event("focus")));
    await title.getByText("Another device changed this").waitFor();
    for (const text of await title.locator(".error, .theirs span").all()) {
      assert(await text.evaluate((element) => element.scrollWidth <= element.clientWidth));
    }
    assert(await title.evaluate((element) => element.scrollWidth <= element.clientWidth));
  });

  it("keeps what is typed while another device deletes the todo", async (cast) => {
    const ada = await cast.user({ todos: ["One"] });
    const { id } = await ada.user.todo("One");
    await ada.edit("One");
    await ada.user.api("DELETE", `/todos/${id}`);
    await ada.editor.getByLabel("Notes").click();
    await ada.page.keyboard.type("Precious");
    await ada.page.evaluate(() => window.dispatchEvent(new Event("focus")));
    await ada.page.keyboard.type(" words");
    if (await ada.editor.isVisible()) await ada.close();
    await ada.isSaved();
    // It is in the list again if the text was typed first, and in the trash if the deletion was first.
    await eventually(async () => {
      const todos = [...(await ada.user.todos()), ...(await ada.user.api("GET", "/trash"))];
      assert.deepEqual(todos.map(({ description }) => description), ["Precious words"]);
    });
  });

  it("lists the links of the title and the notes", async (cast) => {
    const ada = await cast.user({ todos: [{ title: "See https://example.com/title", description: "And https://example.com/notes." }] });
    await ada.edit("See https://example.com/title");
    const links = await ada.editor.getByRole("link").evaluateAll((found) => found.map((link) => link.getAttribute("href")));
    assert.deepEqual(links, ["https://example.com/title", "https://example.com/notes"]);
  });

  it("moves and deletes the todo", async (cast) => {
    const ada = await cast.user({ todos: ["One", "Two", "Three", "Four"] });
    await ada.edit("Three");
    await ada.editor.getByRole("button", { name: "Move up" }).click();
    await ada.sees("One", "Three", "Two", "Four");
    await ada.editor.getByRole("button", { name: "Move down" }).click();
    await ada.editor.getByRole("button", { name: "Move down" }).click();
    await ada.sees("One", "Two", "Four", "Three");
    await ada.editor.getByRole("button", { name: "Move to top" }).click();
    await ada.sees("Three", "One", "Two", "Four");
    await ada.editor.getByRole("button", { name: "Delete" }).click();
    await ada.editor.waitFor({ state: "hidden" });
    await ada.sees("One", "Two", "Four");
    assert.notEqual(await ada.focus(), "nothing");
    await ada.isSaved();
    await ada.user.has("One", "Two", "Four");
    await ada.undo();
    await eventually(async () => assert.equal((await ada.titles()).length, 4));
  });

  it("closes by Escape, by Back and by a click beside it, and the focus is back on the row", async (cast) => {
    const ada = await cast.user({ todos: ["One", "Two"] });
    await ada.edit("Two");
    assert.equal(await ada.page.evaluate(() => document.activeElement?.closest("dialog")?.getAttribute("aria-label")), "Edit todo");
    await ada.editor.getByLabel("Title").fill("Second");
    await ada.page.keyboard.press("Escape");
    await ada.editor.waitFor({ state: "hidden" });
    await ada.sees("One", "Second");
    assert.match(await ada.page.evaluate(() => String(document.activeElement?.closest("li")?.querySelector(".title")?.textContent)), /Second/);
    await ada.edit("One");
    await ada.page.mouse.click(5, 5);
    await ada.editor.waitFor({ state: "hidden" });
    assert.notEqual(await ada.focus(), "nothing");
  });
});
