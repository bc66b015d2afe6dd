// Run the stack of `make demo`, built for production, and browsers that use it. All files of tests that
// run in one process share one stack. Each test has users of its own. With ORIGINS=two, browsers call the
// API at an origin of its own.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { randomInt, randomUUID } from "node:crypto";
import { existsSync, mkdirSync } from "node:fs";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { after, before, it as test } from "node:test";
import { setTimeout } from "node:timers/promises";

import pg from "pg";
import { chromium } from "playwright-core";

/** Whether browsers call the API at the origin of the app. With the variable ORIGINS=two it has its own. */
export const HAS_ONE_ORIGIN = process.env.ORIGINS !== "two";

const ROOT = resolve(import.meta.dirname, "../../..");
const AXE = createRequire(import.meta.url).resolve("axe-core/axe.min.js");
const CHROMIUM = [process.env.CHROMIUM, "/usr/bin/chromium", "/usr/bin/google-chrome"].find((path) => path && existsSync(path));
const SCREENSHOTS = resolve(ROOT, process.env.SCREENSHOTS || ".local/screenshots");
const PATIENCE = 15_000; // milliseconds; this is only a limit
const MOST_TOKENS = 20; // in one test; each load of a page needs one
/** The app tries again after a minute at the latest. It gets no event when the API is back. */
export const LONGEST_RETRY = 60_000 + PATIENCE;
const LONGEST_TEST = 120_000; // milliseconds; this is only a limit

/** Chromium logs this for each answer that is an error. */
export const REFUSED = /Failed to load resource: the server responded/;
/** Chromium logs one of these for each request without an answer. */
export const UNREACHABLE = /net::ERR_|Failed to fetch|Load failed/;

/** @typedef {{ web: string, api: string, database: string }} Places */
/** @typedef {import("playwright-core").Page} Page */
/** @typedef {import("playwright-core").Locator} Locator */
/** @typedef {import("playwright-core").Route} Route */
/** @typedef {import("../sync/types.ts").Todo} Todo */
/** @typedef {Partial<Todo> & { title: string }} Draft */
/** @typedef {import("playwright-core").BrowserContextOptions & { init?: () => void }} Options */
/** @typedef {{ name?: string, email?: string, todos?: (string | Draft)[], options?: Options }} Person */

class Stage {
  /** @type {import("node:child_process").ChildProcessByStdio<import("node:stream").Writable, import("node:stream").Readable, import("node:stream").Readable> | undefined} */
  #stack;
  /** @type {AsyncIterator<string> | undefined} */
  #said;
  /** @type {import("playwright-core").Browser | undefined} */
  #browser;
  /** @type {Places} */
  places = { web: "", api: "", database: "" };
  /** The output of the servers so far. */
  printed = "";

  async start() {
    assert(CHROMIUM, "Chromium is not installed. On Debian, run apt install chromium. Otherwise set CHROMIUM to its path.");
    const python = process.env.PYTHON ?? join(ROOT, ".venv/bin/python");
    this.#stack = spawn(python, ["-m", "tests.browser.stack"], { cwd: ROOT, stdio: ["pipe", "pipe", "pipe"] });
    this.#stack.stderr.on("data", (text) => (this.printed += text));
    this.#said = createInterface({ input: this.#stack.stdout })[Symbol.asyncIterator]();
    this.places = JSON.parse(await this.#hear());
    this.#browser = await chromium.launch({ executablePath: CHROMIUM });
  }

  async stop() {
    await this.#browser?.close();
    const stack = this.#stack;
    if (!stack) return;
    stack.stdin.end();
    await new Promise((done) => (stack.exitCode === null ? stack.once("exit", done) : done(null)));
  }

  /** @returns {Promise<string>} */
  async #hear() {
    const said = await this.#said?.next();
    if (!said || said.done) throw new Error(`The stack ended. It printed:\n${this.printed.slice(-5000)}`);
    return said.value;
  }

