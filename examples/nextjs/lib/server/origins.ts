/**
 * Return the origins of this app as browsers see them. The first one is in its links, in its mails and in its
 * tokens, and users can sign in at all of them. There is none if no variable names one.
 *
 * `BETTER_AUTH_URL` has priority. On Vercel, the origin of a production deployment is the project's domain, and
 * that of a preview is the address of its branch. `vercel dev` has the port 3000 by default. The API derives its
 * defaults from the same variables (config.py).
 */
export function appOrigins(variables: Partial<Record<string, string>> = process.env): string[] {
  const chosen = URL.parse(variables.BETTER_AUTH_URL ?? "")?.origin;
  if (chosen) return [chosen];
  const { VERCEL_ENV, VERCEL_PROJECT_PRODUCTION_URL, VERCEL_BRANCH_URL, VERCEL_URL } = variables;
  if (VERCEL_ENV === "development") return [`http://${VERCEL_URL || "localhost:3000"}`];
  const hosts = [VERCEL_ENV === "production" && VERCEL_PROJECT_PRODUCTION_URL, VERCEL_BRANCH_URL, VERCEL_URL];
  return [...new Set(hosts.filter(Boolean).map((host) => `https://${host}`))];
}
