"use client";

import {
  type ChangeEvent,
  type FocusEvent,
  type KeyboardEvent,
  type MouseEvent,
  type Ref,
  useImperativeHandle,
  useLayoutEffect,
  useMemo,
  useRef,
  useState,
} from "react";
import { flushSync } from "react-dom";

import { SkeletonRow, TodoRow } from "@/components/todo-row";
import { useDrag } from "@/lib/hooks/use-drag";
import { ROW, useRowsInSight } from "@/lib/hooks/use-rows-in-sight";
import { followView } from "@/lib/hooks/use-view";
import type { Shown } from "@/sync/types";

/** What a user can do with a row. */
export type RowActs = {
  toggle: (todo: Shown) => void;
  edit: (todo: Shown) => void;
  delete: (todo: Shown) => void;
  restore: (todo: Shown) => void;
  /** Ask, and delete for good. */
  purge: (todo: Shown) => void;
  /** Move the todo to another place in the list. */
  move: (todo: Shown, index: number) => void;
  explainMove: (todo: Shown) => void;
};

export type TodoListHandle = {
  /** Move the focus up or down. Return false if there is no row. */
  focusBy: (steps: number) => boolean;
  /** Return the todo whose row has the focus. */
  focused: () => Shown | undefined;
  hasFocus: () => boolean;
  /** If nothing has the focus any more, focus the row that had it last, or the one in its place. */
  restoreFocus: () => void;
};

type Props = {
  ref: Ref<TodoListHandle>;
  list: readonly Shown[];
  today: string;
  canMove: boolean;
  isInTrash: boolean;
  acts: RowActs;
  /** Focus something else, because no row is left. */
  onEmpty: () => void;
};

const FIRST_ROWS = 50; // what the server renders

