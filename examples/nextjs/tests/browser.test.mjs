// Test the example in a real browser, from the sign-up to the deletion of the account. Each test starts
// where the test before it ended.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { after, before, describe, it as test } from "node:test";

import { eventually, Stage, Visitor } from "./stage.mjs";

const EMAIL = "ada@example.com";
const PASSWORD = randomBytes(12).toString("hex");
const REFUSED = /Failed to load resource/; // Chromium logs this for each answer that is an error

const stage = new Stage();
/** @type {Visitor} */
let ada;
/** @type {import("playwright-core").Page} */
let page;

let isBroken = false;

/**
 * Define a test. After a failed test the others fail at once, because they would only wait.
 * @param {string} name
 * @param {() => Promise<void>} tell
 */
function it(name, tell) {
  test(name, async () => {
    if (isBroken) throw "an earlier test failed";
    isBroken = true;
    await tell();
    isBroken = false;
  });
}

describe("the example", { concurrency: false }, () => {
  before(async () => {
    await stage.start();
    ada = await stage.visitor({ viewport: { width: 900, height: 640 }, colorScheme: "light" });
    page = ada.page;
  });
  after(() => stage.stop());

  it("redirects to the sign-in page", async () => {
    await page.goto(stage.places.web.replace("localhost", "127.0.0.1"));
    await page.waitForURL(`${stage.places.web}/sign-in`);
    await ada.seesNoBarrier();
    await page.goto("/print");
    await page.waitForURL("/sign-in");
    ada.seesNoError();
  });

  it("shows the error of an account at its field, and creates a valid account", async () => {
    await page.getByRole("link", { name: "Make an account" }).click();
    await page.getByLabel("Name").fill("Ada");
    await page.getByLabel("Email").fill(EMAIL);
    await page.getByLabel("Password").fill("short");
    await page.getByRole("button", { name: "Make an account" }).click();
    await page.getByLabel("Password").and(page.locator("[aria-invalid=true]")).waitFor();
    assert.equal(await page.locator(".error").innerText(), "Password too short");
    assert.equal(await page.getByLabel("Password").getAttribute("aria-describedby"), await page.locator(".error").getAttribute("id"));
    assert.equal(await page.getByLabel("Email").inputValue(), EMAIL);
    await ada.seesNoBarrier();
    ada.seesNoError(REFUSED);

    await page.getByLabel("Password").fill(PASSWORD);
    await page.getByRole("button", { name: "Make an account" }).click();
    await page.waitForURL("/");
    await ada.reads("Nothing here yet.");
    await ada.seesNoBarrier();
    ada.seesNoError();
  });

  it("adds todos, the newest on top", async () => {
    await ada.add("Buy milk");
    await ada.sees("Buy milk");
    await ada.add("Call the bank");
    await ada.add("Water the plants");
    await ada.sees("Water the plants", "Call the bank", "Buy milk");
    assert.equal((await stage.sql("SELECT FROM todo")).length, 3);
    ada.seesNoError();
  });

  it("keeps a todo that is added while the list is loading", async () => {
    const asked = requests(ada, "/api/auth/token");
    const first = await hold("**/api/auth/token");
    const list = await hold("**/api/todos?*");
    await page.reload();
    await ada.add("Sharpen the pencils");
    await first.release();
    await eventually(async () => assert.equal((await stage.sql("SELECT FROM todo")).length, 4));
    await list.release(); // this list does not contain the new todo yet
    await ada.sees("Sharpen the pencils", "Water the plants", "Call the bank", "Buy milk");
    assert.equal(asked.length, 1, "one token for both");

    // The same happens when the list arrives before the answer to the creation, without the new todo …
    const early = await hold("**/api/todos?*");
    const added = await hold("**/api/todos");
    await page.reload();
    await early.answered();
    await ada.add("Empty the bin");
    await added.answered();
    await early.release();
    await ada.checkbox("Buy milk").waitFor();
    assert(await ada.checkbox("Empty the bin").isVisible());
    await added.release();
    await ada.sees("Empty the bin", "Sharpen the pencils", "Water the plants", "Call the bank", "Buy milk");

    // … and with it.
    const slow = await hold("**/api/todos");
    const token = await hold("**/api/auth/token");
    await page.reload();
    await page.route("**/api/todos?*", (route) => slow.answered().then(() => route.continue()));
    await ada.add("Feed the cat");
    await token.release();
    await ada.checkbox("Buy milk").waitFor();
    await slow.release();
    await ada.sees(
      "Feed the cat",
      "Empty the bin",
      "Sharpen the pencils",
      "Water the plants",
      "Call the bank",
      "Buy milk",
    );
    await page.unroute("**/api/todos?*");

    await stage.sql("DELETE FROM todo WHERE title IN ('Sharpen the pencils', 'Empty the bin', 'Feed the cat')");
    await page.reload();
    await ada.sees("Water the plants", "Call the bank", "Buy milk");
    ada.seesNoError();
  });

  it("shows an added todo whose answer was lost, and no older list after that", async () => {
    const list = await hold("**/api/todos?*", { times: 1 });
    await page.route("**/api/todos", async (route) => {
      const answer = await route.fetch(); // the todo is saved
      await route.fulfill({ response: answer, status: 503, json: { status: 503, detail: "Lost." } });
    });
    await page.reload();
    await list.answered(); // this list does not contain the new todo
    await ada.add("Sharpen the pencils");
    await ada.reads("Look below whether it was added");
    await ada.sees("Sharpen the pencils", "Water the plants", "Call the bank", "Buy milk");
    await list.release();
    await new Promise((resolve) => setTimeout(resolve, 300));
    await ada.sees("Sharpen the pencils", "Water the plants", "Call the bank", "Buy milk");
    await page.unroute("**/api/todos");
    await stage.sql("DELETE FROM todo WHERE title = 'Sharpen the pencils'");
    await page.reload();
    await ada.sees("Water the plants", "Call the bank", "Buy milk");
    ada.seesNoError(REFUSED);
  });

  it("shows the error of the API at its field, and keeps the typed text", async () => {
    await ada.add("x".repeat(201));
    await ada.reads("String should have at most 200 characters");
    assert.equal(await page.getByLabel("New todo").getAttribute("aria-invalid"), "true");
    assert.equal(await page.getByLabel("New todo").inputValue(), "x".repeat(201));
    await ada.sees("Water the plants", "Call the bank", "Buy milk");
    ada.seesNoError(REFUSED);
    await page.getByLabel("New todo").fill("");
  });

  it("edits in place, by keyboard alone", async () => {
    await page.getByRole("button", { name: "Edit “Buy milk”" }).focus();
    await page.keyboard.press("Enter");
    await ada.seesNoBarrier();
    await page.keyboard.type(" at the corner");
    await page.keyboard.press("Escape");
    await ada.sees("Water the plants", "Call the bank", "Buy milk");

    await page.keyboard.press("Enter"); // the focus is back on the button
    await page.keyboard.press("ControlOrMeta+a");
    await page.keyboard.press("Backspace");
    await page.keyboard.press("Enter");
    await ada.reads("String should have at least 1 character");
    await page.keyboard.type("Buy oat milk");
    await page.keyboard.press("Tab");
    await page.keyboard.type("Two litres");
    await page.getByRole("button", { name: "Save" }).press("Enter");
    await ada.sees("Water the plants", "Call the bank", "Buy oat milk");
    await ada.reads("Two litres");
    ada.seesNoError(REFUSED);
  });

  it("toggles, by keyboard too", async () => {
    await ada.checkbox("Buy oat milk").focus();
    await page.keyboard.press("Space");
    await ada.sees("Water the plants", "Call the bank", "Buy oat milk");
    assert(await ada.checkbox("Buy oat milk").isChecked());
    await eventually(async () => {
      assert.deepEqual(await stage.sql("SELECT title, description FROM todo WHERE completed"), [
        { title: "Buy oat milk", description: "Two litres" },
      ]);
    });
    ada.seesNoError();
  });

  it("shows all, the active or the completed ones, and a reload keeps that", async () => {
    await page.getByRole("link", { name: "Completed" }).click();
    await ada.sees("Buy oat milk");
    await page.reload();
    await ada.sees("Buy oat milk");
    await page.getByRole("link", { name: "Active" }).click();
    await ada.sees("Water the plants", "Call the bank");
    await ada.checkbox("Call the bank").click();
    await ada.sees("Water the plants");
    await page.goBack();
    await ada.sees("Call the bank", "Buy oat milk");
    await ada.checkbox("Call the bank").click();
    await page.getByRole("link", { name: "All" }).click();
    await ada.sees("Water the plants", "Call the bank", "Buy oat milk");
    ada.seesNoError();
  });

  it("deletes, and can undo that for a while", async () => {
    await page.getByRole("button", { name: "Delete “Call the bank”" }).click();
    await ada.sees("Water the plants", "Buy oat milk");
    await ada.seesNoBarrier();
    await page.getByRole("button", { name: "Undo" }).click();
    await ada.sees("Water the plants", "Call the bank", "Buy oat milk");

    await page.getByRole("button", { name: "Delete “Call the bank”" }).click();
    await page.getByRole("link", { name: "Active" }).click();
    await ada.sees("Water the plants");
    await page.getByRole("button", { name: "Undo" }).click();
    await ada.sees("Water the plants", "Call the bank");
    await page.getByRole("link", { name: "All" }).click();
    await ada.sees("Water the plants", "Call the bank", "Buy oat milk");

    await page.getByRole("button", { name: "Delete “Call the bank”" }).press("Enter");
    assert.equal(await page.evaluate(() => document.activeElement?.getAttribute("type")), "checkbox");
    await page.getByText("Deleted “Call the bank”.").waitFor({ state: "hidden" });
    await eventually(async () => {
      const todos = await stage.sql("SELECT title FROM todo WHERE deleted_at IS NULL ORDER BY title");
      assert.deepEqual(todos, [{ title: "Buy oat milk" }, { title: "Water the plants" }]);
      // The API keeps a deleted todo in the trash.
      const trash = await stage.sql("SELECT title FROM todo WHERE deleted_at IS NOT NULL AND purged_at IS NULL");
      assert.deepEqual(trash, [{ title: "Call the bank" }]);
    });
    ada.seesNoError();
  });

  it("sends a deletion at once when the page is left", async () => {
    await page.getByRole("button", { name: "Delete “Water the plants”" }).click();
    await ada.sees("Buy oat milk");
    await page.reload();
    await eventually(async () => {
      assert.deepEqual(await stage.sql("SELECT title FROM todo WHERE deleted_at IS NULL"), [{ title: "Buy oat milk" }]);
    });
    await page.reload();
    await ada.sees("Buy oat milk");
    ada.seesNoError();
  });

  it("loads more, page after page, and shows every todo once", async () => {
    await stage.sql(`
      INSERT INTO todo (user_id, title, created_at, position)
      SELECT id, 'Old ' || n, now() - n * interval '1 day', -n FROM "user", generate_series(1, 44) n`);
    await page.reload();
    const titles = ["Buy oat milk", ...Array.from({ length: 44 }, (_, n) => `Old ${n + 1}`)];
    await ada.sees(...titles.slice(0, 20));
    await page.getByRole("button", { name: "Load more" }).click();
    await ada.sees(...titles.slice(0, 40));
    await page.getByRole("button", { name: "Load more" }).click();
    await ada.sees(...titles);
    assert.equal(await page.getByRole("button", { name: "Load more" }).count(), 0);
    await stage.sql("DELETE FROM todo WHERE title LIKE 'Old %'");
    await page.reload();
    ada.seesNoError();
  });

  it("shows no todo of one filter under another, however slow the answers are", async () => {
    await page.route("**/api/todos?*", async (route) => {
      const isSlow = !route.request().url().includes("completed");
      if (isSlow) await new Promise((resolve) => setTimeout(resolve, 500));
      await route.continue();
    });
    await page.reload();
    await page.getByRole("link", { name: "Active" }).click();
    await ada.reads("Nothing left to do.");
    await new Promise((resolve) => setTimeout(resolve, 600));
    await ada.sees();
    await page.unroute("**/api/todos?*");
    await page.getByRole("link", { name: "All" }).click();
    await ada.sees("Buy oat milk");
    ada.seesNoError();
  });

  it("reports that the list cannot be loaded, and loads it on the next try", async () => {
    await page.route("**/api/todos?*", (route) => route.fulfill(aBug()));
    await page.reload();
    await ada.reads("The todos could not be loaded.");
    await ada.seesNoBarrier();
    await page.unroute("**/api/todos?*");
    await page.getByRole("button", { name: "Try again" }).click();
    await ada.sees("Buy oat milk");
    ada.seesNoError(REFUSED);
  });

  it("reverts a change that cannot be saved", async () => {
    await page.route("**/api/todos/*", (route) => route.fulfill(aBug()));
    await ada.checkbox("Buy oat milk").click();
    await ada.reads("“Buy oat milk” was not changed. This is a bug.");
    assert(await ada.checkbox("Buy oat milk").isChecked());
    await page.unroute("**/api/todos/*");
    await page.getByRole("button", { name: "Dismiss" }).click();

    await ada.add("Gone elsewhere");
    await ada.sees("Gone elsewhere", "Buy oat milk");
    await stage.sql("DELETE FROM todo WHERE title = 'Gone elsewhere'");
    await ada.checkbox("Gone elsewhere").click();
    await ada.reads("Todo not found.");
    await ada.sees("Buy oat milk");
    await page.getByRole("button", { name: "Dismiss" }).click();
    ada.seesNoError(REFUSED);
  });

  it("shows nothing of one person to another", async () => {
    const bob = await stage.visitor();
    await bob.signUp("Bob", "bob@example.com", PASSWORD);
    await bob.reads("Nothing here yet.");
    await bob.add("Something of Bob's");
    await bob.sees("Something of Bob's");
    await page.reload();
    await ada.sees("Buy oat milk");
    bob.seesNoError();
    await bob.page.context().close();
  });

  it("fetches one token for many requests, and another one before it expires", async () => {
    const eve = await stage.visitor();
    const asked = requests(eve, "/api/auth/token");
    await eve.page.clock.install();
    await eve.signUp("Eve", "eve@example.com", PASSWORD);
    for (const title of ["One", "Two", "Three"]) await eve.add(title);
    await eve.sees("Three", "Two", "One");
    assert.equal(asked.length, 1);
    for (let time = 0; time < 2; time++) {
      await eve.page.getByRole("button", { name: "Delete “One”" }).click();
      await eve.page.clock.fastForward(3500); // once is less than the time to undo, and twice is more
      await eve.page.getByRole("button", { name: "Undo" }).click();
      await eve.sees("Three", "Two", "One");
    }
    await eve.page.clock.fastForward("13:45"); // after the time above, the token is valid for half a minute
    await eve.checkbox("One").click();
    await eve.sees("Three", "Two", "One");
    assert.equal(asked.length, 1);
    await eve.page.clock.fastForward("00:40");
    await eve.checkbox("Two").click();
    await eve.sees("Three", "Two", "One");
    assert.equal(asked.length, 2);
    eve.seesNoError();

    // Her session ends on the server. The page notices this when it fetches the next token.
    await stage.sql(`DELETE FROM session WHERE "userId" = (SELECT id FROM "user" WHERE name = 'Eve')`);
    await eve.page.clock.fastForward("15:00");
    await eve.checkbox("Three").click();
    await eve.page.waitForURL("/sign-in?over");
    await eve.reads("Your session is over.");
    eve.seesNoError(REFUSED);
    await eve.signIn("eve@example.com", PASSWORD);
    await eve.sees("Three", "Two", "One");
    assert(!(await eve.checkbox("Three").isChecked()));
    await eve.page.context().close();
  });

  it("fetches another token once when the API refuses one", async () => {
    const asked = requests(ada, "/api/auth/token");
    await stage.sql("DELETE FROM jwks"); // Better Auth makes another key; the token is signed with the old one
    await stage.tell("stop api");
    await stage.tell("start api"); // the new process does not know the old key
    await ada.checkbox("Buy oat milk").click();
    await ada.sees("Buy oat milk");
    assert(!(await ada.checkbox("Buy oat milk").isChecked()));
    assert.equal(asked.length, 1);
    ada.seesNoError(REFUSED);
  });

  it("reports that the API is down, and continues when it is back", async () => {
    await stage.tell("stop api");
    await ada.checkbox("Buy oat milk").click();
    await ada.reads("The API cannot be reached.");
    assert(await ada.checkbox("Buy oat milk").isChecked());
    await ada.seesNoBarrier();
    await ada.add("Typed offline");
    await ada.reads("Look below whether it was added");
    assert.equal(await page.getByLabel("New todo").inputValue(), "Typed offline");
    await page.getByRole("button", { name: "Try now" }).click();
    await stage.tell("start api");
    await page.locator(".outage").getByText("The API cannot be reached.").waitFor({ state: "hidden" });
    await page.getByLabel("New todo").press("Enter");
    await ada.sees("Typed offline", "Buy oat milk");
    assert(await ada.checkbox("Buy oat milk").isChecked());
    await page.reload();
    await ada.sees("Typed offline", "Buy oat milk");
    assert(await ada.checkbox("Buy oat milk").isChecked());
    ada.seesNoError(/Failed to load resource|ERR_CONNECTION_REFUSED/);
  });

  it("reports that the database is away, retries, and succeeds", async () => {
    await stage.sql("ALTER DATABASE demo ALLOW_CONNECTIONS false", [], "postgres");
    await stage.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'demo'", [], "postgres");
    await ada.checkbox("Typed offline").click();
    await ada.reads("The database cannot be reached");
    await ada.reads("Trying again");
    await stage.sql("ALTER DATABASE demo ALLOW_CONNECTIONS true", [], "postgres");
    await ada.sees("Typed offline", "Buy oat milk");
    await page.getByText("The database cannot be reached").waitFor({ state: "hidden" });
    assert.equal((await stage.sql("SELECT FROM todo WHERE completed AND title = 'Typed offline'")).length, 1);
    assert.match(stage.printed, /A database connection was lost/);
    assert.doesNotMatch(stage.printed, /uncaughtException/);
    ada.seesNoError(REFUSED);
  });

  it("signs out, and in again to the same todos", async () => {
    await ada.choose("Sign out");
    await page.waitForURL("/sign-in");
    await page.getByLabel("Email").fill(EMAIL);
    await page.getByLabel("Password").fill("not the right one");
    await page.getByRole("button", { name: "Sign in" }).click();
    await ada.reads("Invalid email or password");
    ada.seesNoError(REFUSED);
    await ada.signIn(EMAIL, PASSWORD);
    await ada.sees("Typed offline", "Buy oat milk");
    ada.seesNoError();
  });

  it("prints the open todos, rendered on the server with the user's token", async () => {
    await ada.add("Ring Grace");
    await ada.sees("Ring Grace", "Typed offline", "Buy oat milk");
    await ada.openMenu();
    await ada.seesNoBarrier();
    await page.getByRole("link", { name: "Print" }).click();
    await ada.reads("Todos of Ada");
    assert.deepEqual(await page.getByRole("listitem").allInnerTexts(), ["Ring Grace"]);
    await ada.seesNoBarrier();
    await page.getByRole("link", { name: "Back" }).click();
    await ada.sees("Ring Grace", "Typed offline", "Buy oat milk");
    ada.seesNoError();
  });

  it("downloads all todos as CSV, and reports an error", async () => {
    await stage.sql(`
      INSERT INTO todo (user_id, title, created_at, position)
      SELECT id, 'Old ' || n, now() - n * interval '1 day', -n FROM "user", generate_series(1, 600) n WHERE name = 'Ada'`);
    await ada.openMenu();
    await page.route("**/api/todos?*", (route) => route.fulfill(aBug()));
    await page.getByRole("button", { name: "Download as CSV" }).click();
    await ada.reads("This is a bug.");
    await ada.seesNoBarrier();
    await page.unroute("**/api/todos?*");
    const downloading = page.waitForEvent("download");
    await page.getByRole("button", { name: "Download as CSV" }).click();
    const file = await downloading;
    assert.equal(file.suggestedFilename(), "todos.csv");
    const lines = readFileSync(await file.path(), "utf8").split("\r\n");
    assert.equal(lines.length, 1 + 603 + 1);
    assert.match(lines[0] ?? "", /^\ufeff"title","description",/);
    assert.match(lines[1] ?? "", /^"Ring Grace","","false","","none","","20/);
    assert.match(lines[3] ?? "", /^"Buy oat milk","Two litres","true","","none","","20/);
    assert.match(lines[603] ?? "", /^"Old 600",/);
    await stage.sql("DELETE FROM todo WHERE title LIKE 'Old %'");
    await page.reload();
    await ada.sees("Ring Grace", "Typed offline", "Buy oat milk");
    ada.seesNoError(REFUSED);
  });

  it("is accessible in light and dark, and on a narrow screen", async () => {
    await stage.sql("DELETE FROM todo WHERE title = 'Typed offline'");
    await page.reload();
    for (const title of ["Book the train to Turin", "Answer Charles", "Water the plants"]) await ada.add(title);
    await ada.sees("Water the plants", "Answer Charles", "Book the train to Turin", "Ring Grace", "Buy oat milk");
    await ada.seesNoBarrier();
    await ada.photograph("light");
    await page.emulateMedia({ colorScheme: "dark" });
    await ada.seesNoBarrier();
    await ada.photograph("dark");
    await page.emulateMedia({ colorScheme: "light" });
    await page.setViewportSize({ width: 360, height: 640 });
    await page.getByRole("button", { name: "Edit “Answer Charles”" }).click();
    await ada.seesNoBarrier();
    assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), 360);
    await ada.photograph("narrow");
    await page.getByRole("button", { name: "Cancel" }).click();
    await ada.add("W".repeat(200));
    await eventually(async () => assert.equal((await stage.sql("SELECT FROM todo WHERE length(title) = 200")).length, 1));
    assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), 360);
    ada.seesNoError();
  });

  it("deletes the account, and the todos with it", async () => {
    await ada.choose("Delete account…");
    await ada.seesNoBarrier();
    await page.getByLabel("Your password").fill("not the right one");
    await page.getByRole("button", { name: "Delete account", exact: true }).click();
    await ada.reads("Invalid password");
    ada.seesNoError(REFUSED);
    await page.getByLabel("Your password").fill(PASSWORD);
    await page.getByRole("button", { name: "Delete account", exact: true }).click();
    await page.waitForURL("/sign-up");
    const left = await stage.sql(`SELECT DISTINCT name FROM todo JOIN "user" ON user_id = "user".id ORDER BY name`);
    assert.deepEqual(left, [{ name: "Bob" }, { name: "Eve" }]);
    assert.equal((await stage.sql(`SELECT FROM "user" WHERE email = $1`, [EMAIL])).length, 0);
    assert.deepEqual(await page.context().cookies(), []);
    assert.deepEqual(await page.evaluate(() => [localStorage.length, sessionStorage.length]), [0, 0]);
    ada.seesNoError();
  });
});

