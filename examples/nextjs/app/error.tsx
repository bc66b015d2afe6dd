"use client";

export default function ErrorPage({ retry }: { error: unknown; retry: () => void }) {
  return (
    <main className="narrow">
      <h1>That did not work</h1>
      <p>Something in this page is broken. What you changed is kept on this device.</p>
      <div className="buttons">
        <button type="button" className="primary" onClick={retry}>
          Try again
        </button>
        <a href="/">Open your todos</a>
      </div>
    </main>
  );
}
