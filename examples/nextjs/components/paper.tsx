"use client";

import { useEffect, useState } from "react";
import { createPortal, flushSync } from "react-dom";

import { today } from "@/lib/text/dates";
import { showDue } from "@/lib/text/due";
import { priorityText } from "@/lib/text/priorities";
import type { Shown } from "@/sync/types";

/** What a printer gets: all todos of the view, because the screen has only those that are in sight. */
export function Paper({ title, list }: { title: string; list: readonly Shown[] }) {
  const [isPrinting, setIsPrinting] = useState(false);

  useEffect(() => {
    const begin = () => flushSync(() => setIsPrinting(true)); // the browser prints what is there after the event
    const end = () => setIsPrinting(false);
    addEventListener("beforeprint", begin);
    addEventListener("afterprint", end);
    return () => {
      removeEventListener("beforeprint", begin);
      removeEventListener("afterprint", end);
    };
  }, []);

  if (!isPrinting) return null;
  return createPortal(
    <div className="printed">
      <h1 dir="auto">{title}</h1>
      <ul>
        {list.map(({ id, title, description, completed, due, priority, tags }) => (
          <li key={id}>
            <span className="box">{completed ? "☑" : "☐"}</span>
            <div dir="auto">
              {title}
              <small>
                {[
                  due && showDue(due, today()),
                  priority !== "none" && priorityText(priority),
                  ...tags.map((tag) => `#${tag}`),
                ]
                  .filter(Boolean)
                  .join(" · ")}
              </small>
              {description && <p>{description}</p>}
            </div>
          </li>
        ))}
      </ul>
    </div>,
    document.body,
  );
}
