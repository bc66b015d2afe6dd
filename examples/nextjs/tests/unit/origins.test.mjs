// Test which origins the app has. No server runs.

import assert from "node:assert/strict";
import { test } from "node:test";

import { appOrigins } from "../../lib/server/origins.ts";

const VERCEL = {
  VERCEL: "1",
  VERCEL_PROJECT_PRODUCTION_URL: "todos.example.com",
  VERCEL_BRANCH_URL: "todos-git-main.vercel.app",
  VERCEL_URL: "todos-3k2.vercel.app",
};
const PRODUCTION = { ...VERCEL, VERCEL_ENV: "production" };
const PREVIEW = { ...VERCEL, VERCEL_ENV: "preview" };

/** @type {[string, Record<string, string>, string[]][]} */
const CASES = [
  ["BETTER_AUTH_URL is the only one", { ...PRODUCTION, BETTER_AUTH_URL: "https://app.example.com" }, ["https://app.example.com"]],
  ["BETTER_AUTH_URL may have a path", { BETTER_AUTH_URL: "http://localhost:3000/api/auth" }, ["http://localhost:3000"]],
  ["an empty BETTER_AUTH_URL does not count", { ...PREVIEW, BETTER_AUTH_URL: "", VERCEL_BRANCH_URL: "" }, ["https://todos-3k2.vercel.app"]],
  [
    "the project's domain is the first one in production",
    PRODUCTION,
    ["https://todos.example.com", "https://todos-git-main.vercel.app", "https://todos-3k2.vercel.app"],
  ],
  [
    "a preview has the address of its branch first, and never the project's domain",
    PREVIEW,
    ["https://todos-git-main.vercel.app", "https://todos-3k2.vercel.app"],
  ],
  ["a preview without a branch has its own address", { ...PREVIEW, VERCEL_BRANCH_URL: "" }, ["https://todos-3k2.vercel.app"]],
  [
    "an address that two variables name is there once",
    { ...PRODUCTION, VERCEL_URL: "todos.example.com" },
    ["https://todos.example.com", "https://todos-git-main.vercel.app"],
  ],
  ["vercel dev has its default port", { VERCEL: "1", VERCEL_ENV: "development" }, ["http://localhost:3000"]],
  ["vercel dev of a linked project names its address", { ...VERCEL, VERCEL_ENV: "development", VERCEL_URL: "localhost:3010" }, ["http://localhost:3010"]],
  ["without a variable there is none", {}, []],
];

for (const [name, variables, expected] of CASES) {
  test(name, () => assert.deepEqual(appOrigins(variables), expected));
}
