import type { Metadata } from "next";

export const metadata: Metadata = { title: "Page not found – Todos" };

export default function NotFound() {
  return (
    <main className="narrow">
      <h1>Page not found</h1>
      <p>There is no page at this address.</p>
      <p>
        <a href="/">Open your todos</a>
      </p>
    </main>
  );
}
