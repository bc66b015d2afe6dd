/**
 * The URL of the API for browsers. Without NEXT_PUBLIC_API_URL it is empty, because the API then has the origin of
 * this app: the rewrites of vercel.json or of next.config.ts send its paths to it.
 */
export const apiUrl = process.env.NEXT_PUBLIC_API_URL ?? "";
