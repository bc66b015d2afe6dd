// The service worker, and sessions that end while a device is offline.

import assert from "node:assert/strict";
import { describe } from "node:test";

import { eventually, it, pause, REFUSED, stage, UNREACHABLE } from "./stage.mjs";

/** @typedef {import("./stage.mjs").Visitor} Visitor */

/** End all sessions of a user on the server. @param {Visitor} visitor */
async function endSessions({ user }) {
  await stage.sql(`DELETE FROM session WHERE "userId" = (SELECT id FROM "user" WHERE email = $1)`, [user.email]);
}

/** Return the names of the databases with todos that a device has. @param {Visitor} visitor */
async function databases({ page }) {
  const names = await page.evaluate(async () => (await indexedDB.databases()).map(({ name }) => name));
  return names.filter((name) => name?.startsWith("todos-"));
}

describe("without a network", () => {
  it("the app starts from the first byte, also in a new tab", async (cast) => {
    const ada = await cast.user({ todos: ["One", "Two"] });
    await ada.isInstalled();
    await ada.goOffline();
    await ada.page.reload();
    await ada.sees("One", "Two");
    await ada.isOffline(0);
    await ada.add("Three");
    await ada.checkbox("Two").click();
    await ada.isOffline(2);
    const page = await ada.context.newPage();
    await page.goto("/");
    await page.getByRole("checkbox", { name: "Three" }).waitFor();
    assert(await page.getByRole("checkbox", { name: "Two" }).isChecked());
    await page.close();
    await ada.goOnline();
    await ada.isSaved();
    await ada.user.has("Three", "One", "Two");
  });

  it("deep links, views, filters, search, sort and Back work", async (cast) => {
    const ada = await cast.user({
      todos: [{ title: "Milk", tags: ["shop"], due: "2030-01-02" }, { title: "Bread", tags: ["shop"], due: "2030-01-01" }, "Piano"],
    });
    await ada.isInstalled();
    await ada.goOffline();
    await ada.page.goto("/?tag=shop&sort=due");
    await ada.page.getByRole("heading", { level: 1, name: "shop" }).waitFor();
    await ada.sees("Bread", "Milk");
    await ada.goTo("All");
    await ada.sees("Bread", "Milk", "Piano"); // sorted by due date, too
    await ada.page.getByLabel("Sort").selectOption("By hand");
    await ada.sees("Milk", "Bread", "Piano");
    await ada.search.fill("mil");
    await ada.sees("Milk");
    await ada.search.fill("");
    await ada.checkbox("Piano").click();
    await ada.goTo("Completed");
    await ada.sees("Piano");
    await ada.page.goBack();
    await ada.page.goBack();
    await ada.page.getByRole("heading", { level: 1, name: "shop" }).waitFor();
    await ada.sees("Bread", "Milk");
  });

  it("a form that is sent before the page is alive keeps its text", async (cast) => {
    const ada = await cast.user();
    await ada.isInstalled();
    await ada.goOffline();
    await ada.field.fill("Typed early & kept");
    const loaded = ada.page.waitForEvent("domcontentloaded"); // the page before has the text, too
    await ada.page.evaluate(() => /** @type {HTMLFormElement} */ (document.querySelector("form[action='/add']")).submit());
    await loaded;
    await eventually(async () => assert.equal(await ada.field.inputValue(), "Typed early & kept"));
    assert(!ada.page.url().includes("title="));
    await ada.field.press("Enter");
    await ada.sees("Typed early & kept");
    await ada.goOnline();
    await ada.isSaved();
    await ada.user.has("Typed early & kept");
  });

  it("no answer of the API and no page of a user is in a cache", async (cast) => {
    const ada = await cast.user({ todos: ["A secret title"] });
    await ada.isInstalled();
    await ada.add("Another secret title");
    await ada.isSaved();
    await ada.reload();
    const cached = await ada.page.evaluate(async () => {
      const found = [];
      for (const name of await caches.keys()) {
        const cache = await caches.open(name);
        for (const request of await cache.keys()) {
          found.push({ url: request.url, text: await (await cache.match(request))?.text() });
        }
      }
      return found;
    });
    assert(cached.length > 5);
    for (const { url, text } of cached) {
      assert.equal(new URL(url).origin, stage.places.web);
      assert(!new URL(url).pathname.startsWith("/api/"), url);
      assert(!text?.includes("secret title"), url);
    }
  });

  it("the app can be installed", async (cast) => {
    const ada = await cast.user();
    const href = await ada.page.locator("link[rel=manifest]").getAttribute("href");
    const answer = await ada.context.request.get(String(href));
    assert.equal(answer.status(), 200);
    const manifest = await answer.json();
    assert.equal(manifest.display, "standalone");
    assert(manifest.name && manifest.start_url);
    const sizes = [];
    for (const { src, sizes: size, type } of manifest.icons) {
      const icon = await ada.context.request.get(src);
      assert.equal(icon.status(), 200);
      assert.match(icon.headers()["content-type"] ?? "", /^image\//);
      assert((icon.headers()["content-type"] ?? "").startsWith(type));
      sizes.push(size);
    }
    assert(sizes.join(" ").includes("192x192") && sizes.join(" ").includes("512x512"), sizes.join(" "));
  });
});

describe("a session", () => {
  it("that ended while offline keeps the queue, and sends it after signing in again", async (cast) => {
    const ada = await cast.user({ todos: ["One"] });
    ada.expects(REFUSED);
    await ada.isInstalled();
    await ada.goOffline();
    await ada.add("Two");
    await ada.checkbox("One").click();
    await ada.isOffline(2);
    await endSessions(ada);
    await ada.page.reload(); // the token in memory would be valid for some minutes
    await ada.sees("Two", "One");
    await ada.goOnline();
    await ada.reads("Not signed in. 2 changes are kept on this device.");
    await ada.add("Three");
    await ada.reads("Not signed in. 3 changes are kept on this device.");
    await ada.page.reload();
    await ada.sees("Three", "Two", "One");
    await ada.field.fill("Half a title");
    await ada.notices.getByRole("link", { name: "Sign in" }).or(ada.notices.getByRole("button", { name: "Sign in" })).click();
    await ada.page.waitForURL(/\/sign-in/);
    await ada.signIn();
    await ada.isSaved();
    assert.equal(await ada.field.inputValue(), "Half a title");
    await ada.sees("Three", "Two", "One");
    await ada.user.has("Three", "Two", "One");
    assert.equal((await ada.user.todo("One")).completed, true);
  });

  it("of another user on the same device shows nothing of the first, and loses nothing", async (cast) => {
    const ada = await cast.user({ todos: ["Of Ada"] });
    ada.expects(REFUSED);
    await ada.isInstalled();
    await ada.goOffline();
    await ada.add("Unsent of Ada");
    await ada.isOffline(1);
    await ada.context.clearCookies();
    await ada.page.goto("about:blank"); // the token in memory is gone
    await ada.goOnline();
    const bob = await cast.stranger({ name: "Bob", todos: ["Of Bob"] });

    await ada.page.goto("/sign-in");
    await ada.signIn(bob.user.email, bob.user.password);
    await ada.isSaved();
    await ada.sees("Of Bob");
    await ada.goTo("Trash");
    await ada.sees();
    await ada.goTo("All");
    await ada.goOffline();
    await ada.page.reload();
    await ada.sees("Of Bob");
    await ada.goOnline();
    await ada.isSaved();
    assert.deepEqual(await bob.user.titles(), ["Of Bob"]);
    assert.deepEqual(await ada.user.titles(), ["Of Ada"]);

    await ada.choose(ada.page.getByRole("button", { name: "Account of Bob" }), "Sign out");
    await ada.page.waitForURL(/\/sign-in/);
    await ada.signIn();
    await ada.isSaved();
    await ada.sees("Unsent of Ada", "Of Ada");
    await ada.user.has("Unsent of Ada", "Of Ada");
    assert.deepEqual(await bob.user.titles(), ["Of Bob"]);
  });

  it("of another user that starts in another tab does not get the changes of this tab", async (cast) => {
    const ada = await cast.user({ todos: ["Of Ada"] });
    ada.expects(REFUSED, UNREACHABLE);
    const bob = await cast.stranger({ name: "Bob", todos: ["Of Bob"] });
    // Another user signs in behind the back of the open tab.
    await ada.context.clearCookies();
    await bob.user.enter(ada.context, "sign-in");
    // The token in memory is no longer valid, so the tab fetches the one of the other user.
    await ada.context.route("**/api/batch", (route) => {
      const headers = { "Access-Control-Allow-Origin": "*", "WWW-Authenticate": "Bearer" };
      return route.fulfill({ status: 401, headers, json: { type: "about:blank", status: 401, detail: "It has expired." } });
    }, { times: 1 });
    await ada.add("Typed in the old tab");
    await ada.reads("Another user is signed in. 1 change is kept on this device.");
    await ada.page.evaluate(() => window.dispatchEvent(new Event("focus")));
    await pause(1500);
    assert.deepEqual(await bob.user.titles(), ["Of Bob"]);
    assert(!(await ada.page.getByText("Of Bob").isVisible()) || !(await ada.page.getByText("Of Ada").isVisible()));
    // The change is still there for Ada.
    await ada.context.clearCookies();
    await ada.page.goto("/sign-in");
    await ada.signIn();
    await ada.isSaved();
    await ada.sees("Typed in the old tab", "Of Ada");
    await ada.user.has("Typed in the old tab", "Of Ada");
  });

  it("ends in all tabs, and the device forgets the todos", async (cast) => {
    const first = await cast.user({ todos: ["A secret title"] });
    const second = await cast.tab(first);
    await first.isInstalled();
    await first.field.fill("A secret title that is not added");
    await first.account("Sign out");
    await first.page.waitForURL(/\/sign-in/);
    await second.page.waitForURL(/\/sign-in/);
    // The database is deleted when the other tab has closed it.
    await eventually(async () => assert.deepEqual(await databases(first), []));
    const stored = await first.page.evaluate(() => [...Object.values(localStorage), ...Object.values(sessionStorage)].join());
    assert(!stored.includes(first.user.email));
    assert(!stored.includes("secret"));
    await first.goOffline();
    await first.page.goto("/");
    await first.page.getByRole("heading", { name: "Sign in" }).waitFor();
    await first.reads("You are offline. Connect to sign in.");
    assert.equal(await first.page.getByText("A secret title").count(), 0);
  });

  it("that is signed out with unsent changes asks first, and Cancel keeps both", async (cast) => {
    const ada = await cast.user({ todos: ["One"] });
    await ada.loseTheApi();
    await ada.add("Two");
    await ada.isOffline(1);
    await ada.account("Sign out");
    await ada.question.getByText(/1 change is/).waitFor();
    await ada.seesNoBarrier();
    await ada.answer("Cancel");
    await ada.sees("Two", "One");
    await ada.findTheApi();
    await ada.page.evaluate(() => window.dispatchEvent(new Event("online")));
    await ada.isSaved();
    await ada.user.has("Two", "One");
  });

  it("that is signed out anyway keeps the unsent changes for the same user", async (cast) => {
    const ada = await cast.user({ todos: ["One"] });
    await ada.loseTheApi();
    await ada.add("Two");
    await ada.isOffline(1);
    await ada.account("Sign out");
    await ada.answer("Sign out");
    await ada.page.waitForURL(/\/sign-in/);
    await ada.findTheApi();
    await ada.signIn();
    await ada.isSaved();
    await ada.sees("Two", "One");
    await ada.user.has("Two", "One");
  });

  it("can be ended after the account was deleted, which deletes everything", async (cast) => {
    const ada = await cast.user({ todos: ["One"] });
    ada.expects(REFUSED);
    await ada.isInstalled();
    await ada.account("Delete account…");
    await ada.seesNoBarrier();
    const dialog = ada.page.getByRole("dialog", { name: "Delete your account?" });
    await dialog.getByLabel("Your password").fill("not the right one");
    await dialog.getByRole("button", { name: "Delete account", exact: true }).click();
    await dialog.getByText("The password is wrong.").waitFor();
    await dialog.getByLabel("Your password").fill(ada.user.password);
    await dialog.getByRole("button", { name: "Delete account", exact: true }).click();
    await ada.page.waitForURL(/\/sign-(in|up)/);
    assert.equal((await stage.sql(`SELECT FROM "user" WHERE email = $1`, [ada.user.email])).length, 0);
    await eventually(async () => assert.deepEqual(await databases(ada), []));
    const cookies = (await ada.context.cookies()).map(({ name }) => name);
    assert.deepEqual(cookies.filter((name) => name !== "tz"), []); // the time zone is no secret
  });
});
