// With a mail server, an email must be confirmed before the first sign-in.

import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:net";
import { after, before, describe } from "node:test";

import { SMTPServer } from "smtp-server";

import { address, eventually, it, place, REFUSED, stage } from "./stage.mjs";

const PASSWORD = "a password of the mail server";

/** The mails that the server received, from the first to the last. @type {{ to: string, subject: string, link: string }[]} */
const mails = [];

const server = new SMTPServer({
  allowInsecureAuth: true,
  disabledCommands: ["STARTTLS"],
  onAuth: ({ password }, _, answer) => answer(password === PASSWORD ? null : new Error("Wrong password"), { user: "todos" }),
  onData(stream, { envelope }, answer) {
    let text = "";
    stream.on("data", (part) => (text += part));
    stream.on("end", () => {
      const body = text.replace(/=\r\n/g, "").replace(/=3D/g, "="); // long lines are quoted
      const [, subject = ""] = /^Subject: (.*)\r$/m.exec(body) ?? [];
      mails.push({ to: envelope.rcptTo[0]?.address ?? "", subject, link: /http\S+/.exec(body)?.[0] ?? "" });
      answer();
    });
  },
});

/** Start Next.js again. @param {Record<string, string>} variables */
function restart(variables) {
  return stage.tell(`restart web ${JSON.stringify(variables)}`);
}

/** @param {string} password @param {number} port */
function mailUrl(password, port) {
  return `smtp://todos:${encodeURIComponent(password)}@127.0.0.1:${port}`;
}

/** Return the mails to a person, when there are as many. @param {string} email @param {number} count */
async function mailsTo(email, count) {
  const found = () => mails.filter(({ to }) => to === email);
  await eventually(async () => assert.equal(found().length, count));
  return found();
}

/** Sign up by the page. @param {import("./stage.mjs").Visitor} visitor @param {string} email @param {string} password */
async function signUp(visitor, email, password) {
  await visitor.page.goto("/sign-up");
  await visitor.page.getByLabel("Name").fill("Ada");
  await visitor.page.getByLabel("Email").fill(email);
  await visitor.page.getByLabel("Password").fill(password);
  await visitor.submit("Make an account");
  await visitor.page.waitForURL(/\/check-email$/);
}

/** Sign up and open the link of the first mail. @param {import("./stage.mjs").Visitor} visitor @param {string} email @param {string} password */
async function signUpAndConfirm(visitor, email, password) {
  await signUp(visitor, email, password);
  const [mail] = await mailsTo(email, 1);
  await visitor.page.goto(mail?.link ?? "");
  await visitor.reads("Your email is confirmed. Sign in.");
}

/** Ask for a new password by the page. @param {import("./stage.mjs").Visitor} visitor @param {string} email */
async function forget(visitor, email) {
  await visitor.page.goto("/forgot-password");
  await visitor.page.getByLabel("Email").fill(email);
  await visitor.submit("Send a link");
  await visitor.page.waitForURL(/\?sent=/);
}

/** Choose a new password by the link of a mail. @param {import("./stage.mjs").Visitor} visitor @param {string | undefined} link @param {string} password */
async function replacePassword(visitor, link = "", password) {
  await visitor.page.goto(link);
  await visitor.page.getByLabel("New password").fill(password);
  await visitor.submit("Change the password");
  await visitor.page.waitForURL(/\/sign-in\?reset=/);
}

/** Return whether a device has a session. @param {import("./stage.mjs").Visitor} visitor */
async function isSignedIn({ context }) {
  return (await (await context.request.get("/api/auth/get-session")).json()) !== null;
}

