/** Keep the title that is being typed while this tab is loaded again, and while its user signs in again. */

import { readUser } from "./device";
import type { Chosen } from "./text/proposals";

/** A title that was not added yet, and what is set for its todo. */
type Kept = { title: string; chosen: Chosen };

const KEY = "title";

/** Keep the title for this user. A blank title and one of a user who has signed out are not kept. */
export function keepTitle(userId: string, kept: Kept): void {
  try {
    if (kept.title.trim() && readUser()?.id === userId) sessionStorage.setItem(KEY, JSON.stringify({ userId, ...kept }));
    else sessionStorage.removeItem(KEY);
  } catch {
    // without storage a reload empties the field
  }
}

/** Return what was kept for this user, and forget it. */
export function takeTitle(userId: string): Kept | undefined {
  try {
    const kept = JSON.parse(sessionStorage.getItem(KEY) ?? "null") as (Kept & { userId: string }) | null;
    sessionStorage.removeItem(KEY);
    return kept?.userId === userId ? kept : undefined;
  } catch {
    return undefined;
  }
}
