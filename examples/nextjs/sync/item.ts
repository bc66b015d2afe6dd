/** The rules of the sync: what the user sees, what is sent next, and what an answer of the API changes. */

import { type Edits, type Fields, NEW, type Notice, type Place, type Shown, type Todo } from "./types.ts";

/** What the API accepts in a put of a batch. */
export type Content = Fields & { position?: string; created_at?: string; completed_at?: string | null };

/** A todo on this device. */
export type Item = {
  id: string;
  /** The todo as the API returned it last, also in the trash. Null if the API does not have it. */
  server: Todo | null;
  /** What the user changed and the API has not confirmed. */
  edits: Edits;
  /** What was sent and may have arrived, because there was no answer. The oldest is first. */
  sent?: Content[];
  /** Where a deletion that was sent puts it. It may have arrived, because there was no answer. */
  removal?: "trash" | "gone";
  problem?: string;
};

/** The next request for a todo. A deletion for good needs a deletion before. */
export type Operation =
  | { kind: "put"; id: string; base: number; content: Content }
  | { kind: "delete"; id: string; base?: number }
  | { kind: "purge"; id: string; version: number };

/** A todo after an answer, or undefined if it is gone, and the notices for the user. */
export type Outcome = { item: Item | undefined; notices: Notice[] };

/** The fields of a todo that a put does not send back. It sends all others, also those that a copy adds. */
const SET_BY_API = ["id", "version", "position", "user_id", "created_at", "updated_at", "completed_at", "deleted_at"];

/** The fields of which the API removes the spaces at both ends. */
const TRIMMED = ["title", "tags"];

/** The edits that are not fields of a todo. */
const NOT_CONTENT = ["place", "created_at", "completed_at"];

/** Return a todo as the user sees it, or null if it is gone. */
export function shown({ id, server, edits, problem }: Item): Shown | null {
  const place = edits.place ?? placeOf(server);
  if (place === "gone") return null;
  const now = new Date().toISOString();
  const isSaved = Object.keys(edits).length === 0;
  const todo = { position: "0", ...NEW, ...without(server ?? {}, ["version", "user_id"]), ...edits };
  return {
    ...todo,
    id,
    place,
    created_at: todo.created_at ?? now,
    updated_at: isSaved ? (server?.updated_at ?? null) : now,
    completed_at: todo.completed ? ((server?.completed ? server.completed_at : edits.completed_at) ?? now) : null,
    deleted_at: place === "trash" ? (server?.deleted_at ?? now) : null,
    isSaved,
    ...(problem !== undefined && { problem }),
  };
}

/** Return a todo with edits of the user, or undefined if nothing of it is left, or if it was not there. */
export function edited(item: Item | undefined, id: string, changes: Edits): Item | undefined {
  const { server, sent, removal, edits: before }: Item = item ?? { id, server: null, edits: {} };
  const edits: Edits = { ...before, ...changes };
  if (edits.place === "gone" && !server && !sent) return undefined;
  if (!item && edits.title === undefined) return undefined; // an edit of a todo that another device deleted for good
  // While the answer to a request is missing, an edit back to the old value is an edit, too.
  if (server && !sent) {
    for (const name of contentOf(edits)) if (same(name, edits[name], server[name])) delete edits[name];
  }
  if (server?.deleted_at && contentOf(edits).length) edits.place ??= "trash"; // otherwise the edit would restore it
  else if (edits.place === placeOf(server) && !sent && !removal) delete edits.place;
  if (server) {
    delete edits.created_at;
    delete edits.completed_at;
  }
  return { id, server, edits, ...(sent && { sent }), ...(removal && { removal }) };
}

/** Return what has to be sent next, or undefined if there is nothing. */
export function nextOperation(item: Item): Operation | undefined {
  const { id, server, edits, sent, removal, problem } = item;
  if (problem !== undefined || Object.keys(edits).length === 0) return undefined;
  if (edits.place === "gone") {
    if (server?.deleted_at) return { kind: "purge", id, version: server.version };
    return server || sent ? { kind: "delete", id, ...(server && { base: server.version }) } : undefined;
  }
  if (edits.place === "trash" && server && contentOf(edits).length === 0) {
    const isUnsure = sent || removal; // it may be somewhere else now
    return server.deleted_at && !isUnsure ? undefined : { kind: "delete", id, base: server.version };
  }
  return { kind: "put", id, base: server?.version ?? 0, content: content(item) };
}

