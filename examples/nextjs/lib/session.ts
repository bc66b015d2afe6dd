/** Who asks, for Server Components and Route Handlers. */

import { headers } from "next/headers";

import { auth } from "./auth";

/** Give the session that the request's cookie names, with its user; null without one. */
export async function getSession() {
  return auth.api.getSession({ headers: await headers() });
}
