// Sign in with GitHub. fake-github.mjs answers the requests of Next.js to GitHub, and the tests are its pages.

import assert from "node:assert/strict";
import { randomInt } from "node:crypto";
import { after, before, describe } from "node:test";
import { pathToFileURL } from "node:url";

import { address, eventually, it, place, REFUSED, stage } from "./stage.mjs";

const FAKE = pathToFileURL(new URL("fake-github.mjs", import.meta.url).pathname);
const LINKED = "This email has an account with a password. Sign in with the password.";
const RESTART = "The sign-in at GitHub took too long, or was begun in another browser. Try again.";

/** The answers of a service worker are not seen by the tests. @type {{ serviceWorkers: "block" }} */
const DEVICE = { serviceWorkers: "block" };

/** @typedef {{ id?: number, name?: string, email?: string, verified?: boolean }} GitHubUser */

/**
 * Click the button for GitHub. Return the address at GitHub, which the browser does not open.
 * @param {import("./stage.mjs").Visitor} visitor
 */
async function leave({ page, context }, path = "/sign-in") {
  await page.goto(path);
  let address = "";
  await context.route("**/sign-in/github", async (route) => {
    const headers = { ...route.request().headers(), "x-forwarded-for": place() };
    const answer = await route.fetch({ headers, maxRedirects: 0 }); // this also stores the cookies
    assert.equal(answer.status(), 303);
    address = answer.headers()["location"] ?? "";
    await route.fulfill({ contentType: "text/html", body: '<link rel="icon" href="data:,"><p>GitHub</p>' });
  });
  await page.getByRole("button", { name: "Continue with GitHub" }).click();
  await page.getByText("GitHub", { exact: true }).waitFor();
  await context.unroute("**/sign-in/github");
  assert(address.startsWith("https://github.com/"), address);
  return new URL(address);
}

/** Return from GitHub. @param {import("./stage.mjs").Visitor} visitor @param {Record<string, string>} answer */
async function comeBack({ page }, answer) {
  await page.goto(`/api/auth/callback/github?${new URLSearchParams(answer)}`);
}

/** Return the code of a user who permits the sign-in. @param {GitHubUser} user */
function codeOf({ id = randomInt(2 ** 31), name = "Ada", email, verified = true }) {
  return Buffer.from(JSON.stringify({ id, login: name.toLowerCase(), name, email, verified })).toString("base64url");
}

/** Sign in with GitHub by the page. @param {import("./stage.mjs").Visitor} visitor @param {GitHubUser} user */
async function enter(visitor, user, path = "/sign-in") {
  const state = (await leave(visitor, path)).searchParams.get("state") ?? "";
  await comeBack(visitor, { code: codeOf(user), state });
}

/** Return the user with an email, and the ways in. @param {string} email */
async function waysIn(email) {
  return stage.sql(
    `SELECT u.id, u."emailVerified", array_agg(a."providerId" ORDER BY a."providerId") AS ways
     FROM "user" u JOIN account a ON a."userId" = u.id WHERE u.email = $1 GROUP BY u.id`,
    [email],
  );
}

