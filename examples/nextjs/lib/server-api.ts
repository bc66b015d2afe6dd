/** The API, as a Server Component or a Route Handler calls it, on behalf of whoever asks. */

import { headers } from "next/headers";
import createClient from "openapi-fetch";

import { auth } from "./auth";
import type { paths } from "./schema";

const API_URL = process.env.API_URL ?? process.env.NEXT_PUBLIC_API_URL ?? "http://localhost:8000";

/** Give a client with a token of the session that the request's cookie names; throws without one. */
export async function apiOfRequest() {
  const { token } = await auth.api.getToken({ headers: await headers() });
  return createClient<paths>({
    baseUrl: API_URL,
    headers: { Authorization: `Bearer ${token}` },
    cache: "no-store",
  });
}
