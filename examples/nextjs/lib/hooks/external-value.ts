"use client";

import { useSyncExternalStore } from "react";

/** A value outside of React, which components follow. */
export type ExternalValue<T> = { get: () => T; set: (value: T) => void; use: () => T };

/**
 * Return a value that components follow. The server always renders the first one.
 *
 * @param start called when the first component follows the value
 */
export function externalValue<T>(initial: T, start?: () => void): ExternalValue<T> {
  let value = initial;
  const listeners = new Set<() => void>();
  const get = () => value;
  const getInitial = () => initial;

  function subscribe(listener: () => void): () => void {
    if (listeners.size === 0) start?.();
    listeners.add(listener);
    return () => listeners.delete(listener);
  }

  function set(next: T): void {
    value = next;
    for (const listener of listeners) listener();
  }

  return { get, set, use: () => useSyncExternalStore(subscribe, get, getInitial) };
}
