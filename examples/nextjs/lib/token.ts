/**
 * The token that the API wants, a JWT of Better Auth's. It lives in this module's memory, where no
 * other tab, no later visitor and no browser extension that reads storage finds it.
 */

/** Nobody is signed in (any more): the cookie gives no token. */
export class SessionOver extends Error {}

type Token = { text: string; renewAt: number };

const MARGIN = 30_000; // milliseconds: a token is renewed so long before it expires

let current: Token | undefined;
let renewal: Promise<Token> | undefined;

/**
 * Give a token that is good for a request, fetching one when there is none or it is about to expire.
 *
 * @param refused a token that the API did not accept: gives another
 * @throws SessionOver
 * @throws TypeError Better Auth cannot be reached, as `fetch` says it
 */
export async function getToken(refused?: string): Promise<string> {
  if (current && current.text !== refused && Date.now() < current.renewAt) return current.text;
  // One fetch for all who ask meanwhile.
  renewal ??= fetchToken().finally(() => (renewal = undefined));
  current = await renewal;
  return current.text;
}

async function fetchToken(): Promise<Token> {
  const askedAt = Date.now();
  const answer = await fetch("/api/auth/token", { cache: "no-store" });
  if (answer.status === 401) throw new SessionOver();
  if (!answer.ok) throw new TypeError(`Better Auth answered ${answer.status}.`);
  const { token } = (await answer.json()) as { token: string };
  return { text: token, renewAt: askedAt + lifetime(token) - MARGIN };
}

/** Milliseconds. By the difference of two of its claims, because this computer's clock may be wrong. */
function lifetime(token: string): number {
  const claims = (token.split(".")[1] ?? "").replaceAll("-", "+").replaceAll("_", "/");
  const { exp, iat } = JSON.parse(atob(claims)) as { exp: number; iat: number };
  return (exp - iat) * 1000;
}
