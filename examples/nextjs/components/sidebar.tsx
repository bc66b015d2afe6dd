"use client";

import { CalendarDays, CircleCheckBig, Inbox, Trash2 } from "lucide-react";
import { type CSSProperties, memo, type ReactNode, useEffect, useRef } from "react";

import { followView } from "@/lib/hooks/use-view";
import { hueOf } from "@/lib/text/tag-colour";
import { type Counts, type TagCount, urlOf, type View } from "@/lib/views";

type Props = { view: View; counts: Counts | undefined; tags: readonly TagCount[] };

const VIEWS = [
  { name: "today", text: "Today", Icon: CalendarDays },
  { name: "all", text: "All", Icon: Inbox },
  { name: "completed", text: "Completed", Icon: CircleCheckBig },
  { name: "trash", text: "Trash", Icon: Trash2 },
] as const;

/** Show the views with their counts: beside the list, or in a row above it where there is no space. */
export const Sidebar = memo(function Sidebar({ view, counts, tags }: Props) {
  const nav = useRef<HTMLElement>(null);
  const current = view.name === "tag" ? `tag:${view.tag}` : view.name;

  useEffect(() => {
    // In a row, the current view may be out of sight.
    nav.current?.querySelector("[aria-current]")?.scrollIntoView({ block: "nearest", inline: "nearest" });
  }, [current, counts === undefined]); // the counts make the links wider

  return (
    <nav ref={nav} className="views" aria-label="Views">
      <ul>
        {VIEWS.map(({ name, text, Icon }) => (
          <ViewLink key={name} view={{ ...view, name, q: "" }} isCurrent={current === name} count={counts?.[name]}>
            <Icon aria-hidden size={20} />
            <span className="view-name">{text}</span>
          </ViewLink>
        ))}
      </ul>
      {tags.length > 0 && (
        <>
          <h2>Tags</h2>
          <ul>
            {tags.map(({ name, count }) => (
              <ViewLink
                key={name}
                view={{ ...view, name: "tag", tag: name, q: "" }}
                isCurrent={current === `tag:${name}`}
                count={counts && count}
              >
                <span aria-hidden className="tag-dot" style={{ "--hue": hueOf(name) } as CSSProperties} />
                <span className="view-name" dir="auto">
                  {name}
                </span>
              </ViewLink>
            ))}
          </ul>
        </>
      )}
    </nav>
  );
});

type LinkProps = { view: View; isCurrent: boolean; count: number | undefined; children: ReactNode };

function ViewLink({ view, isCurrent, count, children }: LinkProps) {
  const href = urlOf(view);
  return (
    <li>
      <a href={href} aria-current={isCurrent ? "page" : undefined} onClick={(event) => followView(event, href)}>
        {children}
        {count ? <span className="badge">{count.toLocaleString("en")}</span> : null}
      </a>
    </li>
  );
}
