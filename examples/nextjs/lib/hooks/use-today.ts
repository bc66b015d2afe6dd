"use client";

import { useSyncExternalStore } from "react";

import { today } from "../text/dates.ts";

const INTERVAL = 30_000; // milliseconds

function subscribe(listener: () => void): () => void {
  const timer = setInterval(listener, INTERVAL);
  document.addEventListener("visibilitychange", listener);
  return () => {
    clearInterval(timer);
    document.removeEventListener("visibilitychange", listener);
  };
}

/** Return the date of the device, also after midnight. The first render has the date of the server. */
export function useToday(serverToday: string): string {
  return useSyncExternalStore(subscribe, () => today(), () => serverToday);
}
