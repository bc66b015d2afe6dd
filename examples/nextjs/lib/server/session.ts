/** Read the user's session in Server Components and Route Handlers. */

import { headers } from "next/headers";
import { cache } from "react";

import { auth } from "./auth";

/**
 * Return the session in the request's cookie with its user, or null if there is no session. A page cannot
 * set cookies. So this does not extend the session: only the database would know the new end, and the
 * browser would drop the cookie at the old one. The request of the browser for a token extends it.
 */
export const getSession = cache(async () =>
  auth.api.getSession({ headers: await headers(), query: { disableRefresh: true } }),
);
