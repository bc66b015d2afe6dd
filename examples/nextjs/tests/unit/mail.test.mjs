// Test the mails with a real mail server on this computer: `node --test tests/unit/mail.test.mjs`.

import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:net";
import { afterEach, beforeEach, mock, test } from "node:test";

import { SMTPServer } from "smtp-server";

import { deliver, mailSettings } from "../../lib/server/mail.ts";

const APP = { BETTER_AUTH_URL: "https://todos.example.com" };
const PASSWORD = "p@ss/word?#%";
const LINK = "https://todos.example.com/reset-password?token=0123456789abcdefghijklmn";

/** What the mail server received. @type {{ from: string, to: string[], text: string, isTLS: boolean }[]} */
let received = [];
/** The passwords that the mail server was told. @type {unknown[]} */
let passwords = [];
/** What the log has. @type {string[]} */
let log = [];
/** @type {(() => Promise<unknown>)[]} */
let closing = [];

beforeEach(() => {
  received = [];
  passwords = [];
  log = [];
  for (const method of /** @type {const} */ (["log", "warn", "error"])) {
    mock.method(console, method, (/** @type {unknown[]} */ ...words) => void log.push(words.join(" ")));
  }
});

afterEach(async () => {
  mock.reset();
  for (const close of closing.splice(0)) await close();
});

/** Start a mail server. Return its port. @param {import("smtp-server").SMTPServerOptions} [options] */
async function mailServer(options = {}) {
  const server = new SMTPServer({
    authOptional: true,
    allowInsecureAuth: true,
    disabledCommands: ["STARTTLS"],
    onAuth({ username, password }, _, answer) {
      passwords.push(password);
      if (username === "ada" && password === PASSWORD) answer(null, { user: "ada" });
      else answer(new Error("Wrong user or password"));
    },
    onData(stream, { envelope: { mailFrom, rcptTo }, secure }, answer) {
      let text = "";
      stream.on("data", (part) => (text += part));
      stream.on("end", () => {
        received.push({ from: mailFrom ? mailFrom.address : "", to: rcptTo.map(({ address }) => address), text, isTLS: secure });
        answer();
      });
    },
    ...options,
  });
  server.on("error", () => undefined); // a client that refuses the certificate
  server.listen(0, "127.0.0.1");
  await once(server.server, "listening");
  closing.push(() => new Promise((resolve) => server.close(() => resolve(null))));
  return /** @type {import("node:net").AddressInfo} */ (server.server.address()).port;
}

