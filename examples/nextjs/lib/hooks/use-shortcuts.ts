"use client";

import { useEffect, useEffectEvent, useSyncExternalStore } from "react";

/** What a key does. `false` means that the key was not used, so that the browser uses it. */
type Shortcut = (event: KeyboardEvent) => boolean | void;

const SETTING = "shortcuts";
const CHANGED = "shortcuts-changed";

function isOn(): boolean {
  try {
    return localStorage.getItem(SETTING) !== "off";
  } catch {
    return true; // without storage the setting lasts as long as nothing asks for it
  }
}

function subscribe(listener: () => void): () => void {
  window.addEventListener("storage", listener);
  window.addEventListener(CHANGED, listener);
  return () => {
    window.removeEventListener("storage", listener);
    window.removeEventListener(CHANGED, listener);
  };
}

/** Return whether shortcuts of one character are on (WCAG 2.1.4), and the function that sets it. */
export function useShortcutsSetting(): [boolean, (on: boolean) => void] {
  const on = useSyncExternalStore(subscribe, isOn, () => true);
  return [
    on,
    (next) => {
      try {
        localStorage.setItem(SETTING, next ? "on" : "off");
      } catch {
        // a device without storage keeps the shortcuts on
      }
      window.dispatchEvent(new Event(CHANGED));
    },
  ];
}

/** Return whether keys belong to the element, because the user types into it or chooses from it. */
function isTyping(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  if (target instanceof HTMLInputElement) return !["checkbox", "radio", "button", "submit"].includes(target.type);
  return target.isContentEditable || target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement;
}

/**
 * Call a function for a key: `n`, `ArrowDown`, `Alt+ArrowUp`. Keys do nothing while the user types or while a dialog
 * or a menu is open. Those of one character do nothing when they are turned off.
 */
export function useShortcuts(shortcuts: Record<string, Shortcut>): void {
  const onKeyDown = useEffectEvent((event: KeyboardEvent) => {
    if (event.defaultPrevented || event.isComposing || event.ctrlKey || event.metaKey) return;
    const name = event.altKey ? `Alt+${event.key}` : event.key;
    const shortcut = Object.hasOwn(shortcuts, name) ? shortcuts[name] : undefined;
    if (!shortcut || isTyping(event.target) || (event.key.length === 1 && !isOn())) return;
    if (document.querySelector("dialog[open], :popover-open")) return;
    if (shortcut(event) !== false) event.preventDefault();
  });
  useEffect(() => {
    const listener = (event: KeyboardEvent) => onKeyDown(event);
    document.addEventListener("keydown", listener);
    return () => document.removeEventListener("keydown", listener);
  }, []);
}
