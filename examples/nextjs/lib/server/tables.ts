/** Create Better Auth's tables, safely when several processes start at the same time. */

import { getMigrations } from "better-auth/db/migration";
import { Client } from "pg";

import { options } from "./auth-options"; // auth.ts would connect to the database when it is imported

const TIMEOUT = 10_000; // milliseconds for a connection and for each statement
const LOCK = 7_043_861; // any number that no other program uses for an advisory lock of this database
// A host can freeze this process. PostgreSQL then ends the transaction, so that other processes do not wait longer.
const BEGIN = `
  BEGIN;
  SET LOCAL lock_timeout = '10s';
  SET LOCAL idle_in_transaction_session_timeout = '10s';
  SELECT pg_advisory_xact_lock(${LOCK})`;

/**
 * Create the tables, columns and indexes that Better Auth needs and that the database does not have: all or none
 * of them. Usually there is nothing to do, and no lock is necessary to find that out.
 *
 * It throws if the database cannot be reached, or refuses.
 *
 * @param onlyIfEmpty whether to change nothing if there is a user table already
 */
export async function createTables(onlyIfEmpty: boolean): Promise<void> {
  const isDone = await connected("DATABASE_URL", async (client) => {
    const { toBeCreated, toBeAdded, toBeAddedIndexes } = await migrationsOf(client);
    if (toBeCreated.length + toBeAdded.length + toBeAddedIndexes.length === 0) return true;
    if (!onlyIfEmpty || toBeCreated.some(({ table }) => table === "user")) return false;
    console.warn("Better Auth's tables are not up to date, and MIGRATE_ON_START does not permit to change them.");
    return true;
  });
  if (isDone) return;
  // Neon recommends a direct connection for changes of the schema. Others have only one URL, maybe of a pooler, which
  // does not support locks of a session. So the lock belongs to the transaction.
  await connected(process.env.DATABASE_URL_UNPOOLED ? "DATABASE_URL_UNPOOLED" : "DATABASE_URL", async (client) => {
    await client.query(BEGIN);
    const { runMigrations } = await migrationsOf(client); // another process may have created them meanwhile
    await runMigrations();
    await client.query("COMMIT");
  });
}

/** Return what Better Auth would change. It uses only this connection, and so the transaction that is open there. */
async function migrationsOf(client: Client) {
  const connection = { query: client.query.bind(client), release: () => undefined };
  const database = { connect: async () => connection, end: async () => undefined };
  return getMigrations({ ...options, database } as unknown as typeof options);
}

async function connected<Result>(variable: string, use: (client: Client) => Promise<Result>): Promise<Result> {
  const limits = { connectionTimeoutMillis: TIMEOUT, query_timeout: TIMEOUT };
  const client = new Client({ connectionString: process.env[variable], ...limits });
  client.on("error", () => undefined); // a lost connection also fails the statement that runs, or the next one
  await client.connect().catch(({ message, code }: NodeJS.ErrnoException) => {
    throw new Error(`${variable}: ${message || code}`); // an error of several addresses has no message
  });
  try {
    return await use(client);
  } finally {
    await client.end(); // without COMMIT, PostgreSQL undoes the transaction
  }
}
