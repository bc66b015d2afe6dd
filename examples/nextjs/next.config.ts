import { randomUUID } from "node:crypto";

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

// Browsers call the API at the origin of this app, unless the build names another one. A build contains the address
// that these requests are sent to. On Vercel, vercel.json sends them.
const hasOneOrigin = !process.env.VERCEL && !process.env.NEXT_PUBLIC_API_URL;
const api = (process.env.API_URL || "http://localhost:8000").replace(/\/+$/, "");
const pathsOfTheApi = ["/api/:path((?!auth(?:/|$)).*)", "/docs/:path*", "/openapi.json", "/health", "/ready"];

// A page and its scripts know the build that they belong to. Next.js reads this file in several processes,
// which inherit the variable.
process.env.NEXT_PUBLIC_BUILD ??= randomUUID();

const config: NextConfig = {
  distDir: process.env.NEXT_DIST_DIR || ".next", // `make demo` moves a finished build to a folder of its own
  poweredByHeader: false,
  turbopack: { root: import.meta.dirname }, // otherwise Next.js searches the folders above for a lock file
  // `vercel dev` changes the header Host to the address 127.0.0.1.
  redirects: async () => (origin && !process.env.VERCEL ? [pagesOfLoopback] : []),
  // A page or a route of this app comes first, such as those of Better Auth.
  rewrites: async () => ({
    fallback: hasOneOrigin ? pathsOfTheApi.map((path) => ({ source: path, destination: api + path.replace(/\(.*\)/, "") })) : [],
  }),
  headers: async () => [
    {
      source: "/:path*",
      headers: [
        { key: "X-Content-Type-Options", value: "nosniff" },
        // Another site must not show the app in a frame, where a click would be made for it.
        { key: "Content-Security-Policy", value: "frame-ancestors 'none'" },
      ],
    },
  ],
};

export default config;
