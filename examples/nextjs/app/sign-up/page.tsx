import type { Metadata } from "next";
import { cookies } from "next/headers";
import { redirect } from "next/navigation";

import { GitHubForm } from "@/components/github-form";
import { SignInForm } from "@/components/sign-in-form";
import { github } from "@/lib/server/auth-options";
import { getSession } from "@/lib/server/session";
import { appAfterSignIn } from "@/lib/server/sign-in";
import { typedBefore } from "@/lib/server/typed";

export const metadata: Metadata = { title: "Make an account – Todos" };

export default async function Page({ searchParams }: PageProps<"/sign-up">) {
  const { error, title } = await searchParams;
  if (await getSession().catch(() => null)) redirect(appAfterSignIn());
  return (
    <main className="narrow">
      <h1>Make an account</h1>
      <SignInForm page="/sign-up" error={error} typed={typedBefore(await cookies())} title={title} />
      {github && <GitHubForm title={title} />}
      <p>
        Have one already? <a href="/sign-in">Sign in</a>
      </p>
    </main>
  );
}
