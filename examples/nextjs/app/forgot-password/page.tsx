import type { Metadata } from "next";
import { cookies } from "next/headers";
import { notFound } from "next/navigation";

import { SignInForm } from "@/components/sign-in-form";
import { hasMail } from "@/lib/server/auth-options";
import { typedBefore } from "@/lib/server/typed";

export const metadata: Metadata = { title: "Forgot password – Todos" };

export default async function Page({ searchParams }: PageProps<"/forgot-password">) {
  const { error, sent } = await searchParams;
  if (!hasMail) notFound();
  return (
    <main className="narrow">
      <h1>Forgot password?</h1>
      {sent !== undefined ? (
        <>
          <p role="status">If this address has an account, we have sent a link.</p>
          <p>No mail after a few minutes? Look for it in the spam folder, or ask again.</p>
        </>
      ) : (
        <p>Enter your email. We send you a link to choose a new password.</p>
      )}
      <SignInForm page="/forgot-password" error={error} typed={typedBefore(await cookies())} />
      <p>
        <a href="/sign-in">Sign in</a>
      </p>
    </main>
  );
}
