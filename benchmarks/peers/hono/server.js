// The routes on Hono, Drizzle, pg and jose; `--port` is the port.
// REMEMBER_TOKENS=1 remembers verified tokens, and LOG_REQUESTS=1 logs each request.

import { parseArgs } from "node:util";
import { serve } from "@hono/node-server";
import { zValidator } from "@hono/zod-validator";
import { and, desc, eq, gt, not, sql } from "drizzle-orm";
import { drizzle } from "drizzle-orm/node-postgres";
import { bigint, boolean, pgTable, text, timestamp, uuid } from "drizzle-orm/pg-core";
import { Hono } from "hono";
import { createMiddleware } from "hono/factory";
import { HTTPException } from "hono/http-exception";
import { logger } from "hono/logger";
import { createRemoteJWKSet, jwtVerify } from "jose";
import pg from "pg";
import { z } from "zod";

const { BETTER_AUTH_URL, DATABASE_URL, LOG_REQUESTS, REMEMBER_TOKENS } = process.env;
const MAX_REMEMBERED = 4096;

const todo = pgTable("todo", {
  id: uuid().primaryKey().defaultRandom(),
  user_id: text().notNull(),
  title: text().notNull(),
  description: text(),
  completed: boolean().notNull().default(false),
  created_at: timestamp({ withTimezone: true }).notNull().defaultNow(),
  updated_at: timestamp({ withTimezone: true }),
  version: bigint({ mode: "number" }).notNull().default(0), // a trigger sets the next one
});
const TodoCreate = z.object({
  title: z.string().min(1).max(200),
  description: z.string().nullish(),
  completed: z.boolean().optional(),
});
const TodoUpdate = TodoCreate.partial();
// PUT replaces all fields, also those that are not sent.
const TodoReplace = TodoCreate.extend({
  description: z.string().nullable().default(null),
  completed: z.boolean().default(false),
});
const TodoId = z.object({ id: z.uuid() });
const Batch = z.object({ put: z.array(TodoReplace.extend({ id: z.uuid() })).min(1).max(500) });
const ChangesPage = z.object({
  since: z.coerce.number().int().min(0).default(0),
  limit: z.coerce.number().int().min(1).max(500).default(100),
});

const db = drizzle({ client: new pg.Pool({ connectionString: DATABASE_URL, max: 5 }) });
const jwks = createRemoteJWKSet(new URL("/api/auth/jwks", BETTER_AUTH_URL));
const expected = { issuer: BETTER_AUTH_URL, audience: BETTER_AUTH_URL, algorithms: ["EdDSA"] };

const verify = async (token) => (await jwtVerify(token, jwks, expected)).payload;

const remembered = new Map();
const verifyOnce = async (token) => {
  const known = remembered.get(token);
  if (known?.exp * 1000 > Date.now()) return known;
  remembered.delete(token);
  const claims = await verify(token);
  if (remembered.size >= MAX_REMEMBERED) remembered.delete(remembered.keys().next().value);
  remembered.set(token, claims);
  return claims;
};

const claimsOf = REMEMBER_TOKENS ? verifyOnce : verify;
const authenticate = createMiddleware(async (c, next) => {
  const token = c.req.header("Authorization")?.replace(/^Bearer /, "");
  if (!token) throw new HTTPException(401);
  try {
    c.set("userId", (await claimsOf(token)).sub);
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
if (LOG_REQUESTS) app.use(logger());
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

app.put("/api/todos/:id", zValidator("param", TodoId), zValidator("json", TodoReplace), async (c) =>
  answer(c, await change(c, c.req.valid("json"))),
);

app.patch("/api/todos/:id", zValidator("param", TodoId), zValidator("json", TodoUpdate), async (c) =>
  answer(c, await change(c, c.req.valid("json"))),
);

app.post("/api/todos/:id/toggle", zValidator("param", TodoId), async (c) =>
  answer(c, await change(c, { completed: not(todo.completed) })),
);

app.get("/api/changes", zValidator("query", ChangesPage), async (c) => {
  const { since, limit } = c.req.valid("query");
  const changed = and(eq(todo.user_id, c.get("userId")), gt(todo.version, since));
  const todos = await db.select().from(todo).where(changed).orderBy(todo.version).limit(limit);
  return c.json({ todos, next: String(todos.at(-1)?.version ?? since) });
});

app.post("/api/batch", zValidator("json", Batch), async (c) => {
  const results = await db
    .insert(todo)
    .values(c.req.valid("json").put.map((item) => ({ ...item, user_id: c.get("userId") })))
    .onConflictDoUpdate({
      target: [todo.user_id, todo.id],
      set: {
        title: sql`excluded.title`,
        description: sql`excluded.description`,
        completed: sql`excluded.completed`,
        updated_at: sql`now()`,
      },
    })
    .returning({ id: todo.id, version: todo.version });
  return c.json({ results: results.map((item) => ({ ...item, status: 200 })) });
});

const { port } = parseArgs({ options: { port: { type: "string" } } }).values;
serve({ fetch: app.fetch, hostname: "127.0.0.1", port: Number(port) });
