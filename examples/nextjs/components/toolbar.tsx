"use client";

import { ArrowUpDown, Search } from "lucide-react";
import { type KeyboardEvent, type ReactNode, type Ref, useEffect, useImperativeHandle, useRef } from "react";

import { openView, typeQuery } from "@/lib/hooks/use-view";
import type { View } from "@/lib/views";

type Props = {
  ref: Ref<{ focus: () => void }>;
  view: View;
  /** Go from the search to the list. */
  onLeaveSearch: () => void;
  /** The buttons of the view. */
  children: ReactNode;
};

/** Search and sort. It is a form, so that it works before the page is alive. */
export function Toolbar({ ref, view, onLeaveSearch, children }: Props) {
  const input = useRef<HTMLInputElement>(null);
  const first = useRef(true);

  useImperativeHandle(ref, () => ({
    focus() {
      input.current?.focus();
      input.current?.select();
    },
  }));

  useEffect(() => {
    if (!input.current) return;
    const text = input.current.value;
    if (first.current && text && text !== view.q) typeQuery(view, text); // typed before the page was alive
    else if (text !== view.q) input.current.value = view.q; // the address changed
    first.current = false;
  }, [view]);

  function onKeyDown(event: KeyboardEvent<HTMLInputElement>): void {
    if (event.nativeEvent.isComposing || event.altKey || event.ctrlKey || event.metaKey) return;
    if (event.key === "ArrowDown") onLeaveSearch();
    else if (event.key === "Escape") {
      if (input.current) input.current.value = "";
      if (view.q) typeQuery(view, "");
      onLeaveSearch();
    } else return;
    event.preventDefault();
  }

  return (
    <form
      className="toolbar"
      role="search"
      action="/"
      onSubmit={(event) => {
        event.preventDefault();
        onLeaveSearch();
      }}
    >
      {view.name === "tag" && <input type="hidden" name="tag" value={view.tag} />}
      {view.name !== "tag" && view.name !== "all" && <input type="hidden" name="view" value={view.name} />}
      <label className="search">
        <Search aria-hidden size={18} />
        <span className="hidden">Search</span>
        <input
          ref={input}
          type="search"
          name="q"
          placeholder="Search"
          autoComplete="off"
          spellCheck={false}
          maxLength={1000}
          dir="auto"
          defaultValue={view.q}
          aria-keyshortcuts="/"
          onChange={(event) => typeQuery(view, event.target.value)}
          onKeyDown={onKeyDown}
        />
        <kbd aria-hidden>/</kbd>
      </label>
      <label className="sort">
        <ArrowUpDown aria-hidden size={18} />
        <span className="hidden">Sort</span>
        <select
          name="sort"
          value={view.sort}
          data-sorted={view.sort !== "position" || undefined}
          onChange={(event) => openView({ ...view, sort: event.target.value as View["sort"] }, { replace: true })}
        >
          <option value="position">By hand</option>
          <option value="due">By due date</option>
          <option value="updated">Last changed</option>
        </select>
      </label>
      {children}
    </form>
  );
}
