/** Create Better Auth's tables once, before the server answers. With `auth migrate` this is not needed. */
export async function register(): Promise<void> {
  if (process.env.NEXT_RUNTIME !== "nodejs" || process.env.MIGRATE_ON_START === "false") return;
  const { getMigrations } = await import("better-auth/db/migration");
  const { options } = await import("@/lib/server/auth-options"); // lib/auth would log that the tables are missing
  const { runMigrations } = await getMigrations(options);
  await runMigrations();
}
