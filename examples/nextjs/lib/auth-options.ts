/** Configure Better Auth. It reads its secret and its URL from BETTER_AUTH_SECRET and BETTER_AUTH_URL. */

import type { BetterAuthOptions } from "better-auth";
import { jwt } from "better-auth/plugins";
import { Pool } from "pg";

const pool = new Pool({ connectionString: process.env.DATABASE_URL });
// Idle connections are lost when Neon suspends a compute. Without a listener this is an uncaught exception.
pool.on("error", (error) => console.warn("A database connection was lost:", error.message));

export const options = {
  database: pool,
  emailAndPassword: { enabled: true },
  user: { deleteUser: { enabled: true } }, // the API's foreign key also deletes the user's todos
  plugins: [
    // The API needs only the user's id (`sub`). By default a token contains the whole user with a
    // picture, and may be longer than the headers that servers accept.
    jwt({ jwt: { definePayload: () => ({}) } }),
  ],
  telemetry: { enabled: false },
} satisfies BetterAuthOptions;
