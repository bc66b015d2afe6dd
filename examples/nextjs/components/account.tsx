"use client";

import Link from "next/link";
import { useActionState, useRef } from "react";

import { authClient } from "@/lib/auth-client";

import { DownloadCsv } from "./download-csv";
import { Field } from "./field";

/** Show the signed-in user, with a menu to print, to download, to sign out, and to delete the account. */
export function Account({ name, email }: { name: string; email: string }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [error, deleteAccount, isBusy] = useActionState(async (_: string | undefined, form: FormData) => {
    const { error } = await authClient.deleteUser({ password: String(form.get("password")) });
    if (error) return error.message || "The server cannot be reached.";
    window.location.assign("/sign-up");
  }, undefined);

  async function signOut(): Promise<void> {
    await authClient.signOut();
    window.location.assign("/sign-in");
  }

  return (
    <>
      <button type="button" className="name" popoverTarget="account" aria-label={`Account of ${name}`}>
        {name}
      </button>
      <div id="account" popover="auto" className="menu">
        <p>{email}</p>
        <Link href="/print" prefetch={false}>
          Print
        </Link>
        <DownloadCsv />
        <button type="button" onClick={() => void signOut()}>
          Sign out
        </button>
        <button type="button" className="danger" onClick={() => dialog.current?.showModal()}>
          Delete account…
        </button>
      </div>
      <dialog ref={dialog} aria-labelledby="delete-account">
        <form action={deleteAccount}>
          <h2 id="delete-account">Delete your account?</h2>
          <p>Your todos are deleted with it. This cannot be undone.</p>
          <Field label="Your password" error={error}>
            {(control) => <input {...control} name="password" type="password" autoComplete="current-password" required />}
          </Field>
          <div className="buttons">
            <button type="button" onClick={() => dialog.current?.close()}>
              Keep it
            </button>
            <button type="submit" className="danger" disabled={isBusy}>
              Delete account
            </button>
          </div>
        </form>
      </dialog>
    </>
  );
}
