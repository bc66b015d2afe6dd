/**
 * Fetch the token for the API, a JWT of Better Auth, and keep it in the memory of this module. No other
 * tab, no later user and no browser extension that reads storage can find it there.
 */

import { claimsOf } from "../sync/claims.ts";
import { SignedOut } from "../sync/client.ts";

type Token = { text: string; renewAt: number };

const TIMEOUT = 30_000; // milliseconds; all tabs wait for the one that syncs, and it waits for its token
const MARGIN = 30_000; // milliseconds; a token is renewed this long before it expires

let current: Token | undefined;
let renewal: Promise<Token> | undefined;

/**
 * Return a token for a request. Fetch one if there is none or it expires soon.
 *
 * @param refused a token that the API refused, which is not returned again
 * @throws SignedOut
 * @throws TypeError Better Auth cannot be reached, as with `fetch`
 */
export async function getToken(refused?: string): Promise<string> {
  if (current && current.text !== refused && Date.now() < current.renewAt) return current.text;
  // Calls during a fetch wait for the same one.
  renewal ??= fetchToken().finally(() => (renewal = undefined));
  current = await renewal;
  return current.text;
}

async function fetchToken(): Promise<Token> {
  const askedAt = Date.now();
  const answer = await fetch("/api/auth/token", { cache: "no-store", signal: AbortSignal.timeout(TIMEOUT) });
  if (answer.status === 401) throw new SignedOut();
  if (!answer.ok) throw new TypeError(`Better Auth answered ${answer.status}.`);
  const { token } = (await answer.json()) as { token: string };
  return { text: token, renewAt: askedAt + lifetime(token) - MARGIN };
}

/** Return milliseconds. They are the difference of two claims, because this computer's clock may be wrong. */
function lifetime(token: string): number {
  const { exp = 0, iat = 0 } = claimsOf(token);
  return (exp - iat) * 1000;
}
