"use client";

import { type FormEvent, useState } from "react";

import { fieldError, type Problem } from "@/lib/api";

import { Field } from "./field";

export function AddTodo({ add }: { add: (title: string) => Promise<Problem | undefined> }) {
  const [title, setTitle] = useState("");
  const [problem, setProblem] = useState<Problem>();

  async function submit(event: FormEvent): Promise<void> {
    event.preventDefault();
    setProblem(undefined);
    setTitle("");
    const refused = await add(title);
    if (!refused) return;
    setProblem(refused);
    setTitle((typed) => typed || title); // a title that was typed in the meantime stays
  }

  return (
    <form className="add" onSubmit={(event) => void submit(event)}>
      <Field label="New todo" isLabelHidden error={problem && (fieldError(problem, "title") ?? said(problem))}>
        {(control) => (
          <input
            {...control}
            value={title}
            onChange={(event) => setTitle(event.target.value)}
            placeholder="Buy milk"
            autoComplete="off"
            enterKeyHint="done"
          />
        )}
      </Field>
      <button className="primary" type="submit">
        Add
      </button>
    </form>
  );
}

function said({ status, detail }: Problem): string {
  return status === 503 ? `${detail} Look below whether it was added, before you add it again.` : detail;
}
