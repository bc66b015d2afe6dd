// What the routes share: who asks, what may be sent, what is answered.

import { and, eq, sql } from "drizzle-orm";
import { createRemoteJWKSet, jwtVerify } from "jose";
import { z } from "zod";
import { db, todo } from "./db.js";

const origin = process.env.BETTER_AUTH_URL;
const jwks = createRemoteJWKSet(new URL("/api/auth/jwks", origin));
const expected = { issuer: origin, audience: origin, algorithms: ["EdDSA"] };

export const TodoCreate = z.object({
  title: z.string().min(1).max(200),
  description: z.string().nullish(),
  completed: z.boolean().optional(),
});
// PUT replaces all fields, also those that are not sent.
export const TodoReplace = TodoCreate.extend({
  description: z.string().nullable().default(null),
  completed: z.boolean().default(false),
});
export const TodoUpdate = TodoCreate.partial();
const TodoId = z.uuid();

const refuse = (status, error) => Response.json({ error }, { status });

// Makes a route handler of `(userId, body, id) => Response`; with a schema, it takes a body.
export const handler = (handle, schema) => async (request, { params }) => {
  const token = request.headers.get("authorization")?.replace(/^Bearer /, "");
  const verified = token && (await jwtVerify(token, jwks, expected).catch(() => null));
  if (!verified) return refuse(401, "Unauthorized");
  const id = (await params)?.id;
  if (id !== undefined && !TodoId.safeParse(id).success) return refuse(400, "Bad id");
  if (!schema) return handle(verified.payload.sub, undefined, id);
  const body = schema.safeParse(await request.json().catch(() => undefined));
  return body.success ? handle(verified.payload.sub, body.data, id) : refuse(400, "Bad body");
};

export const owned = (userId, id) => and(eq(todo.id, id), eq(todo.user_id, userId));
export const answer = ([found]) => (found ? Response.json(found) : refuse(404, "Not found"));
export const change = (userId, id, values) =>
  db
    .update(todo)
    .set({ ...values, updated_at: sql`now()` })
    .where(owned(userId, id))
    .returning();
