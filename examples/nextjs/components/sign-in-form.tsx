"use client";

import { type ComponentProps, type FormEvent, useEffect, useRef, useState } from "react";

import { deleteDatabases, rememberTimeZone } from "@/lib/device";
import { startServiceWorker } from "@/lib/hooks/service-worker";
import type { SignInPage } from "@/lib/server/sign-in";
import { type FieldName, SIGN_IN_ERRORS, type SignInCode, type SignInError, signInError } from "@/lib/sign-in-errors";
import { useIsOffline } from "@/lib/hooks/use-is-offline";

import { Field } from "./field";

type Props = {
  page: SignInPage;
  /** The code of an error in the page's address. */
  error: unknown;
  /** What the user typed before the error. */
  typed: { name?: string; email?: string };
  /** A todo that the user typed before the session was over. */
  title?: unknown;
  /** The secret of a link in a mail. */
  token?: string;
};

const BUTTONS: Record<SignInPage, string> = {
  "/sign-in": "Sign in",
  "/sign-up": "Make an account",
  "/check-email": "Send a new mail",
  "/forgot-password": "Send a link",
  "/reset-password": "Change the password",
};

const NEW_PASSWORD = { type: "password", autoComplete: "new-password" };

/**
 * The form for signing in, for making an account, and for what needs a mail. Without JavaScript the server answers it with a page.
 * With JavaScript it shows errors in place, and all that was typed stays.
 */
export function SignInForm({ page, error: code, typed, title, token }: Props) {
  const [error, setError] = useState<SignInError | undefined>(signInError(code));
  const [isBusy, setIsBusy] = useState(false);
  const form = useRef<HTMLFormElement>(null);
  const isOffline = useIsOffline();
  const isSignUp = page === "/sign-up";
  const isSignIn = page === "/sign-in";

  // The field with the error has the focus, also when the server made the page with the error.
  useEffect(() => {
    if (error?.field) form.current?.querySelector<HTMLElement>(`[name=${error.field}]`)?.focus();
  }, [error]);

  useEffect(() => {
    rememberTimeZone();
    startServiceWorker();
    void deleteDatabases();
  }, []);

  async function submit(event: FormEvent<HTMLFormElement>): Promise<void> {
    event.preventDefault();
    if (isBusy) return;
    setIsBusy(true);
    setError(undefined);
    const result = await send(event.currentTarget);
    // This loads a new page, so that no data of an earlier user stays in memory.
    if ("next" in result) return window.location.assign(result.next);
    setError(SIGN_IN_ERRORS[result.error]);
    setIsBusy(false);
  }

  function field(name: FieldName, label: string, input: ComponentProps<"input">, hint?: string) {
    return (
      <Field label={label} error={error?.field === name ? error.text : undefined} hint={hint}>
        {(control) => <input {...control} {...input} name={name} required />}
      </Field>
    );
  }

  return (
    <form ref={form} method="post" action={`${page}/submit`} onSubmit={(event) => void submit(event)}>
      {error && !error.field && (
        <p className="error" role="alert">
          {error.text}
        </p>
      )}
      {isOffline && error?.text !== SIGN_IN_ERRORS.offline.text && <p role="status">{SIGN_IN_ERRORS.offline.text}</p>}
      {isSignUp && field("name", "Name", { autoComplete: "name", defaultValue: typed.name })}
      {page !== "/reset-password" && field("email", "Email", { type: "email", autoComplete: "username", defaultValue: typed.email })}
      {isSignUp && field("password", "Password", NEW_PASSWORD, "At least 8 characters.")}
      {isSignIn && field("password", "Password", { type: "password", autoComplete: "current-password" })}
      {page === "/reset-password" && field("password", "New password", NEW_PASSWORD, "At least 8 characters.")}
      {typeof title === "string" && <input type="hidden" name="title" value={title} />}
      {token && <input type="hidden" name="token" value={token} />}
      <button className="primary" type="submit" aria-disabled={isBusy}>
        {BUTTONS[page]}
      </button>
    </form>
  );
}

async function send(form: HTMLFormElement): Promise<{ next: string } | { error: SignInCode }> {
  // A form of text fields is a record of texts.
  const body = new URLSearchParams(new FormData(form) as unknown as Record<string, string>);
  try {
    const answer = await fetch(form.action, { method: "POST", body, headers: { Accept: "application/json" } });
    return await answer.json();
  } catch {
    return { error: navigator.onLine ? "unreachable" : "offline" };
  }
}
