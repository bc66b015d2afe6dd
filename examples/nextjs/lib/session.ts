/** Read the user's session in Server Components and Route Handlers. */

import { headers } from "next/headers";

import { auth } from "./auth";

/** Return the session in the request's cookie with its user, or null if there is no session. */
export async function getSession() {
  return auth.api.getSession({ headers: await headers() });
}