describe("with a mail server", () => {
  before(async () => {
    server.listen(0, "127.0.0.1");
    await once(server.server, "listening");
    const { port } = /** @type {import("node:net").AddressInfo} */ (server.server.address());
    await restart({ MAIL_URL: mailUrl(PASSWORD, port) });
  });
  after(async () => {
    await new Promise((resolve) => server.close(() => resolve(null)));
    await restart({});
  });

  for (const options of [{}, { javaScriptEnabled: false }]) {
    const how = "javaScriptEnabled" in options ? "without" : "with";

    it(`a new email is confirmed by the link of a mail ${how} JavaScript`, async (cast) => {
      const ada = await cast.nobody(options);
      const email = address("ada");
      await signUp(ada, email, "long enough");
      await ada.reads("We have sent you a mail. Open its link to go on.");
      assert.equal(await ada.page.getByLabel("Email").inputValue(), email);
      if (how === "with") await ada.seesNoBarrier();
      const [mail] = await mailsTo(email, 1);
      assert(mail);
      assert.equal(mail.subject, "Confirm your email for Todos");
      assert(mail.link.startsWith(`${stage.places.web}/api/auth/verify-email?token=`), mail.link);
      assert(!(await isSignedIn(ada)), "nobody is in before the email is confirmed");
      // The link signs nobody in, and works again, because a scanner of mails may have opened it.
      for (const device of [await cast.nobody(options), ada]) {
        await device.page.goto(mail.link);
        await device.reads("Your email is confirmed. Sign in.");
        assert(!(await isSignedIn(device)));
      }
      if (how === "with") await ada.seesNoBarrier();
      await ada.signIn(email, "long enough");
      await ada.isIn();
    });

    it(`a sign-in before that sends a new mail, and so does the page after the sign-up ${how} JavaScript`, async (cast) => {
      const ada = await cast.nobody(options);
      ada.expects(REFUSED);
      const email = address("ada");
      await signUp(ada, email, "long enough");
      await mailsTo(email, 1);
      await ada.submit("Send a new mail");
      await ada.page.waitForURL(/\/check-email\?sent=/);
      await ada.reads("If this address waits for a confirmation, we have sent a new link.");
      await mailsTo(email, 2);
      await ada.page.goto("/sign-in");
      await ada.signIn(email, "not the right one");
      await ada.reads("The email or the password is wrong.");
      await ada.signIn(email, "long enough");
      await ada.reads("Confirm your email first. We have sent you a new mail with a link.");
      const [, , mail] = await mailsTo(email, 3);
      assert(mail);
      await ada.page.goto(mail.link.replace("&callbackURL", "x&callbackURL"));
      await ada.reads("This link is too old, or a part of it is missing. Sign in to get a new one.");
      await ada.page.goto(mail.link);
      await ada.signIn(email, "long enough");
      await ada.isIn();
    });
  }

  it("an unknown or a confirmed address receives no new link, and the page is the same", async (cast) => {
    const [ada, eve] = [await cast.nobody(), await cast.nobody()];
    const email = address("ada");
    await signUpAndConfirm(ada, email, "long enough");
    const texts = [];
    for (const other of [email, address("unknown")]) {
      await eve.page.goto("/check-email");
      await eve.page.getByLabel("Email").fill(other);
      await eve.submit("Send a new mail");
      await eve.page.waitForURL(/\?sent=/);
      texts.push(await eve.page.locator("main").innerText());
    }
    assert.equal(texts[0], texts[1]);
    // A mail that was sent after the others is here, so theirs would be here, too.
    await forget(eve, email);
    assert.equal((await mailsTo(email, 2))[1]?.subject, "Choose a new password for Todos");
  });

  it("who signs up with the email of another person has no way into the account", async (cast) => {
    const [eve, ada] = [await cast.nobody(), await cast.nobody()];
    eve.expects(REFUSED);
    const email = address("ada");
    await signUp(eve, email, "the password of Eve");
    const text = await eve.page.locator("main").innerText();
    const [first] = await mailsTo(email, 1);

    await signUp(ada, email, "the password of Ada");
    assert.equal(await ada.page.locator("main").innerText(), text, "nobody sees whether there is an account");
    assert.equal((await mailsTo(email, 2))[1]?.subject, "You have an account at Todos");
    // Ada opens the wrong mail. Only Eve has a password for the account, in which nothing of Ada is.
    await ada.page.goto(first?.link ?? "");
    await ada.signIn(email, "the password of Ada");
    await ada.reads("The email or the password is wrong.");
    await eve.page.goto("/sign-in");
    await eve.signIn(email, "the password of Eve");
    await eve.isIn();

    ada.expects(REFUSED);
    await forget(ada, email);
    const [, , reset] = await mailsTo(email, 3);
    await replacePassword(ada, reset?.link, "the password of Ada");
    await ada.signIn(email, "the password of Ada");
    await ada.isIn();
    assert(!(await isSignedIn(eve)), "a new password ends all sessions");
    const again = await cast.nobody();
    again.expects(REFUSED);
    await again.page.goto("/sign-in");
    await again.signIn(email, "the password of Eve");
    await again.reads("The email or the password is wrong.");
  });

  it("a link that confirms an email leaves another user signed in", async (cast) => {
    const [eve, ada] = [await cast.nobody(), await cast.nobody()];
    const [email, own] = [address("eve"), address("ada")];
    await signUpAndConfirm(ada, own, "long enough");
    await ada.signIn(own, "long enough");
    await ada.isIn();
    await signUp(eve, email, "the password of Eve");
    await ada.page.goto((await mailsTo(email, 1))[0]?.link ?? "");
    await ada.isIn();
    const session = await (await ada.context.request.get("/api/auth/get-session")).json();
    assert.equal(session.user.email, own);
  });

  it("a new password ends the other links, which somebody may have read", async (cast) => {
    const ada = await cast.nobody();
    const email = address("ada");
    await signUp(ada, email, "long enough");
    await mailsTo(email, 1);
    await forget(ada, email);
    await forget(ada, email);
    const [, first, second] = await mailsTo(email, 3);
    await replacePassword(ada, second?.link, "another password");
    await ada.page.goto(first?.link ?? "");
    await ada.reads("This link is too old, or it was used already.");
  });

  it("a sign-up with the email of a user who has not confirmed it changes nothing", async (cast) => {
    const [ada, eve] = [await cast.nobody(), await cast.nobody()];
    const email = address("ada");
    await signUp(ada, email, "long enough");
    const [mail] = await mailsTo(email, 1);
    await signUp(eve, email, "the password of Eve");
    await mailsTo(email, 2);
    await ada.page.goto(mail?.link ?? "");
    await ada.signIn(email, "long enough");
    await ada.isIn();
  });

  it("a new password also confirms the email, because its link was in a mail", async (cast) => {
    const ada = await cast.nobody();
    const email = address("ada");
    await signUp(ada, email, "long enough");
    await mailsTo(email, 1);
    await forget(ada, email);
    const [, reset] = await mailsTo(email, 2);
    await replacePassword(ada, reset?.link, "another password");
    await ada.signIn(email, "another password");
    await ada.isIn();
  });

  it("somebody who signs up with the email of a user changes nothing, and the user learns of it", async (cast) => {
    const [ada, eve] = [await cast.nobody(), await cast.nobody()];
    const email = address("ada");
    await signUpAndConfirm(ada, email, "long enough");
    await ada.signIn(email, "long enough");
    await ada.isIn();
    await signUp(eve, email, "the password of Eve");
    assert.equal((await mailsTo(email, 2))[1]?.link, `${stage.places.web}/sign-in`);
    await ada.page.reload();
    await ada.isIn();
    await eve.page.goto("/sign-in");
    await eve.signIn(email, "long enough");
    await eve.isIn();
  });

  it("the demo works, and its address receives no mail", async (cast) => {
    const ada = await cast.nobody();
    await ada.page.goto("/sign-in");
    await ada.button("Try the demo").click();
    await ada.isIn();
    await signUp(await cast.nobody(), "demo@example.com", "the password of Eve");
    const again = await cast.nobody();
    await again.page.goto("/sign-in");
    await again.button("Try the demo").click();
    await again.isIn();
    assert.deepEqual(mails.filter(({ to }) => to === "demo@example.com"), []);
  });

  it("one network can sign up five times in a minute", async () => {
    const headers = { Origin: stage.places.web, "X-Forwarded-For": place() };
    const answers = [];
    for (let n = 0; n < 7; n++) {
      const body = new URLSearchParams({ name: "Ada", email: address("ada"), password: "long enough" });
      answers.push(await fetch(`${stage.places.web}/sign-up/submit`, { method: "POST", redirect: "manual", headers, body }));
    }
    const next = answers.map((answer) => answer.headers.get("Location"));
    assert.deepEqual(next, [...Array(5).fill("/check-email"), ...Array(2).fill("/sign-up?error=busy")]);
  });
});

