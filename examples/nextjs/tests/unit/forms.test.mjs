// Test which forms are of this app. No server runs.

import assert from "node:assert/strict";
import { afterEach, test } from "node:test";

import { isFromThisSite } from "../../lib/server/forms.ts";

const VARIABLES = ["BETTER_AUTH_URL", "VERCEL_ENV", "VERCEL_PROJECT_PRODUCTION_URL", "VERCEL_BRANCH_URL", "VERCEL_URL"];
const BEFORE = { ...process.env };

afterEach(() => {
  for (const name of VARIABLES) delete process.env[name];
  Object.assign(process.env, BEFORE);
});

/** Return whether a form with these headers is accepted. @param {Record<string, string>} headers */
function isAccepted(headers) {
  // The constructor of a Request ignores some of these headers.
  return isFromThisSite(/** @type {Request} */ ({ headers: new Headers({ Host: "127.0.0.1:3000", ...headers }) }));
}

test("a form of the host that was asked is accepted", () => {
  assert(isAccepted({ Origin: "http://127.0.0.1:3000" }));
  assert(isAccepted({ Origin: "https://todos.example.com", "X-Forwarded-Host": "todos.example.com" }));
  assert(isAccepted({ "Sec-Fetch-Site": "same-origin" }));
  assert(isAccepted({ Origin: "null", "Sec-Fetch-Site": "same-origin" }));
});

test("a form of any origin of the deployment is accepted", () => {
  process.env.VERCEL_ENV = "production";
  process.env.VERCEL_PROJECT_PRODUCTION_URL = "todos.example.com";
  process.env.VERCEL_BRANCH_URL = "todos-git-main.vercel.app";
  process.env.VERCEL_URL = "todos-3k2.vercel.app";
  for (const host of ["todos.example.com", "todos-git-main.vercel.app", "todos-3k2.vercel.app"]) {
    assert(isAccepted({ Origin: `https://${host}`, "Sec-Fetch-Site": "same-origin" }), host);
    assert(!isAccepted({ Origin: `http://${host}` }), host);
  }
  process.env.BETTER_AUTH_URL = "https://app.example.com";
  assert(isAccepted({ Origin: "https://app.example.com" }));
  assert(!isAccepted({ Origin: "https://todos.example.com" }));
});

test("a form of another site, or of nobody, is refused", () => {
  process.env.VERCEL_URL = "todos-3k2.vercel.app";
  for (const origin of ["https://evil.example", "https://todos-3k2.vercel.app.evil.example", "https://other.vercel.app", "null", ""]) {
    assert(!isAccepted(origin ? { Origin: origin } : {}), origin);
  }
  assert(!isAccepted({ Origin: "https://todos-3k2.vercel.app", "Sec-Fetch-Site": "cross-site" }));
  assert(!isAccepted({ Origin: "https://todos-3k2.vercel.app", "Sec-Fetch-Site": "same-site" }));
});
