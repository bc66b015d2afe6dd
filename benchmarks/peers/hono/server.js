// The five routes on Hono, Drizzle, pg and jose; `--port` says where.

import { parseArgs } from "node:util";
import { serve } from "@hono/node-server";
import { zValidator } from "@hono/zod-validator";
import { and, desc, eq, not, sql } from "drizzle-orm";
import { drizzle } from "drizzle-orm/node-postgres";
import { boolean, pgTable, text, timestamp, uuid } from "drizzle-orm/pg-core";
import { Hono } from "hono";
import { createMiddleware } from "hono/factory";
import { HTTPException } from "hono/http-exception";
import { createRemoteJWKSet, jwtVerify } from "jose";
import pg from "pg";
import { z } from "zod";

const { BETTER_AUTH_URL, DATABASE_URL } = process.env;

const todo = pgTable("todo", {
  id: uuid().primaryKey().defaultRandom(),
  user_id: text().notNull(),
  title: text().notNull(),
  description: text(),
  completed: boolean().notNull().default(false),
  created_at: timestamp({ withTimezone: true }).notNull().defaultNow(),
  updated_at: timestamp({ withTimezone: true }),
});
const TodoCreate = z.object({
  title: z.string().min(1).max(200),
  description: z.string().nullish(),
  completed: z.boolean().optional(),
});
const TodoUpdate = TodoCreate.partial();
const TodoId = z.object({ id: z.uuid() });

const db = drizzle({ client: new pg.Pool({ connectionString: DATABASE_URL, max: 5 }) });
const jwks = createRemoteJWKSet(new URL("/api/auth/jwks", BETTER_AUTH_URL));
const expected = { issuer: BETTER_AUTH_URL, audience: BETTER_AUTH_URL, algorithms: ["EdDSA"] };

const authenticate = createMiddleware(async (c, next) => {
  const token = c.req.header("Authorization")?.replace(/^Bearer /, "");
  if (!token) throw new HTTPException(401);
  try {
    const { payload } = await jwtVerify(token, jwks, expected);
    c.set("userId", payload.sub);
  } catch {
    throw new HTTPException(401);
  }
  await next();
});

const owned = (c) => and(eq(todo.id, c.req.valid("param").id), eq(todo.user_id, c.get("userId")));
const answer = (c, [found]) => (found ? c.json(found) : c.json({ error: "Not found" }, 404));
const change = (c, values) =>
  db
    .update(todo)
    .set({ ...values, updated_at: sql`now()` })
    .where(owned(c))
    .returning();

const app = new Hono();
app.use("/api/*", authenticate);

app.get("/api/todos", async (c) => {
  const mine = eq(todo.user_id, c.get("userId"));
  return c.json(await db.select().from(todo).where(mine).orderBy(desc(todo.created_at), desc(todo.id)).limit(100));
});

app.post("/api/todos", zValidator("json", TodoCreate), async (c) => {
  const values = { ...c.req.valid("json"), user_id: c.get("userId") };
  const [created] = await db.insert(todo).values(values).returning();
  return c.json(created, 201);
});

app.get("/api/todos/:id", zValidator("param", TodoId), async (c) =>
  answer(c, await db.select().from(todo).where(owned(c))),
);

app.patch("/api/todos/:id", zValidator("param", TodoId), zValidator("json", TodoUpdate), async (c) =>
  answer(c, await change(c, c.req.valid("json"))),
);

app.post("/api/todos/:id/toggle", zValidator("param", TodoId), async (c) =>
  answer(c, await change(c, { completed: not(todo.completed) })),
);

const { port } = parseArgs({ options: { port: { type: "string" } } }).values;
serve({ fetch: app.fetch, hostname: "127.0.0.1", port: Number(port) });
