import { not } from "drizzle-orm";
import { answer, change, handler } from "../../../../../lib/api.js";
import { todo } from "../../../../../lib/db.js";

export const POST = handler(async (userId, _, id) =>
  answer(await change(userId, id, { completed: not(todo.completed) })),
);
