// Run the stack of `make demo`, built for production, and browsers that use it.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync, mkdirSync } from "node:fs";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout } from "node:timers/promises";

import pg from "pg";
import { chromium } from "playwright-core";

const ROOT = resolve(import.meta.dirname, "../../..");
const AXE = createRequire(import.meta.url).resolve("axe-core/axe.min.js");
const CHROMIUM = [process.env.CHROMIUM, "/usr/bin/chromium", "/usr/bin/google-chrome"].find((path) => path && existsSync(path));
const SCREENSHOTS = resolve(ROOT, process.env.SCREENSHOTS || ".local/screenshots");
const PATIENCE = 15_000; // milliseconds; this is only a limit

/** @typedef {{ web: string, api: string, database: string }} Places */
/** @typedef {import("playwright-core").Page} Page */

export class Stage {
  /** @type {import("node:child_process").ChildProcessByStdio<import("node:stream").Writable, import("node:stream").Readable, import("node:stream").Readable>} */
  #stack;
  /** @type {AsyncIterator<string>} */
  #said;
  /** @type {import("playwright-core").Browser | undefined} */
  #browser;
  /** @type {Places} */
  places = { web: "", api: "", database: "" };
  /** The output of the servers so far. */
  printed = "";

  constructor() {
    assert(CHROMIUM, "Chromium is not installed. On Debian, run apt install chromium. Otherwise set CHROMIUM to its path.");
    const python = process.env.PYTHON ?? join(ROOT, ".venv/bin/python");
    this.#stack = spawn(python, ["-m", "tests.browser.stack"], { cwd: ROOT, stdio: ["pipe", "pipe", "pipe"] });
    this.#stack.stderr.on("data", (text) => {
      this.printed += text;
      process.stderr.write(text);
    });
    this.#said = createInterface({ input: this.#stack.stdout })[Symbol.asyncIterator]();
  }

  async start() {
    this.places = JSON.parse(await this.#hear());
    this.#browser = await chromium.launch({ executablePath: String(CHROMIUM) });
  }

  async stop() {
    await this.#browser?.close();
    this.#stack.stdin.end();
    await new Promise((done) => (this.#stack.exitCode === null ? this.#stack.once("exit", done) : done(null)));
  }

  /** @returns {Promise<string>} */
  async #hear() {
    const { value, done } = await this.#said.next();
    if (done) throw new Error("The stack ended. Its output is above.");
    return value;
  }

  /** @param {"stop api" | "start api"} command */
  async tell(command) {
    this.#stack.stdin.write(`${command}\n`);
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

  /** @param {import("playwright-core").BrowserContextOptions} options */
  async visitor(options = {}) {
    assert(this.#browser);
    const context = await this.#browser.newContext({ baseURL: this.places.web, locale: "en-GB", ...options });
    context.setDefaultTimeout(PATIENCE);
    return new Visitor(await context.newPage());
  }
}

/** A user with a browser. */
export class Visitor {
  /** The errors in the console since the last check. @type {string[]} */
  #errors = [];

  /** @param {Page} page */
  constructor(page) {
    this.page = page;
    page.on("console", (message) => message.type() === "error" && this.#errors.push(message.text()));
    page.on("pageerror", (error) => this.#errors.push(String(error)));
  }

  /**
   * Assert that the console has no error except those that a test expects.
   * @param {RegExp} [expected]
   */
  seesNoError(expected) {
    assert.deepEqual(this.#errors.splice(0).filter((text) => !expected?.test(text)), []);
  }

  /** @param {string} name @param {string} email @param {string} password */
  async signUp(name, email, password) {
    await this.page.goto("/sign-up");
    await this.page.getByLabel("Name").fill(name);
    await this.page.getByLabel("Email").fill(email);
    await this.page.getByLabel("Password").fill(password);
    await this.page.getByRole("button", { name: "Make an account" }).click();
    await this.page.waitForURL("/");
  }

  /** @param {string} email @param {string} password */
  async signIn(email, password) {
    await this.page.getByLabel("Email").fill(email);
    await this.page.getByLabel("Password").fill(password);
    await this.page.getByRole("button", { name: "Sign in" }).click();
    await this.page.waitForURL("/");
  }

  async openMenu() {
    await this.page.getByRole("button", { name: "Account of" }).click();
  }

  /** @param {"Sign out" | "Delete account…"} name */
  async choose(name) {
    await this.openMenu();
    await this.page.getByRole("button", { name }).click();
  }

  /** @param {string} title */
  async add(title) {
    await this.page.getByLabel("New todo").fill(title);
    await this.page.getByLabel("New todo").press("Enter");
  }

  /** Wait until these titles are on the screen, from top to bottom. @param {string[]} titles */
  async sees(...titles) {
    await eventually(async () => {
      assert.equal(await this.page.locator("[aria-busy=true], .saving").count(), 0);
      assert.deepEqual(await this.page.locator(".todos .title").allTextContents(), titles);
    });
  }

  /** @param {string} text */
  async reads(text) {
    await this.page.getByText(text).first().waitFor();
  }

  /** @param {string} title */
  checkbox(title) {
    return this.page.getByRole("checkbox", { name: title });
  }

  /** Assert that axe-core finds no serious problem on the current page. */
  async seesNoBarrier() {
    await this.page.addScriptTag({ path: AXE });
    const found = await this.page.evaluate(async () => {
      // @ts-ignore  the script tag defines axe
      const { violations } = await window.axe.run();
      return violations.map((/** @type {any} */ rule) => [rule.impact, rule.id, ...rule.nodes.map((/** @type {any} */ node) => node.html)]);
    });
    assert.deepEqual(found.filter((/** @type {string[]} */ rule) => /serious|critical/.test(rule[0] ?? "")), []);
  }

  /** @param {string} name */
  async photograph(name) {
    mkdirSync(SCREENSHOTS, { recursive: true });
    await this.page.screenshot({ path: join(SCREENSHOTS, `${name}.png`), animations: "disabled", caret: "hide" });
  }
}

/**
 * Repeat a check until it succeeds.
 * @param {() => Promise<void>} check
 */
export async function eventually(check) {
  const deadline = Date.now() + PATIENCE;
  for (;;) {
    try {
      return await check();
    } catch (error) {
      if (Date.now() > deadline) throw error;
    }
    await setTimeout(50);
  }
}
