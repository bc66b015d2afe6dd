import { toNextJsHandler } from "better-auth/next-js";

import { auth } from "@/lib/server/auth";
import { isSmall } from "@/lib/server/forms";

const handler = toNextJsHandler(auth);

export const { GET } = handler;

/** Answer Better Auth's requests. It would read a body of any size. */
export async function POST(request: Request): Promise<Response> {
  if (!isSmall(request)) return Response.json({ code: "PAYLOAD_TOO_LARGE", message: "The body is too large." }, { status: 413 });
  return handler.POST(request);
}
