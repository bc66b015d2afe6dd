"use client";

import { Check, TriangleAlert, X } from "lucide-react";
import { type ReactNode, useEffect, useEffectEvent, useRef, useState } from "react";

import type { Done } from "@/lib/hooks/use-todos";
import { openView } from "@/lib/hooks/use-view";

/** A message that stays in sight until the user has dealt with it. */
export type Message = {
  key: string;
  text: ReactNode;
  /** What the user can do about it. */
  action?: { text: string; act: () => void } | undefined;
  onDismiss?: (() => void) | undefined;
};

/** Show what stays in sight: conflicts, a full storage, the end of the session, a new version. */
export function Notices({ messages, onLeave }: { messages: Message[]; onLeave: () => void }) {
  const dismissible = messages.filter(({ onDismiss }) => onDismiss);
  const dismissAll = () => dismissible.forEach(({ onDismiss }) => onDismiss?.());
  return (
    <section className="notices" aria-label="Notices" aria-live="polite">
      {dismissible.length > 1 && (
        <button type="button" className="dismiss-all" onClick={() => leave(dismissAll, onLeave)}>
          Dismiss all {dismissible.length}
        </button>
      )}
      {messages.map(({ key, text, action, onDismiss }) => (
        <div key={key} className="notice">
          <TriangleAlert aria-hidden size={18} />
          <p dir="auto">{text}</p>
          <div className="notice-buttons">
            {action && (
              <button type="button" onClick={() => leave(action.act, onLeave)}>
                {action.text}
              </button>
            )}
            {onDismiss && (
              <button type="button" className="dismiss" onClick={() => leave(onDismiss, onLeave)}>
                Dismiss
              </button>
            )}
          </div>
        </div>
      ))}
    </section>
  );
}

/** Act, and return the focus if the button that had it is gone then. */
function leave(act: () => void, onLeave: () => void): void {
  act();
  requestAnimationFrame(onLeave);
}

function show(address: string, onDismiss: () => void): void {
  openView(address);
  onDismiss();
}

type ToastProps = { done: Done | undefined; onUndo: () => void; onDismiss: () => void; onLeave: () => void };

const SHOWN_FOR = 10_000;

/** Announce what happened, and offer to undo it. It stays for 10 s, and as long as it has the pointer or the focus. */
export function Toast({ done, onUndo, onDismiss, onLeave }: ToastProps) {
  const [isHeld, setIsHeld] = useState(false);
  const dismiss = useEffectEvent(onDismiss);
  const box = useRef<HTMLDivElement>(null);
  const key = done?.key;

  useEffect(() => {
    if (key === undefined || isHeld) return;
    const timer = setTimeout(() => {
      // The pointer or the focus may have come just now.
      if (box.current?.matches(":hover, :focus-within")) setIsHeld(true);
      else dismiss();
    }, SHOWN_FOR);
    return () => clearTimeout(timer);
  }, [key, isHeld]);

  useEffect(() => {
    // An element that is removed under the pointer, or with the focus, sends no event.
    if (!box.current?.matches(":hover, :focus-within")) setIsHeld(false);
  }, [key]);

  return (
    <div
      ref={box}
      className="toast-place"
      role="status"
      onPointerEnter={() => setIsHeld(true)}
      onPointerLeave={() => setIsHeld(box.current?.matches(":focus-within") ?? false)}
      onFocus={() => setIsHeld(true)}
      onBlur={() => setIsHeld(box.current?.matches(":hover") ?? false)}
    >
      {done && (
        <div key={done.key} className="toast">
          <Check aria-hidden size={18} />
          <span className="toast-text" dir="auto">
            {done.text}
          </span>
          {done.show !== undefined && (
            <button type="button" onClick={() => leave(() => show(done.show!, onDismiss), onLeave)}>
              Show
            </button>
          )}
          {done.canUndo && (
            <button type="button" onClick={() => leave(onUndo, onLeave)}>
              Undo
            </button>
          )}
          <button type="button" className="icon-button" aria-label="Dismiss" onClick={() => leave(onDismiss, onLeave)}>
            <X aria-hidden />
          </button>
        </div>
      )}
    </div>
  );
}
