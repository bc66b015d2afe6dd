import type { Metadata } from "next";
import Link from "next/link";
import { redirect } from "next/navigation";

import { SignInForm } from "@/components/sign-in-form";
import { getSession } from "@/lib/session";

export const metadata: Metadata = { title: "Sign in – Todos" };

export default async function Page({ searchParams }: PageProps<"/sign-in">) {
  const { over } = await searchParams;
  if (over === undefined && (await getSession())) redirect("/");
  return (
    <main className="narrow">
      <h1>Sign in</h1>
      {over !== undefined && <p role="status">Your session is over. Sign in to go on.</p>}
      <SignInForm />
      <p>
        New here? <Link href="/sign-up">Make an account</Link>
      </p>
    </main>
  );
}