/** Show todos, of which only those near the window are mounted, and the one with the focus. */
export function TodoList({ ref, list, today, canMove, isInTrash, acts, onEmpty }: Props) {
  const element = useRef<HTMLUListElement>(null);
  const line = useRef<HTMLDivElement>(null);
  const [activeId, setActiveId] = useState<string>();
  const [draggedId, setDraggedId] = useState<string>();
  const { rowHeight, offset } = useMeasures(element);
  const last = useRef<{ id: string; index: number; isFocused: boolean }>(undefined);
  const wasDragged = useRef(false);

  const places = useMemo(() => new Map(list.map((todo, index) => [todo.id, index])), [list]);
  const activeIndex = (activeId !== undefined && places.get(activeId)) || 0;
  const kept = [activeIndex, (draggedId !== undefined && places.get(draggedId)) || 0];

  const indexes = useRowsInSight(list.length, rowHeight, offset, FIRST_ROWS, kept);

  function rowOf(id: string): HTMLElement | null | undefined {
    return element.current?.querySelector<HTMLElement>(`[data-id="${CSS.escape(id)}"]`);
  }

  function focusRow(index: number): boolean {
    const todo = list[Math.max(0, Math.min(index, list.length - 1))];
    if (!todo) return false;
    if (!rowOf(todo.id)) {
      if (last.current) last.current.isFocused = false; // its row may go now, and must not take the focus back
      flushSync(() => setActiveId(todo.id)); // mounts the row
    }
    const row = rowOf(todo.id);
    row?.querySelector<HTMLElement>(".check, .row-start")?.focus({ preventScroll: true });
    row?.scrollIntoView({ block: "nearest" });
    return row !== undefined;
  }

  function focused(): Shown | undefined {
    const id = document.activeElement?.closest<HTMLElement>("[data-id]")?.dataset.id;
    return id !== undefined && element.current?.contains(document.activeElement) ? todoOf(id) : undefined;
  }

  function todoOf(id: string | undefined): Shown | undefined {
    return id === undefined ? undefined : list[places.get(id) ?? -1];
  }

  function restoreFocus(): void {
    const active = document.activeElement;
    if ((active && active !== document.body) || !last.current) return;
    const index = places.get(last.current.id) ?? last.current.index;
    if (!focusRow(index)) onEmpty();
  }

  useImperativeHandle(ref, () => ({
    focusBy(steps) {
      // The row that has the focus may be missing for a moment, while others are mounted.
      const from = focused()?.id ?? (last.current?.isFocused ? last.current.id : undefined);
      if (from !== undefined) return focusRow((places.get(from) ?? 0) + steps);
      return focusRow(activeId !== undefined && places.has(activeId) ? activeIndex : 0);
    },
    focused,
    hasFocus: () => last.current?.isFocused ?? false,
    restoreFocus,
  }));

  // A row that had the focus may have left the list: it was deleted or completed here, or on another device.
  useLayoutEffect(() => {
    if (last.current?.isFocused) restoreFocus();
  });

  const dragging = useDrag({
    list: element,
    line,
    count: list.length,
    rowHeight,
    indexOf: (id) => places.get(id) ?? -1,
    onDrag(id) {
      setDraggedId(id);
      wasDragged.current = true;
      if (id === undefined) setTimeout(() => (wasDragged.current = false)); // after the click that ends a drag
    },
    onDrop(id, index) {
      const todo = todoOf(id);
      if (todo) acts.move(todo, index);
    },
  });

  function onClick(event: MouseEvent<HTMLElement>): void {
    const target = event.target as HTMLElement;
    const link = target.closest<HTMLAnchorElement>("a");
    if (link) {
      if (link.dataset.view !== undefined) followView(event, link.getAttribute("href") ?? "/");
      return;
    }
    const todo = todoOf(target.closest<HTMLElement>("[data-id]")?.dataset.id);
    const act = target.closest<HTMLElement>("[data-act]")?.dataset.act;
    if (!todo || !act) return;
    if (act === "edit") {
      if (!getSelection()?.isCollapsed) return; // the user selects the text
      if (!focused()) focusRow(places.get(todo.id) ?? 0); // the dialog returns the focus there
      acts.edit(todo);
    } else if (act === "delete" || act === "restore" || act === "purge") acts[act](todo);
    else if (act === "move" && !wasDragged.current) acts.explainMove(todo);
  }

  function onChange(event: ChangeEvent<HTMLElement>): void {
    const todo = todoOf(event.target.closest<HTMLElement>("[data-id]")?.dataset.id);
    if (todo) acts.toggle(todo);
  }

  function onFocus(event: FocusEvent<HTMLElement>): void {
    const id = event.target.closest<HTMLElement>("[data-id]")?.dataset.id;
    if (id === undefined) return;
    last.current = { id, index: places.get(id) ?? 0, isFocused: true };
    setActiveId(id);
  }

  function onBlur(event: FocusEvent<HTMLElement>): void {
    // React sends no blur for an element that it removes, and the window's blur leaves the focus where it is.
    if (last.current && document.activeElement !== event.target) last.current.isFocused = false;
  }

  function onKeyDown(event: KeyboardEvent<HTMLElement>): void {
    const handle = (event.target as HTMLElement).closest("[data-act=move]");
    const steps = event.key === "ArrowUp" ? -1 : event.key === "ArrowDown" ? 1 : 0;
    const todo = focused();
    if (!handle || !steps || !todo || event.altKey) return;
    event.preventDefault(); // the shortcuts do not move the focus then
    acts.move(todo, (places.get(todo.id) ?? 0) + steps);
  }

  // A box that was checked before the page was alive.
  useLayoutEffect(() => {
    for (const box of element.current?.querySelectorAll<HTMLInputElement>(".check") ?? []) {
      const todo = todoOf(box.closest<HTMLElement>("[data-id]")?.dataset.id);
      if (todo && box.checked !== todo.completed) acts.toggle(todo);
    }
  }, []); // only once, after the hydration

  return (
    <div className="todos-place">
      <ul
        ref={element}
        className="todos"
        aria-label="Todos"
        style={{ height: `${list.length * ROW}rem` }}
        onClick={onClick}
        onChange={onChange}
        onFocus={onFocus}
        onBlur={onBlur}
        onKeyDown={onKeyDown}
        {...dragging}
      >
        {indexes.map((index) => {
          const todo = list[index];
          return (
            todo && (
              <TodoRow
                key={todo.id}
                todo={todo}
                index={index}
                count={list.length}
                today={today}
                isActive={index === activeIndex}
                canMove={canMove}
                isInTrash={isInTrash}
              />
            )
          );
        })}
      </ul>
      <div ref={line} className="insertion-line" hidden />
    </div>
  );
}

/** Show rows without text while nothing is known. */
export function Skeleton() {
  return (
    <div className="todos-place" role="img" aria-label="Loading the todos" style={{ height: `${8 * ROW}rem` }}>
      {Array.from({ length: 8 }, (_, index) => (
        <SkeletonRow key={index} index={index} />
      ))}
    </div>
  );
}

/** Return the height of a row and the distance of the list from the top of the page, in px. */
function useMeasures(element: React.RefObject<HTMLElement | null>): { rowHeight: number; offset: number } {
  const [measures, setMeasures] = useState({ rowHeight: ROW * 16, offset: 0 });
  useLayoutEffect(() => {
    function measure(): void {
      if (!element.current) return;
      const rowHeight = ROW * Number.parseFloat(getComputedStyle(document.documentElement).fontSize);
      const offset = Math.round(element.current.getBoundingClientRect().top + window.scrollY);
      setMeasures((old) => (old.rowHeight === rowHeight && old.offset === offset ? old : { rowHeight, offset }));
    }
    measure();
    const observer = new ResizeObserver(measure); // what is above the list may become higher
    observer.observe(document.documentElement);
    for (const above of document.querySelectorAll("[data-above-list]")) observer.observe(above);
    return () => observer.disconnect();
  }, [element]);
  return measures;
}
