"use client";

/** Load the dialogs and the finder of words with the first move, key or click, so that the first list is there sooner. */

import { externalValue } from "./external-value.ts";

type Later = typeof import("@/components/later");

const SIGNS = ["pointermove", "pointerdown", "focusin", "keydown"] as const;

const later = externalValue<Later | undefined>(undefined, () => {
  if (!later.get()) for (const sign of SIGNS) addEventListener(sign, load, { passive: true });
});
let isLoading = false;

/** Return what is loaded later, or undefined until then. The service worker keeps it for use without a connection. */
export function useLater(): Later | undefined {
  return later.use();
}

async function load(): Promise<void> {
  if (later.get() || isLoading) return;
  isLoading = true;
  try {
    later.set(await import("@/components/later"));
    for (const sign of SIGNS) removeEventListener(sign, load);
  } catch {
    // There is no connection. The next sign tries it again.
  }
  isLoading = false;
}
