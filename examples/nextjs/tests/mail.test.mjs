// A forgotten password, with mails in the log. The stack of the tests sets MAIL_URL=log: as `make demo` does.

import assert from "node:assert/strict";
import { describe } from "node:test";

import { address, eventually, it, place, REFUSED, stage } from "./stage.mjs";

const SENT = "If this address has an account, we have sent a link.";
const USED = "This link is too old, or it was used already.";

/** Return the links of the mails to a person, from the first to the last. @param {string} email */
function linksTo(email) {
  const mails = stage.printed.matchAll(/^Mail to (\S+): .*\n\n[^]*?(http\S+)/gm);
  return Array.from(mails).flatMap(([, to, link = ""]) => (to === email ? [link] : []));
}

/** Ask for a link by the pages, and return it. @param {import("./stage.mjs").Visitor} visitor @param {string} email */
async function ask(visitor, email) {
  const before = linksTo(email).length;
  await visitor.page.goto("/forgot-password");
  await visitor.page.getByLabel("Email").fill(email);
  await visitor.submit("Send a link");
  await visitor.reads(SENT);
  await eventually(async () => assert.equal(linksTo(email).length, before + 1));
  return String(linksTo(email)[before]);
}

/**
 * Post a form without a browser.
 * @param {string} path @param {Record<string, string>} fields @param {Record<string, string>} [headers]
 */
async function post(path, fields, headers = {}) {
  return fetch(stage.places.web + path, {
    method: "POST",
    redirect: "manual",
    headers: { Origin: stage.places.web, "X-Forwarded-For": place(), ...headers },
    body: new URLSearchParams(fields),
  });
}

/** Return whether a device has a session. @param {import("./stage.mjs").Visitor} visitor */
async function isSignedIn({ context }) {
  return (await (await context.request.get("/api/auth/get-session")).json()) !== null;
}

