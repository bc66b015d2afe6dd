import { appOrigins } from "./origins.ts";

const MAX_BYTES = 65_536; // as the API accepts

/**
 * Return whether a page of this app sent the form. Another site can send a form to this one, too, and
 * could sign a visitor in to an account of its own. A browser names the sender in at least one of these
 * headers, and no page can change them.
 */
export function isFromThisSite({ headers }: Request): boolean {
  const site = headers.get("Sec-Fetch-Site"); // browsers send it only with HTTPS and to this computer
  const origin = headers.get("Origin");
  if (site && site !== "same-origin") return false;
  if (!origin || origin === "null") return site !== null;
  const host = headers.get("X-Forwarded-Host") ?? headers.get("Host");
  // Behind some proxies only the settings have the address that browsers see.
  return URL.parse(origin)?.host === host || appOrigins().includes(origin);
}

/** Return whether the length of a request's body is known and small, or there is no body. Browsers send the length. */
export function isSmall({ headers }: Request): boolean {
  const isUnknown = headers.has("Transfer-Encoding");
  return Number(headers.get("Content-Length") ?? (isUnknown ? Infinity : 0)) <= MAX_BYTES;
}

/** Return the answer to a form of another site. */
export function refuseOtherSite(): Response {
  return new Response("This form was sent by another site.", { status: 403 });
}

/**
 * Return the fields of a form that are text, without spaces at the ends of all but the password. A form that
 * is too large is not read, and has no fields.
 */
export async function readForm(request: Request): Promise<Record<string, string | undefined>> {
  if (!isSmall(request)) return {};
  const form = await request.formData().catch(() => new FormData());
  const fields: Record<string, string> = {};
  for (const [name, value] of form) {
    if (typeof value === "string") fields[name] = name === "password" ? value : value.trim();
  }
  return fields;
}

/** Answer a form with another page, and with cookies. The browser requests the page by GET. */
export function seeOther(path: string, cookies: string[] = []): Response {
  const headers = new Headers({ Location: path, "Cache-Control": "no-store" });
  for (const cookie of cookies) headers.append("Set-Cookie", cookie);
  return new Response(null, { status: 303, headers });
}
