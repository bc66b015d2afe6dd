/** Configure Better Auth. It reads its secret from BETTER_AUTH_SECRET, and origins.ts names its URLs. */

import { attachDatabasePool } from "@vercel/functions/db-connections";
import type { BetterAuthOptions } from "better-auth";
import { APIError, createAuthMiddleware } from "better-auth/api";
import { jwt } from "better-auth/plugins";
import { after } from "next/server";
import { Pool } from "pg";

import { deliver, mailSettings } from "./mail";
import { appOrigins } from "./origins";

const pool = new Pool({ connectionString: process.env.DATABASE_URL });
// Idle connections are lost when Neon suspends a compute. Without a listener this is an uncaught exception.
pool.on("error", (error) => console.warn("A database connection was lost:", error.message));
// A function on Vercel stops between requests, and its connections would be dead when it continues. This keeps it
// awake until the pool has closed them. It does nothing elsewhere.
attachDatabasePool(pool);

type EmailAndPassword = NonNullable<BetterAuthOptions["emailAndPassword"]>;

const origins = appOrigins();
const [origin] = origins;
const mail = mailSettings();

/** Whether users receive mails, or an operator reads them in the log. */
export const hasMail = mail !== undefined;

/** Whether users must confirm their email before they sign in. Mails in the log reach no user. */
export const mustConfirm = mail?.server !== undefined;

/** The way to sign in with GitHub, if the settings have one. */
export const github = gitHub();

function gitHub() {
  const { GITHUB_CLIENT_ID: clientId, GITHUB_CLIENT_SECRET: clientSecret } = process.env;
  if (!clientId !== !clientSecret) {
    throw new Error("Of GITHUB_CLIENT_ID and GITHUB_CLIENT_SECRET only one is set. Set both or neither.");
  }
  if (!clientId || !clientSecret) return undefined;
  // The default also asks for the whole profile.
  return { clientId, clientSecret, disableDefaultScope: true, scope: ["user:email"] };
}

function isDemoUser(email: unknown): boolean {
  return typeof email === "string" && email.toLowerCase() === process.env.DEMO_EMAIL?.toLowerCase();
}

/** Send a mail after the answer. So the time of an answer does not tell whether an address has an account. */
function sendLater(to: string, subject: string, text: string): void {
  if (mail && !isDemoUser(to)) after(() => deliver({ to, subject, text }, mail));
}

/** What the user of the demo, which everybody is, must not do to other visitors. */
const NOT_IN_DEMO = ["/list-sessions", "/revoke-session", "/revoke-sessions", "/revoke-other-sessions", "/update-user", "/change-password", "/change-email"];

/**
 * What the app does not use. Somebody who uses a computer of another person for a minute could add a way into the
 * account by it, and would keep it.
 */
const UNUSED = ["/link-social", "/unlink-account", "/get-access-token", "/refresh-token"];