describe("a forgotten password", () => {
  for (const options of [{}, { javaScriptEnabled: false }]) {
    it(`is replaced by the link of a mail ${"javaScriptEnabled" in options ? "without" : "with"} JavaScript`, async (cast) => {
      const ada = await cast.stranger({ options });
      const phone = await cast.nobody();
      await ada.user.enter(phone.context, "sign-in");
      ada.expects(REFUSED);
      await ada.context.clearCookies();
      const { email, password } = ada.user;

      await ada.page.goto("/sign-in");
      await ada.page.getByRole("link", { name: "Forgot password?" }).click();
      await ada.page.waitForURL(/\/forgot-password$/);
      if (!("javaScriptEnabled" in options)) await ada.seesNoBarrier();
      const link = await ask(ada, email);
      if (!("javaScriptEnabled" in options)) await ada.seesNoBarrier();
      assert(link.startsWith(`${stage.places.web}/reset-password?token=`), link);
      assert(await isSignedIn(phone), "to ask for a link ends no session");

      await ada.page.goto(link);
      if (!("javaScriptEnabled" in options)) await ada.seesNoBarrier();
      await ada.page.getByLabel("New password").fill("seven77");
      await ada.submit("Change the password");
      await ada.reads("A password has at least 8 characters.");
      const field = ada.page.getByLabel("New password");
      assert.equal(await field.getAttribute("aria-invalid"), "true");
      if (!("javaScriptEnabled" in options)) await eventually(async () => assert.equal(await ada.focus(), "New password"));
      await field.fill("a new password");
      await ada.submit("Change the password");
      await ada.page.waitForURL(/\/sign-in\?reset=/);
      await ada.reads("Your password is changed. Sign in.");
      assert(!(await isSignedIn(phone)), "the new password ends all sessions");
      assert(!(await isSignedIn(ada)), "a link is no session");

      await ada.signIn(email, password);
      await ada.reads("The email or the password is wrong.");
      await ada.signIn(email, "a new password");
      await ada.isIn();

      await ada.page.goto(link);
      await ada.reads(USED);
      if (!("javaScriptEnabled" in options)) await ada.seesNoBarrier();
      await ada.page.getByRole("link", { name: "Ask for a new link" }).click();
      await ada.page.waitForURL(/\/forgot-password$/);
    });
  }

  it("an address without an account receives nothing, and the page is the same", async (cast) => {
    const ada = await cast.stranger();
    const unknown = address("unknown");
    const pages = [];
    for (const email of [ada.user.email, unknown]) {
      await ada.page.goto("/forgot-password");
      await ada.page.getByLabel("Email").fill(email);
      await ada.submit("Send a link");
      await ada.reads(SENT);
      pages.push([ada.page.url(), await ada.page.locator("main").innerText()]);
      // Without JavaScript, and without the pages.
      const form = await post("/forgot-password/submit", { email });
      const answer = await ada.context.request.post("/api/auth/request-password-reset", {
        headers: { Origin: stage.places.web, "X-Forwarded-For": place() },
        data: { email },
      });
      pages.push([form.status, form.headers.get("Location"), answer.status(), await answer.text()]);
    }
    assert.deepEqual(pages.slice(0, 2), pages.slice(2));
    await eventually(async () => assert.equal(linksTo(ada.user.email).length, 3));
    assert.deepEqual(linksTo(unknown), []);
  });

  it("a link that is too old, was replaced or is not complete leads to a new one", async (cast) => {
    const ada = await cast.stranger();
    ada.expects(REFUSED);
    const link = await ask(ada, ada.user.email);
    const token = new URL(link).searchParams.get("token") ?? "";
    await ada.page.goto(link);
    await stage.sql("UPDATE verification SET \"expiresAt\" = now() - interval '1 second' WHERE identifier = $1", [`reset-password:${token}`]);
    await ada.page.getByLabel("New password").fill("a new password");
    await ada.submit("Change the password");
    await ada.reads(USED);
    for (const path of [link, link.slice(0, -1), "/reset-password", "/reset-password?token=", "/reset-password?token=a&token=b"]) {
      await ada.page.goto(path);
      await ada.reads(USED);
      assert.equal(await ada.page.getByLabel("New password").count(), 0, path);
    }
    const answer = await post("/reset-password/submit", { token, password: "a new password" });
    assert.equal(answer.status, 303);
    assert.match(answer.headers.get("Location") ?? "", /^\/reset-password\?error=link&token=/);
  });

  it("the page of a link sends its address to nobody, and its answer is not kept", async (cast) => {
    const ada = await cast.stranger();
    const link = await ask(ada, ada.user.email);
    /** @type {string[]} */
    const requests = [];
    ada.context.on("request", (request) => requests.push(request.url()));
    const answer = await ada.page.goto(link);
    assert.match(answer?.headers()["cache-control"] ?? "", /no-store/);
    assert.equal(await ada.page.locator('head > meta[name="referrer"]').getAttribute("content"), "same-origin");
    assert(requests.length > 1 && requests.every((url) => url.startsWith(stage.places.web)), requests.join("\n"));
  });

  it("the password of the demo user stays, because everybody is it", async (cast) => {
    const ada = await cast.nobody();
    ada.expects(REFUSED);
    await ada.page.goto("/forgot-password");
    await ada.page.getByLabel("Email").fill("Demo@Example.com");
    await ada.submit("Send a link");
    await ada.reads("The demo has one account for everybody. Its password stays.");
    const answer = await ada.context.request.post("/api/auth/request-password-reset", {
      headers: { Origin: stage.places.web, "X-Forwarded-For": place() },
      data: { email: "demo@example.com" },
    });
    assert.equal(answer.status(), 403);
    assert.equal((await answer.json()).code, "DEMO_USER");
    const found = "SELECT v.id FROM verification v JOIN \"user\" u ON v.value = u.id WHERE u.email = 'demo@example.com'";
    assert.deepEqual(await stage.sql(found), []);
    assert.deepEqual(linksTo("demo@example.com"), []);
  });

  it("forms that another site posts are refused", async (cast) => {
    const ada = await cast.stranger();
    const link = await ask(ada, ada.user.email);
    const token = new URL(link).searchParams.get("token") ?? "";
    for (const path of ["/forgot-password/submit", "/reset-password/submit", "/check-email/submit", "/sign-in/github"]) {
      const headers = { Origin: "https://evil.example", "Sec-Fetch-Site": "cross-site" };
      const answer = await post(path, { email: ada.user.email, token, password: "the password of Eve" }, headers);
      assert.equal(answer.status, 403, path);
      assert.equal(answer.headers.getSetCookie().length, 0);
    }
    assert.equal(linksTo(ada.user.email).length, 1);
    await ada.page.goto("/sign-in");
    await ada.isIn();
  });

  it("one network can ask for three links in a minute", async () => {
    const headers = { "X-Forwarded-For": place() };
    const answers = [];
    for (let n = 0; n < 5; n++) answers.push(await post("/forgot-password/submit", { email: address("nobody") }, headers));
    const next = answers.map((answer) => answer.headers.get("Location"));
    assert.deepEqual(next, [...Array(3).fill("/forgot-password?sent="), ...Array(2).fill("/forgot-password?error=busy")]);
  });

  it("with mails in the log a person signs up without one, and there is no page to wait for it", async (cast) => {
    const ada = await cast.nobody();
    ada.expects(REFUSED);
    const email = address("ada");
    await ada.page.goto("/sign-up");
    await ada.page.getByLabel("Name").fill("Ada");
    await ada.page.getByLabel("Email").fill(email);
    await ada.page.getByLabel("Password").fill("long enough");
    await ada.submit("Make an account");
    await ada.isIn();
    assert.deepEqual(linksTo(email), []);
    assert.equal((await ada.page.goto("/check-email"))?.status(), 404);
  });
});
