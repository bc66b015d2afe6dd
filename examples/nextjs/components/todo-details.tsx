"use client";

import { ArrowDown, ArrowUp, ArrowUpToLine, RotateCcw, Trash2, X } from "lucide-react";
import {
  type ComponentProps,
  type KeyboardEvent,
  type ReactNode,
  type SyntheticEvent,
  useEffect,
  useId,
  useLayoutEffect,
  useMemo,
  useReducer,
  useRef,
  useState,
} from "react";

import { type Action, change, complete, move, purge, remove, restore } from "@/lib/actions";
import { addDays, nextWeek, today } from "@/lib/text/dates";
import { Draft, type Name, type Typed } from "@/lib/draft";
import { showDue } from "@/lib/text/due";
import { splitLinks } from "@/lib/text/links";
import { PRIORITIES } from "@/lib/text/priorities";
import { useTodos } from "@/lib/hooks/use-todos";
import { tagsOf } from "@/lib/views";
import { compare } from "@/sync/order";
import type { Priority, Shown } from "@/sync/types";

import { Confirm } from "./confirm";
import { closeDialog, Dialog } from "./dialog";
import { OutsideLink } from "./text-with-links";

const PAUSE = 300; // milliseconds without typing, after which the text is saved

type Props = {
  todo: Shown;
  /** The todos of the view, in their order. */
  list: readonly Shown[];
  onClose: () => void;
};

/** Edit a todo in a dialog. What is typed is saved while it is typed. */
export function TodoDetails(props: Props) {
  return <Editor key={props.todo.id} {...props} />;
}

