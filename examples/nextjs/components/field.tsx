import { type ReactNode, useId } from "react";

/** What ties an input to its label, and to what is wrong with it, for screen readers too. */
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
