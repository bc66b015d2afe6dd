/** The button for GitHub. It works without JavaScript, too. */
export function GitHubForm({ title }: { title: unknown }) {
  return (
    <form method="post" action="/sign-in/github">
      {typeof title === "string" && <input type="hidden" name="title" value={title} />}
      <button type="submit" className="secondary">Continue with GitHub</button>
    </form>
  );
}
