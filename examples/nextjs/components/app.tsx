"use client";

import { CircleCheckBig, Trash2 } from "lucide-react";
import { useDeferredValue, useEffect, useLayoutEffect, useMemo, useRef, useState } from "react";
import { flushSync } from "react-dom";

import { Account } from "@/components/account";
import { AddTodo } from "@/components/add-todo";
import { Empty } from "@/components/empty";
import { MoreMenu } from "@/components/more-menu";
import { type Message, Notices, Toast } from "@/components/notices";
import { Sidebar } from "@/components/sidebar";
import { SyncStatus } from "@/components/sync-status";
import { type RowActs, Skeleton, TodoList, type TodoListHandle } from "@/components/todo-list";
import { Toolbar } from "@/components/toolbar";
import { failureOf } from "@/lib/add-failures";
import { complete, move, purge, remove, restore } from "@/lib/actions";
import { ASK_SERVER, type User } from "@/lib/device";
import { useNewVersion } from "@/lib/hooks/service-worker";
import { useLater } from "@/lib/hooks/use-later";
import { useScrollOfView } from "@/lib/hooks/use-scroll";
import { useShortcuts } from "@/lib/hooks/use-shortcuts";
import { useToday } from "@/lib/hooks/use-today";
import { TodosProvider, useTodos } from "@/lib/hooks/use-todos";
import { openView, typeQuery, useView } from "@/lib/hooks/use-view";
import { counts, listOf, nameOf, tagsOf, urlOf, type View } from "@/lib/views";
import type { Notice, Shown, Todo } from "@/sync/types";

type Props = {
  /** Undefined in the shell, until the user of the device is known. */
  user?: User | undefined;
  /** The first todos of the view. Undefined if the server could not read them. */
  initial?: Todo[] | undefined;
  /** The date of the server, until the one of the device is known. */
  today: string;
  /** The query of the address, with its `?`. */
  search: string;
};

/** Show the todos of a user. */
export function App({ user, initial, today, search }: Props) {
  return (
    <TodosProvider userId={user?.id} initial={initial}>
      <Screen user={user} isListed={initial !== undefined} today={today} search={search} />
    </TodosProvider>
  );
}

type ScreenProps = Omit<Props, "initial"> & { isListed: boolean };

