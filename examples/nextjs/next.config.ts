import type { NextConfig } from "next";

// On a developer's computer Next.js prints 127.0.0.1 too, but a session and a token have one origin.
const origin = process.env.BETTER_AUTH_URL?.match(/^http:\/\/localhost(:\d+)?/)?.[0];
const pagesOfLoopback = {
  source: "/:path*",
  has: [
    { type: "host" as const, value: "127\\.0\\.0\\.1" },
    { type: "header" as const, key: "accept", value: ".*text/html.*" },
  ],
  destination: `${origin}/:path*`,
  permanent: false,
};

const config: NextConfig = {
  poweredByHeader: false,
  turbopack: { root: import.meta.dirname }, // else Next looks for a lock file in the folders above
  redirects: async () => (origin ? [pagesOfLoopback] : []),
};

export default config;
