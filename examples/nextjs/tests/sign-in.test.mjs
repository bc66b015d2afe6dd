// The ways in and out, with and without JavaScript.

import assert from "node:assert/strict";
import { describe } from "node:test";

import { address, eventually, it, REFUSED, stage } from "./stage.mjs";

const WITHOUT_JAVASCRIPT = { javaScriptEnabled: false };

describe("without a session", () => {
  it("every page of a user leads to the sign-in page", async (cast) => {
    const { page } = await cast.nobody();
    for (const path of ["/", "/?view=today", "/shell"]) {
      await page.goto(path);
      await page.waitForURL(/\/sign-in/);
    }
    await page.goto(stage.places.web.replace("localhost", "127.0.0.1"));
    await page.waitForURL(`${stage.places.web}/sign-in`);
  });

  for (const options of [{}, WITHOUT_JAVASCRIPT]) {
    const how = options === WITHOUT_JAVASCRIPT ? "without JavaScript" : "with JavaScript";

    it(`a person signs up, and signs in again ${how}`, async (cast) => {
      const ada = await cast.nobody(options);
      const { page } = ada;
      const email = address("ada");
      await page.goto("/");
      await page.getByRole("link", { name: /account/ }).click();
      await page.waitForURL(/\/sign-up/);
      await page.getByLabel("Name").fill("Ada");
      await page.getByLabel("Email").fill(email);
      await page.getByLabel("Password").fill("long enough");
      await ada.submit("Make an account");
      await ada.isIn();
      await page.goto("/");
      await ada.isIn();
      ada.expects(REFUSED); // the app asks for a token
      await ada.context.clearCookies();
      await page.goto("/sign-in");
      await ada.signIn(email, "long enough");
      await ada.isIn();
    });

    it(`an error is shown in plain words at its field ${how}, and the email is kept`, async (cast) => {
      const ada = await cast.nobody(options);
      const { page } = ada;
      const taken = await cast.stranger({ name: "Grace" });
      ada.expects(REFUSED);
      await page.goto("/sign-in");
      await ada.signIn(taken.user.email, "not the right one");
      await ada.reads("The email or the password is wrong.");
      await isAtField(page, page.getByLabel("Password"));
      assert.equal(await page.getByLabel("Email").inputValue(), taken.user.email);
      if (options !== WITHOUT_JAVASCRIPT) await ada.seesNoBarrier();

      await page.goto("/sign-up");
      await page.getByLabel("Name").fill("Ada");
      await page.getByLabel("Email").fill(taken.user.email);
      await page.getByLabel("Password").fill("long enough");
      await ada.submit("Make an account");
      await isAtField(page, page.getByLabel("Email"));
      assert.equal(await page.getByLabel("Email").inputValue(), taken.user.email);
      assert.equal(await page.getByLabel("Name").inputValue(), "Ada");

      await page.getByLabel("Email").fill(address("ada"));
      await page.getByLabel("Password").fill("seven77");
      await ada.submit("Make an account");
      await isAtField(page, page.getByLabel("Password"));
      await ada.reads("A password has at least 8 characters.");
      assert.match(page.url(), /sign-up/);
      assert(!page.url().includes("seven77"), "no password is in the address");
    });
  }

  it("a click on the demo shows 50 todos", async (cast) => {
    const ada = await cast.nobody();
    await ada.page.goto("/sign-in");
    await ada.seesNoBarrier();
    await ada.page.getByRole("button", { name: "Try the demo" }).click();
    await ada.isIn();
    await ada.isSaved();
    assert.equal(await ada.rows.first().getAttribute("aria-setsize"), "50");
    for (const view of ["Today", "Completed", "Trash"]) {
      await ada.goTo(view);
      assert((await ada.titles()).length > 0, `${view} is empty`);
    }
  });

  it("the demo user cannot be deleted, because everybody is it", async (cast) => {
    const ada = await cast.nobody();
    await ada.page.goto("/sign-in");
    await ada.page.getByRole("button", { name: "Try the demo" }).click();
    await ada.isIn();
    const answer = await ada.context.request.post(`${stage.places.web}/api/auth/delete-user`, {
      headers: { Origin: stage.places.web },
      data: {}, // a session of today needs no password
    });
    assert.equal(answer.status(), 403);
    assert.equal((await answer.json()).code, "DEMO_USER");
    await ada.page.reload();
    await ada.isIn();
  });

  it("a sign-in that another site posts is refused", async (cast) => {
    const ada = await cast.stranger();
    const forms = ["/sign-in/submit", "/sign-up/submit", "/sign-in/demo", "/add"];
    for (const path of forms) {
      const answer = await fetch(stage.places.web + path, {
        method: "POST",
        redirect: "manual",
        headers: {
          Origin: "https://evil.example",
          "Sec-Fetch-Site": "cross-site",
          "Content-Type": "application/x-www-form-urlencoded",
          Cookie: (await ada.context.cookies()).map(({ name, value }) => `${name}=${value}`).join("; "),
        },
        body: new URLSearchParams({ email: ada.user.email, password: ada.user.password, title: "From another site", name: "Eve" }),
      });
      assert(answer.status >= 400, `${path}: ${answer.status}`);
      assert.equal(answer.headers.getSetCookie().length, 0);
    }
    assert.deepEqual(await ada.user.titles(), []);
  });
});

