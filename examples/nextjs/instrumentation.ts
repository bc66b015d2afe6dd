/** Runs once, before the server answers: Better Auth's tables are made here, or `auth migrate` did it. */
export async function register(): Promise<void> {
  if (process.env.NEXT_RUNTIME !== "nodejs" || process.env.MIGRATE_ON_START === "false") return;
  const { getMigrations } = await import("better-auth/db/migration");
  const { options } = await import("@/lib/auth-options"); // not lib/auth: it would miss the tables, and say so
  const { runMigrations } = await getMigrations(options);
  await runMigrations();
}
