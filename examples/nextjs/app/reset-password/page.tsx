import type { Metadata } from "next";

import { SignInForm } from "@/components/sign-in-form";
import { auth } from "@/lib/server/auth";
import { SIGN_IN_ERRORS } from "@/lib/sign-in-errors";

export const metadata: Metadata = { title: "New password – Todos", referrer: "same-origin" };

/** The page of the link in a mail. Its address has a secret, which is worth the account until it is used. */
export default async function Page({ searchParams }: PageProps<"/reset-password">) {
  const { token, error } = await searchParams;
  const isValid = typeof token === "string" && error !== "link" && (await isKnown(token));
  return (
    <main className="narrow">
      <h1>Choose a new password</h1>
      {isValid ? (
        <SignInForm page="/reset-password" error={error} typed={{}} token={token} />
      ) : (
        <p className="error" role="alert">
          {SIGN_IN_ERRORS.link.text}
        </p>
      )}
      <p>
        <a href="/forgot-password">Ask for a new link</a>
      </p>
    </main>
  );
}

/** Return whether a link can be used. If nobody knows, the form reports why. */
async function isKnown(token: string): Promise<boolean> {
  try {
    const { internalAdapter } = await auth.$context;
    const found = await internalAdapter.findVerificationValue(`reset-password:${token}`);
    return found !== null && found.expiresAt > new Date();
  } catch (error) {
    console.error("A link could not be checked:", error);
    return true;
  }
}
