/** The names of the priorities on the screen. */

import type { Priority } from "../../sync/types.ts";

export const PRIORITIES: Record<Priority, string> = { none: "None", low: "Low", medium: "Medium", high: "High" };

/** Return a priority in words: High priority. */
export function priorityText(priority: Priority): string {
  return `${PRIORITIES[priority]} priority`;
}
