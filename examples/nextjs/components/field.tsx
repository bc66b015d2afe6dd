import { type ReactNode, useId } from "react";

/** The attributes that connect an input with its label, its hint and its error, also for screen readers. */
export type Control = { id: string; "aria-invalid": true | undefined; "aria-describedby": string | undefined };

type Props = {
  label: string;
  error: string | undefined;
  hint?: string | undefined;
  children: (control: Control) => ReactNode;
};

export function Field({ label, error, hint, children }: Props) {
  const id = useId();
  const noteId = error || hint ? `${id}-note` : undefined;
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      {children({ id, "aria-invalid": error ? true : undefined, "aria-describedby": noteId })}
      {error ? (
        <p className="error" id={noteId} role="alert">
          {error}
        </p>
      ) : (
        hint && (
          <p className="hint" id={noteId}>
            {hint}
          </p>
        )
      )}
    </div>
  );
}
