import type { cookies } from "next/headers";

import { TYPED } from "./sign-in";

/** Return what the user typed into the form that is shown again. */
export function typedBefore(jar: Awaited<ReturnType<typeof cookies>>): { name?: string; email?: string } {
  try {
    const typed: unknown = JSON.parse(decodeURIComponent(jar.get(TYPED)?.value ?? "{}"));
    const { name, email } = Object(typed) as Record<string, unknown>;
    return { ...(typeof name === "string" && { name }), ...(typeof email === "string" && { email }) };
  } catch {
    return {};
  }
}
