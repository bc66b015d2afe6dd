import type { Metadata } from "next";
import { cookies } from "next/headers";
import { notFound } from "next/navigation";

import { SignInForm } from "@/components/sign-in-form";
import { mustConfirm } from "@/lib/server/auth-options";
import { typedBefore } from "@/lib/server/typed";

export const metadata: Metadata = { title: "Check your email – Todos" };

/** The page after a sign-up. It is the same if the email has an account already. */
export default async function Page({ searchParams }: PageProps<"/check-email">) {
  const { error, sent } = await searchParams;
  if (!mustConfirm) notFound();
  return (
    <main className="narrow">
      <h1>Check your email</h1>
      <p role="status">
        {sent === undefined
          ? "We have sent you a mail. Open its link to go on."
          : "If this address waits for a confirmation, we have sent a new link."}
      </p>
      <p>No mail after a few minutes? Look for it in the spam folder, or ask for a new one.</p>
      <SignInForm page="/check-email" error={error} typed={typedBefore(await cookies())} />
      <p>
        <a href="/sign-in">Sign in</a>
      </p>
    </main>
  );
}
