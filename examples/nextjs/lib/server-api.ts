/** Call the API from a Server Component or a Route Handler, on behalf of the user. */

import { headers } from "next/headers";
import createClient from "openapi-fetch";

import { auth } from "./auth";
import type { paths } from "./schema";

const API_URL = process.env.API_URL ?? process.env.NEXT_PUBLIC_API_URL ?? "http://localhost:8000";

/** Return a client with a token for the session in the request's cookie. Throw if there is no session. */
export async function apiOfRequest() {
  const { token } = await auth.api.getToken({ headers: await headers() });
  return createClient<paths>({
    baseUrl: API_URL,
    headers: { Authorization: `Bearer ${token}` },
    cache: "no-store",
  });
}
