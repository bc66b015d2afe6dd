import type { Metadata } from "next";
import Link from "next/link";
import { redirect } from "next/navigation";

import { SignUpForm } from "@/components/sign-in-form";
import { getSession } from "@/lib/session";

export const metadata: Metadata = { title: "Make an account – Todos" };

export default async function Page() {
  if (await getSession()) redirect("/");
  return (
    <main className="narrow">
      <h1>Make an account</h1>
      <SignUpForm />
      <p>
        Have one already? <Link href="/sign-in">Sign in</Link>
      </p>
    </main>
  );
}
