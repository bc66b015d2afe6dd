/** What Better Auth is told. Its secret and its own URL come from BETTER_AUTH_SECRET and BETTER_AUTH_URL. */

import type { BetterAuthOptions } from "better-auth";
import { jwt } from "better-auth/plugins";
import { Pool } from "pg";

const pool = new Pool({ connectionString: process.env.DATABASE_URL });
// A connection may be lost while nobody uses it: Neon suspends computes. Unheard, it is an uncaught exception.
pool.on("error", (error) => console.warn("A database connection was lost:", error.message));

export const options = {
  database: pool,
  emailAndPassword: { enabled: true },
  user: { deleteUser: { enabled: true } }, // the API's foreign key deletes their todos with them
  plugins: [
    // The API needs to know who (`sub`) and nothing else. By default a token carries the whole
    // user, picture included, and may outgrow what servers take as a header.
    jwt({ jwt: { definePayload: () => ({}) } }),
  ],
  telemetry: { enabled: false },
} satisfies BetterAuthOptions;
