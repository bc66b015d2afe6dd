"use client";

import { type FormEvent, useEffect, useId, useRef, useState } from "react";

import type { User } from "@/lib/device";
import { deleteAccount, hasPassword } from "@/lib/sign-out";

import { closeDialog, Dialog } from "./dialog";
import { Field } from "./field";

/** Ask for the password, unless there is none, and delete the account. */
export function DeleteAccount({ user, onClose }: { user: User; onClose: () => void }) {
  const id = useId();
  const [error, setError] = useState("");
  const [isBusy, setIsBusy] = useState(false);
  const [asksPassword, setAsksPassword] = useState(true);

  const keep = useRef<HTMLButtonElement>(null);

  useEffect(() => void hasPassword().then(setAsksPassword), []);

  // The focus was in the field of the password.
  useEffect(() => {
    if (!asksPassword) keep.current?.focus();
  }, [asksPassword]);

  async function submit(event: FormEvent<HTMLFormElement>): Promise<void> {
    event.preventDefault();
    if (isBusy) return;
    setIsBusy(true);
    setError("");
    setError(await deleteAccount(user, String(new FormData(event.currentTarget).get("password") ?? "")));
    setIsBusy(false);
  }

  return (
    <Dialog aria-labelledby={id} onClose={onClose}>
      <form onSubmit={(event) => void submit(event)}>
        <h2 id={id}>Delete your account?</h2>
        <p>All your todos are deleted with it, on all your devices. This cannot be undone.</p>
        {asksPassword ? (
          <Field label="Your password" error={error || undefined}>
            {(control) => <input {...control} name="password" type="password" autoComplete="current-password" required />}
          </Field>
        ) : (
          error && (
            <p className="error" role="alert">
              {error}
            </p>
          )
        )}
        <div className="buttons">
          <button ref={keep} type="button" className="secondary" onClick={closeDialog}>
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
