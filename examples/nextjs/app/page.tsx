import { redirect } from "next/navigation";

import { Home } from "@/components/home";
import { firstTodos, todayOfUser } from "@/lib/server/api";
import { getSession } from "@/lib/server/session";
import { parseView } from "@/lib/views";

type Props = PageProps<"/">;

// There is no loading.tsx here: without JavaScript a browser would never replace it.
export default async function Page({ searchParams }: Props) {
  const params = await paramsOf(searchParams);
  const title = params.get("title");
  const session = await getSession().catch((error: unknown) => {
    console.error("The session could not be read:", error);
    return undefined;
  });
  if (session === undefined) return <Down />;
  if (!session) redirect(title ? `/sign-in?${new URLSearchParams({ title })}` : "/sign-in");
  const { id, name, email } = session.user;
  const today = await todayOfUser();
  return (
    <Home
      user={{ id, name, email }}
      initial={await firstTodos(parseView(params), today)}
      today={today}
      search={params.size ? `?${params}` : ""}
    />
  );
}

/** The page while the database of the sessions is down. An error page of Next.js needs JavaScript. */
function Down() {
  return (
    <main className="narrow">
      <title>Todos</title>
      <h1>Todos cannot be opened now</h1>
      <p>The server does not answer. Your todos are safe. Try again in a minute.</p>
      <p>
        <a href="/">Try again</a>
      </p>
    </main>
  );
}

/** Return the parameters of the address. Of those with the same name the first one counts. */
async function paramsOf(searchParams: Props["searchParams"]): Promise<URLSearchParams> {
  const entries = Object.entries(await searchParams).map(([name, value]) => [name, [value].flat()[0] ?? ""]);
  return new URLSearchParams(entries);
}
