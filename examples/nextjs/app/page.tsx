import { redirect } from "next/navigation";
import { Suspense } from "react";

import { Account } from "@/components/account";
import { OutageBanner } from "@/components/outage-banner";
import { Todos } from "@/components/todos";
import { getSession } from "@/lib/session";

export default async function Page() {
  const session = await getSession();
  if (!session) redirect("/sign-in");
  return (
    <>
      <header className="bar">
        <span className="brand">Todos</span>
        <Account name={session.user.name} email={session.user.email} />
      </header>
      <OutageBanner />
      <main>
        <h1>What is to be done</h1>
        <Suspense>
          <Todos />
        </Suspense>
      </main>
    </>
  );
}
