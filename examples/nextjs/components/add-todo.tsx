"use client";

import { Calendar, Flag, type LucideIcon, Plus, Tag, X } from "lucide-react";
import {
  type ClipboardEvent,
  type DragEvent,
  type FormEvent,
  type KeyboardEvent,
  type Ref,
  useEffect,
  useEffectEvent,
  useId,
  useImperativeHandle,
  useMemo,
  useRef,
  useState,
} from "react";

import { add } from "@/lib/actions";
import { today } from "@/lib/text/dates";
import { keepTitle, takeTitle } from "@/lib/kept-title";
import { fit, type NewTodo, splitLines, titleError } from "@/lib/text/lines";
import { priorityText } from "@/lib/text/priorities";
import type { Chosen, Proposal } from "@/lib/text/proposals";
import { useLater } from "@/lib/hooks/use-later";
import { useTodos } from "@/lib/hooks/use-todos";
import { openView } from "@/lib/hooks/use-view";
import { listOf, urlOf, type View } from "@/lib/views";
import { NEW, type Shown } from "@/sync/types";

const MANY = 500; // lines of a paste that are added without a question

const MOST_TEXT = 500_000; // characters of a paste

const NOTHING: Chosen = { tags: [] };

type Props = {
  ref?: Ref<HTMLInputElement>;
  /** Undefined until the user of the device is known. */
  userId: string | undefined;
  view: View;
  /** What was sent before the page could run scripts, and was not added. */
  initialTitle?: string | undefined;
  initialError?: string | undefined;
};

/**
 * Add todos. The form works before the page can run scripts, and keeps what is typed until then.
 *
 * Words such as "tomorrow" become proposals. They change nothing until the user takes one.
 */
