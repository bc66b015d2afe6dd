"use client";

import { Download, X } from "lucide-react";
import { Fragment, type ReactNode, useId } from "react";

import { useInstallEvent } from "@/lib/hooks/install";
import { useShortcutsSetting } from "@/lib/hooks/use-shortcuts";

import { closeDialog, Dialog } from "./dialog";

const WORDS: [string, string][] = [
  ["today, tonight, tomorrow 9:00, monday", "a due date"],
  ["next week, in 3 days, 24 Dec", "a due date"],
  ["#home", "a tag"],
  ["!high, !medium, !low", "a priority"],
];

const SHORTCUTS: [ReactNode, string][] = [
  [<kbd>n</kbd>, "New todo"],
  [<kbd>/</kbd>, "Search"],
  [keys("↑", "↓", "j", "k"), "Go to the todo above or below"],
  [<kbd>Space</kbd>, "Complete the todo, or open it again"],
  [<kbd>e</kbd>, "Edit the todo"],
  [keys("Delete", "Backspace"), "Delete the todo"],
  [<kbd>z</kbd>, "Undo the last change"],
  [keys("1", "2", "3", "4"), "Show Today, All, Completed, Trash"],
  [<kbd>?</kbd>, "Show this help"],
];

const MORE_SHORTCUTS: [ReactNode, string][] = [
  [keys("Alt ↑", "Alt ↓"), "Move the todo up or down"],
  [keys("Ctrl Enter", "Esc"), "Close a dialog. What you typed is saved"],
];

/** Show the shortcuts, and what works without a connection. */
export function Help({ onClose }: { onClose: () => void }) {
  const [isOn, turn] = useShortcutsSetting();
  const id = useId();

  return (
    <Dialog className="help" aria-labelledby={id} onClose={onClose}>
      <header role="presentation">
        <h2 id={id}>Keyboard shortcuts and help</h2>
        <button type="button" className="icon-button" aria-label="Close" onClick={closeDialog}>
          <X aria-hidden />
        </button>
      </header>
      <div className="body">
        <label className="switch">
          Shortcuts with a single key
          <input
            type="checkbox"
            role="switch"
            checked={isOn}
            aria-describedby={`${id}-switch`}
            onChange={(event) => turn(event.target.checked)}
          />
        </label>
        <p className="hint" id={`${id}-switch`}>
          Turn them off if you use speech input, or press keys by accident.
        </p>
        <table className={isOn ? undefined : "off"}>
          <caption className="hidden">Shortcuts with a single key</caption>
          <Rows head={["Key", "What it does"]} rows={SHORTCUTS} />
        </table>
        <h3>Shortcuts that are always on</h3>
        <table>
          <caption className="hidden">Shortcuts that are always on</caption>
          <Rows head={["Keys", "What they do"]} rows={MORE_SHORTCUTS} />
        </table>
        <h3>Words in a new todo</h3>
        <p>The field offers a button when it finds one of these words. Paste a list to add each of its lines.</p>
        <table>
          <caption className="hidden">Words in a new todo</caption>
          <Rows head={["Words", "What they set"]} rows={WORDS} />
        </table>
        <h3>Without a connection</h3>
        <p>
          You can add, change, complete, move, search and delete todos. The changes are kept on this device, and sent
          when the connection is back. You need a connection to sign in, and to see what you changed on other devices.
        </p>
        <Install />
      </div>
    </Dialog>
  );
}

function Rows({ head, rows }: { head: [string, string]; rows: [ReactNode, string][] }) {
  return (
    <>
      <thead className="hidden">
        <tr>
          {head.map((text) => (
            <th key={text} scope="col">
              {text}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {rows.map(([key, text]) => (
          <tr key={text + String(key)}>
            <th scope="row">{key}</th>
            <td>{text}</td>
          </tr>
        ))}
      </tbody>
    </>
  );
}

/** Offer to install the app, or explain how. */
function Install() {
  const event = useInstallEvent();
  if (matchMedia("(display-mode: standalone)").matches) return null;

  return (
    <>
      <h3>As an app</h3>
      {event ? (
        <button type="button" className="secondary" onClick={() => void event.prompt()}>
          <Download aria-hidden size={18} /> Install
        </button>
      ) : (
        <p>To install it, choose “Install” or “Add to Home Screen” in the menu of your browser.</p>
      )}
    </>
  );
}

function keys(...names: string[]): ReactNode {
  return names.map((name, index) => (
    <Fragment key={name}>
      {index > 0 && " "}
      <kbd>{name}</kbd>
    </Fragment>
  ));
}