function Editor({ todo, list, onClose }: Props) {
  const todos = useTodos();
  const [draft] = useState(() => new Draft());
  const [merge] = useState(() => `details ${crypto.randomUUID()}`); // what is done here is undone at once
  const [, render] = useReducer((count: number) => count + 1, 0);
  const [isDateLeft, setIsDateLeft] = useState(true);
  const [isPurging, setIsPurging] = useState(false);
  const title = useRef<HTMLTextAreaElement>(null);
  const body = useRef<HTMLDivElement>(null);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  const isWarned = useRef(false);
  const isTrash = todo.place === "trash";
  const typed = draft.show(todo);
  const theirs = draft.theirs(todo);

  function act(action: Action | undefined): void {
    if (action?.edits.size) todos.act(action, { merge });
  }

  /** Save what is typed and not saved yet. */
  function save(): void {
    clearTimeout(timer.current);
    act(change(todo, draft.take()));
    render();
  }

  function type(part: Partial<Typed>, isAtOnce = false): void {
    draft.type(todo, part);
    isWarned.current = false;
    clearTimeout(timer.current);
    if (isAtOnce) save();
    else timer.current = setTimeout(() => latestSave.current(), PAUSE);
    render();
  }

  const latestSave = useRef(save);
  useLayoutEffect(() => {
    latestSave.current = save;
  });

  useEffect(() => {
    const field = title.current;
    field?.focus();
    field?.setSelectionRange(field.value.length, field.value.length);
  }, []);

  useEffect(() => {
    const now = () => latestSave.current();
    addEventListener("pagehide", now);
    document.addEventListener("visibilitychange", now);
    return () => {
      removeEventListener("pagehide", now);
      document.removeEventListener("visibilitychange", now);
      now();
    };
  }, []);

  /** Keep the dialog open once if something that was typed cannot be saved. */
  function cancel(event: SyntheticEvent<HTMLDialogElement>): void {
    if (event.target !== event.currentTarget) return; // another dialog, above this one
    draft.moveRest(todo);
    save();
    const wrong = draft.wrong;
    if (!wrong || isWarned.current) return;
    event.preventDefault();
    isWarned.current = true;
    setIsDateLeft(true);
    body.current?.querySelector<HTMLElement>(`[name="${wrong}"]`)?.focus();
  }

  function close(): void {
    draft.cutNotes(todo);
    save();
    onClose();
  }

  function press(event: KeyboardEvent): void {
    const isEnter = event.key === "Enter" && !event.nativeEvent.isComposing && event.keyCode !== 229;
    if (!isEnter || !(event.ctrlKey || event.metaKey || event.target === title.current)) return;
    event.preventDefault();
    closeDialog(event);
  }

  function doAndClose(action: Action): void {
    save();
    todos.act(action);
    onClose();
  }

  /** Restore a todo that was deleted on another device while the editor was open. */
  function putBack(): void {
    save();
    act(restore([todo]));
    title.current?.focus(); // the button disappears
  }

  function typeDate(event: { currentTarget: HTMLInputElement }): void {
    const { value, validity } = event.currentTarget;
    const isIncomplete = validity.badInput;
    type({ due: { date: value, time: value || isIncomplete ? typed.due.time : "", isIncomplete } });
  }

  /** See whether the date is complete. A browser reports nothing while a part of it is missing. */
  function leaveDate(event: { currentTarget: HTMLInputElement }): void {
    setIsDateLeft(true);
    if (event.currentTarget.validity.badInput !== Boolean(typed.due.isIncomplete)) typeDate(event);
  }

  /** A time alone is one of today. */
  function typeTime(time: string): void {
    type({ due: { ...typed.due, date: typed.due.date || (time && !typed.due.isIncomplete ? today() : ""), time } });
  }

  const days: [string, string][] = [
    ["Today", today()],
    ["Tomorrow", addDays(today(), 1)],
    ["Next week", nextWeek(today())],
  ];

  return (
    <>
      <Dialog className="details" aria-label="Edit todo" onCancel={cancel} onClose={close} onKeyDown={press}>
        <header role="presentation">
          <label className="done">
            <input type="checkbox" checked={todo.completed} onChange={() => toggle()} />
            Completed
          </label>
          <button type="button" className="secondary" onClick={closeDialog}>
            <X aria-hidden size={18} /> Close
          </button>
        </header>

        <div className="body" ref={body} onBlur={save}>
          {todo.problem && (
            <p className="error box" role="alert">
              The server did not accept the last change: {todo.problem}
            </p>
          )}
          {isTrash && (
            <p className="box" role="alert">
              This todo is in the trash now. Restore it to keep it in the list.
            </p>
          )}
          <fieldset>
            <Part name="title" label="Title" error={draft.error("title")} theirs={theirs.title} follow={follow}>
              {(control) => (
                <Growing
                  {...control}
                  inputRef={title}
                  rows={1}
                  value={typed.title}
                  onChange={(event) => type({ title: event.target.value.replace(/[\r\n]+/g, " ") })}
                  enterKeyHint="done"
                  dir="auto"
                />
              )}
            </Part>
            <Part
              name="description"
              label="Notes"
              error={draft.error("description")}
              theirs={theirs.description}
              follow={follow}
            >
              {(control) => (
                <Growing
                  {...control}
                  rows={3}
                  value={typed.description}
                  onChange={(event) => type({ description: event.target.value })}
                  dir="auto"
                />
              )}
            </Part>
            <Links text={`${typed.title}\n${typed.description}`} />
            <Part
              name="due"
              label="Due date"
              error={isDateLeft ? draft.error("due") : undefined}
              theirs={theirs.due === undefined ? undefined : theirs.due ? showDue(theirs.due, today()) : "no date"}
              follow={follow}
            >
              {(control) => (
                <>
                  <input
                    {...control}
                    type="date"
                    max="9999-12-31"
                    value={typed.due.date}
                    onChange={typeDate}
                    onFocus={() => setIsDateLeft(false)}
                    onBlur={leaveDate}
                  />
                  <label className="time">
                    <span>Time</span>
                    <input type="time" value={typed.due.time} onChange={(event) => typeTime(event.target.value)} />
                  </label>
                  <div className="chips">
                    {days.map(([text, date]) => (
                      <button
                        key={text}
                        type="button"
                        className="chip"
                        aria-pressed={typed.due.date === date}
                        onClick={() => type({ due: { date, time: typed.due.time } }, true)}
                      >
                        {text}
                      </button>
                    ))}
                    <button
                      type="button"
                      className="chip"
                      aria-pressed={!typed.due.date && !typed.due.isIncomplete}
                      onClick={() => clearDate()}
                    >
                      No date
                    </button>
                  </div>
                </>
              )}
            </Part>
            <Part
              name="priority"
              label="Priority"
              theirs={theirs.priority && PRIORITIES[theirs.priority]}
              follow={follow}
            >
              {(control) => (
                <select
                  {...control}
                  value={typed.priority}
                  onChange={(event) => type({ priority: event.target.value as Priority }, true)}
                >
                  {Object.entries(PRIORITIES).map(([value, text]) => (
                    <option key={value} value={value}>
                      {text}
                    </option>
                  ))}
                </select>
              )}
            </Part>
            <Part
              name="tags"
              label="Tags"
              hint="Separate them by commas."
              error={draft.error("tags")}
              theirs={theirs.tags && (theirs.tags.join(", ") || "no tags")}
              follow={follow}
            >
              {(control) => (
                <TagInput {...control} value={typed.tags} onChange={(event) => type({ tags: event.target.value })} />
              )}
            </Part>
          </fieldset>
          {!isTrash && <Moves todo={todo} list={list} move={(index) => act(move(list, todo.id, index))} />}
          <p className="hint">
            Created {showTime(todo.created_at)}.{todo.updated_at && ` Changed ${showTime(todo.updated_at)}.`}
          </p>
        </div>

        <footer role="presentation">
          {isTrash ? (
            <>
              <button type="button" className="danger" onClick={() => setIsPurging(true)}>
                <Trash2 aria-hidden size={18} /> Delete for good
              </button>
              <button type="button" className="secondary" onClick={putBack}>
                <RotateCcw aria-hidden size={18} /> Restore
              </button>
            </>
          ) : (
            <>
              <button type="button" className="danger" onClick={() => doAndClose(remove([todo]))}>
                <Trash2 aria-hidden size={18} /> Delete
              </button>
              <span className="hint">What you type is saved.</span>
            </>
          )}
        </footer>
      </Dialog>
      {isPurging && (
        <Confirm
          title={`Delete “${todo.title}” for good?`}
          text="Nobody can restore it then."
          action="Delete for good"
          isDanger
          onConfirm={() => doAndClose({ ...purge([todo]), canUndo: false })}
          onClose={() => setIsPurging(false)}
        />
      )}
    </>
  );

  function toggle(): void {
    save();
    act(complete([todo], !todo.completed));
  }

  function clearDate(): void {
    const input = body.current?.querySelector<HTMLInputElement>('[name="due"]');
    if (input) input.value = ""; // a date that is not complete
    type({ due: { date: "", time: "" } }, true);
  }

  function follow(name: Name): void {
    draft.follow(name);
    body.current?.querySelector<HTMLElement>(`[name="${name}"]`)?.focus(); // the button disappears
    render();
  }
}

