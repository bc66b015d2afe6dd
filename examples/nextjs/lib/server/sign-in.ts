/** Answer the forms of the pages for signing in. They work without JavaScript, too. */

import { auth } from "./auth";
import { github } from "./auth-options";
import { isFromThisSite, readForm, refuseOtherSite, seeOther } from "./forms";
import { appOrigins } from "./origins";
import { codeOf, type FieldName, type SignInCode } from "../sign-in-errors";

type FormFields = Record<string, string | undefined>;
type Result = { error: SignInCode } | { cookies: string[] };

/** What the user typed, for the form that shows an error. */
export const TYPED = "typed";

type Form = {
  /** The path of Better Auth that answers the form. */
  endpoint: string;
  fields: FieldName[];
  /** The page that follows, unless the user is signed in then. */
  next: string;
  body?: (fields: FormFields) => FormFields;
};

const FORMS = {
  "/sign-in": { endpoint: "/sign-in/email", fields: ["email", "password"], next: "/sign-in" },
  "/sign-up": { endpoint: "/sign-up/email", fields: ["name", "email", "password"], next: "/check-email" },
  "/check-email": { endpoint: "/send-verification-email", fields: ["email"], next: "/check-email?sent=" },
  "/forgot-password": { endpoint: "/request-password-reset", fields: ["email"], next: "/forgot-password?sent=" },
  "/reset-password": {
    endpoint: "/reset-password",
    fields: ["password"],
    next: "/sign-in?reset=",
    body: ({ password, token }) => ({ newPassword: password, token }),
  },
} satisfies Record<string, Form>;

export type SignInPage = keyof typeof FORMS;

/**
 * Answer a form: 303 to the next page, which is the app with the session's cookies if the user is signed in, or 303
 * back with a code of the error in the address. The address never has the password, and the email is in a cookie
 * for a minute. A script that asks for JSON receives the same as JSON.
 */
export async function answerForm(request: Request, page: SignInPage): Promise<Response> {
  if (!isFromThisSite(request)) return refuseOtherSite();
  const typed = await readForm(request);
  const form: Form = FORMS[page];
  const missing = form.fields.find((name) => !typed[name]);
  const result: Result = missing ? { error: missing } : await submit(request, form, typed);
  const isScript = request.headers.get("Accept") === "application/json";
  const title = typed.title ? { title: typed.title } : {}; // a todo that was typed before the session was over
  if ("error" in result) {
    if (isScript) return Response.json(result, { status: 400 });
    const token = typed.token ? { token: typed.token } : {}; // of the link in a mail
    return seeOther(`${page}?${new URLSearchParams({ error: result.error, ...title, ...token })}`, [cookieOf(page, typed)]);
  }
  const isIn = result.cookies.length > 0;
  const next = isIn ? appAfterSignIn(title) : form.next;
  const cookies = isIn ? result.cookies : [cookieOf(next, typed)];
  if (!isScript) return seeOther(next, cookies);
  const headers = new Headers();
  for (const cookie of cookies) headers.append("Set-Cookie", cookie);
  return Response.json({ next }, { headers });
}

/** Answer the button of the demo, which signs in with the email and the password of the server's settings. */
export async function answerDemo(request: Request): Promise<Response> {
  if (!isFromThisSite(request)) return refuseOtherSite();
  const { DEMO_EMAIL: email, DEMO_PASSWORD: password } = process.env;
  if (!email || !password) return seeOther("/sign-in");
  const result = await submit(request, FORMS["/sign-in"], { email, password });
  if (!("error" in result)) return seeOther(appAfterSignIn(), result.cookies);
  return seeOther(`/sign-in?error=${result.error === "wrong" ? "demo" : result.error}`);
}

/** Answer the button for GitHub: 303 to GitHub, with a cookie for the way back. */
export async function openGitHub(request: Request): Promise<Response> {
  if (!isFromThisSite(request)) return refuseOtherSite();
  if (!github) return seeOther("/sign-in");
  const [first] = appOrigins();
  const origin = request.headers.get("Origin");
  // GitHub returns to the first address of the app, where the cookie of another one would be missing.
  if (first && origin && URL.canParse(origin) && origin !== first) return seeOther(`${first}/sign-in`);
  const { title } = await readForm(request);
  const callbackURL = appAfterSignIn(title ? { title } : {});
  const answer = await ask(request, "/sign-in/social", { provider: "github", callbackURL, errorCallbackURL: "/sign-in/github" });
  if ("error" in answer) return seeOther(`/sign-in?error=${answer.error}`);
  const { url } = (await answer.ok.json()) as { url: string };
  return seeOther(url, answer.ok.headers.getSetCookie());
}

const GITHUB_ERRORS: Record<string, SignInCode> = {
  access_denied: "denied",
  account_not_linked: "linked",
  email_not_found: "unconfirmed-github",
  email_not_verified: "unconfirmed-github",
  state_mismatch: "restart",
  state_not_found: "restart",
};

/** Answer the return from GitHub without a session: 303 to the sign-in page with the reason. */
export function refuseGitHub(request: Request): Response {
  const code = new URL(request.url).searchParams.get("error") ?? "";
  return seeOther(`/sign-in?error=${Object.hasOwn(GITHUB_ERRORS, code) ? GITHUB_ERRORS[code] : "github"}`);
}

/** Answer the link that confirms an email, after Better Auth has checked it: 303 to the sign-in page. */
export function answerConfirmation(request: Request): Response {
  return seeOther(`/sign-in?${new URL(request.url).searchParams.has("error") ? "error=unconfirmed" : "confirmed="}`);
}

/**
 * Return the address of the app. With this parameter the service worker requests the page from the server,
 * because the todos that it keeps on the device may be another user's.
 */
export function appAfterSignIn(more: Record<string, string> = {}): string {
  return `/?${new URLSearchParams({ "signed-in": "", ...more })}`;
}

function cookieOf(next: string, { name, email }: FormFields): string {
  const [path] = next.split("?");
  return `${TYPED}=${encodeURIComponent(JSON.stringify({ name, email }))}; Path=${path}; Max-Age=60; HttpOnly; SameSite=Lax`;
}

async function submit(request: Request, { endpoint, fields, body }: Form, typed: FormFields): Promise<Result> {
  const known = Object.fromEntries(fields.map((name) => [name, typed[name]]));
  const answer = await ask(request, endpoint, body ? body(typed) : known);
  return "error" in answer ? answer : { cookies: answer.ok.headers.getSetCookie() };
}

/**
 * Send a request to Better Auth in this process. Its handler also limits the attempts of an address,
 * which its functions do not.
 */
async function ask(request: Request, endpoint: string, fields: FormFields): Promise<{ ok: Response } | { error: SignInCode }> {
  const headers = new Headers(request.headers);
  // With the cookie of a session Better Auth would compare its user with the email.
  for (const name of ["Accept", "Content-Length", "Cookie", "Transfer-Encoding"]) headers.delete(name);
  headers.set("Content-Type", "application/json");
  const url = new URL(`/api/auth${endpoint}`, appOrigins()[0] ?? request.url);
  try {
    const answer = await auth.handler(new Request(url, { method: "POST", headers, body: JSON.stringify(fields) }));
    if (answer.ok) return { ok: answer };
    return { error: codeOf(answer.status, await answer.json().catch(() => ({}))) };
  } catch (error) {
    console.error("A form could not be answered:", error);
    return { error: "down" };
  }
}