function Screen({ user, isListed, today: serverToday, search }: ScreenProps) {
  const todos = useTodos();
  const later = useLater();
  const hasNewVersion = useNewVersion();
  const today = useToday(serverToday);
  const view = useView(search);
  const q = useDeferredValue(view.q); // a letter shows before its results
  const list = useMemo(() => listOf(todos.all, { ...view, q }, today), [todos.all, view, q, today]);
  const numbers = useMemo(() => counts(todos.all, today), [todos.all, today]);
  const tags = useMemo(() => tagsOf(todos.all), [todos.all]);

  const rows = useRef<TodoListHandle>(null);
  const add = useRef<HTMLInputElement>(null);
  const searchField = useRef<{ focus: () => void }>(null);
  const heading = useRef<HTMLHeadingElement>(null);
  const [editedId, setEditedId] = useState<string>();
  const [asked, setAsked] = useState<Shown[]>();
  const [isHelpOpen, setIsHelpOpen] = useState(false);
  const edited = editedId === undefined ? undefined : todos.all.find((todo) => todo.id === editedId);

  // What the server did not add from the form, which was sent before the page could run scripts.
  const typed = new URLSearchParams(search);

  const { status } = todos;
  const [firstUrl] = useState(urlOf(view));
  const isKnown = status.isComplete || list.length > 0 || (isListed && urlOf(view) === firstUrl);
  const isLoading = !isKnown && (status.state === "starting" || status.state === "idle" || status.state === "syncing");
  const isInTrash = view.name === "trash";
  const canMove = view.sort === "position" && !isInTrash && view.name !== "completed";
  const name = nameOf(view);

  useScrollOfView(urlOf({ ...view, q: "" }), status.state !== "starting");

  const focusHeading = () => heading.current?.focus({ preventScroll: true });
  const restoreFocus = () => {
    rows.current?.restoreFocus();
    if (document.activeElement === document.body) focusHeading(); // no row had the focus before
  };

  // A todo that is edited may be deleted on another device.
  useLayoutEffect(() => {
    if (editedId !== undefined && !edited) setEditedId(undefined);
  }, [editedId, edited]);

  // A dialog returns the focus, unless what had it is gone.
  const isDialogOpen = edited !== undefined || asked !== undefined || isHelpOpen;
  useEffect(() => {
    if (!isDialogOpen) rows.current?.restoreFocus();
  }, [isDialogOpen]);

  const acts: RowActs = {
    toggle: (todo) => todos.act(complete([todo], !todo.completed)),
    edit: (todo) => setEditedId(todo.id),
    delete: (todo) => todos.act(remove([todo])),
    restore: (todo) => todos.act(restore([todo])),
    purge: (todo) => setAsked([todo]),
    move(todo, index) {
      if (!canMove) return todos.announce("Sort “By hand” to move todos.");
      const action = index < 0 || index >= list.length ? undefined : move(list, todo.id, index);
      if (!action) return todos.announce(`“${todo.title}” is ${index < 0 ? "at the top" : "at the bottom"} of the list.`);
      todos.act(action);
    },
    explainMove: (todo) => todos.announce(`Press ↑ or ↓ to move “${todo.title}”, or drag it.`),
  };

  /** Do something with the todo that has the focus. */
  function withFocused(act: (todo: Shown) => void): boolean {
    const todo = rows.current?.focused();
    if (todo) act(todo);
    return todo !== undefined;
  }

  function moveBy(steps: number): boolean {
    return withFocused((todo) => acts.move(todo, list.indexOf(todo) + steps));
  }

  function show(next: View["name"] & ("today" | "all" | "completed" | "trash")): void {
    openView({ name: next, q: "", sort: view.sort });
    focusHeading(); // a screen reader reads the name of the view
  }

  const whereFocusIs = (steps: number) => (rows.current?.hasFocus() ? rows.current.focusBy(steps) : false);
  const deleteFocused = () => withFocused(isInTrash ? acts.purge : acts.delete);
  useShortcuts({
    n() {
      if (isInTrash) flushSync(() => show("all"));
      add.current?.focus();
    },
    "/": () => searchField.current?.focus(),
    j: () => rows.current?.focusBy(1) ?? false,
    k: () => rows.current?.focusBy(-1) ?? false,
    ArrowDown: () => whereFocusIs(1),
    ArrowUp: () => whereFocusIs(-1),
    Home: () => whereFocusIs(-Infinity),
    End: () => whereFocusIs(Infinity),
    e: () => withFocused(acts.edit),
    Delete: deleteFocused,
    Backspace: deleteFocused,
    z: () => todos.undo(),
    "Alt+ArrowUp": () => moveBy(-1),
    "Alt+ArrowDown": () => moveBy(1),
    1: () => show("today"),
    2: () => show("all"),
    3: () => show("completed"),
    4: () => show("trash"),
    "?": () => setIsHelpOpen(true),
  });

  return (
    <div className="app">
      {/* React puts it into the head. The metadata of Next.js would replace it when the kept page is alive. */}
      <title>{`${name} – Todos`}</title>
      <header className="side">
        <span className="brand">
          <CircleCheckBig aria-hidden size={22} /> Todos
        </span>
        <SyncStatus
          state={status.state}
          unsent={status.unsent}
          isComplete={status.isComplete}
          message={status.message}
        />
        {user && <Account user={user} />}
        <Sidebar view={view} counts={status.isComplete ? numbers : undefined} tags={tags} />
      </header>
      <main className="main">
        <div className="head" data-above-list>
          <h1 ref={heading} tabIndex={-1} dir="auto">
            {name}
          </h1>
          <Toolbar
            ref={searchField}
            view={view}
            onLeaveSearch={() => {
              if (!rows.current?.focusBy(0)) focusHeading();
            }}
          >
            {isInTrash ? (
              <button
                type="button"
                className="danger empty-trash"
                disabled={numbers.trash === 0}
                onClick={() => setAsked(todos.all.filter(({ place }) => place === "trash"))}
              >
                <Trash2 aria-hidden size={18} /> Empty trash
              </button>
            ) : null}
            <MoreMenu view={view} list={list} onHelp={() => setIsHelpOpen(true)} />
          </Toolbar>
        </div>
        <div className="add-place" data-above-list hidden={isInTrash}>
          <AddTodo
            ref={add}
            userId={user?.id}
            view={view}
            initialTitle={typed.get("title") ?? undefined}
            initialError={failureOf(typed.get("failed"))}
          />
        </div>
        {isLoading ? (
          <Skeleton />
        ) : list.length === 0 ? (
          <Empty view={view} query={q} onClear={() => typeQuery(view, "")} />
        ) : null}
        <TodoList
          ref={rows}
          list={list}
          today={today}
          canMove={canMove}
          isInTrash={isInTrash}
          acts={acts}
          onEmpty={focusHeading}
        />
        <Found q={q} count={list.length} />
      </main>
      <div className="messages">
        <Notices messages={messagesOf(todos, hasNewVersion)} onLeave={restoreFocus} />
        <Toast done={todos.done} onUndo={todos.undo} onDismiss={todos.dismissDone} onLeave={restoreFocus} />
      </div>
      {later && edited && <later.TodoDetails todo={edited} list={list} onClose={() => setEditedId(undefined)} />}
      {later && isHelpOpen && <later.Help onClose={() => setIsHelpOpen(false)} />}
      {later && asked && (
        <later.Confirm
          title={asked.length === 1 ? `Delete “${asked[0]?.title}” for good?` : "Empty the trash?"}
          text={asked.length === 1 ? "It leaves the trash." : `${asked.length.toLocaleString("en")} todos are deleted for good.`}
          action={asked.length === 1 ? "Delete for good" : "Empty trash"}
          isDanger
          onConfirm={() => todos.act(purge(asked))}
          onClose={() => setAsked(undefined)}
        />
      )}
    </div>
  );
}

