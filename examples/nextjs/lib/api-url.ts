/** The URL of the API for browsers. */
export const apiUrl = process.env.NEXT_PUBLIC_API_URL ?? "http://localhost:8000";
