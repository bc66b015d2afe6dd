"use client";

/** The todos of the user in React: what is shown, and what the user does, with undo. */

import {
  createContext,
  createElement,
  type ReactNode,
  useCallback,
  useContext,
  useEffect,
  useMemo,
  useRef,
  useState,
  useSyncExternalStore,
} from "react";

import { browserClient, run } from "../../sync/browser.ts";
import type { TodoClient } from "../../sync/client.ts";
import type { Edits, Fields, Notice, Shown, Todo } from "../../sync/types.ts";
import type { Action } from "../actions.ts";
import { apiUrl } from "../api-url.ts";
import { getToken } from "../token.ts";

const MAX_UNDOS = 100;

/** The last thing that happened, for the toast and for screen readers. */
export type Done = { key: number; text: string; canUndo: boolean; show?: string | undefined };

type Options = {
  /** Actions with the same key after each other are one undo. */
  merge?: string;
};

type Undo = { edits: Map<string, Edits>; text: string; merge: string | undefined };

function useActions(client: TodoClient) {
  const undos = useRef<Undo[]>([]);
  const [done, setDone] = useState<Done>();

  const announce = useCallback((text: string, canUndo = false, show?: string) => {
    setDone((last) => ({ key: (last?.key ?? 0) + 1, text, canUndo, show }));
  }, []);

  const act = useCallback(
    ({ edits, text, canUndo = true, show }: Action, { merge }: Options = {}) => {
      const before = [...edits].map(([id, changes]) => [id, inverse(client.get(id), changes)] as const);
      void client.edit(edits);
      const last = undos.current.at(-1);
      if (canUndo && merge !== undefined && last?.merge === merge) {
        for (const [id, changes] of before) last.edits.set(id, { ...changes, ...last.edits.get(id) });
      } else if (canUndo) {
        undos.current = [...undos.current.slice(1 - MAX_UNDOS), { edits: new Map(before), text, merge }];
      }
      if (text) announce(text, canUndo, show);
    },
    [client, announce],
  );

  const undo = useCallback(() => {
    const last = undos.current.pop();
    if (!last) return announce("There is nothing to undo.");
    // A part of a todo that is gone for good would be a todo without a title.
    const edits = new Map([...last.edits].filter(([id, changes]) => client.get(id) || "created_at" in changes));
    if (edits.size === 0) return announce("It cannot be undone, because the todo was deleted for good.");
    void client.edit(edits);
    announce(last.text ? `Undone: ${last.text}` : "Undone.");
  }, [client, announce]);

  const acceptTheirs = useCallback(
    ({ key, id, field, theirs }: Notice) => {
      if (field && client.get(id)) act({ edits: new Map([[id, { [field]: theirs }]]), text: "Changed." });
      void client.dismiss(key);
    },
    [act, client],
  );

  const dismiss = useCallback((key: string) => void client.dismiss(key), [client]);
  const dismissDone = useCallback(() => setDone(undefined), []);
  const syncNow = useCallback(() => void client.sync(), [client]);
  return useMemo(
    () => ({ done, act, undo, announce, dismiss, acceptTheirs, dismissDone, syncNow }),
    [done, act, undo, announce, dismiss, acceptTheirs, dismissDone, syncNow],
  );
}

/** Return the edits that revert changes of a todo. A new todo is removed, and a removed one created again. */
function inverse(todo: Shown | undefined, changes: Edits): Edits {
  if (!todo) return { place: "gone" };
  if (changes.place === "gone") {
    const { id: _, isSaved: __, problem: ___, deleted_at: ____, updated_at: _____, ...all } = todo;
    return all;
  }
  const names = Object.keys(changes) as (keyof Fields | "position" | "place")[];
  return Object.fromEntries(names.map((name) => [name, todo[name]]));
}

type Props = { userId: string | undefined; initial: readonly Todo[] | undefined; children: ReactNode };
type Value = ReturnType<TodoClient["getSnapshot"]> & ReturnType<typeof useActions>;

const Context = createContext<Value | undefined>(undefined);

/**
 * Provide the todos of a user.
 *
 * @param userId undefined until the user of the device is known. There are no todos until then.
 * @param initial the todos that the server rendered, which are shown until those of the device are loaded
 */
export function TodosProvider({ userId, initial, children }: Props) {
  const client = useMemo(() => {
    const created = browserClient({ userId: userId ?? "", api: `${apiUrl}/api`, getToken });
    created.seed(initial ?? []);
    return created;
  }, [userId]); // the first todos are used once
  useEffect(() => (userId === undefined ? undefined : run(client)), [client, userId]);
  const snapshot = useSyncExternalStore(client.subscribe, client.getSnapshot, client.getSnapshot);
  const actions = useActions(client);
  const value = useMemo(() => ({ ...snapshot, ...actions }), [snapshot, actions]);
  return createElement(Context, { value }, children);
}

/** Return the todos, and what can be done with them. */
export function useTodos(): Value {
  const value = useContext(Context);
  if (!value) throw new Error("There is no TodosProvider.");
  return value;
}
