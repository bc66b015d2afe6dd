"use client";

import {
  BrushCleaning,
  CheckCheck,
  Ellipsis,
  FileBraces,
  FileSpreadsheet,
  Keyboard,
  Pencil,
  Printer,
  Trash2,
  Undo2,
} from "lucide-react";
import { useState } from "react";

import { complete, remove } from "@/lib/actions";
import { loadLater, useLater } from "@/lib/hooks/use-later";
import { useTodos } from "@/lib/hooks/use-todos";
import { nameOf, type View } from "@/lib/views";
import { compare } from "@/sync/order";
import type { Shown } from "@/sync/types";

import { Menu, type MenuItem } from "./menu";
import { Paper } from "./paper";

type Props = {
  view: View;
  /** The todos of the view, in their order. */
  list: readonly Shown[];
  onHelp: () => void;
};

/** The commands for all todos of a view. */
export function MoreMenu({ view, list, onHelp }: Props) {
  const todos = useTodos();
  const later = useLater();
  const [open, setOpen] = useState<"rename" | "delete">();
  const close = () => setOpen(undefined);

  /** Save a file with all todos. Those that this device does not have yet would be missing in it. */
  async function save(name: string, type: string, write: "toCsv" | "toJsonLines", all: readonly Shown[]): Promise<void> {
    if (!todos.status.isComplete) return todos.announce("The todos are still loading. Try again in a moment.");
    const parts = later ?? (await loadLater()); // the first click may be faster
    if (!parts) return todos.announce("The first export needs a connection.");
    parts.download(name, parts[write]([...all]), type);
    todos.announce(`Saved ${name}.`);
  }

  const openTodos = list.filter((todo) => !todo.completed);
  const completedTodos = list.filter((todo) => todo.completed);
  const ofTodos: MenuItem[] = [
    {
      text: "Complete all",
      icon: CheckCheck,
      isDisabled: !openTodos.length,
      act: () => todos.act(complete(openTodos, true)),
    },
    {
      text: "Clear completed",
      icon: BrushCleaning,
      isDisabled: !completedTodos.length,
      act: () => todos.act(remove(completedTodos)),
    },
  ];
  const ofTag: MenuItem[] = [
    { text: "Rename tag…", icon: Pencil, hasLine: true, act: () => setOpen("rename") },
    { text: "Delete tag…", icon: Trash2, isDanger: true, act: () => setOpen("delete") },
  ];
  const items: MenuItem[] = [
    ...(view.name === "trash" ? [] : ofTodos),
    ...(view.name === "tag" ? ofTag : []),
    {
      text: "Export as CSV",
      icon: FileSpreadsheet,
      hasLine: view.name !== "trash",
      act: () => {
        const inOrder = todos.all.filter(({ place }) => place === "list").sort(compare);
        void save("todos.csv", "text/csv", "toCsv", inOrder);
      },
    },
    { text: "Export as JSON", icon: FileBraces, act: () => void save("todos.jsonl", "application/jsonl", "toJsonLines", todos.all) },
    { text: "Print", icon: Printer, act: () => window.print() },
    { text: "Undo", icon: Undo2, shortcut: "z", hasLine: true, act: todos.undo },
    { text: "Keyboard shortcuts", icon: Keyboard, shortcut: "?", act: onHelp },
  ];

  return (
    <>
      <Menu label="More" items={items}>
        <Ellipsis aria-hidden />
      </Menu>
      {later && view.name === "tag" && open === "rename" && <later.RenameTag tag={view.tag} onClose={close} />}
      {later && view.name === "tag" && open === "delete" && <later.DeleteTag tag={view.tag} onClose={close} />}
      <Paper title={nameOf(view)} list={list} />
    </>
  );
}
