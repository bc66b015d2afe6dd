"use client";

import { type FormEvent, type KeyboardEvent, useId, useRef, useState } from "react";
import { flushSync } from "react-dom";

import { fieldError, type Problem, type Todo, type TodoUpdate } from "@/lib/api";

import { Field } from "./field";

type Props = {
  todo: Todo;
  isSaving: boolean;
  change: (todo: Todo, changes: TodoUpdate) => Promise<Problem | undefined>;
  remove: () => void;
};

export function TodoItem({ todo, isSaving, change, remove }: Props) {
  const [isEditing, setEditing] = useState(false);
  const [problem, setProblem] = useState<Problem>();
  const [draft, setDraft] = useState(todo);
  const editButton = useRef<HTMLButtonElement>(null);
  const id = useId();
  const isNew = todo.user_id === ""; // the API has not answered yet, so the todo cannot be changed

  function edit(): void {
    setDraft(todo);
    setProblem(undefined);
    setEditing(true);
  }

  function close(): void {
    flushSync(() => setEditing(false));
    editButton.current?.focus();
  }

  async function submit(event: FormEvent): Promise<void> {
    event.preventDefault();
    const changes = { title: draft.title, description: draft.description || null };
    close();
    if (changes.title === todo.title && changes.description === todo.description) return;
    const refused = await change(todo, changes);
    if (!refused?.errors) return;
    setProblem(refused);
    setEditing(true); // the editor shows the typed text again
  }

  if (isEditing) {
    return (
      <li className="editing">
        <TodoEditor draft={draft} problem={problem} type={setDraft} submit={submit} cancel={close} />
      </li>
    );
  }
  return (
    <li className={isSaving ? "saving" : undefined}>
      <input
        id={id}
        type="checkbox"
        checked={todo.completed}
        disabled={isNew}
        onChange={() => void change(todo, { completed: !todo.completed })}
      />
      <label htmlFor={id}>
        <span className="title">{todo.title}</span>
        {todo.description && <span className="description">{todo.description}</span>}
      </label>
      <button ref={editButton} type="button" aria-label={`Edit “${todo.title}”`} disabled={isNew} onClick={edit}>
        Edit
      </button>
      <button type="button" aria-label={`Delete “${todo.title}”`} disabled={isNew} onClick={remove}>
        Delete
      </button>
    </li>
  );
}

type EditorProps = {
  draft: Todo;
  problem: Problem | undefined;
  type: (draft: Todo) => void;
  submit: (event: FormEvent) => Promise<void>;
  cancel: () => void;
};

function TodoEditor({ draft, problem, type, submit, cancel }: EditorProps) {
  function escape(event: KeyboardEvent): void {
    if (event.key === "Escape") cancel();
  }

  return (
    <form onSubmit={(event) => void submit(event)} onKeyDown={escape}>
      <Field label="Title" error={fieldError(problem, "title")}>
        {(control) => (
          <input
            {...control}
            value={draft.title}
            onChange={(event) => type({ ...draft, title: event.target.value })}
            autoFocus
            autoComplete="off"
          />
        )}
      </Field>
      <Field label="Notes" error={fieldError(problem, "description")}>
        {(control) => (
          <textarea
            {...control}
            value={draft.description ?? ""}
            onChange={(event) => type({ ...draft, description: event.target.value })}
            rows={3}
          />
        )}
      </Field>
      <div className="buttons">
        <button type="button" onClick={cancel}>
          Cancel
        </button>
        <button className="primary" type="submit">
          Save
        </button>
      </div>
    </form>
  );
}
