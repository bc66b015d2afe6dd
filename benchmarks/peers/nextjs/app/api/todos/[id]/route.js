import { answer, change, handler, owned, TodoReplace, TodoUpdate } from "../../../../lib/api.js";
import { db, todo } from "../../../../lib/db.js";

export const GET = handler(async (userId, _, id) => answer(await db.select().from(todo).where(owned(userId, id))));

export const PUT = handler(async (userId, body, id) => answer(await change(userId, id, body)), TodoReplace);

export const PATCH = handler(async (userId, body, id) => answer(await change(userId, id, body)), TodoUpdate);
