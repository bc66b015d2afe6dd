/** Answer the forms of the pages for signing in. They work without JavaScript, too. */

import { auth } from "./auth";
import { isFromThisSite, readForm, refuseOtherSite, seeOther } from "./forms";
import { codeOf, type SignInCode } from "../sign-in-errors";

export type SignInPage = "/sign-in" | "/sign-up";
type FormFields = Record<string, string | undefined>;
type Result = { error: SignInCode } | { cookies: string[] };

/** What the user typed, for the form that shows an error. */
export const TYPED = "typed";

/**
 * Answer a form: 303 to the app with the session's cookies, or 303 back with a code of the error in the
 * address. The address never has the password, and the email is in a cookie for a minute. A script that
 * asks for JSON receives the same as JSON.
 */
export async function answerForm(request: Request, page: SignInPage): Promise<Response> {
  if (!isFromThisSite(request)) return refuseOtherSite();
  const fields = await readForm(request);
  const result = checkFields(page, fields) ?? (await askBetterAuth(request, page, fields));
  const isScript = request.headers.get("Accept") === "application/json";
  const title = fields.title ? { title: fields.title } : {}; // a todo that was typed before the session was over
  if ("error" in result) {
    if (isScript) return Response.json(result, { status: 400 });
    const typed = encodeURIComponent(JSON.stringify({ name: fields.name, email: fields.email }));
    const cookie = `${TYPED}=${typed}; Path=${page}; Max-Age=60; HttpOnly; SameSite=Lax`;
    return seeOther(`${page}?${new URLSearchParams({ error: result.error, ...title })}`, [cookie]);
  }
  const next = appAfterSignIn(title);
  if (!isScript) return seeOther(next, result.cookies);
  const headers = new Headers();
  for (const cookie of result.cookies) headers.append("Set-Cookie", cookie);
  return Response.json({ next }, { headers });
}

/** Answer the button of the demo, which signs in with the email and the password of the server's settings. */
export async function answerDemo(request: Request): Promise<Response> {
  if (!isFromThisSite(request)) return refuseOtherSite();
  const { DEMO_EMAIL: email, DEMO_PASSWORD: password } = process.env;
  if (!email || !password) return seeOther("/sign-in");
  const result = await askBetterAuth(request, "/sign-in", { email, password });
  if (!("error" in result)) return seeOther(appAfterSignIn(), result.cookies);
  return seeOther(`/sign-in?error=${result.error === "wrong" ? "demo" : result.error}`);
}

/**
 * Return the address of the app. With this parameter the service worker requests the page from the server,
 * because the todos that it keeps on the device may be another user's.
 */
export function appAfterSignIn(more: Record<string, string> = {}): string {
  return `/?${new URLSearchParams({ "signed-in": "", ...more })}`;
}

function checkFields(page: SignInPage, { name, email, password }: FormFields): Result | undefined {
  if (page === "/sign-up" && !name) return { error: "name" };
  if (!email) return { error: "email" };
  if (!password) return { error: "password" };
  return undefined;
}

/**
 * Send the fields to Better Auth in this process. Its handler also limits the attempts of an address,
 * which its functions do not.
 */
async function askBetterAuth(request: Request, page: SignInPage, { name, email, password }: FormFields): Promise<Result> {
  const headers = new Headers(request.headers);
  for (const name of ["Accept", "Content-Length", "Transfer-Encoding"]) headers.delete(name);
  headers.set("Content-Type", "application/json");
  const body = JSON.stringify(page === "/sign-up" ? { name, email, password } : { email, password });
  const url = new URL(`/api/auth${page}/email`, process.env.BETTER_AUTH_URL ?? request.url);
  try {
    const answer = await auth.handler(new Request(url, { method: "POST", headers, body }));
    if (answer.ok) return { cookies: answer.headers.getSetCookie() };
    return { error: codeOf(answer.status, await answer.json().catch(() => ({}))) };
  } catch (error) {
    console.error("A form could not be answered:", error);
    return { error: "down" };
  }
}
