/** What the sync client stores and shows. */

export type Priority = "none" | "low" | "medium" | "high";

/** The fields that a user may change. */
export type Fields = {
  title: string;
  description: string | null;
  completed: boolean;
  due: string | null;
  priority: Priority;
  tags: string[];
};

/** The fields of a new todo. */
export const NEW: Fields = { title: "", description: null, completed: false, due: null, priority: "none", tags: [] };

/** A todo as the API returns it. */
export type Todo = Fields & {
  id: string;
  version: number;
  position: string;
  user_id: string;
  created_at: string;
  updated_at: string | null;
  completed_at: string | null;
  deleted_at: string | null;
};

/** Where a todo is: in the list, in the trash, or nowhere, because it was deleted for good. */
export type Place = "list" | "trash" | "gone";

/** What the user changed on this device. The times are for a todo that is created again. */
export type Edits = Partial<
  Fields & { position: string; place: Place; created_at: string; completed_at: string | null }
>;

/** A todo as the user sees it: the one of the API with the edits of this device in their place. */
export type Shown = Fields & {
  id: string;
  position: string;
  place: "list" | "trash";
  created_at: string;
  updated_at: string | null;
  completed_at: string | null;
  deleted_at: string | null;
  /** Whether the API has all edits. */
  isSaved: boolean;
  /** Why the API does not accept the edits. They are sent again when the user changes the todo. */
  problem?: string;
};

/** A notice for the user about a todo that was changed on another device too. */
export type Notice = {
  key: string;
  id: string;
  /** `conflict`: both changed a field. `returned`: the other device deleted the todo, and this one changed it. */
  kind: "conflict" | "returned";
  title: string;
  /** With `conflict`: the field, and the value of the other device, which was replaced. */
  field?: keyof Fields;
  theirs?: Fields[keyof Fields];
};

export type Status = {
  state: "starting" | "idle" | "syncing" | "offline" | "waiting" | "signed-out" | "other-user" | "failed";
  /** The number of todos with edits that the API does not have. */
  unsent: number;
  /** False until the first whole sync. The list may miss todos until then. */
  isComplete: boolean;
  /** False if the device stores nothing, because its storage is full or missing. */
  isStored: boolean;
  /** With `waiting` and `failed`: the reason. */
  message?: string;
};
