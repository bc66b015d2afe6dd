import { type ReactNode, useId } from "react";

/** The attributes that connect an input with its label and its error, also for screen readers. */
export type Control = { id: string; "aria-invalid": true | undefined; "aria-describedby": string | undefined };

type Props = {
  label: string;
  isLabelHidden?: boolean;
  error: string | undefined;
  children: (control: Control) => ReactNode;
};

export function Field({ label, isLabelHidden = false, error, children }: Props) {
  const id = useId();
  const errorId = error ? `${id}-error` : undefined;
  return (
    <div className="field">
      <label htmlFor={id} className={isLabelHidden ? "hidden" : undefined}>
        {label}
      </label>
      {children({ id, "aria-invalid": error ? true : undefined, "aria-describedby": errorId })}
      {error && (
        <p className="error" id={errorId} role="alert">
          {error}
        </p>
      )}
    </div>
  );
}
