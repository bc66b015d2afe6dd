/** Find what the words in the title of a new todo could set. Nothing is set unless the user chooses it. */

import type { Priority } from "../../sync/types.ts";
import { today } from "./dates.ts";
import { showDue } from "./due.ts";
import { priorityText } from "./priorities.ts";
import { findWords } from "./words.ts";

/** What the user chose for the next todo. */
export type Chosen = { due?: string; tags: string[]; priority?: Priority };

/** What a button offers. `rest` is the title without the words. */
export type Proposal = { text: string; rest: string; chosen: Chosen };

/** Return the proposals for a title, and last the one to use all of them if there are several. */
export function proposalsFor(title: string, now: Date): Proposal[] {
  const words = findWords(title, now);
  if (!words) return [];
  const { due, tags = [], priority } = words;
  const single: Proposal[] = [];
  if (due) {
    const rest = [words.rest, ...tags.map((tag) => `#${tag}`), priority && `!${priority}`].filter(Boolean).join(" ");
    single.push({ text: dueText(due, now), rest, chosen: { due, tags: [] } });
  }
  for (const tag of tags) single.push({ text: `#${tag}`, rest: without(title, `#${tag}`), chosen: { tags: [tag] } });
  if (priority) {
    single.push({ text: priorityText(priority), rest: without(title, `!${priority}`), chosen: { priority, tags: [] } });
  }
  const chosen = { tags, ...(due && { due }), ...(priority && { priority }) };
  return single.length > 1 ? [...single, { text: "Use all", rest: words.rest, chosen }] : single;
}

/** Return a due date in words: Due tomorrow 09:00. */
export function dueText(due: string, now: Date): string {
  return `Due ${showDue(due, today(now)).replace(/^(?:Today|Tomorrow|Yesterday)/, (word) => word.toLowerCase())}`;
}

/** Return a title without a tag or a priority. */
function without(title: string, word: string): string {
  const escaped = word.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&");
  const rest = title.replace(new RegExp(`(^|\\s)${escaped}[,;]?(?=[\\s:.!?]|$)`, "iu"), "$1");
  return rest.replace(/[,;\s]+$/, "").replace(/\s+/g, " ").trim();
}
