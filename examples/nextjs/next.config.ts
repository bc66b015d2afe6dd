import type { NextConfig } from "next";

// A development server also prints the address 127.0.0.1, but a session and a token belong to one origin.
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
  turbopack: { root: import.meta.dirname }, // otherwise Next.js searches the folders above for a lock file
  redirects: async () => (origin ? [pagesOfLoopback] : []),
};

export default config;
