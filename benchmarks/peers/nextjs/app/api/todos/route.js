import { desc, eq } from "drizzle-orm";
import { handler, TodoCreate } from "../../../lib/api.js";
import { db, todo } from "../../../lib/db.js";

export const GET = handler(async (userId) => {
  const mine = eq(todo.user_id, userId);
  return Response.json(
    await db.select().from(todo).where(mine).orderBy(desc(todo.created_at), desc(todo.id)).limit(100),
  );
});

export const POST = handler(async (userId, body) => {
  const [created] = await db.insert(todo).values({ ...body, user_id: userId }).returning();
  return Response.json(created, { status: 201 });
}, TodoCreate);