describe("with a mail server that refuses mails", () => {
  before(() => restart({ MAIL_URL: mailUrl("not the password", 1) }));
  after(() => restart({}));

  it("the log has the reason without secrets, and the page is the same", async (cast) => {
    const ada = await cast.nobody();
    const email = address("ada");
    await signUp(ada, email, "long enough");
    await eventually(async () => assert.match(stage.printed, new RegExp(`A mail to ${email} was not sent: .*ECONNREFUSED`)));
    assert(!stage.printed.includes("not the password") && !stage.printed.includes("not%20the%20password"));
    assert(!stage.printed.includes("/api/auth/verify-email?token="));
  });
});

describe("with a mail server that never answers", () => {
  /** @type {Set<import("node:net").Socket>} */
  const sockets = new Set();
  const silent = createServer((socket) => void sockets.add(socket.on("error", () => undefined)));

  before(async () => {
    silent.listen(0, "127.0.0.1");
    await once(silent, "listening");
    const { port } = /** @type {import("node:net").AddressInfo} */ (silent.address());
    await restart({ MAIL_URL: mailUrl(PASSWORD, port) });
  });
  after(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => silent.close(resolve));
    await restart({});
  });

  it("no answer waits for the mail, so its time tells nothing about an account", async (cast) => {
    const ada = await cast.nobody();
    const email = address("ada");
    await signUp(ada, email, "long enough");
    for (const path of ["/check-email/submit", "/forgot-password/submit", "/sign-in/submit"]) {
      const answer = await fetch(stage.places.web + path, {
        method: "POST",
        redirect: "manual",
        headers: { Origin: stage.places.web, "X-Forwarded-For": place() },
        body: new URLSearchParams({ email, password: "long enough" }),
        signal: AbortSignal.timeout(9000), // the mail is given up after ten seconds
      });
      assert.equal(answer.status, 303);
    }
    await eventually(async () => assert.equal(sockets.size, 4));
  });
});
