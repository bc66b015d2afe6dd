"use client";

import { type PointerEvent as ReactPointerEvent, type RefObject, useEffect, useEffectEvent, useRef } from "react";

import { ROW } from "./use-rows-in-sight.ts";

type Drag = {
  id: string;
  handle: HTMLElement;
  row: HTMLElement;
  /** Where the row would be inserted: before the row with this index. */
  slot: number;
  pointerId: number;
  startY: number;
  startScroll: number;
  y: number;
  isMoving: boolean;
  frame: number;
  frameAt: number;
};

type Options = {
  list: RefObject<HTMLElement | null>;
  /** A line that shows where the row would be inserted. */
  line: RefObject<HTMLElement | null>;
  count: number;
  rowHeight: number;
  indexOf: (id: string) => number;
  /** `id` is undefined at the end. Its row must stay mounted meanwhile. */
  onDrag: (id: string | undefined) => void;
  /** `index` is the place of the row after the move. */
  onDrop: (id: string, index: number) => void;
};

const EDGE = 72; // px from the edge of the window where it scrolls
const SPEED = 1.2; // px of scroll per millisecond, at most
const STEP = 4; // px of movement that make a drag of a press

/**
 * Move a row by its handle, with mouse, pen or touch. Escape cancels.
 *
 * It writes to the elements directly, because a render for each event of the pointer would be slower.
 */
export function useDrag(options: Options) {
  const drag = useRef<Drag>(undefined);
  const options_ = useRef(options);
  useEffect(() => {
    options_.current = options;
  });

  /** Find where the row would be inserted. */
  function place(now: Drag): void {
    const { list, count, rowHeight } = options_.current;
    if (!list.current) return;
    const rows = (now.y - list.current.getBoundingClientRect().top) / rowHeight;
    now.slot = Math.max(0, Math.min(count, Math.round(rows)));
  }

  function follow(at: number): void {
    const { list, line } = options_.current;
    const now = drag.current;
    if (!now?.isMoving || !list.current || !line.current) return;
    const top = Number.parseFloat(getComputedStyle(document.documentElement).scrollPaddingTop) || 0;
    const beyond = Math.min(0, now.y - top - EDGE) || Math.max(0, now.y - (window.innerHeight - EDGE));
    const elapsed = Math.min(100, Math.max(0, at - now.frameAt));
    if (beyond) window.scrollBy(0, Math.max(-1, Math.min(1, beyond / EDGE)) * SPEED * elapsed);
    now.frameAt = at;
    place(now);
    now.row.style.translate = `0 ${now.y - now.startY + window.scrollY - now.startScroll}px`;
    line.current.style.transform = `translateY(${now.slot * ROW}rem)`;
    now.frame = requestAnimationFrame(follow);
  }

  function start(now: Drag): void {
    now.isMoving = true;
    now.row.dataset.dragging = "";
    document.documentElement.dataset.dragging = "";
    options_.current.line.current?.removeAttribute("hidden");
    options_.current.onDrag(now.id);
    now.frameAt = performance.now();
    follow(now.frameAt);
  }

  function end(isDropped: boolean): void {
    const now = drag.current;
    if (!now) return;
    drag.current = undefined;
    cancelAnimationFrame(now.frame);
    if (now.handle.hasPointerCapture(now.pointerId)) now.handle.releasePointerCapture(now.pointerId);
    if (!now.isMoving) return;
    now.row.style.translate = "";
    delete now.row.dataset.dragging;
    delete document.documentElement.dataset.dragging;
    options_.current.line.current?.setAttribute("hidden", "");
    const { onDrag, onDrop, indexOf } = options_.current;
    const from = indexOf(now.id);
    const index = now.slot > from ? now.slot - 1 : now.slot;
    if (isDropped && from >= 0 && index !== from) onDrop(now.id, index);
    onDrag(undefined);
  }

  const cancel = useEffectEvent((event: KeyboardEvent) => {
    if (event.key !== "Escape" || !drag.current) return;
    event.preventDefault();
    event.stopPropagation();
    end(false);
  });
  const stop = useEffectEvent(() => end(false));
  useEffect(() => {
    const listener = (event: KeyboardEvent) => cancel(event);
    window.addEventListener("keydown", listener, true);
    return () => {
      window.removeEventListener("keydown", listener, true);
      stop();
    };
  }, []);

  return {
    onPointerDown(event: ReactPointerEvent): void {
      const handle = (event.target as Element).closest<HTMLElement>("[data-act=move]");
      const row = handle?.closest<HTMLElement>("[data-id]");
      if (!handle || !row?.dataset.id || event.button !== 0 || !event.isPrimary || drag.current) return;
      handle.setPointerCapture(event.pointerId);
      drag.current = {
        id: row.dataset.id,
        handle,
        row,
        slot: options_.current.indexOf(row.dataset.id),
        pointerId: event.pointerId,
        startY: event.clientY,
        startScroll: window.scrollY,
        y: event.clientY,
        isMoving: false,
        frame: 0,
        frameAt: 0,
      };
    },
    onPointerMove(event: ReactPointerEvent): void {
      const now = drag.current;
      if (now?.pointerId !== event.pointerId) return;
      now.y = event.clientY;
      if (!now.isMoving && Math.abs(now.y - now.startY) >= STEP) start(now);
    },
    onPointerUp(event: ReactPointerEvent): void {
      const now = drag.current;
      if (now?.pointerId !== event.pointerId) return;
      now.y = event.clientY;
      place(now); // the pointer may have moved since the last frame
      end(true);
    },
    onPointerCancel: () => end(false),
    onLostPointerCapture: () => end(false),
  };
}
