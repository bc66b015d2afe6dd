/** Configure Better Auth. It reads its secret and its URL from BETTER_AUTH_SECRET and BETTER_AUTH_URL. */

import type { BetterAuthOptions } from "better-auth";
import { APIError } from "better-auth/api";
import { jwt } from "better-auth/plugins";
import { Pool } from "pg";

const pool = new Pool({ connectionString: process.env.DATABASE_URL });
// Idle connections are lost when Neon suspends a compute. Without a listener this is an uncaught exception.
pool.on("error", (error) => console.warn("A database connection was lost:", error.message));

/** What the user of the demo, which everybody is, must not do to other visitors. */
const NOT_IN_DEMO = ["/list-sessions", "/revoke-session", "/revoke-sessions", "/revoke-other-sessions", "/update-user", "/change-password", "/change-email"];

export const options = {
  database: pool,
  emailAndPassword: { enabled: true },
  user: {
    deleteUser: {
      enabled: true, // the API's foreign key also deletes the user's todos
      // Everybody is the demo user, and Better Auth asks no password for a session of today.
      async beforeDelete({ email }) {
        if (email === process.env.DEMO_EMAIL?.toLowerCase()) throw new APIError("FORBIDDEN", { code: "DEMO_USER" });
      },
    },
  },
  plugins: [
    // The API needs only the user's id (`sub`). By default a token contains the whole user with a
    // picture, and may be longer than the headers that servers accept.
    jwt({ jwt: { definePayload: () => ({}) } }),
  ],
  ...(process.env.DEMO_EMAIL && { disabledPaths: NOT_IN_DEMO }),
  // Better Auth counts the requests of an address until it pauses for ten seconds. The tokens of many users in one
  // network would come to its limit of 100. A token needs a session, so nobody can guess anything there.
  rateLimit: { customRules: { "/token": false } },
  telemetry: { enabled: false },
} satisfies BetterAuthOptions;