type Control = { id: string; name: string; "aria-invalid": true | undefined; "aria-describedby": string | undefined };

type PartProps = {
  name: Name;
  label: string;
  hint?: string;
  error?: string | undefined;
  /** The value of another device, which changed the field while it was edited here. */
  theirs: string | null | undefined;
  follow: (name: Name) => void;
  children: (control: Control) => ReactNode;
};

/** A field with its label, its error, and the value of another device. */
function Part({ name, label, hint, error, theirs, follow, children }: PartProps) {
  const id = useId();
  const notes = [hint && `${id}-hint`, error && `${id}-error`].filter(Boolean).join(" ");
  return (
    <div className={`field ${name}`}>
      <label htmlFor={id}>{label}</label>
      {children({ id, name, "aria-invalid": error ? true : undefined, "aria-describedby": notes || undefined })}
      {hint && (
        <p className="hint" id={`${id}-hint`}>
          {hint}
        </p>
      )}
      {error && (
        <p className="error" id={`${id}-error`} role="alert">
          {error}
        </p>
      )}
      {theirs !== undefined && (
        <p className="hint theirs" role="status">
          <span>
            Another device changed this to “<bdi>{theirs ?? ""}</bdi>”.
          </span>
          <button type="button" onClick={() => follow(name)}>
            Use it
          </button>
        </p>
      )}
    </div>
  );
}

