// Answer the requests of Next.js to GitHub. `node --import` loads this file before Next.js. The code of a sign-in has
// the user, and is the token, too.

const real = globalThis.fetch;

/** @type {typeof fetch} */
globalThis.fetch = async (input, init) => {
  const request = new Request(input, init);
  const { host, pathname } = new URL(request.url);
  if (host === "github.com" && pathname === "/login/oauth/access_token") return Response.json(tokenOf(await request.text()));
  if (host !== "api.github.com") return real(input, init);
  const { email, verified, ...profile } = userOf(request.headers.get("Authorization")?.replace("Bearer ", "") ?? "");
  if (pathname === "/user") return Response.json({ ...profile, email: null, avatar_url: "https://github.example/ada.png" });
  if (pathname === "/user/emails") return Response.json(email ? [{ email, verified, primary: true }] : []);
  return new Response(null, { status: 404 });
};

/** @param {string} form */
function tokenOf(form) {
  const { client_id, client_secret, code } = Object.fromEntries(new URLSearchParams(form));
  if (client_id !== "the-id" || client_secret !== "the-secret" || code === "wrong") return { error: "bad_verification_code" };
  return { access_token: code, token_type: "bearer", scope: "user:email" };
}

/** @param {string} code @returns {Record<string, unknown>} */
function userOf(code) {
  return JSON.parse(Buffer.from(code, "base64url").toString());
}
