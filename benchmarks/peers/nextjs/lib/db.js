// The table, and the pool.

import { drizzle } from "drizzle-orm/node-postgres";
import { boolean, pgTable, text, timestamp, uuid } from "drizzle-orm/pg-core";
import pg from "pg";

export const todo = pgTable("todo", {
  id: uuid().primaryKey().defaultRandom(),
  user_id: text().notNull(),
  title: text().notNull(),
  description: text(),
  completed: boolean().notNull().default(false),
  created_at: timestamp({ withTimezone: true }).notNull().defaultNow(),
  updated_at: timestamp({ withTimezone: true }),
});

export const db = drizzle({ client: new pg.Pool({ connectionString: process.env.DATABASE_URL, max: 5 }) });
