"use client";

import { type FormEvent, useId, useState } from "react";

import type { User } from "@/lib/device";
import { deleteAccount } from "@/lib/sign-out";

import { closeDialog, Dialog } from "./dialog";
import { Field } from "./field";

/** Ask for the password, and delete the account. */
export function DeleteAccount({ user, onClose }: { user: User; onClose: () => void }) {
  const id = useId();
  const [error, setError] = useState("");
  const [isBusy, setIsBusy] = useState(false);

  async function submit(event: FormEvent<HTMLFormElement>): Promise<void> {
    event.preventDefault();
    if (isBusy) return;
    setIsBusy(true);
    setError("");
    setError(await deleteAccount(user, String(new FormData(event.currentTarget).get("password"))));
    setIsBusy(false);
  }

  return (
    <Dialog aria-labelledby={id} onClose={onClose}>
      <form onSubmit={(event) => void submit(event)}>
        <h2 id={id}>Delete your account?</h2>
        <p>All your todos are deleted with it, on all your devices. This cannot be undone.</p>
        <Field label="Your password" error={error || undefined}>
          {(control) => <input {...control} name="password" type="password" autoComplete="current-password" required />}
        </Field>
        <div className="buttons">
          <button type="button" className="secondary" onClick={closeDialog}>
            Keep it
          </button>
          <button type="submit" className="primary danger" aria-disabled={isBusy}>
            Delete account
          </button>
        </div>
      </form>
    </Dialog>
  );
}