/** Return a todo after its put, delete or purge was executed. `version` is the one that the API returned. */
export function confirmed(item: Item | undefined, operation: Operation, version: number | null): Item | undefined {
  if (!item || operation.kind === "purge") return undefined;
  const now = new Date().toISOString();
  const edits = { ...item.edits };
  const server: Todo = { ...blank(item.id, now), ...item.server, version: version ?? 0 };
  if (operation.kind === "delete") {
    if (edits.place === "trash" && contentOf(edits).length === 0) delete edits.place;
    return { id: item.id, server: { ...server, deleted_at: now }, edits };
  }
  const { content } = operation;
  for (const name of contentOf(edits)) if (same(name, edits[name], content[name])) delete edits[name];
  if (edits.place === "list") delete edits.place;
  delete edits.created_at;
  delete edits.completed_at;
  const completedAt = content.completed ? (server.completed_at ?? content.completed_at ?? now) : null;
  // These times are about those of the API, which the next changes have. Until then the todo keeps its place.
  // A put that changed nothing has the old version, and no change follows.
  const isNewer = item.server && server.version > item.server.version;
  const times = { ...(isNewer && { updated_at: now }), completed_at: completedAt, deleted_at: null };
  return { id: item.id, server: { ...server, ...content, ...times }, edits };
}

/** Return a todo after the API refused an operation. If the user has changed it since, it is sent again. */
export function refused({ sent: _, removal: __, ...item }: Item, operation: Operation, problem: string): Item {
  const isSame = JSON.stringify(nextOperation(item)) === JSON.stringify(operation);
  return isSame ? { ...item, problem } : item;
}

/** Return a todo after a put was 412, so that the put has not arrived. */
export function mismatched(item: Item | undefined, operation: Operation, current: Todo): Outcome {
  if (!item?.sent || operation.kind !== "put" || !isSent(item, operation.content)) return received(item, current);
  return received({ ...item, sent: item.sent.slice(0, -1) }, current);
}

/** Return whether a put is the last one that was sent. */
export function isSent({ sent = [] }: Item, content: Content): boolean {
  return JSON.stringify(sent.at(-1)) === JSON.stringify(content);
}

/**
 * Return a todo after the API returned it. The edits of this device remain, field by field. A field that
 * another device changed too has the value of this one, because it syncs last, and a notice has the other value.
 */
export function received(item: Item | undefined, todo: Todo): Outcome {
  if (!item || Object.keys(item.edits).length === 0) {
    return { item: { id: todo.id, server: todo, edits: {} }, notices: [] };
  }
  const { id, server, sent = [] } = item;
  const edits = { ...item.edits };
  const notices: Notice[] = [];
  const title = edits.title ?? todo.title;
  const arrived = lastArrived(item, todo);
  for (const name of contentOf(edits)) {
    const isOurs = sent.some((content) => same(name, content[name], todo[name]));
    const isTheirs = !isOurs && !same(name, todo[name], (arrived ?? server)?.[name]);
    const isReplaced = isTheirs && arrived && same(name, edits[name], arrived[name]);
    if (isTheirs && name !== "position" && !same(name, edits[name], todo[name])) {
      // It seems that the API had ours before another device changed it. The notice is for the case that it had not.
      const other = (isReplaced ? edits : todo)[name] as Fields[keyof Fields];
      notices.push({ key: `${id} ${todo.version} ${name}`, id, kind: "conflict", title, field: name, theirs: other });
    }
    if (isReplaced || same(name, edits[name], todo[name])) delete edits[name];
  }

  const isChangedHere = contentOf(edits).length > 0;
  if (edits.place === "gone") {
    const before = arrived ?? server;
    const isChangedThere = Object.keys(without(todo, SET_BY_API)).some(
      (name) => !same(name, todo[name as keyof Fields], before?.[name as keyof Fields]),
    );
    if (server?.deleted_at && !todo.deleted_at) delete edits.place; // another device restored it
    else if (isChangedThere) edits.place = "trash"; // which has the change that this user has not seen
  }
  const place = edits.place ?? placeOf(server);
  if (place === "trash") {
    if (todo.deleted_at && isChangedHere) edits.place = "trash";
    else if (todo.deleted_at || (server?.deleted_at && !item.sent)) delete edits.place;
  } else if (place === "list" && !todo.deleted_at) {
    delete edits.place;
  } else if (edits.place === undefined) {
    if (!isChanged(edits)) return { item: { id, server: todo, edits: {} }, notices };
    edits.place = "list";
    notices.push(returned(id, title, todo.version));
  }
  return { item: { id, server: todo, edits, ...withProblem(item, edits) }, notices };
}

