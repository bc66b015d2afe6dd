import type { Metadata } from "next";
import { cookies } from "next/headers";
import { redirect } from "next/navigation";

import { GitHubForm } from "@/components/github-form";
import { SignInForm } from "@/components/sign-in-form";
import { github, hasMail } from "@/lib/server/auth-options";
import { getSession } from "@/lib/server/session";
import { appAfterSignIn } from "@/lib/server/sign-in";
import { typedBefore } from "@/lib/server/typed";

export const metadata: Metadata = { title: "Sign in – Todos" };

export default async function Page({ searchParams }: PageProps<"/sign-in">) {
  const { over, deleted, reset, confirmed, error, title } = await searchParams;
  // A database that is down must not hide the form, which then reports it.
  const session = over === undefined && (await getSession().catch(() => null));
  if (session) redirect(appAfterSignIn());
  const hasDemo = Boolean(process.env.DEMO_EMAIL && process.env.DEMO_PASSWORD);
  return (
    <main className="narrow">
      <h1>Sign in</h1>
      {over !== undefined && <p role="status">Your session is over. Sign in to go on.</p>}
      {deleted !== undefined && <p role="status">Your account and your todos are deleted.</p>}
      {reset !== undefined && <p role="status">Your password is changed. Sign in.</p>}
      {confirmed !== undefined && <p role="status">Your email is confirmed. Sign in.</p>}
      <SignInForm page="/sign-in" error={error} typed={typedBefore(await cookies())} title={title} />
      {github && <GitHubForm title={title} />}
      {hasDemo && (
        <form method="post" action="/sign-in/demo">
          <button type="submit" className="secondary">Try the demo</button>
        </form>
      )}
      {hasMail && (
        <p>
          <a href="/forgot-password">Forgot password?</a>
        </p>
      )}
      <p>
        New here? <a href="/sign-up">Make an account</a>
      </p>
    </main>
  );
}
