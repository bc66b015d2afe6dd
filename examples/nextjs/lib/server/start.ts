/** Prepare the server before it answers its first request. */

const PATIENCE = 10_000; // milliseconds; a compute of Neon that was suspended starts within a few seconds
const FIRST_PAUSE = 250; // milliseconds until the second attempt
const LONGEST_PAUSE = 10_000; // milliseconds
const OFF = ["false", "0", "no", "off", "f", "n"]; // as the API reads MIGRATE_ON_START

/**
 * Create Better Auth's tables, before the server answers its first request. With `auth migrate` this is not needed.
 *
 * Next.js refuses every request of this process if this fails. So it does not fail: without the database the server
 * starts after `PATIENCE`, and the attempts continue.
 */
export async function prepareTables(): Promise<void> {
  const { VERCEL_ENV, MIGRATE_ON_START } = process.env;
  // A preview may share the database of production, so it changes no table that is there. The API does the same.
  const migrate = (MIGRATE_ON_START || (VERCEL_ENV === "preview" ? "empty" : "true")).toLowerCase();
  const createTables = await loadTables();
  if (OFF.includes(migrate)) return;
  let timer: NodeJS.Timeout | undefined;
  const isLate = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, PATIENCE);
  });
  await Promise.race([tryUntilDone(() => createTables(migrate === "empty")), isLate]);
  clearTimeout(timer);
}

/** Load the settings. A wrong one ends the process, because Next.js would answer every request with 500. */
async function loadTables() {
  try {
    return (await import("./tables")).createTables;
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exit(1);
  }
}

/** Call a function until it succeeds. The log has the reason of a failure once, until there is another reason. */
async function tryUntilDone(create: () => Promise<void>): Promise<void> {
  let last = "";
  for (let pause = FIRST_PAUSE; ; pause = Math.min(2 * pause, LONGEST_PAUSE)) {
    try {
      return await create();
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      if (reason !== last) console.warn("Better Auth's tables cannot be checked now. This is tried again:", reason);
      last = reason;
    }
    await new Promise((resolve) => setTimeout(resolve, pause));
  }
}
