"use client";

import { CircleCheck, Inbox, type LucideIcon, Search, Sun, Tag, Trash2 } from "lucide-react";

import { followView } from "@/lib/hooks/use-view";
import type { View } from "@/lib/views";

const TEXTS: Record<View["name"], [Icon: LucideIcon, title: string, text: string]> = {
  all: [Inbox, "No todos yet.", "Type a todo above and press Enter. Paste a list to add all of its lines."],
  today: [Sun, "Nothing due today.", "What you add here is due today."],
  tag: [Tag, "No todos with this tag.", "What you add here gets the tag."],
  completed: [CircleCheck, "Nothing completed yet.", "Completed todos are listed here, the last one first."],
  trash: [Trash2, "The trash is empty.", "Deleted todos stay here for 30 days."],
};

type Props = { view: View; query: string; onClear: () => void };

/** Show why a view is empty, and what the user can do. */
export function Empty({ view, query, onClear }: Props) {
  const isSearch = query.trim() !== "";
  const [Icon, title, text] = TEXTS[view.name];
  const Shown = isSearch ? Search : Icon;
  return (
    <div className="empty">
      <Shown aria-hidden size={32} strokeWidth={1.5} />
      <p className="empty-title">
        {isSearch ? (
          <>
            Nothing matches “<bdi>{query.trim()}</bdi>”.
          </>
        ) : (
          title
        )}
      </p>
      <p className="quiet">{isSearch ? "Each word must be in the title, the notes or a tag." : text}</p>
      {isSearch ? (
        <button type="button" className="secondary" onClick={onClear}>
          Clear the search
        </button>
      ) : (
        view.name !== "all" && (
          <a className="button secondary" href="/" onClick={(event) => followView(event, "/")}>
            Show all
          </a>
        )
      )}
    </div>
  );
}