/** Return the API's answer to a crash, because no test can make the API crash. */
function aBug() {
  return {
    status: 500,
    headers: { "Access-Control-Allow-Origin": stage.places.web, "Content-Type": "application/problem+json" },
    json: { type: "about:blank", title: "Internal Server Error", status: 500, detail: "This is a bug." },
  };
}

/**
 * Delay the answers to Ada's requests of a URL. The API answers at once, and the page receives it after `release`.
 * @param {string} url
 * @param {{ times?: number }} [options]
 */
async function hold(url, options) {
  let release = () => {};
  const released = new Promise((resolve) => (release = () => resolve(null)));
  let answer = () => {};
  const answered = new Promise((resolve) => (answer = () => resolve(null)));
  /** @type {Promise<void>[]} */
  const held = [];
  /** @param {import("playwright-core").Route} route */
  async function answerLate(route) {
    const response = await route.fetch();
    answer();
    await released;
    await route.fulfill({ response });
  }
  await page.route(
    url,
    (route) => {
      held.push(answerLate(route));
      return held.at(-1); // without this promise the request would not count as handled
    },
    options,
  );
  return {
    /** Wait until the API has answered a request. The page has not received the answer yet. */
    answered: () => answered,
    async release() {
      release();
      await Promise.all(held);
      await page.unroute(url);
    },
  };
}

/**
 * Collect the requests to a path, from now on.
 * @param {Visitor} visitor
 * @param {string} path
 */
function requests(visitor, path) {
  /** @type {import("playwright-core").Request[]} */
  const asked = [];
  visitor.page.on("request", (request) => new URL(request.url()).pathname === path && asked.push(request));
  return asked;
}
