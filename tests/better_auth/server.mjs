// A Better Auth server for the tests, configured by the environment alone:
//
// PORT             where to listen, on 127.0.0.1 only
// DATABASE_URL     as the API takes it, Unix sockets too: pg reads host and port from the query string
// BETTER_AUTH_URL  Better Auth's own variable for `baseURL`; without it, it goes by the Host header
// BETTER_AUTH_SECRET  Better Auth's own, too: made at run time, the same when a server is restarted
// OPTIONS          JSON: more of betterAuth()'s options
// JWT              JSON: options of its plugin jwt()
// JWKS_DELAY       milliseconds between the reading of the keys and the answer, as with a server far away
// JWT_PAYLOAD      the user's fields that go into a token, comma-separated; without it, all of them

import { createServer } from "node:http";
import { setTimeout } from "node:timers/promises";
import { betterAuth } from "better-auth";
import { createAuthMiddleware } from "better-auth/api";
import { getMigrations } from "better-auth/db/migration";
import { toNodeHandler } from "better-auth/node";
import { bearer, jwt } from "better-auth/plugins";
import pg from "pg";

const { PORT, DATABASE_URL, OPTIONS = "{}", JWT = "{}", JWKS_DELAY = "0", JWT_PAYLOAD } = process.env;

const jwtOptions = JSON.parse(JWT);
if (JWT_PAYLOAD) {
  const fields = JWT_PAYLOAD.split(",");
  const definePayload = ({ user }) => Object.fromEntries(fields.map((field) => [field, user[field]]));
  jwtOptions.jwt = { ...jwtOptions.jwt, definePayload };
}

const delayed = createAuthMiddleware(async ({ path }) => {
  if (path === "/jwks") await setTimeout(Number(JWKS_DELAY));
});

const options = {
  database: new pg.Pool({ connectionString: DATABASE_URL }),
  emailAndPassword: { enabled: true },
  user: { deleteUser: { enabled: true } },
  hooks: { after: delayed },
  plugins: [jwt(jwtOptions), bearer()],
  // Off by default in development only; the tests ask more often than the 3 sign-ups in 10 s it allows.
  rateLimit: { enabled: false },
  telemetry: { enabled: false },
  ...JSON.parse(OPTIONS),
};

const { toBeCreated, toBeAdded, runMigrations } = await getMigrations(options);
await runMigrations();

const handle = toNodeHandler(betterAuth(options));
const server = createServer((request, response) => {
  // The check of the schema rejects every request when it fails, which would end the process.
  handle(request, response).catch((error) => {
    console.error(error);
    response.writeHead(500).end();
  });
});
server.listen(Number(PORT), "127.0.0.1", () => {
  const migrated = [...toBeCreated, ...toBeAdded].map(({ table }) => table);
  console.log(`Better Auth listens on port ${PORT}; migrated: ${migrated.join(", ") || "nothing"}`);
});