describe("without JavaScript", () => {
  it("the list is shown, and todos are added", async (cast) => {
    const ada = await cast.stranger({ todos: ["One", "Two"], options: WITHOUT_JAVASCRIPT });
    await ada.page.goto("/");
    await ada.sees("One", "Two");
    await ada.add("Three & more");
    await ada.sees("Three & more", "One", "Two");
    await ada.user.has("Three & more", "One", "Two");
    await ada.add("   ");
    await ada.page.waitForURL(/failed=empty/);
    await ada.reads("A todo needs a title.");
    await ada.user.has("Three & more", "One", "Two");
    await ada.field.fill("x".repeat(201));
    await ada.field.press("Enter");
    // What does not fit into a title is in the notes.
    await eventually(async () => assert.equal((await ada.user.todo("x".repeat(200))).description, "x"));
    await ada.sees("x".repeat(200), "Three & more", "One", "Two");
  });

  it("the view of the address is shown, and kept when a todo is added", async (cast) => {
    const ada = await cast.stranger({
      todos: [{ title: "Milk", tags: ["shop"] }, { title: "Piano", completed: true }, "Bread"],
      options: WITHOUT_JAVASCRIPT,
    });
    await ada.page.goto("/?tag=shop");
    await ada.sees("Milk");
    await ada.add("Butter");
    await ada.page.waitForURL(/tag=shop/);
    await ada.page.goto("/?view=completed");
    await ada.sees("Piano");
    await ada.view("All").click();
    await ada.page.getByRole("heading", { level: 1, name: "All" }).waitFor();
    const titles = await ada.titles();
    assert.deepEqual([...titles].sort(), ["Bread", "Butter", "Milk", "Piano"]);
  });
});

/** Wait until a field is marked as wrong, and its message is named as its description. @param {any} page @param {any} field */
async function isAtField(page, field) {
  await eventually(async () => {
    assert.equal(await field.getAttribute("aria-invalid"), "true");
    const ids = String(await field.getAttribute("aria-describedby")).split(" ");
    const texts = await Promise.all(ids.map((id) => page.locator(`[id="${id}"]`).innerText()));
    assert.match(texts.join(" "), /\w+ .*\./, "a sentence");
  });
}

it("a link of Better Auth leads only to a path of the app", async (cast) => {
  const { context } = await cast.nobody();
  const paths = ["/.//evil.example", "/..//evil.example", "/./%2e//evil.example", "/sign-in/..//evil.example/", "//evil.example", "https://evil.example", "/\\evil.example"];
  for (const path of paths) {
    for (const address of ["/api/auth/verify-email?token=x", "/api/auth/reset-password/x?"]) {
      const answer = await context.request.get(`${address}&callbackURL=${encodeURIComponent(path)}`, { maxRedirects: 0 });
      assert.deepEqual([answer.status(), answer.headers().location], [403, undefined], `${address} ${path}`);
    }
  }
  const answer = await context.request.get("/api/auth/verify-email?token=x&callbackURL=/sign-in/confirmed", { maxRedirects: 0 });
  assert.deepEqual([answer.status(), answer.headers().location], [302, "/sign-in/confirmed?error=INVALID_TOKEN"]);
});

it("Better Auth reads no large body", async (cast) => {
  const { context } = await cast.nobody();
  const data = { email: address("ada"), password: "x".repeat(70_000) };
  const answer = await context.request.post("/api/auth/sign-in/email", { headers: { Origin: stage.places.web }, data });
  assert.deepEqual([answer.status(), (await answer.json()).code], [413, "PAYLOAD_TOO_LARGE"]);
});