describe("with GitHub", () => {
  before(() => {
    const variables = { GITHUB_CLIENT_ID: "the-id", GITHUB_CLIENT_SECRET: "the-secret", NODE_OPTIONS: `--import=${FAKE}` };
    return stage.tell(`restart web ${JSON.stringify(variables)}`);
  });
  after(() => stage.tell("restart web {}"));

  for (const options of [{}, { javaScriptEnabled: false }]) {
    it(`a new user comes in, and again on another device ${"javaScriptEnabled" in options ? "without" : "with"} JavaScript`, async (cast) => {
      const ada = await cast.nobody({ ...DEVICE, ...options });
      const user = { id: randomInt(2 ** 31), email: address("ada") };
      const asked = await leave(ada, "/sign-up?title=Milk");
      assert.equal(asked.pathname, "/login/oauth/authorize");
      const { state = "", client_id, scope, redirect_uri } = Object.fromEntries(asked.searchParams);
      assert.deepEqual([client_id, scope], ["the-id", "user:email"]);
      assert.equal(redirect_uri, `${stage.places.web}/api/auth/callback/github`);
      await comeBack(ada, { code: codeOf(user), state });
      await ada.isIn();
      assert.equal(await ada.field.inputValue(), "Milk", "what was typed before is in the field");
      const [found = {}, ...others] = await waysIn(user.email);
      assert.deepEqual([found.emailVerified, found.ways, others.length], [true, ["github"], 0]);
      const [{ accessToken } = {}] = await stage.sql('SELECT "accessToken" FROM account WHERE "userId" = $1', [found.id]);
      assert(accessToken && accessToken !== codeOf(user), "the token of GitHub is not stored as it is");

      const phone = await cast.nobody({ ...DEVICE, ...options });
      await enter(phone, user);
      await phone.isIn();
      assert.equal((await waysIn(user.email)).length, 1);
    });
  }

  it("the page has no barrier", async (cast) => {
    const ada = await cast.nobody(DEVICE);
    await ada.page.goto("/sign-in");
    await ada.seesNoBarrier();
    await ada.page.goto("/sign-in?error=linked");
    await ada.reads(LINKED);
    await ada.seesNoBarrier();
  });

  for (const isConfirmed of [true, false]) {
    it(`an account with a password, whose email is ${isConfirmed ? "" : "not "}confirmed, is not shared`, async (cast) => {
      const eve = await cast.stranger({ name: "Eve", email: address("ada") });
      await stage.sql('UPDATE "user" SET "emailVerified" = $2 WHERE email = $1', [eve.user.email, isConfirmed]);
      const ada = await cast.nobody(DEVICE);
      await enter(ada, { email: eve.user.email });
      await ada.reads(LINKED);
      assert.deepEqual((await waysIn(eve.user.email)).map(({ ways }) => ways), [["credential"]]);
      assert.equal(await (await ada.context.request.get("/api/auth/get-session")).json(), null);
    });
  }

  it("the way back from GitHub leads only to a path of the app", async (cast) => {
    const { context } = await cast.nobody(DEVICE);
    for (const name of ["callbackURL", "errorCallbackURL", "newUserCallbackURL"]) {
      const answer = await context.request.post("/api/auth/sign-in/social", {
        headers: { Origin: stage.places.web },
        data: { provider: "github", [name]: "/.//evil.example" },
      });
      assert.deepEqual([answer.status(), (await answer.json()).code], [403, "INVALID_CALLBACK_URL"], name);
    }
  });

  it("an email that is not confirmed at GitHub makes no account, and opens none", async (cast) => {
    const ada = await cast.stranger({ options: DEVICE });
    await stage.sql('UPDATE "user" SET "emailVerified" = true WHERE email = $1', [ada.user.email]);
    const eve = await cast.nobody(DEVICE);
    const email = address("new");
    await enter(eve, { email, verified: false });
    await eve.reads("Confirm your email at GitHub first.");
    assert.deepEqual(await stage.sql('SELECT id FROM "user" WHERE email = $1', [email]), []);
    await enter(eve, { email: ada.user.email, verified: false });
    await eve.reads(LINKED);
    assert.deepEqual((await waysIn(ada.user.email)).map(({ ways }) => ways), [["credential"]]);
    await enter(eve, {});
    await eve.reads("Confirm your email at GitHub first.");
    assert.equal(await (await eve.context.request.get("/api/auth/get-session")).json(), null);
  });

  it("an account without a password is deleted without one, with a session of today", async (cast) => {
    const ada = await cast.nobody(DEVICE);
    const [email, name] = [address("ada"), "Ada"];
    ada.user.name = name;
    await enter(ada, { email, name });
    await ada.isIn();
    await ada.isSaved(); // the menu works when the page is alive
    await stage.sql(`UPDATE session SET "createdAt" = now() - interval '25 hours' WHERE "userId" = (SELECT id FROM "user" WHERE email = $1)`, [email]);
    ada.expects(REFUSED);
    await ada.account("Delete account…");
    const dialog = ada.page.getByRole("dialog", { name: "Delete your account?" });
    await dialog.getByLabel("Your password").waitFor({ state: "detached" });
    await eventually(async () => assert.equal(await ada.focus(), "Keep it"));
    const button = dialog.getByRole("button", { name: "Delete account", exact: true });
    await button.click();
    await ada.reads("Your session is over. Sign in again to delete the account.");
    await ada.seesNoBarrier();
    await stage.sql(`UPDATE session SET "createdAt" = now() WHERE "userId" = (SELECT id FROM "user" WHERE email = $1)`, [email]);
    await button.click();
    await ada.page.waitForURL(/\/sign-in\?deleted/);
    assert.deepEqual(await waysIn(email), []);
  });

  it("a refusal at GitHub, and a code that GitHub does not know, are shown in plain words", async (cast) => {
    const ada = await cast.nobody(DEVICE);
    let state = (await leave(ada)).searchParams.get("state") ?? "";
    await comeBack(ada, { error: "access_denied", error_description: "Not <b>now</b>", state });
    await ada.reads("You have not permitted the sign-in at GitHub.");
    assert.equal(ada.page.url(), `${stage.places.web}/sign-in?error=denied`);
    state = (await leave(ada)).searchParams.get("state") ?? "";
    await comeBack(ada, { code: "wrong", state });
    await ada.reads("GitHub has not signed you in. Try again in a minute.");
  });

  it("the way back of another browser, or a made-up one, signs nobody in", async (cast) => {
    const [ada, eve] = [await cast.nobody(DEVICE), await cast.nobody(DEVICE)];
    const state = (await leave(eve)).searchParams.get("state") ?? "";
    const code = codeOf({ email: address("eve") });
    for (const answer of [{ code, state }, { code, state: "made-up" }, { code }]) {
      await comeBack(ada, answer);
      await ada.reads(RESTART);
      assert.equal(await (await ada.context.request.get("/api/auth/get-session")).json(), null);
    }
  });

  it("at another address of the app the button leads to the first one, which GitHub knows", async () => {
    const other = stage.places.web.replace("localhost", "127.0.0.1");
    const answer = await fetch(`${other}/sign-in/github`, {
      method: "POST",
      redirect: "manual",
      headers: { Origin: other, "X-Forwarded-For": place() },
      body: new URLSearchParams({ title: "Milk" }),
    });
    assert.deepEqual([answer.status, answer.headers.get("Location")], [303, `${stage.places.web}/sign-in`]);
    assert.equal(answer.headers.getSetCookie().length, 0);
  });

  it("no answer leads to another site, and nobody adds a way into an account", async (cast) => {
    const ada = await cast.stranger({ options: DEVICE });
    const headers = { Origin: stage.places.web };
    for (const name of ["callbackURL", "errorCallbackURL", "newUserCallbackURL"]) {
      const data = { provider: "github", [name]: "https://evil.example/" };
      const answer = await ada.context.request.post("/api/auth/sign-in/social", { headers: { ...headers, "X-Forwarded-For": place() }, data });
      assert.equal(answer.status(), 403, name);
    }
    const answer = await ada.context.request.post("/api/auth/link-social", { headers, data: { provider: "github" } });
    assert.equal(answer.status(), 404);
    const back = await ada.context.request.get("/sign-in/github?error=//evil.example", { maxRedirects: 0 });
    assert.deepEqual([back.status(), back.headers()["location"]], [303, "/sign-in?error=github"]);
  });
});

describe("without the settings of GitHub", () => {
  it("there is no button for it", async (cast) => {
    const ada = await cast.nobody(DEVICE);
    for (const path of ["/sign-in", "/sign-up"]) {
      await ada.page.goto(path);
      assert.equal(await ada.button("Continue with GitHub").count(), 0);
    }
    const answer = await ada.context.request.post("/sign-in/github", { headers: { Origin: stage.places.web }, maxRedirects: 0 });
    assert.deepEqual([answer.status(), answer.headers()["location"]], [303, "/sign-in"]);
  });
});