/** Return a todo that the API no longer has. It is created again if the user changed it on this device. */
export function vanished(item: Item): Outcome {
  const { id, server, edits, removal } = item;
  if (removal === "gone") return { item: purged(item), notices: [] }; // this device has deleted it
  const isKept = edits.place === "list" || (edits.place !== "gone" && isChanged(edits));
  if (!isKept) return { item: undefined, notices: [] };
  const all: Edits = { ...(server && copyOf(server)), ...edits };
  if (all.place === "list") delete all.place;
  const notices = server && !all.place ? [returned(id, all.title ?? "", server.version)] : [];
  return { item: { id, server: null, edits: all }, notices };
}

/** Return a todo after it was deleted for good: nothing, unless the user has undone that in the meantime. */
export function purged({ id, server, edits }: Item): Item | undefined {
  if (edits.place === "gone") return undefined;
  return { id, server: null, edits: { ...(server && copyOf(server)), place: "trash", ...edits } };
}

/** Return whether two values of a field are equal for the API, which removes spaces around titles and tags. */
export function same(name: string, a: unknown, b: unknown): boolean {
  if (Array.isArray(a) && Array.isArray(b)) {
    return a.length === b.length && a.every((one, place) => same(name, one, b[place]));
  }
  const isTrimmed = typeof a === "string" && typeof b === "string" && TRIMMED.includes(name);
  return a === b || (isTrimmed && a.trim() === b.trim());
}

function placeOf(server: Todo | null): Place {
  return server?.deleted_at ? "trash" : "list";
}

function contentOf(edits: Edits): (keyof Fields | "position")[] {
  return Object.keys(edits).filter((name) => !NOT_CONTENT.includes(name)) as (keyof Fields | "position")[];
}

/** Return whether edits contain more than a move, for which a deleted todo does not come back. */
function isChanged(edits: Edits): boolean {
  return contentOf(edits).some((name) => name !== "position");
}

function content({ server, edits }: Item): Content {
  const { place: _, ...changed } = edits;
  return { ...NEW, ...without(server ?? {}, SET_BY_API), ...changed };
}

/** Return the edits that create a todo again as it was. */
function copyOf(server: Todo): Edits {
  const { position, created_at, completed_at } = server;
  return { ...without(server, SET_BY_API), position, created_at, completed_at };
}

/** Return the last put without an answer of which the todo of the API has a change. */
function lastArrived({ server, sent = [] }: Item, todo: Todo): Content | undefined {
  // Nobody else knows the id of a todo that was never received, so at least the first put has arrived.
  const first = server ? undefined : sent[0];
  const before: Partial<Content> | undefined = server ?? first;
  const isIn = (put: Content) =>
    (Object.keys(put) as (keyof Content)[]).some(
      (name) => !same(name, put[name], before?.[name]) && same(name, put[name], todo[name]),
    );
  return sent.findLast(isIn) ?? first;
}

function returned(id: string, title: string, version: number): Notice {
  return { key: `${id} ${version} returned`, id, kind: "returned", title };
}

/** Return the problem of a todo whose edits are the same as before. */
function withProblem({ problem, edits: before }: Item, edits: Edits): { problem?: string } {
  const isSame = JSON.stringify(before) === JSON.stringify(edits);
  return problem !== undefined && isSame ? { problem } : {};
}

function blank(id: string, now: string): Todo {
  const times = { created_at: now, updated_at: null, completed_at: null, deleted_at: null };
  return { ...NEW, ...times, id, version: 0, position: "0", user_id: "" };
}

function without(todo: object, names: string[]): Partial<Fields> {
  return Object.fromEntries(Object.entries(todo).filter(([name]) => !names.includes(name)));
}
