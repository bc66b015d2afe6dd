"use client";

import { useCallback, useEffect, useReducer, useRef, useState } from "react";

import { api, nextCursor, type Problem, type Todo, type TodoUpdate } from "./api";
import { EMPTY, type Filter, type Item, reduce } from "./todo-list";
import { SessionOver } from "./token";

const PAGE = 20;
const UNDO = 6_000; // milliseconds

/** A todo that is deleted on the screen and not yet in the API. */
type Deletion = { item: Item; timer: number };

/**
 * Return the user's todos and the functions that change them. A change is shown at once, and reverted if
 * it cannot be saved. `notice` then has the reason. A deletion can be undone for some seconds.
 *
 * `add` and `change` return the problem that the API reported, if any.
 */
export function useTodos(filter: Filter) {
  const [list, dispatch] = useReducer(reduce, EMPTY);
  const [notice, setNotice] = useState<string>();
  const [deleted, setDeleted] = useState<Todo>(); // the last deletion that can be undone
  const deletions = useRef(new Map<string, Deletion>());
  const lastChange = useRef(new Map<string, Promise<unknown>>());
  const added = useRef(0); // the number of saved todos
  const view = useRef({ filter, left: new AbortController() });

  const load = useCallback(async (cursor: string | null) => {
    if (cursor === null) {
      view.current.left.abort(); // requests for the old list are not needed
      view.current.left = new AbortController();
    }
    const { filter, left } = view.current;
    const query = { limit: PAGE, ...(cursor && { cursor }), ...(filter !== "all" && { completed: filter === "completed" }) };
    const addedBefore = added.current;
    try {
      const { data, response } = await api.GET("/api/todos", { params: { query }, signal: left.signal });
      if (left.signal.aborted) return;
      if (!data) return dispatch({ type: "failed" });
      if (cursor === null && added.current !== addedBefore) return await load(null); // a new todo may be missing
      const todos = data.filter(({ id }) => !deletions.current.has(id));
      dispatch({ type: "loaded", todos, cursor: nextCursor(response), more: cursor !== null });
    } catch (error) {
      if (left.signal.aborted) return;
      leaveWhenOver(error);
      dispatch({ type: "failed" });
    }
  }, []);

  const reload = useCallback(() => {
    dispatch({ type: "loading", filter: view.current.filter });
    void load(null);
  }, [load]);

  useEffect(() => {
    const shown = view.current;
    shown.filter = filter;
    reload();
    return () => shown.left.abort();
  }, [filter, reload]);

  async function add(title: string): Promise<Problem | undefined> {
    const id = `new-${crypto.randomUUID()}`;
    const now = new Date().toISOString();
    const unset = { description: null, completed_at: null, due: null, updated_at: null, deleted_at: null };
    const initial = { priority: "none", tags: [], position: "0" } satisfies Partial<Todo>;
    const draft: Todo = { ...unset, ...initial, id, version: 0, title, completed: false, user_id: "", created_at: now };
    dispatch({ type: "created", todo: draft });
    // New todos are sent one after the other, so that the API has the same order.
    const { todo, problem } = await inOrder("new", () => save(() => api.POST("/api/todos", { body: { title } })));
    if (todo) added.current++;
    dispatch(todo ? { type: "saved", id, todo } : { type: "removed", id });
    if (problem?.status === 503) void load(null); // the todo may have been saved
    return problem;
  }

  /** Send changes with PATCH, also for toggling, because a PATCH with the new value may be sent twice. */
  async function change(todo: Todo, changes: TodoUpdate): Promise<Problem | undefined> {
    dispatch({ type: "changed", todo: { ...todo, ...changes } });
    const params = { path: { todo_id: todo.id } };
    const { todo: saved, problem } = await inOrder(todo.id, () =>
      save(() => api.PATCH("/api/todos/{todo_id}", { params, body: changes })),
    );
    if (saved) dispatch({ type: "saved", id: todo.id, todo: saved });
    else if (problem?.status === 404) dispatch({ type: "removed", id: todo.id });
    else dispatch({ type: "refused", id: todo.id });
    if (problem && !problem.errors) setNotice(`“${todo.title}” was not changed. ${problem.detail}`);
    return problem;
  }

  function remove(todo: Todo): void {
    const item = list.items.find((item) => item.todo.id === todo.id);
    if (!item) return;
    dispatch({ type: "removed", id: todo.id });
    const timer = window.setTimeout(() => void deleteNow(todo.id), UNDO);
    deletions.current.set(todo.id, { item, timer });
    setDeleted(todo);
  }

  function undo(): void {
    const deletion = deleted && deletions.current.get(deleted.id);
    setDeleted(undefined);
    if (!deletion) return;
    clearTimeout(deletion.timer);
    deletions.current.delete(deletion.item.todo.id);
    dispatch({ type: "restored", item: deletion.item });
  }

  const deleteNow = useCallback(async (id: string, keepalive = false) => {
    const deletion = deletions.current.get(id);
    if (!deletion) return;
    clearTimeout(deletion.timer);
    setDeleted((last) => (last?.id === id ? undefined : last));
    const params = { path: { todo_id: id } };
    const { problem } = await inOrder(id, () => save(() => api.DELETE("/api/todos/{todo_id}", { params, keepalive })));
    deletions.current.delete(id);
    if (!problem || problem.status === 404) return; // it was deleted already
    dispatch({ type: "restored", item: deletion.item });
    setNotice(`“${deletion.item.todo.title}” was not deleted. ${problem.detail}`);
  }, []);

  // A user who leaves the page cannot undo a deletion any more.
  useEffect(() => {
    const waiting = deletions.current;
    const deleteAll = () => {
      for (const id of waiting.keys()) void deleteNow(id, true);
    };
    window.addEventListener("pagehide", deleteAll);
    return () => {
      window.removeEventListener("pagehide", deleteAll);
      deleteAll();
    };
  }, [deleteNow]);

  /** Send the changes of a todo one after the other, so that the last change is saved last. */
  function inOrder<T>(id: string, task: () => Promise<T>): Promise<T> {
    const mine = (lastChange.current.get(id) ?? Promise.resolve()).then(task);
    lastChange.current.set(id, mine);
    return mine;
  }

  return {
    ...list,
    add,
    change,
    remove,
    deleted,
    undo,
    notice,
    dismiss: () => setNotice(undefined),
    reload,
    loadMore: () => load(list.cursor),
  };
}

type Answer<T> = { data?: T; error?: Problem };

/** Send a request, and return a todo or a problem. An exception becomes a problem, too. */
async function save<T>(ask: () => Promise<Answer<T>>): Promise<{ todo: T | undefined; problem: Problem | undefined }> {
  try {
    const { data, error } = await ask();
    return { todo: data, problem: error };
  } catch (error) {
    leaveWhenOver(error);
    const detail = error instanceof SessionOver ? "Your session is over." : "Something in this page is broken.";
    return { todo: undefined, problem: { status: 0, detail } };
  }
}

function leaveWhenOver(error: unknown): void {
  if (error instanceof SessionOver) window.location.assign("/sign-in?over");
  else console.error(error);
}
