"use client";

import { type ComponentProps, type MouseEvent, useLayoutEffect, useRef } from "react";
import { createPortal } from "react-dom";

type Props = Omit<ComponentProps<"dialog">, "open" | "onClose"> & {
  /** Called once the dialog has closed, also by Escape or a click beside it. Stop rendering the dialog then. */
  onClose: (returnValue: string) => void;
};

/**
 * A modal dialog that is open as long as it is rendered. The browser keeps the focus in it, and returns it.
 *
 * It is at the end of the page, so that a form in it is in no other form.
 */
export function Dialog({ onClose, ...props }: Props) {
  const ref = useRef<HTMLDialogElement>(null);
  const isPressedBeside = useRef(false);

  useLayoutEffect(() => {
    const dialog = ref.current;
    if (!dialog?.open) dialog?.showModal();
    return () => dialog?.close(); // so that the focus returns
  }, []);

  return createPortal(
    <dialog
      {...props}
      ref={ref}
      onPointerDown={(event) => void (isPressedBeside.current = isBeside(event))}
      onClick={(event) => {
        if (isPressedBeside.current && isBeside(event)) closeDialog(event);
      }}
      onSubmit={(event) => event.stopPropagation()}
      onClose={(event) => {
        if (event.target === ref.current && !ref.current.open) onClose(ref.current.returnValue);
      }}
    />,
    document.body,
  );
}

/** Close the dialog around the target of an event, unless its `onCancel` prevents that, as with Escape. */
export function closeDialog(event: { currentTarget: Element }): void {
  const dialog = event.currentTarget.closest("dialog");
  if (dialog?.dispatchEvent(new Event("cancel", { cancelable: true }))) dialog.close();
}

/** Return whether a click is beside the sheet of the dialog, on the page behind it. */
function isBeside({ target, currentTarget, clientX: x, clientY: y }: MouseEvent<HTMLDialogElement>): boolean {
  const { left, right, top, bottom } = currentTarget.getBoundingClientRect();
  return target === currentTarget && (x < left || x > right || y < top || y > bottom);
}