  /** @param {"stop api" | "start api" | "rebuild" | `restart web ${string}`} command */
  async tell(command) {
    this.#stack?.stdin.write(`${command}\n`);
    assert.equal(await this.#hear(), "ok");
  }

  /**
   * Query the database that the API and Better Auth share.
   * @param {string} sql
   * @param {unknown[]} values
   * @returns {Promise<Record<string, any>[]>}
   */
  async sql(sql, values = [], database = "demo") {
    const client = new pg.Client(this.places.database.replace("/demo?", `/${database}?`));
    await client.connect();
    try {
      return (await client.query(sql, values)).rows;
    } finally {
      await client.end();
    }
  }

  /**
   * Return a new browser context, which is a device of its own.
   * @param {Options} options
   */
  async context({ init, ...options } = {}) {
    assert(this.#browser);
    const context = await this.#browser.newContext({
      baseURL: this.places.web,
      locale: "en-GB",
      viewport: { width: 1000, height: 800 },
      colorScheme: "light",
      ...options,
    });
    context.setDefaultTimeout(PATIENCE);
    if (init) await context.addInitScript(init);
    return context;
  }
}

export const stage = new Stage();
before(() => stage.start());
after(() => stage.stop());

/**
 * Define a test. At its end its devices are closed, and no console may have an error that the test did not expect.
 * @param {string} name
 * @param {(cast: Cast) => Promise<void>} tell
 */
export function it(name, tell, timeout = LONGEST_TEST) {
  test(name, { timeout }, async () => {
    const cast = new Cast();
    try {
      await tell(cast);
      for (const visitor of cast.visitors) visitor.seesNoError();
    } catch (error) {
      await cast.photograph(name);
      throw error;
    } finally {
      await cast.leave();
    }
  });
}

/** The users and devices of one test. */
export class Cast {
  /** @type {Visitor[]} */
  visitors = [];

  /**
   * Return a device on which nobody is signed in. Its page is empty.
   * @param {Options} [options]
   */
  async nobody(options) {
    const context = await stage.context(options);
    return this.#enter(new Visitor(await context.newPage(), new User("Nobody", address("nobody"))));
  }

  /**
   * Return a device of a new user. Its page is empty.
   * @param {Person} [person]
   */
  async stranger({ name = "Ada", email = address(name), todos = [], options } = {}) {
    const context = await stage.context(options);
    const user = new User(name, email);
    await user.enter(context, "sign-up");
    if (todos.length > 0) await user.seed(...todos);
    return this.#enter(new Visitor(await context.newPage(), user));
  }

  /**
   * Return a device of a new user, with the list on the screen.
   * @param {Person & { path?: string }} [person]
   */
  async user({ path = "/", ...person } = {}) {
    const visitor = await this.stranger(person);
    await visitor.open(path);
    return visitor;
  }

  /**
   * Return another device of a user, with the list on the screen.
   * @param {Visitor} visitor
   * @param {Options} [options]
   */
  async device({ user }, options, path = "/") {
    const context = await stage.context(options);
    await user.enter(context, "sign-in");
    const other = this.#enter(new Visitor(await context.newPage(), user));
    await other.open(path);
    return other;
  }

  /**
   * Return another tab of a device, with the list on the screen.
   * @param {Visitor} visitor
   */
  async tab({ user, context }, path = "/") {
    const other = this.#enter(new Visitor(await context.newPage(), user));
    await other.open(path);
    return other;
  }

  /** @param {Visitor} visitor */
  #enter(visitor) {
    this.visitors.push(visitor);
    return visitor;
  }

  /** Keep what is on the screens, for a person who looks for the reason of a failure. @param {string} name */
  async photograph(name) {
    for (const [n, { page }] of this.visitors.entries()) {
      const path = join(SCREENSHOTS, "failed", `${name.replace(/\W+/g, "-")}-${n}.png`);
      await page.screenshot({ path, timeout: 3000 }).catch(() => undefined);
    }
  }

  async leave() {
    for (const context of new Set(this.visitors.map((visitor) => visitor.context))) {
      await context.unrouteAll({ behavior: "ignoreErrors" }); // a request may be under way
      await context.close();
    }
  }
}

/** A user of Better Auth and the API. */
class User {
  password = randomUUID();
  /** @type {string | undefined} */
  token;

  /** @param {string} name @param {string} email */
  constructor(name, email) {
    this.name = name;
    this.email = email;
  }

