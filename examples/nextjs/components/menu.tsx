"use client";

import type { LucideIcon } from "lucide-react";
import { Fragment, type KeyboardEvent, type ReactNode, useId, useRef } from "react";

export type MenuItem = {
  text: string;
  icon?: LucideIcon;
  /** The key that does the same. */
  shortcut?: string;
  isDanger?: boolean;
  /** Whether there is nothing to do. */
  isDisabled?: boolean;
  /** Whether a line is above it, because another group of items begins. */
  hasLine?: boolean;
  act: () => void;
};

type Props = { label: string; className?: string; items: MenuItem[]; children: ReactNode };

/** A button with a menu. The browser closes the menu by Escape and by a click beside it, and returns the focus. */
export function Menu({ label, className = "icon-button", items, children }: Props) {
  const id = useId();
  const menu = useRef<HTMLDivElement>(null);
  const button = useRef<HTMLButtonElement>(null);

  function buttons(): HTMLButtonElement[] {
    return [...(menu.current?.querySelectorAll("button") ?? [])];
  }

  function openBy(event: KeyboardEvent): void {
    if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
    stop(event);
    button.current?.click();
    buttons().at(event.key === "ArrowUp" ? -1 : 0)?.focus();
  }

  function moveBy(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Tab") {
      button.current?.focus(); // the next one is beside the button then
      menu.current?.hidePopover();
      return;
    }
    const all = buttons();
    const next = nextItem(event.key, all.map((item) => item.textContent ?? ""), all.indexOf(event.target as never));
    if (next === undefined) return;
    stop(event);
    all.at(next)?.focus();
  }

  function choose(item: MenuItem): void {
    if (item.isDisabled) return;
    button.current?.focus(); // a dialog returns the focus there
    menu.current?.hidePopover();
    item.act();
  }

  return (
    <>
      <button
        ref={button}
        type="button"
        className={className}
        aria-label={label}
        aria-haspopup="menu"
        popoverTarget={id}
        onKeyDown={openBy}
      >
        {children}
      </button>
      <div
        ref={menu}
        id={id}
        popover="auto"
        role="menu"
        aria-label={label}
        className="menu"
        onKeyDown={moveBy}
        onToggle={({ newState }) => {
          const isInside = menu.current?.contains(document.activeElement);
          if (newState === "open" && !isInside) buttons()[0]?.focus();
          if (newState === "closed" && (isInside || document.activeElement === document.body)) button.current?.focus();
        }}
      >
        {items.map((item) => (
          <Fragment key={item.text}>
            {item.hasLine && <hr />}
            <button
              type="button"
              role="menuitem"
              tabIndex={-1}
              className={item.isDanger ? "danger" : undefined}
              aria-disabled={item.isDisabled || undefined}
              onClick={() => choose(item)}
            >
              {item.icon && <item.icon aria-hidden />}
              {item.text}
              {item.shortcut && <kbd aria-hidden>{item.shortcut}</kbd>}
            </button>
          </Fragment>
        ))}
      </div>
    </>
  );
}

/** Return the place of the item that a key goes to. */
function nextItem(key: string, texts: string[], place: number): number | undefined {
  if (key === "ArrowDown") return (place + 1) % texts.length;
  if (key === "ArrowUp") return place < 1 ? -1 : place - 1;
  if (key === "Home") return 0;
  if (key === "End") return -1;
  if (key.length !== 1 || key === " ") return undefined;
  const begins = (index: number) => texts[index]!.toLowerCase().startsWith(key.toLowerCase());
  const order = texts.map((_, index) => (place + 1 + index) % texts.length);
  return order.find(begins) ?? place; // a letter is no shortcut of the page while the menu is open
}

function stop(event: KeyboardEvent): void {
  event.preventDefault();
  event.stopPropagation();
}
