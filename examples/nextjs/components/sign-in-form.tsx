"use client";

import { type ReactNode, useActionState } from "react";

import { authClient } from "@/lib/auth-client";

import { Field } from "./field";

type AuthError = { code?: string | undefined; message?: string | undefined; status: number };
type Refusal = { code: string; message: string; email: string; name: string };

export function SignInForm() {
  const [refusal, signIn, isBusy] = useActionState(async (_: Refusal | null, form: FormData) => {
    const { name, email, password } = read(form);
    const { error } = await authClient.signIn.email({ email, password });
    return enter(error, name, email);
  }, null);
  return (
    <AuthForm action={signIn} isBusy={isBusy} refusal={refusal} button="Sign in">
      <Email refusal={refusal} />
      <Password refusal={refusal} autoComplete="current-password" />
    </AuthForm>
  );
}

export function SignUpForm() {
  const [refusal, signUp, isBusy] = useActionState(async (_: Refusal | null, form: FormData) => {
    const { name, email, password } = read(form);
    const { error } = await authClient.signUp.email({ name, email, password });
    return enter(error, name, email);
  }, null);
  return (
    <AuthForm action={signUp} isBusy={isBusy} refusal={refusal} button="Make an account">
      <Field label="Name" error={undefined}>
        {(control) => <input {...control} name="name" autoComplete="name" defaultValue={refusal?.name} required />}
      </Field>
      <Email refusal={refusal} />
      <Password refusal={refusal} autoComplete="new-password" />
    </AuthForm>
  );
}

function read(form: FormData): { name: string; email: string; password: string } {
  const text = (name: string) => String(form.get(name) ?? "");
  return { name: text("name"), email: text("email"), password: text("password") };
}

/** Open the app, or return the error. This loads a new page, so that no data of an earlier user stays in memory. */
function enter(error: AuthError | null, name: string, email: string): Refusal | null {
  if (!error) {
    window.location.assign("/");
    return null;
  }
  const message = error.status === 429 ? "Too many attempts. Wait a little." : error.message || "The server cannot be reached.";
  return { code: error.code ?? "", message, name, email };
}

/** Return Better Auth's error if its code names this field. */
function errorOf(field: "email" | "password", refusal: Refusal | null): string | undefined {
  if (!refusal || refusal.code.includes("EMAIL_OR_PASSWORD")) return undefined; // this code does not name one of them
  return refusal.code.includes(field.toUpperCase()) ? refusal.message : undefined;
}

function Email({ refusal }: { refusal: Refusal | null }) {
  return (
    <Field label="Email" error={errorOf("email", refusal)}>
      {(control) => (
        <input {...control} name="email" type="email" autoComplete="email" defaultValue={refusal?.email} required />
      )}
    </Field>
  );
}

function Password({ refusal, autoComplete }: { refusal: Refusal | null; autoComplete: string }) {
  return (
    <Field label="Password" error={errorOf("password", refusal)}>
      {(control) => <input {...control} name="password" type="password" autoComplete={autoComplete} required />}
    </Field>
  );
}

type FormProps = {
  action: (form: FormData) => void;
  isBusy: boolean;
  refusal: Refusal | null;
  button: string;
  children: ReactNode;
};

function AuthForm({ action, isBusy, refusal, button, children }: FormProps) {
  const isAboutField = errorOf("email", refusal) ?? errorOf("password", refusal);
  return (
    <form action={action}>
      {refusal && !isAboutField && (
        <p className="error" role="alert">
          {refusal.message}
        </p>
      )}
      {children}
      <button className="primary" type="submit" disabled={isBusy}>
        {button}
      </button>
    </form>
  );
}
