"use client";

/** Load the dialogs and the finder of words with the first move, key or click, so that the first list is there sooner. */

import { externalValue } from "./external-value.ts";

type Later = typeof import("@/components/later");

const SIGNS = ["pointermove", "pointerdown", "focusin", "keydown"] as const;

const later = externalValue<Later | undefined>(undefined, () => {
  if (!later.get()) for (const sign of SIGNS) addEventListener(sign, loadLater, { passive: true });
});
let loading: Promise<Later | undefined> | undefined;

/** Return what is loaded later, or undefined until then. The service worker keeps it for use without a connection. */
export function useLater(): Later | undefined {
  return later.use();
}

/** Return what is loaded later when it is there, or undefined if there is no connection. The next call tries it again. */
export async function loadLater(): Promise<Later | undefined> {
  loading ??= load().finally(() => (loading = undefined));
  return later.get() ?? loading;
}

async function load(): Promise<Later | undefined> {
  if (later.get()) return later.get();
  try {
    later.set(await import("@/components/later"));
    for (const sign of SIGNS) removeEventListener(sign, loadLater);
  } catch {
    // There is no connection.
  }
  return later.get();
}
