"use client";

import { useEffect, useLayoutEffect, useRef } from "react";

const STORED = "scroll";

/** Return where each view was scrolled to in this tab. */
function load(): Record<string, number> {
  try {
    return JSON.parse(sessionStorage.getItem(STORED) ?? "{}") as Record<string, number>;
  } catch {
    return {};
  }
}

/** Keep the place of the scroll for each view, also after a reload. `isReady` is false until the rows are there. */
export function useScrollOfView(key: string, isReady: boolean): void {
  const places = useRef<Record<string, number>>(undefined);
  const shown = useRef<string>(undefined);

  useLayoutEffect(() => {
    if (!isReady || shown.current === key) return;
    const isFirst = shown.current === undefined;
    places.current ??= load();
    shown.current = key;
    if (isFirst && window.scrollY > 0) return; // the user has scrolled meanwhile
    window.scrollTo({ top: places.current[key] ?? 0, behavior: "instant" });
  }, [key, isReady]);

  useEffect(() => {
    const before = window.history.scrollRestoration;
    window.history.scrollRestoration = "manual"; // the browser would restore it before the rows are there
    const keep = () => {
      if (shown.current !== undefined && places.current) places.current[shown.current] = window.scrollY;
    };
    const store = () => {
      try {
        sessionStorage.setItem(STORED, JSON.stringify(places.current ?? {}));
      } catch {
        // without storage a reload starts at the top
      }
    };
    window.addEventListener("scroll", keep, { passive: true });
    window.addEventListener("pagehide", store);
    return () => {
      window.history.scrollRestoration = before;
      window.removeEventListener("scroll", keep);
      window.removeEventListener("pagehide", store);
    };
  }, []);
}