export function AddTodo({ ref, userId, view, initialTitle, initialError }: Props) {
  const todos = useTodos();
  const later = useLater();
  const input = useRef<HTMLInputElement>(null);
  const under = useRef<HTMLDivElement>(null);
  const [title, setTitle] = useState(""); // what proposals are for
  const [chosen, setChosen] = useState(NOTHING);
  const [error, setError] = useState(initialError);
  const [lines, setLines] = useState<NewTodo[]>();
  const id = useId();
  useImperativeHandle(ref, () => input.current!, []);

  useEffect(() => {
    const field = input.current!;
    const params = new URLSearchParams(window.location.search);
    const title = params.get("title");
    if (title !== null) {
      params.delete("title");
      openView(params.size ? `/?${params}` : "/", { replace: true });
    }
    if (title && !field.value) field.value = title; // the form was sent while the server could not be reached
    setTitle(field.value);
  }, []);

  const keep = useEffectEvent((id: string) => keepTitle(id, { title: input.current!.value, chosen }));
  useEffect(() => {
    if (userId === undefined) return;
    const field = input.current!;
    const kept = field.value ? undefined : takeTitle(userId);
    if (kept) {
      field.value = kept.title;
      setTitle(kept.title);
      setChosen(kept.chosen);
    }
    const now = () => keep(userId);
    addEventListener("pagehide", now);
    document.addEventListener("visibilitychange", now); // a phone may end the page without another event
    return () => {
      removeEventListener("pagehide", now);
      document.removeEventListener("visibilitychange", now);
    };
  }, [userId]);

  function addAll(drafts: readonly NewTodo[]): void {
    const tags = [...new Set([...(view.name === "tag" ? [view.tag] : []), ...chosen.tags])];
    const due = chosen.due ?? (view.name === "today" ? today() : undefined);
    const { priority } = chosen;
    const more = { ...(tags.length && { tags }), ...(due && { due }), ...(priority && { priority }) };
    const all = drafts.map((draft) => ({ ...draft, ...more }));
    const isSeen = listOf(all.map(asShown), view, today()).length > 0;
    const action = { ...add(all, todos.all), ...(!isSeen && { show: "/" }) };
    todos.act(action);
    setChosen(NOTHING);
    setError(undefined);
  }

  function clear(): void {
    input.current!.value = "";
    setTitle("");
    setError(undefined);
    input.current!.focus();
  }

  function submit(event: FormEvent): void {
    event.preventDefault();
    const title = input.current!.value;
    const wrong = titleError(title);
    setError(wrong);
    input.current!.focus();
    if (wrong) return;
    addAll([{ title }]);
    clear();
  }

  /** Add a todo for each line, if there are several. The text of the field stays as it is. */
  function addLines(event: ClipboardEvent | DragEvent, text: string): void {
    if (text.length > MOST_TEXT) {
      event.preventDefault(); // the page would stand still
      setError(`That is too much text. Paste at most ${MOST_TEXT.toLocaleString("en")} characters.`);
      return;
    }
    const drafts = /[\r\n]/.test(text.trim()) ? splitLines(text) : [];
    if (drafts.length < 2) return;
    event.preventDefault();
    if (drafts.length > MANY) setLines(drafts);
    else addAll(drafts);
  }

  function choose({ rest, chosen: more }: Proposal): void {
    const field = input.current!;
    field.value = rest;
    setChosen({ ...chosen, ...more, tags: [...new Set([...chosen.tags, ...more.tags])] });
    setTitle(rest);
    field.focus();
    field.setSelectionRange(rest.length, rest.length);
  }

  function pressInField(event: KeyboardEvent): void {
    const isComposing = event.nativeEvent.isComposing || event.keyCode === 229; // Safari ends composing before Enter
    if (event.key === "Enter" && isComposing) event.preventDefault();
    if (isComposing) return;
    const first = under.current?.querySelector("button");
    if (event.key === "ArrowDown" && first) {
      event.preventDefault();
      first.focus();
    }
    if (event.key === "Escape") setTitle("");
  }

  function pressInProposals(event: KeyboardEvent): void {
    const buttons = [...(under.current?.querySelectorAll("button") ?? [])];
    const index = buttons.indexOf(event.target as HTMLButtonElement);
    const step = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 }[event.key];
    if (step === undefined && event.key !== "Escape") return;
    event.preventDefault();
    (buttons[index + (step ?? -buttons.length)] ?? input.current)?.focus();
  }

  function unset(name: keyof Chosen, tag?: string): void {
    const { [name]: _, ...rest } = chosen;
    setChosen({ ...rest, tags: name === "tags" ? chosen.tags.filter((other) => other !== tag) : chosen.tags });
    input.current!.focus();
  }

  const proposals = useMemo(() => later?.proposalsFor(title, new Date()) ?? [], [later, title]);
  const isTooLong = error !== undefined && fit(input.current?.value ?? "").length > 0;
  const { due, tags, priority } = chosen;
  const hasChosen = due !== undefined || tags.length > 0 || priority !== undefined;
  return (
    <>
      <form className="add" method="post" action="/add" onSubmit={submit} noValidate>
        <label className="hidden" htmlFor={id}>
          New todo
        </label>
        <input type="hidden" name="back" value={urlOf(view)} />
        <Plus className="plus" aria-hidden size={20} />
        <input
          ref={input}
          id={id}
          name="title"
          type="text"
          defaultValue={initialTitle}
          autoFocus={initialError !== undefined}
          placeholder="Add a todo"
          autoComplete="off"
          enterKeyHint="done"
          dir="auto"
          aria-invalid={error ? true : undefined}
          aria-describedby={error ? `${id}-error` : undefined}
          onInput={(event) => {
            setError(undefined);
            setTitle(event.currentTarget.value);
          }}
          onKeyDown={pressInField}
          onPaste={(event) => addLines(event, event.clipboardData.getData("text/plain"))}
          onDrop={(event) => addLines(event, event.dataTransfer.getData("text/plain"))}
        />
        <button className="primary" type="submit">
          Add
        </button>
        {(error || proposals.length > 0 || hasChosen) && (
          // The field keeps the focus, so that a phone's keyboard stays open.
          <div
            className="under"
            ref={under}
            onMouseDown={(event) => event.preventDefault()}
            onKeyDown={pressInProposals}
          >
            {error && (
              <p className="error" id={`${id}-error`} role="alert">
                {error}
              </p>
            )}
            {isTooLong && (
              <button
                type="button"
                className="chip"
                onClick={() => {
                  addAll(fit(input.current!.value));
                  clear();
                }}
              >
                Add it with the rest in the notes
              </button>
            )}
            <div className="chips" role="group" aria-label="Set for this todo" hidden={!hasChosen}>
              {later && due && <ChosenChip text={later.dueText(due, new Date())} Icon={Calendar} onClick={() => unset("due")} />}
              {tags.map((tag) => (
                <ChosenChip key={tag} text={tag} Icon={Tag} onClick={() => unset("tags", tag)} />
              ))}
              {priority && <ChosenChip text={priorityText(priority)} Icon={Flag} onClick={() => unset("priority")} />}
            </div>
            <div className="chips" role="group" aria-label="Proposals" hidden={!proposals.length}>
              {proposals.map((proposal) => (
                <button key={proposal.text} type="button" className="chip" onClick={() => choose(proposal)}>
                  {proposal.text !== "Use all" && <Plus aria-hidden size={16} />}
                  <bdi>{proposal.text}</bdi>
                </button>
              ))}
            </div>
          </div>
        )}
        <p className="hidden" role="status">
          {proposals.length > 0 &&
            `Press the down arrow key to choose: ${proposals.map(({ text }) => text).join(", ")}.`}
        </p>
      </form>
      {later && lines && (
        <later.Confirm
          title={`Add ${lines.length.toLocaleString("en")} todos?`}
          text="Each line of the text becomes a todo."
          action="Add them"
          onConfirm={() => addAll(lines)}
          onClose={() => setLines(undefined)}
        />
      )}
    </>
  );
}

type ChipProps = { text: string; Icon: LucideIcon; onClick: () => void };

/** What is set for the next todo. A click removes it. */
function ChosenChip({ text, Icon, onClick }: ChipProps) {
  return (
    <button type="button" className="chip set" aria-label={`Remove: ${text}`} onClick={onClick}>
      <Icon aria-hidden size={16} />
      <bdi>{text}</bdi>
      <X aria-hidden size={16} />
    </button>
  );
}

/** Return a draft as a todo, to see whether a view has it. */
function asShown(draft: NewTodo): Shown {
  return {
    ...NEW,
    ...draft,
    id: "",
    position: "0",
    place: "list",
    created_at: "",
    updated_at: null,
    completed_at: null,
    deleted_at: null,
    isSaved: false,
  };
}