/** Report to screen readers how many todos a search has found. */
function Found({ q, count }: { q: string; count: number }) {
  return (
    <p className="hidden" aria-live="polite">
      {q && `${count === 0 ? "No" : count.toLocaleString("en")} ${count === 1 ? "todo" : "todos"} found.`}
    </p>
  );
}

/** Return what must stay in sight. */
function messagesOf(
  { status, notices, dismiss, acceptTheirs }: ReturnType<typeof useTodos>,
  hasNewVersion: boolean,
): Message[] {
  const messages: Message[] = notices.map((notice) => ({
    key: notice.key,
    text: noticeText(notice),
    action:
      notice.kind === "conflict" && notice.field
        ? { text: "Use the other", act: () => acceptTheirs(notice) }
        : undefined,
    onDismiss: () => dismiss(notice.key),
  }));
  if (!status.isStored) {
    messages.push({
      key: "storage",
      text: "This device cannot store your changes, because its storage is full or blocked. Keep this tab open until they are saved.",
    });
  }
  if (status.state === "signed-out") {
    const text = "Your session is over. Sign in again, so that your changes are saved.";
    messages.push({ key: "session", text, action: { text: "Sign in", act: () => window.location.assign("/sign-in") } });
  }
  if (status.state === "other-user") {
    const text = "Another user is signed in now. Your changes are kept on this device until you sign in again.";
    messages.push({ key: "session", text, action: { text: "Reload", act: () => window.location.assign(ASK_SERVER) } });
  }
  if (hasNewVersion) {
    const text = "A new version is ready.";
    messages.push({ key: "version", text, action: { text: "Reload", act: () => window.location.reload() } });
  }
  return messages;
}

const FIELDS = {
  title: "the title",
  description: "the notes",
  completed: "whether it is completed",
  due: "the due date",
  priority: "the priority",
  tags: "the tags",
};

function noticeText({ kind, title, field, theirs }: Notice): string {
  if (kind === "returned" || !field) {
    return `“${title}” was deleted on another device. It is back, because you changed it on this one.`;
  }
  return `You changed ${FIELDS[field]} of “${title}” on two devices. This one is used. The other is: ${valueOf(field, theirs)}`;
}

function valueOf(field: Notice["field"], value: Notice["theirs"]): string {
  if (field === "completed") return value ? "completed." : "open.";
  if (typeof value === "boolean") return value ? "yes." : "no.";
  if (Array.isArray(value)) return value.length ? `${value.join(", ")}.` : "no tags.";
  return value ? `“${value.length > 80 ? `${value.slice(0, 80)}…` : value}”.` : "empty.";
}
