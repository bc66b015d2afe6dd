// Test which requests Next.js passes on to the API. No server runs; tests/proxy.test.mjs sends some.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { resolve } from "node:path";
import { afterEach, test } from "node:test";

const { pathToRegexp } = createRequire(import.meta.url)("next/dist/compiled/path-to-regexp");
const ROOT = resolve(import.meta.dirname, "../../../..");
const VARIABLES = ["API_URL", "NEXT_PUBLIC_API_URL", "VERCEL"];
const BEFORE = { ...process.env };
const OF_THE_API = ["/docs", "/docs/a.js", "/openapi.json", "/health", "/ready", "/api/authors", "/api/nothing"];
const OF_THE_APP = ["/", "/sign-in", "/docsx", "/readyx", "/shell", "/api/auth/token", "/api/auth/sign-in/email"];

afterEach(() => {
  for (const name of VARIABLES) delete process.env[name];
  Object.assign(process.env, BEFORE);
});

let loads = 0;

/** Return the rewrites of a build with these variables. @param {Record<string, string>} variables */
async function rewrites(variables) {
  for (const name of VARIABLES) delete process.env[name];
  Object.assign(process.env, variables);
  const { default: config } = await import(`../../next.config.ts?${++loads}`); // a module is loaded once an address
  return /** @type {{ source: string, destination: string }[]} */ ((await config.rewrites()).fallback);
}

test("a path that exists belongs to the same service with Next.js and on Vercel", async () => {
  const ofNext = (await rewrites({})).map(({ source }) => pathToRegexp(source));
  const { rewrites: ofVercel } = JSON.parse(readFileSync(resolve(ROOT, "vercel.json"), "utf8"));
  const { paths } = JSON.parse(readFileSync(resolve(ROOT, "openapi.json"), "utf8"));
  const inDocument = Object.keys(paths).filter((path) => path !== "/").map((path) => path.replace(/\{\w+\}/, "a%2Fb"));
  assert(inDocument.length > 10);
  for (const path of [...inDocument, ...OF_THE_API, ...OF_THE_APP]) {
    const isOfTheApi = !OF_THE_APP.includes(path);
    const first = ofVercel.find((/** @type {{ source: string }} */ { source }) => new RegExp(`^${source}$`).test(path));
    assert.equal(first.destination.service, isOfTheApi ? "api" : "web", path);
    assert.equal(ofNext.some((pattern) => pattern.test(path)), isOfTheApi, path);
  }
});

test("the API is at API_URL, or on this computer", async () => {
  const hosts = async (/** @type {Record<string, string>} */ variables) =>
    [...new Set((await rewrites(variables)).map(({ destination }) => new URL(destination).origin))];
  assert.deepEqual(await hosts({}), ["http://localhost:8000"]);
  assert.deepEqual(await hosts({ API_URL: "" }), ["http://localhost:8000"]);
  assert.deepEqual(await hosts({ API_URL: "http://api.internal:9000/" }), ["http://api.internal:9000"]);
  const [first] = await rewrites({ API_URL: "http://api.internal:9000/" });
  assert.equal(first?.destination, "http://api.internal:9000/api/:path");
});

test("nothing is passed on if the API has an origin of its own, or if Vercel does it", async () => {
  assert.deepEqual(await rewrites({ NEXT_PUBLIC_API_URL: "https://api.example.com" }), []);
  assert.deepEqual(await rewrites({ VERCEL: "1", API_URL: "https://api.example.com" }), []);
});