  /**
   * Sign a device in without its pages.
   * @param {import("playwright-core").BrowserContext} context
   * @param {"sign-in" | "sign-up"} way
   */
  async enter(context, way) {
    const answer = await context.request.post(`/api/auth/${way}/email`, {
      // Better Auth refuses posts without an origin, and many sign-ups from one address.
      headers: { Origin: stage.places.web, "X-Forwarded-For": place() },
      data: { name: this.name, email: this.email, password: this.password },
    });
    assert.equal(answer.status(), 200, await answer.text());
    this.token ??= (await (await context.request.get("/api/auth/token")).json()).token;
  }

  /**
   * Send a request to the API as another client of this user. Return the JSON of the answer.
   * @param {string} method
   * @param {string} path
   * @param {unknown} [body]
   * @returns {Promise<any>}
   */
  async api(method, path, body) {
    const answer = await fetch(`${stage.places.api}/api${path}`, {
      method,
      headers: { Authorization: `Bearer ${this.token}`, "Content-Type": "application/json" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    assert(answer.ok, `${method} ${path}: ${answer.status} ${text}`);
    return text && JSON.parse(text);
  }

  /** Make todos by the API, from top to bottom. Return their ids. @param {(string | Draft)[]} drafts */
  async seed(...drafts) {
    const todos = drafts.map((draft, n) => ({
      id: randomUUID(),
      position: String(drafts.length - n),
      ...(typeof draft === "string" ? { title: draft } : draft),
    }));
    for (let n = 0; n < todos.length; n += 500) {
      const { results } = await this.api("POST", "/batch", { put: todos.slice(n, n + 500) });
      assert(results.every((/** @type {{ status: number }} */ { status }) => status === 201), JSON.stringify(results));
    }
    return todos.map(({ id }) => id);
  }

  /** Return the todos that the API has, from top to bottom. @returns {Promise<Todo[]>} */
  async todos(query = "") {
    return this.api("GET", `/todos?limit=500${query}`);
  }

  /** Return the one todo of the API with this title. @param {string} title @returns {Promise<Todo>} */
  async todo(title) {
    const found = (await this.todos()).filter((todo) => todo.title === title);
    assert.equal(found.length, 1, `${found.length} todos are named ${title}`);
    return /** @type {Todo} */ (found[0]);
  }

  /** Return the titles that the API has, from top to bottom. */
  async titles(query = "") {
    return (await this.todos(query)).map(({ title }) => title);
  }

  /** Wait until the API has these titles, from top to bottom, and no others. @param {string[]} titles */
  async has(...titles) {
    await eventually(async () => assert.deepEqual(await this.titles(), titles));
  }
}

/** A user at a device. */
export class Visitor {
  /** @type {import("playwright-core").Request[]} */
  #tokens;
  /** The errors in the console. @type {string[]} */
  #errors = [];
  /** The errors that a test expects in all tabs of a device. @type {WeakMap<import("playwright-core").BrowserContext, RegExp[]>} */
  static #expected = new WeakMap();

  /** @param {Page} page @param {User} user */
  constructor(page, user) {
    this.page = page;
    this.context = page.context();
    this.user = user;
    this.#tokens = this.requests("/api/auth/token");
    page.on("console", (message) => {
      if (message.type() === "error") this.#errors.push(`${message.text()} ${message.location().url}`);
    });
    page.on("pageerror", (error) => this.#errors.push(String(error)));
  }

  /** Expect errors in the console that match. @param {RegExp[]} errors */
  expects(...errors) {
    Visitor.#expected.set(this.context, [...(Visitor.#expected.get(this.context) ?? []), ...errors]);
  }

  /** Assert that the console has no error except those that the test expects. */
  seesNoError() {
    const isKnown = (/** @type {string} */ text) => Visitor.#expected.get(this.context)?.some((pattern) => pattern.test(text));
    assert.deepEqual(this.#errors.filter((text) => !isKnown(text)), []);
    assert(this.#tokens.length < MOST_TOKENS, `The app has fetched ${this.#tokens.length} tokens.`);
  }

  /** Open a page of the app, and wait until it is alive and has everything. @param {string} path */
  async open(path = "/") {
    await this.page.goto(path);
    await this.isSaved();
  }

  /** Load the page again, and wait until it is alive and has everything. */
  async reload() {
    await this.page.reload();
    await this.isSaved();
  }

  /** Wait until the API has all changes of this device. */
  async isSaved(patience = PATIENCE) {
    await this.page.getByText("Saved", { exact: true }).waitFor({ timeout: patience });
  }

  /** Wait until no sync is under way. "Saved" may be there before its end. */
  async isIdle() {
    await this.page.locator(".sync[data-state=idle]").waitFor();
  }

  /** Stop the clock of pages that are opened from now on. Only `page.clock` moves it, however slow this machine is. */
  async stopClock() {
    const time = Date.now();
    await this.page.clock.install({ time });
    await this.page.clock.pauseAt(time + 1000);
  }

  /** Wait until the header tells that some changes are on this device only. @param {number} changes */
  async isOffline(changes) {
    await this.page.getByText(new RegExp(`^Offline\\.${changes ? ` ${changes} change` : ""}`)).first().waitFor();
  }

  /** Cut the network of this device, after the service worker has kept all parts of the app. */
  async goOffline() {
    await this.isInstalled();
    this.expects(UNREACHABLE);
    await this.context.setOffline(true);
  }

  async goOnline() {
    await this.context.setOffline(false);
  }

  /** Keep the answers of the API from this device. Other servers answer. */
  async loseTheApi() {
    this.expects(UNREACHABLE);
    await this.context.route(isOfTheApi, refuseConnection);
  }

  async findTheApi() {
    await this.context.unroute(isOfTheApi);
  }

  /** Wait until the service worker can answer without a network. */
  async isInstalled() {
    await this.page.evaluate(async () => void (await navigator.serviceWorker.ready));
    await eventually(async () => assert(await this.page.evaluate(() => Boolean(navigator.serviceWorker.controller))));
  }

  // What is on the screen

  get field() {
    return this.page.getByLabel("New todo");
  }

  get search() {
    return this.page.getByRole("searchbox", { name: "Search" });
  }

  get rows() {
    return this.page.locator("ul.todos > li");
  }

  get editor() {
    return this.page.getByRole("dialog", { name: "Edit todo" });
  }

  get notices() {
    return this.page.getByRole("region", { name: "Notices" });
  }

  get toast() {
    return this.page.getByRole("status").filter({ has: this.page.getByRole("button", { name: "Dismiss" }) });
  }

  /** @param {string} title */
  row(title) {
    return this.rows.filter({ has: this.page.locator(".title").getByText(title, { exact: true }) });
  }

  /** @param {string} title */
  checkbox(title) {
    return this.page.getByRole("checkbox", { name: title, exact: true });
  }

  /** @param {string} name */
  button(name) {
    return this.page.getByRole("button", { name, exact: true });
  }

  /** @param {string} name */
  view(name) {
    return this.page.getByRole("navigation", { name: "Views" }).getByRole("link", { name: new RegExp(`^${name}\\b`) });
  }

  // What a user does

  /** @param {string} title */
  async add(title) {
    await this.field.fill(title);
    await this.field.press("Enter");
  }

  /** @param {string} name */
  async goTo(name) {
    await this.view(name).click();
    await this.page.getByRole("heading", { level: 1, name, exact: true }).waitFor();
  }

  /** Open a todo in the editor. @param {string} title */
  async edit(title) {
    await this.button(`Edit “${title}”`).click();
    await this.editor.waitFor();
  }

  /** Change fields of a todo in the editor. @param {string} title @param {Record<string, string>} fields */
  async change(title, fields) {
    await this.edit(title);
    for (const [label, value] of Object.entries(fields)) {
      const control = this.editor.getByLabel(label, { exact: true });
      if (label === "Priority") await control.selectOption(value);
      else await control.fill(value);
    }
    await this.close();
  }

  async close() {
    await this.editor.getByRole("button", { name: "Close" }).click();
    await this.editor.waitFor({ state: "hidden" });
  }

  /** Rename the tag whose view is open. @param {string} name */
  async renameTag(name) {
    await this.more("Rename tag…");
    await this.page.getByLabel("New name").fill(name);
    await this.page.getByLabel("New name").press("Enter");
    await this.page.getByRole("heading", { level: 1, name, exact: true }).waitFor();
  }

  /** Choose an item of the menu `More`. @param {string} item */
  async more(item) {
    await this.choose(this.page.getByRole("button", { name: "More", exact: true }), item);
  }

  /** Choose an item of the menu of the account. @param {string} item */
  async account(item) {
    await this.choose(this.page.getByRole("button", { name: `Account of ${this.user.name}` }), item);
  }

  /** @param {Locator} menu @param {string} item */
  async choose(menu, item) {
    await menu.click();
    const name = { name: item, exact: true };
    await this.page.getByRole("menuitem", name).or(this.page.getByRole("button", name)).first().click();
  }

  /** The question that is asked before something cannot be undone. */
  get question() {
    return this.page.getByRole("alertdialog");
  }

  /** Answer the question. @param {string} name of the button */
  async answer(name) {
    await this.question.getByRole("button", { name, exact: true }).click();
    await this.question.waitFor({ state: "hidden" });
  }

  /** Undo by the toast, or by the menu if the ten seconds of the toast are over. */
  async undo() {
    const button = this.toast.getByRole("button", { name: "Undo" });
    if (await button.isVisible()) await button.click();
    else await this.more("Undo");
  }

  /** @param {string} email @param {string} password */
  async signIn(email = this.user.email, password = this.user.password) {
    await this.page.getByLabel("Email").fill(email);
    await this.page.getByLabel("Password").fill(password);
    await this.submit("Sign in");
  }

  /**
   * Submit a form of the pages for signing in, and wait for the answer. Each attempt comes from another address,
   * because Better Auth refuses the fourth one within ten seconds.
   * @param {string} name of the button
   */
  async submit(name) {
    const url = /\/submit$/;
    await this.context.route(url, (route) => route.continue({ headers: { ...route.request().headers(), "x-forwarded-for": place() } }));
    const before = this.page.url();
    // Chromium may leave the page before Playwright reports the answer.
    const answered = Promise.race([
      this.page.waitForResponse(url),
      this.page.waitForURL(({ href }) => href !== before, { waitUntil: "commit" }),
    ]);
    await Promise.all([answered, this.page.getByRole("button", { name, exact: true }).click()]);
    await this.context.unroute(url);
  }

  /** Wait until the app is open instead of the sign-in page. */
  async isIn() {
    await this.page.waitForURL(({ pathname }) => pathname === "/");
    await this.page.getByRole("heading", { level: 1, name: "All" }).waitFor();
  }

  // What a user sees

  /** Wait until these titles are on the screen, from top to bottom, and no others. @param {string[]} titles */
  async sees(...titles) {
    await eventually(async () => assert.deepEqual(await this.titles(), titles));
  }

  titles() {
    return this.page.locator("ul.todos .title").allInnerTexts();
  }

  /** Wait until a text is in sight. @param {string | RegExp} text */
  async reads(text) {
    await this.page.getByText(text).filter({ visible: true }).first().waitFor();
  }

  /** Wait until the toast has this text, which screen readers read too. @param {string | RegExp} text */
  async hears(text) {
    await this.page.getByRole("status").filter({ hasText: text }).first().waitFor();
  }

  /** Return what each row shows: the title, whether it is checked, and the texts below the title. */
  async details() {
    return this.page.locator("ul.todos").evaluate((list) =>
      [...list.querySelectorAll("li")].map((row) => ({
        title: row.querySelector(".title")?.textContent,
        completed: row.querySelector("input")?.checked,
        text: row.innerText.replace(/\s+/g, " ").trim(),
      })),
    );
  }

  /** Return the name of the element with the focus, for a message and for a comparison. */
  async focus() {
    return this.page.evaluate(() => {
      const element = /** @type {HTMLElement | null} */ (document.activeElement);
      if (!element || element === document.body) return "nothing";
      const name = element.getAttribute("aria-label") ?? element.innerText.trim();
      const label = /** @type {HTMLInputElement} */ (element).labels?.[0]?.innerText.trim();
      return name || label || element.getAttribute("name") || element.tagName.toLowerCase();
    });
  }

  /** Wait until something has the focus. @param {string} [when] */
  async hasFocus(when) {
    await eventually(async () => assert.notEqual(await this.focus(), "nothing", when));
  }

  /** Assert that axe-core finds no serious problem on the current page. */
  async seesNoBarrier() {
    if (!(await this.page.evaluate(() => "axe" in window))) await this.page.addScriptTag({ path: AXE });
    const found = await this.page.evaluate(async () => {
      // What appears slowly has another contrast until it is there. Some animations never end.
      const ended = Promise.allSettled(document.getAnimations().map((animation) => animation.finished));
      await Promise.race([ended, new Promise((resolve) => window.setTimeout(resolve, 1000))]);
      // @ts-ignore  the script tag defines axe
      const { violations } = await window.axe.run();
      return violations.map((/** @type {any} */ rule) => [rule.impact, rule.id, ...rule.nodes.map((/** @type {any} */ node) => node.html)]);
    });
    assert.deepEqual(found.filter((/** @type {string[]} */ rule) => /serious|critical/.test(rule[0] ?? "")), []);
  }

  /** Assert that the page is not wider than the window. */
  async seesNoScrollbar() {
    const widths = await this.page.evaluate(() => [document.documentElement.scrollWidth, window.innerWidth]);
    assert(Number(widths[0]) <= Number(widths[1]), `The page is ${widths[0]} px wide in a window of ${widths[1]} px.`);
  }

  /** @param {string} name */
  async photograph(name) {
    mkdirSync(SCREENSHOTS, { recursive: true });
    await this.page.screenshot({ path: join(SCREENSHOTS, `${name}.png`), animations: "disabled", caret: "hide" });
  }

  /**
   * Collect the requests of this device to a path, from now on.
   * @param {string} path
   */
  requests(path, method = "GET") {
    /** @type {import("playwright-core").Request[]} */
    const asked = [];
    this.context.on("request", (request) => {
      if (new URL(request.url()).pathname === path && request.method() === method) asked.push(request);
    });
    return asked;
  }

  /**
   * Delay the answers to requests of a URL. The server answers at once, and the page receives it after `release`.
   * @param {string} url
   */
  async hold(url) {
    let release = () => {};
    const released = new Promise((resolve) => (release = () => resolve(null)));
    let answer = () => {};
    const answered = new Promise((resolve) => (answer = () => resolve(null)));
    /** @type {Promise<void>[]} */
    const held = [];
    /** @param {Route} route */
    async function answerLate(route) {
      const response = await route.fetch();
      answer();
      await released;
      await route.fulfill({ response }).catch(() => undefined); // the page may be gone
    }
    await this.context.route(url, (route) => {
      const answering = answerLate(route);
      held.push(answering);
      return answering;
    });
    return {
      /** Wait until the server has answered a request. The page has not received the answer yet. */
      answered: () => answered,
      release: async () => {
        release();
        await Promise.all(held);
        await this.context.unroute(url);
      },
    };
  }
}

/** Return whether a browser finds the API at an address. Better Auth is not the API. @param {URL} url */
function isOfTheApi({ origin, pathname }) {
  const { web, api } = stage.places;
  return origin === (HAS_ONE_ORIGIN ? web : api) && pathname.startsWith("/api/") && !pathname.startsWith("/api/auth/");
}

/** @param {Route} route */
const refuseConnection = (route) => route.abort("connectionrefused");

/** Return an address of a network that no other request has. */
export function place() {
  return `10.${[1, 2, 3].map(() => randomInt(256)).join(".")}`;
}

/** Return an e-mail address that no other test has. @param {string} name */
export function address(name) {
  return `${name.toLowerCase()}-${randomUUID().slice(0, 8)}@example.com`;
}

/** Return the date of a day, as the user's calendar has it. @param {number} days after today */
export function day(days) {
  const date = new Date();
  date.setDate(date.getDate() + days);
  return [date.getFullYear(), date.getMonth() + 1, date.getDate()].map((part) => String(part).padStart(2, "0")).join("-");
}

/** @param {number} milliseconds */
export const pause = (milliseconds) => setTimeout(milliseconds);

/**
 * Repeat a check until it succeeds.
 * @param {() => Promise<void>} check
 */
export async function eventually(check, patience = PATIENCE) {
  const deadline = Date.now() + patience;
  for (;;) {
    try {
      return await check();
    } catch (error) {
      if (Date.now() > deadline) throw error;
    }
    await setTimeout(50);
  }
}