type GrowingProps = ComponentProps<"textarea"> & { inputRef?: ComponentProps<"textarea">["ref"] };

/** A text area that is as high as its text. */
function Growing({ inputRef, ...props }: GrowingProps) {
  const own = useRef<HTMLTextAreaElement>(null);
  useLayoutEffect(() => {
    const area = own.current;
    if (!area || CSS.supports("field-sizing", "content")) return; // CSS does it
    area.style.height = "auto";
    area.style.height = `${area.scrollHeight + 2}px`;
  }, [props.value]);
  return (
    <textarea
      {...props}
      ref={(area) => {
        own.current = area;
        if (inputRef && typeof inputRef !== "function") inputRef.current = area;
      }}
    />
  );
}

/** A field for tags, which offers those that other todos have. */
function TagInput(props: ComponentProps<"input"> & { value: string }) {
  const { all } = useTodos();
  const id = useId();
  const names = useMemo(() => tagsOf(all).map(({ name }) => name), [all]);
  const before = props.value.split(",").slice(0, -1).map((part) => part.trim());
  return (
    <>
      <input {...props} list={id} autoComplete="off" autoCapitalize="none" dir="auto" />
      <datalist id={id}>
        {names
          .filter((name) => !before.includes(name))
          .map((name) => (
            <option key={name} value={[...before, name].join(", ")} />
          ))}
      </datalist>
    </>
  );
}

/** The links of the title and the notes, because nobody can click them in a field. */
function Links({ text }: { text: string }) {
  const links = splitLinks(text).filter((part) => typeof part !== "string");
  const unique = links.filter(({ href }, index) => links.findIndex((link) => link.href === href) === index);
  if (!unique.length) return null;
  return (
    <ul className="links" aria-label="Links">
      {unique.map((link) => (
        <li key={link.href}>
          <OutsideLink {...link} />
        </li>
      ))}
    </ul>
  );
}

/** Buttons that move the todo in the order by hand. They are missing if the list has another order. */
function Moves({ todo, list, move }: { todo: Shown; list: readonly Shown[]; move: (index: number) => void }) {
  const isByHand = useMemo(() => list.every((todo, index) => !index || compare(list[index - 1]!, todo) < 0), [list]);
  const index = list.findIndex(({ id }) => id === todo.id);
  if (!isByHand || index < 0 || list.length < 2) return null;

  const buttons = [
    { text: "Move up", Icon: ArrowUp, to: index - 1 },
    { text: "Move down", Icon: ArrowDown, to: index + 1 },
    { text: "Move to top", Icon: ArrowUpToLine, to: index && 0 },
  ];
  return (
    <div className="moves">
      {buttons.map(({ text, Icon, to }) => {
        const isUseless = to === index || to < 0 || to >= list.length;
        return (
          <button
            key={text}
            type="button"
            className="chip"
            aria-disabled={isUseless || undefined}
            onClick={() => !isUseless && move(to)}
          >
            <Icon aria-hidden size={16} /> {text}
          </button>
        );
      })}
      <span className="hint" role="status">
        {index + 1} of {list.length}
      </span>
    </div>
  );
}

function showTime(time: string): string {
  return new Date(time).toLocaleString("en-GB", { dateStyle: "medium", timeStyle: "short" });
}
