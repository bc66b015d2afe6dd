/** Next.js calls this before the server answers its first request, and also where Node's functions are missing. */
export async function register(): Promise<void> {
  if (process.env.NEXT_RUNTIME !== "nodejs") return;
  const { prepareTables } = await import("@/lib/server/start");
  await prepareTables();
}
