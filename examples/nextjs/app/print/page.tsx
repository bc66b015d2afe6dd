/** Show all open todos for printing. This Server Component calls the API with the user's token. */

import type { Metadata } from "next";
import Link from "next/link";
import { redirect } from "next/navigation";

import { allTodos, type Todo } from "@/lib/api";
import { apiOfRequest } from "@/lib/server-api";
import { getSession } from "@/lib/session";

export const metadata: Metadata = { title: "Todos on paper" };

export default async function Page() {
  if (!(await getSession())) redirect("/sign-in");
  const { name, todos } = await everything();
  return (
    <main className="paper">
      <h1>Todos of {name}</h1>
      {todos.length === 0 && <p>Nothing to be done.</p>}
      <ul>
        {todos.map(({ id, title, description }) => (
          <li key={id}>
            {title}
            {description && <p>{description}</p>}
          </li>
        ))}
      </ul>
      <p className="screen-only">
        <Link href="/">Back</Link>
      </p>
    </main>
  );
}

async function everything(): Promise<{ name: string; todos: Todo[] }> {
  const api = await apiOfRequest();
  const { data: user, error } = await api.GET("/api/me");
  if (!user) throw new Error(error.detail);
  return { name: user.name, todos: await allTodos(api, { completed: false }) };
}
