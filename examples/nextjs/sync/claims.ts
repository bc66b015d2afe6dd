/** The claims of a JWT that a client needs. `exp` and `iat` are seconds. */
export type Claims = { sub?: string; exp?: number; iat?: number };

/** Return the claims of a JWT, or none if the text is no JWT. The API verifies it, and a client does not. */
export function claimsOf(token: string): Claims {
  try {
    const claims = (token.split(".")[1] ?? "").replaceAll("-", "+").replaceAll("_", "/");
    return JSON.parse(atob(claims)) as Claims;
  } catch {
    return {};
  }
}