/** Better Auth 1.7.7 accepts /.//evil.example as a path of this app, and then redirects to //evil.example. */
const CALLBACKS = ["callbackURL", "errorCallbackURL", "newUserCallbackURL", "redirectTo"];
const OWN_PATH = /^\/(?:[a-z-]+(?:\/[a-z-]+)*)?(?:\?[^#\\]*)?$/;

const forgottenPassword = {
  async sendResetPassword({ user, url, token }) {
    const link = new URL(`/reset-password?token=${token}`, url);
    sendLater(
      user.email,
      "Choose a new password for Todos",
      `Open this link to choose a new password for Todos:\n\n${link}\n\nThe link works once, within an hour. If you did not ask for it, ignore this mail. Your password stays as it is.`,
    );
  },
  revokeSessionsOnPasswordReset: true,
  async onPasswordReset({ user: { id } }) {
    // The link was in a mail, so the email is the user's.
    await pool.query('UPDATE "user" SET "emailVerified" = true WHERE id = $1', [id]);
    // Somebody may have read an earlier mail.
    await pool.query("DELETE FROM verification WHERE identifier LIKE 'reset-password:%' AND value = $1", [id]);
  },
} satisfies Partial<EmailAndPassword>;

const confirmation = {
  requireEmailVerification: true,
  /**
   * Somebody signs up with an email that has an account. The page is the same as for a new one. The password of the
   * account may be that of another person, who does not own the email. Its owner replaces it by a mail.
   */
  async onExistingUserSignUp({ user: { email } }) {
    sendLater(
      email,
      "You have an account at Todos",
      `Somebody has tried to make an account at Todos with your email. It has an account already.\n\nSign in: ${origin}/sign-in\nChoose a new password: ${origin}/forgot-password\n\nIf this was not you, ignore this mail.`,
    );
  },
} satisfies Partial<EmailAndPassword>;

export const options = {
  ...(origin && { baseURL: origin }),
  trustedOrigins: origins,
  database: pool,
  emailAndPassword: { enabled: true, ...(mail && forgottenPassword), ...(mustConfirm && confirmation) },
  ...(mustConfirm && {
    emailVerification: {
      sendOnSignUp: true,
      sendOnSignIn: true,
      // A link that signs in could sign another person in, to whom somebody has sent it. And a scanner of mails opens it.
      autoSignInAfterVerification: false,
      async sendVerificationEmail({ user, url }) {
        const link = new URL(url);
        link.searchParams.set("callbackURL", "/sign-in/confirmed"); // not one that a request names
        sendLater(
          user.email,
          "Confirm your email for Todos",
          `Open this link to confirm your email for Todos:\n\n${link}\n\nThe link works for an hour. If you did not make an account, do not open it, and ignore this mail.`,
        );
      },
    },
  }),
  ...(github && { socialProviders: { github } }),
  // The password of an account may be that of a person who does not own the email. So GitHub opens only accounts that
  // were made by it.
  account: { encryptOAuthTokens: true, accountLinking: { enabled: false } },
  onAPIError: { errorURL: "/sign-in/github" }, // only GitHub's answers come here
  user: {
    // Better Auth would make an account for an email that is not confirmed at GitHub, and its owner would share it.
    async validateUserInfo({ user, source }) {
      if (source.method === "oauth" && source.action !== "sign-in" && !user.emailVerified) return { error: "email_not_verified" };
    },
    deleteUser: {
      enabled: true, // the API's foreign key also deletes the user's todos
      // Everybody is the demo user, and Better Auth asks no password for a session of today.
      async beforeDelete({ email }) {
        if (isDemoUser(email)) throw new APIError("FORBIDDEN", { code: "DEMO_USER" });
      },
    },
  },
  hooks: {
    before: createAuthMiddleware(async ({ path, body, query }) => {
      for (const name of CALLBACKS) {
        for (const value of [body?.[name], query?.[name]]) {
          if (value && !OWN_PATH.test(value)) throw new APIError("FORBIDDEN", { code: "INVALID_CALLBACK_URL" });
        }
      }
      if (!isDemoUser(body?.email)) return;
      if (path === "/request-password-reset") throw new APIError("FORBIDDEN", { code: "DEMO_USER" });
      // Nobody reads the mails of the demo user.
      if (path === "/sign-in/email" && mustConfirm) await pool.query('UPDATE "user" SET "emailVerified" = true WHERE email = lower($1)', [body.email]);
    }),
  },
  plugins: [
    // The API needs only the user's id (`sub`). By default a token contains the whole user with a
    // picture, and may be longer than the headers that servers accept.
    jwt({ jwt: { definePayload: () => ({}) } }),
  ],
  disabledPaths: [...UNUSED, ...(process.env.DEMO_EMAIL ? NOT_IN_DEMO : [])],
  rateLimit: {
    customRules: {
      // Better Auth counts the requests of an address until it pauses for ten seconds. The tokens of many users in one
      // network would come to its limit of 100. A token needs a session, so nobody can guess anything there.
      "/token": false,
      // Each sign-up sends a mail. The default of 3 in 10 seconds would be 18 mails in a minute.
      ...(mustConfirm && { "/sign-up/email": { window: 60, max: 5 } }),
    },
  },
  // A process would keep the verdict that a table is missing until its end, also when another process has created the
  // table. tables.ts compares the database with these options at each start.
  advanced: { database: { validateSchema: false } },
  telemetry: { enabled: false },
} satisfies BetterAuthOptions;
