// Create Better Auth's tables with the compiled instrumentation.ts of the app, once for each URL on standard input.

import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const { register } = createRequire(import.meta.url)(process.argv[2]);
console.log("ready");
for await (const url of createInterface({ input: process.stdin })) {
  process.env.DATABASE_URL = url;
  await register();
  console.log("done");
}
process.exit();
