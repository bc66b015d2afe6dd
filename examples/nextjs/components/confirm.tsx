"use client";

import { useId } from "react";

import { Dialog } from "./dialog";

type Props = {
  /** A question: Empty the trash? */
  title: string;
  /** What happens then. */
  text: string;
  /** The button that does it. */
  action: string;
  /** Whether it deletes. The focus is on Cancel then. */
  isDanger?: boolean;
  onConfirm: () => void;
  onClose: () => void;
};

/** Ask before something is done. The dialog is open as long as it is rendered. */
export function Confirm({ title, text, action, isDanger = false, onConfirm, onClose }: Props) {
  const id = useId();

  function close(returnValue: string): void {
    onClose();
    if (returnValue === "confirm") onConfirm();
  }

  return (
    <Dialog role="alertdialog" className="confirm" aria-labelledby={`${id}-h`} aria-describedby={id} onClose={close}>
      <h2 id={`${id}-h`}>{title}</h2>
      <p id={id}>{text}</p>
      <form method="dialog" className="buttons">
        <button className="secondary" value="cancel">
          Cancel
        </button>
        <button className={isDanger ? "primary danger" : "primary"} value="confirm" autoFocus={!isDanger}>
          {action}
        </button>
      </form>
    </Dialog>
  );
}
