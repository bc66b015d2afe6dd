"use client";

import { type FormEvent, useId, useState } from "react";

import { deleteTag, renameTag } from "@/lib/actions";
import { length, MAX_TAG, oneLine } from "@/lib/text/lines";
import { useTodos } from "@/lib/hooks/use-todos";
import { openView } from "@/lib/hooks/use-view";
import { tagsOf } from "@/lib/views";

import { Confirm } from "./confirm";
import { closeDialog, Dialog } from "./dialog";

type Props = { tag: string; onClose: () => void };

/** Rename a tag in all todos. A name that exists makes one tag of both. */
export function RenameTag({ tag, onClose }: Props) {
  const todos = useTodos();
  const [name, setName] = useState(tag);
  const [error, setError] = useState<string>();
  const id = useId();
  const clean = oneLine(name);
  const other = clean !== tag && tagsOf(todos.all).find((other) => other.name === clean);

  function submit(event: FormEvent<HTMLFormElement>): void {
    event.preventDefault();
    const tooLong = length(clean) > MAX_TAG && `A tag has at most ${MAX_TAG} characters.`;
    const wrong = clean ? tooLong : "A tag needs a name.";
    if (wrong) {
      setError(wrong);
      event.currentTarget.querySelector("input")?.focus();
      return;
    }
    closeDialog(event);
    if (clean === tag) return;
    todos.act(renameTag(todos.all, tag, clean));
    openView({ name: "tag", tag: clean, q: "", sort: "position" }, { replace: true });
  }

  return (
    <Dialog className="rename" aria-labelledby={`${id}-h`} onClose={onClose}>
      <form onSubmit={submit} noValidate>
        <h2 id={`${id}-h`}>
          Rename the tag “<bdi>{tag}</bdi>”
        </h2>
        <div className="field">
          <label htmlFor={id}>New name</label>
          <input
            id={id}
            value={name}
            autoFocus
            autoComplete="off"
            autoCapitalize="none"
            dir="auto"
            aria-invalid={error ? true : undefined}
            aria-describedby={error ? `${id}-error` : `${id}-hint`}
            onFocus={(event) => event.target.select()}
            onChange={(event) => {
              setName(event.target.value);
              setError(undefined);
            }}
          />
          {error && (
            <p className="error" id={`${id}-error`} role="alert">
              {error}
            </p>
          )}
          <p className="hint" id={`${id}-hint`} role="status">
            {other
              ? `This tag exists, with ${todosOf(other.count)}. Both become one tag.`
              : "All todos with the tag change."}
          </p>
        </div>
        <div className="buttons">
          <button type="button" className="secondary" onClick={closeDialog}>
            Cancel
          </button>
          <button type="submit" className="primary">
            Rename
          </button>
        </div>
      </form>
    </Dialog>
  );
}

/** Remove a tag from all todos, after a question. */
export function DeleteTag({ tag, onClose }: Props) {
  const todos = useTodos();
  const count = tagsOf(todos.all).find(({ name }) => name === tag)?.count ?? 0;

  function remove(): void {
    todos.act(deleteTag(todos.all, tag));
    openView("/", { replace: true });
  }

  return (
    <Confirm
      title={`Delete the tag “${tag}”?`}
      text={`It is removed from ${todosOf(count)}. The todos stay.`}
      action="Delete tag"
      isDanger
      onConfirm={remove}
      onClose={onClose}
    />
  );
}

function todosOf(count: number): string {
  return count === 1 ? "1 todo" : `${count.toLocaleString("en")} todos`;
}
