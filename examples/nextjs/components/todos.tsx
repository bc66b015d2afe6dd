"use client";

import { useSearchParams } from "next/navigation";
import { type MouseEvent, useRef } from "react";

import type { Filter } from "@/lib/todo-list";
import { useTodos } from "@/lib/use-todos";

import { AddTodo } from "./add-todo";
import { TodoItem } from "./todo-item";

const FILTERS: [Filter, string, string][] = [
  ["all", "All", "Nothing here yet. What is first?"],
  ["active", "Active", "Nothing left to do."],
  ["completed", "Completed", "Nothing completed yet."],
];

export function Todos() {
  const show = useSearchParams().get("show");
  const filter = FILTERS.map(([name]) => name).find((name) => name === show) ?? "all";
  const todos = useTodos(filter);
  const list = useRef<HTMLUListElement>(null);
  const heading = useRef<HTMLElement>(null);

  /** Delete a todo, and move the focus to the next one, so that the keyboard can be used further. */
  function remove(index: number): void {
    const item = todos.items[index];
    if (!item) return;
    todos.remove(item.todo);
    const rows = list.current?.querySelectorAll<HTMLElement>("li input[type=checkbox]") ?? [];
    (rows[index + 1] ?? rows[index - 1] ?? heading.current?.querySelector("a"))?.focus();
  }

  return (
    <>
      <AddTodo add={todos.add} />
      <nav ref={heading} className="filters" aria-label="Show">
        {FILTERS.map(([name, label]) => (
          <a
            key={name}
            href={name === "all" ? "/" : `/?show=${name}`}
            aria-current={name === filter ? "page" : undefined}
            onClick={followHere}
          >
            {label}
          </a>
        ))}
      </nav>
      {todos.notice && (
        <div className="notice" role="alert">
          <span>{todos.notice}</span>
          <button type="button" onClick={todos.dismiss}>
            Dismiss
          </button>
        </div>
      )}
      <ul ref={list} className="todos" aria-label="Todos" aria-busy={todos.status === "loading"}>
        {todos.items.map(({ todo, saving }, index) => (
          <TodoItem key={todo.id} todo={todo} isSaving={saving > 0} change={todos.change} remove={() => remove(index)} />
        ))}
      </ul>
      {todos.status === "loading" && <p className="quiet">Loading …</p>}
      {todos.status === "failed" && (
        <div className="notice" role="alert">
          <span>The todos could not be loaded.</span>
          <button type="button" onClick={todos.reload}>
            Try again
          </button>
        </div>
      )}
      {todos.status === "ready" && todos.items.length === 0 && (
        <p className="quiet">{FILTERS.find(([name]) => name === filter)?.[2]}</p>
      )}
      {todos.status === "ready" && todos.cursor && (
        <button type="button" className="more" onClick={() => void todos.loadMore()}>
          Load more
        </button>
      )}
      <div className="toast" role="status">
        {todos.deleted && (
          <>
            <span>Deleted “{todos.deleted.title}”.</span>
            <button type="button" onClick={todos.undo}>
              Undo
            </button>
          </>
        )}
      </div>
    </>
  );
}

/** Change only the address, because the server would return the same page. */
function followHere(event: MouseEvent<HTMLAnchorElement>): void {
  if (event.metaKey || event.ctrlKey || event.shiftKey) return; // the browser opens a new tab
  event.preventDefault();
  window.history.pushState(null, "", event.currentTarget.href);
}