/** Start a server that answers as the function says. @param {(socket: import("node:net").Socket) => void} talk */
async function oddServer(talk) {
  /** @type {Set<import("node:net").Socket>} */
  const sockets = new Set();
  const server = createServer((socket) => {
    sockets.add(socket.on("error", () => undefined));
    talk(socket);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  closing.push(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  return { server, port: /** @type {import("node:net").AddressInfo} */ (server.address()).port };
}

/** @param {string} url */
function settings(url, variables = {}) {
  const found = mailSettings({ ...APP, MAIL_URL: url, ...variables });
  assert(found);
  return found;
}

/** @param {string} subject */
function mail(subject, to = "grace@example.com") {
  return { to, subject, text: `Open this link:\n\n${LINK}\n` };
}

const ada = `ada:${encodeURIComponent(PASSWORD)}`;

test("without MAIL_URL there are no mails, except in a development server", () => {
  assert.equal(mailSettings({ ...APP }), undefined);
  assert.equal(mailSettings({ ...APP, MAIL_URL: "", NODE_ENV: "production" }), undefined);
  assert.deepEqual(mailSettings({ NODE_ENV: "development" }), { from: "Todos <no-reply@localhost>" });
});

test("a URL has the server, its port, and a user whose special characters are decoded", () => {
  assert.deepEqual(settings(`smtp://${ada}@mail.example.com`), {
    from: "Todos <no-reply@todos.example.com>",
    server: { host: "mail.example.com", port: 587, secure: false, requireTLS: true, auth: { user: "ada", pass: PASSWORD } },
  });
  assert.deepEqual(settings("smtps://mail.example.com").server, { host: "mail.example.com", port: 465, secure: true, requireTLS: false });
  assert.equal(settings("smtp://mail.example.com:2525").server?.port, 2525);
  assert.equal(settings("smtp://[::1]:25").server?.host, "::1");
});

test("the sender is MAIL_FROM, or an address of the app's host", () => {
  assert.equal(settings("log:", { MAIL_FROM: "Ada <ada@example.org>" }).from, "Ada <ada@example.org>");
  assert.equal(mailSettings({ MAIL_URL: "log:", VERCEL_ENV: "production", VERCEL_PROJECT_PRODUCTION_URL: "a.example" })?.from, "Todos <no-reply@a.example>");
  assert.throws(() => settings("log:", { MAIL_FROM: "Ada" }), /MAIL_FROM must be an address/);
  assert.throws(() => settings("log:", { MAIL_FROM: "a@b.c\nBcc: d@e.f" }), /MAIL_FROM must be an address/);
});

test("a wrong MAIL_URL is an error without its password", () => {
  for (const url of [
    "https://ada:secret@mail.example.com",
    "log",
    "mail.example.com:587",
    "smtp://ada:sec/ret@mail.example.com",
    "smtp://ada:12/secret@mail.example.com",
    "smtp://ada:12#secret@mail.example.com",
    "smtp://ada:secret%@mail.example.com",
    "smtp://ada@mail.example.com",
    "smtp://ada:secret@mail.example.com?secure=false",
    "smtp://",
  ]) {
    assert.throws(
      () => settings(url),
      (/** @type {Error} */ { message }) => {
        assert.match(message, /^MAIL_URL must be log:, or the address of a mail server/);
        assert.doesNotMatch(message, /sec\W?ret/);
        return true;
      },
      url,
    );
  }
  assert.throws(() => mailSettings({ MAIL_URL: "smtp://mail.example.com" }), /BETTER_AUTH_URL/);
});

test("with log: the log has the recipient, the subject and the link", async () => {
  await deliver(mail("Choose a new password"), settings("log:"));
  assert.deepEqual(log, [`Mail to grace@example.com: Choose a new password\n\nOpen this link:\n\n${LINK}\n\n`]);
});

test("the mail server receives a mail with its sender, recipient, subject and link", async () => {
  const port = await mailServer();
  await deliver(mail("Confirm your email"), settings(`smtp://${ada}@127.0.0.1:${port}`, { MAIL_FROM: "Todos <todos@example.org>" }));
  assert(!log.some((line) => line.includes("not sent")), log.join());
  assert.deepEqual(passwords, [PASSWORD]);
  const [{ from, to, text } = { from: "", to: [], text: "" }, ...more] = received;
  assert.equal(more.length, 0);
  assert.deepEqual([from, to], ["todos@example.org", ["grace@example.com"]]);
  assert.match(text, /^From: Todos <todos@example.org>\r$/m);
  assert.match(text, /^To: grace@example.com\r$/m);
  assert.match(text, /^Subject: Confirm your email\r$/m);
  assert.match(text, /^Auto-Submitted: auto-generated\r$/m);
  assert(text.includes(LINK), text);
});

test("a recipient is one address, whatever it contains", async () => {
  const port = await mailServer();
  await deliver(mail("One", "grace@example.com, eve@evil.example"), settings(`smtp://127.0.0.1:${port}`));
  assert(received.every(({ to }) => to.length === 1 && to[0] !== "eve@evil.example"), JSON.stringify(received));
});

test("a wrong password is in the log as a refusal, without the password", async () => {
  const port = await mailServer();
  await deliver(mail("Wrong password"), settings(`smtp://ada:not-the-secret@127.0.0.1:${port}`));
  assert.equal(log.length, 1);
  assert.match(log[0] ?? "", /^A mail to grace@example.com was not sent: .*Wrong user or password/);
  assert.doesNotMatch(log[0] ?? "", /not-the-secret|token/);
  assert.deepEqual(received, []);
});

test("a server whose certificate is not trusted receives neither mail nor password", async () => {
  const port = await mailServer({ secure: true });
  await deliver(mail("Not trusted"), settings(`smtps://${ada}@127.0.0.1:${port}`));
  assert.match(log.at(-1) ?? "", /^A mail to grace@example.com was not sent: .*certificate/);
  assert.deepEqual([received, passwords], [[], []]);
});

test("a password is not sent to another computer that offers no TLS", async () => {
  const port = await mailServer();
  const elsewhere = settings(`smtp://${ada}@mail.example.com:${port}`);
  assert(elsewhere.server);
  await deliver(mail("No TLS"), { ...elsewhere, server: { ...elsewhere.server, host: "127.0.0.1" } });
  assert.match(log.join(), /^A mail to grace@example.com was not sent: .*(TLS|secure)/);
  assert.deepEqual([received, passwords], [[], []]);
});

test("a mail to a server that does not run is in the log as not sent", async () => {
  const { server, port } = await oddServer(() => undefined);
  await new Promise((resolve) => server.close(resolve));
  await deliver(mail("No server"), settings(`smtp://127.0.0.1:${port}`));
  assert.match(log.join(), /^A mail to grace@example.com was not sent: .*ECONNREFUSED/);
});

test("a server that never greets, or stops in the middle, is left after a limit", async () => {
  const silent = await oddServer(() => undefined);
  const stopping = await oddServer((socket) => {
    socket.write("220 hello\r\n");
    socket.on("data", (text) => String(text).startsWith("EHLO") && socket.write("250 hello\r\n"));
  });
  for (const { port } of [silent, stopping]) {
    log = [];
    await deliver(mail("Too slow"), settings(`smtp://127.0.0.1:${port}`), 300);
    assert.deepEqual(log, ["A mail to grace@example.com was not sent: The mail server is too slow."]);
  }
});

test("a person receives five mails of a kind within an hour", async () => {
  const url = settings("log:");
  mock.timers.enable({ apis: ["Date"], now: Date.now() });
  for (let n = 0; n < 7; n++) await deliver(mail("Again"), url);
  assert.equal(log.filter((line) => line.startsWith("Mail to grace")).length, 5);
  assert.equal(log.at(-1), "A mail to grace@example.com was not sent, because there were 5 like it within an hour.");
  log = [];
  await deliver(mail("Another kind"), url);
  await deliver(mail("Again", "ada@example.com"), url);
  mock.timers.tick(3_600_000);
  await deliver(mail("Again"), url);
  assert.deepEqual(log.map((line) => line.split("\n")[0]), [
    "Mail to grace@example.com: Another kind",
    "Mail to ada@example.com: Again",
    "Mail to grace@example.com: Again",
  ]);
});
