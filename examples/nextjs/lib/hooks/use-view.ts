"use client";

import { useMemo, useSyncExternalStore } from "react";

import { parseView, urlOf, type View } from "../views.ts";

// The address is the state. Only a query that is being typed is ahead of it, because browsers limit replaceState.
let typed: { search: string; timer: number } | undefined;
const listeners = new Set<() => void>();

function read(): string {
  return typed?.search ?? window.location.search;
}

function notify(): void {
  for (const listener of listeners) listener();
}

function write(): void {
  if (!typed) return;
  clearTimeout(typed.timer);
  const { search } = typed;
  typed = undefined;
  window.history.replaceState(null, "", search || window.location.pathname);
}

function onPopState(): void {
  clearTimeout(typed?.timer);
  typed = undefined;
  notify();
}

function subscribe(listener: () => void): () => void {
  if (listeners.size === 0) {
    window.addEventListener("popstate", onPopState);
    window.addEventListener("pagehide", write);
  }
  listeners.add(listener);
  return () => {
    listeners.delete(listener);
    if (listeners.size > 0) return;
    window.removeEventListener("popstate", onPopState);
    window.removeEventListener("pagehide", write);
  };
}

/** Show another view, without a request. `replace` changes the entry of the history instead of adding one. */
export function openView(view: View | string, { replace = false } = {}): void {
  const url = typeof view === "string" ? view : urlOf(view);
  write();
  if (replace) window.history.replaceState(null, "", url);
  else if (url !== window.location.pathname + window.location.search) window.history.pushState(null, "", url);
  notify();
}

/** Show the results of a query at once. The address follows when the user pauses. */
export function typeQuery(view: View, q: string): void {
  clearTimeout(typed?.timer);
  const url = new URL(urlOf({ ...view, q }), window.location.href);
  typed = { search: url.search, timer: window.setTimeout(write, 400) };
  notify();
}

/** Open the view of a link, unless the user asks for a new tab or window. */
export function followView(event: React.MouseEvent, href: string): void {
  if (event.defaultPrevented || event.button !== 0) return;
  if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  openView(href);
}

/** Return the view of the address. `search` is the one that the server rendered. */
export function useView(search: string): View {
  const current = useSyncExternalStore(subscribe, read, () => search);
  return useMemo(() => parseView(new URLSearchParams(current)), [current]);
}
