/** Sync the todos of a device with the API. Nothing that the user does waits for it. */

import {
  confirmed,
  isSent,
  type Item,
  mismatched,
  nextOperation,
  type Operation,
  type Outcome,
  purged,
  received,
  refused,
  vanished,
} from "./item.ts";
import {
  type Api,
  bodyOf,
  detailOf,
  firstBatch,
  isPage,
  MAX_BYTES,
  MAX_ITEMS,
  NotNow,
  OtherUser,
  type Page,
  request,
  type Result,
  RETRY_AFTER,
  sizeOf,
} from "./requests.ts";
import { type StateOptions, TodoState } from "./state.ts";

export { SignedOut } from "./requests.ts";

export type Options = Api &
  StateOptions & {
    /** Run a sync alone. In a browser other tabs have to wait. */
    lock?: (run: () => Promise<void>) => Promise<void>;
  };

const MAX_NOTICES = 100;
const MANY_PURGES = 20; // more are one request, if the user emptied the trash
const MANY_REFUSED = 20; // todos; if all of the first ones are refused, the API does not work at all
const NOT_VALID = [413, 422]; // answers after which a todo is not sent again until the user changes it
const MANY_MISMATCHES = 20; // answers of 412 to one todo in one sync, after which it waits for the next sync

/** Keep a user's todos on a device, and sync them with the API. */
export class TodoClient extends TodoState<Options> {
  #running: Promise<void> | undefined;
  /** Whether something was edited during the sync. */
  #again = false;
  /** Whether `sync` was called with `onlyIfChanged` during the sync, which may have missed the latest change. */
  #askAgain = false;
  /** What this sync does not send any more. */
  #skipped = new Set<string>();
  #mismatches = new Map<string, number>();
  /** Whether this sync had an answer to a batch, so that the API works. */
  #hasArrived = false;
  #etag: string | undefined;
  /** Seconds to wait before the next sync, after a 429 or 503. */
  retryAfter = 0;

  /**
   * Receive what has changed, and send the edits. Another call during a sync starts one more after it.
   *
   * @param onlyIfChanged first ask whether anything has changed, which the API answers from one row
   */
  sync({ onlyIfChanged = false } = {}): Promise<void> {
    if (this.#running) {
      if (onlyIfChanged) this.#askAgain = true;
      else this.#again = true;
      return this.#running;
    }
    const lock = this.options.lock ?? ((run) => run());
    this.#running = lock(() => this.#syncAlone(onlyIfChanged)).finally(() => {
      this.#running = undefined;
      const [isEdited, isAsked] = [this.#again, this.#askAgain];
      this.#again = this.#askAgain = false; // the sync has not done this if the lock failed
      return isEdited || isAsked ? this.sync({ onlyIfChanged: !isEdited }) : undefined;
    });
    return this.#running;
  }

  async #syncAlone(onlyIfChanged: boolean): Promise<void> {
    try {
      this.#skipped.clear();
      this.#mismatches.clear();
      this.#hasArrived = false;
      // Another tab may have sent them while this one was waiting for the lock.
      if (this.options.lock) await this.refresh(this.unsent());
      for (let isFirst = true; isFirst || this.#again; isFirst = false) {
        this.#again = false;
        this.#askAgain = false;
        if (isFirst && onlyIfChanged && this.#next().length === 0 && !(await this.#hasChanged())) break;
        this.setState("syncing");
        await this.#receive();
        await this.#storeEtag();
        let hasSent = false;
        while (await this.#send()) hasSent = true;
        if (hasSent) await this.#receive();
      }
      this.retryAfter = 0;
      if (this.#skipped.size) this.setState("failed", "The server does not accept some of your changes now.");
      else this.setState("idle");
    } catch (error) {
      this.#again = false;
      this.#askAgain = false;
      this.#fail(error);
    }
  }

  #fail(error: unknown): void {
    if (error instanceof Error && error.name === "SignedOut") this.setState("signed-out");
    else if (error instanceof OtherUser) this.setState("other-user");
    else if (error instanceof NotNow) {
      this.retryAfter = error.retryAfter;
      this.setState("waiting", error.message);
    } else if (error instanceof SyntaxError) {
      this.setState("failed", "The answer was not one of the API."); // but for example the page of a Wi-Fi network
    } else if (error instanceof TypeError || (error instanceof DOMException && error.name === "TimeoutError")) {
      this.setState("offline");
    } else {
      this.setState("failed", String(error));
    }
  }

  async #hasChanged(): Promise<boolean> {
    const { etag, isComplete } = this.meta;
    if (!isComplete) return true;
    const answer = await request(this.options, "/todos?limit=1", { headers: etag ? { "If-None-Match": etag } : {} });
    if (answer.status === 304) return false;
    this.#etag = answer.headers.get("ETag") ?? undefined;
    await answer.body?.cancel();
    return true;
  }

  /** Store the ETag after the changes were received. Those after its answer have another one. */
  async #storeEtag(): Promise<void> {
    const etag = this.#etag;
    this.#etag = undefined;
    if (etag) await this.update([], ({ meta }) => ({ items: new Map(), meta: { ...meta, etag } }));
  }

  /** Receive all changes, page after page. A page is stored together with the token for the next one. */
  async #receive(): Promise<void> {
    if (!this.meta.next && !this.meta.unseen && this.items.size) await this.#beginAnew();
    let hasBegunAnew = false;
    for (let more = true; more; ) {
      const since = this.meta.next ? `&since=${encodeURIComponent(this.meta.next)}` : "";
      const answer = await request(this.options, `/changes?limit=${MAX_ITEMS}${since}`);
      // 410: the token is too old. 422: it was never one, for example after an answer that was not the API's.
      if (answer.status === 410 || answer.status === 422) {
        if (!since || hasBegunAnew) throw new NotNow(await detailOf(answer), RETRY_AFTER);
        hasBegunAnew = true;
        await this.#beginAnew();
      } else {
        const page: unknown = await answer.json();
        if (!isPage(page)) throw new SyntaxError(); // a todo that cannot be shown must not be stored
        // Otherwise the same page would be asked for without end.
        if (page.more && page.next === this.meta.next) throw new NotNow("The list of changes does not end.", RETRY_AFTER);
        more = page.more;
        await this.#store(page);
      }
    }
  }

  /** Walk over all todos again. What the walk does not return is removed at its end. */
  async #beginAnew(): Promise<void> {
    const known = [...this.items.values()].filter((item) => item.server).map((item) => item.id);
    await this.update([], ({ meta }) => {
      const { next: _, etag: __, ...kept } = meta;
      return { items: new Map(), meta: { ...kept, unseen: known } };
    });
  }

  #store({ todos, gone, next, more }: Page): Promise<void> {
    const seen = new Set([...todos.map(({ id }) => id), ...gone]);
    const unseen = this.meta.unseen?.filter((id) => !seen.has(id));
    const vanishing = more ? gone : [...gone, ...(unseen ?? [])];
    return this.update([...seen, ...vanishing], ({ items, meta }) => {
      const changed = new Map<string, Item | undefined>();
      const notices = [...meta.notices];
      for (const todo of todos) {
        const item = items.get(todo.id);
        // A change may be returned twice. During a walk the database may be an older one, with lower versions.
        if (!meta.unseen && todo.version < (item?.server?.version ?? 0)) continue;
        const outcome = received(item, todo);
        changed.set(todo.id, outcome.item);
        notices.push(...outcome.notices);
      }
      for (const id of vanishing) {
        const item = items.get(id);
        if (!item) continue;
        const outcome = vanished(item);
        if (!outcome.item) this.gone.set(id, item);
        changed.set(id, outcome.item);
        notices.push(...outcome.notices);
      }
      const { unseen: _, ...kept } = meta;
      const walk = more && unseen ? { unseen } : {};
      const isComplete = meta.isComplete || !more;
      return { items: changed, meta: { ...kept, ...walk, next, isComplete, notices: notices.slice(-MAX_NOTICES) } };
    });
  }

  /** Return what has to be sent now. */
  #next(): Operation[] {
    return [...this.items.values()]
      .filter((item) => !this.#skipped.has(item.id))
      .flatMap((item) => nextOperation(item) ?? []);
  }

  /** Send one batch, or deletions for good. Return whether there was anything to send. */
  async #send(): Promise<boolean> {
    const operations = this.#next();
    const batch = firstBatch(operations.filter(({ kind }) => kind !== "purge"));
    const [first] = batch;
    if (first && batch.length === 1 && sizeOf(first) > MAX_BYTES) await this.#refuse(first, "The todo is too large.");
    else if (first) await this.#sendBatch(batch);
    else await this.#purge(operations);
    return operations.length > 0;
  }

  async #sendBatch(operations: Operation[]): Promise<void> {
    await this.#remember(operations);
    const put = operations.flatMap((operation) => (operation.kind === "put" ? [bodyOf(operation)] : []));
    const deletions = operations.flatMap((operation) => (operation.kind === "delete" ? [bodyOf(operation)] : []));
    const answer = await request(this.options, "/batch", { method: "POST", body: JSON.stringify({ put, delete: deletions }) });
    if (!answer.ok) return this.#isolate(operations, answer);
    this.#hasArrived = true;
    const { results } = (await answer.json()) as { results: Result[] };
    const byId = new Map(operations.map((operation) => [operation.id, operation]));
    for (const id of byId.keys()) if (!this.#isAnswered(id, results)) this.#skipped.add(id); // until the next sync
    await this.update([...byId.keys()], ({ items, meta }) => {
      const changed = new Map<string, Item | undefined>();
      const notices = [...meta.notices];
      for (const result of results) {
        const operation = byId.get(result.id);
        if (!operation) continue; // it is no answer to this batch
        const outcome = resultOf(result, operation, items.get(result.id));
        changed.set(result.id, outcome.item);
        notices.push(...outcome.notices);
      }
      return { items: changed, meta: { ...meta, notices: notices.slice(-MAX_NOTICES) } };
    });
  }

  /** Return whether a todo has a result, and is not mismatched again and again. */
  #isAnswered(id: string, results: Result[]): boolean {
    const result = results.find((result) => result.id === id);
    if (result?.status !== 412) return result !== undefined;
    const count = (this.#mismatches.get(id) ?? 0) + 1;
    this.#mismatches.set(id, count);
    return count < MANY_MISMATCHES;
  }

  /** Store what is sent, because the answer may be lost. */
  #remember(operations: Operation[]): Promise<void> {
    return this.update(
      operations.map(({ id }) => id),
      ({ items }) => ({
        items: new Map(
          operations.flatMap((operation) => {
            const item = items.get(operation.id);
            return item ? [[item.id, asSent(item, operation)] as const] : [];
          }),
        ),
      }),
    );
  }

  /** Send a batch that was refused as a whole in two halves, until the todo is found that is the reason. */
  async #isolate(operations: Operation[], answer: Response): Promise<void> {
    const [first] = operations;
    if (operations.length === 1 && first) {
      const problem = await detailOf(answer);
      if (NOT_VALID.includes(answer.status)) return this.#refuse(first, problem);
      this.#skipped.add(first.id); // until the next sync
      if (this.#skipped.size >= MANY_REFUSED && !this.#hasArrived) throw new NotNow(problem, RETRY_AFTER);
      return;
    }
    const middle = operations.length >> 1;
    await this.#sendBatch(operations.slice(0, middle));
    await this.#sendBatch(operations.slice(middle));
  }

  #refuse(operation: Operation, problem: string): Promise<void> {
    return this.update([operation.id], ({ items }) => ({
      items: new Map([...items].map(([id, item]) => [id, refused(item, operation, problem)])),
    }));
  }

  async #purge(operations: Operation[]): Promise<void> {
    if (!operations.length) return;
    await this.#remember(operations);
    if (operations.length > MANY_PURGES && this.#isTrashEmptied()) {
      const { ok } = await request(this.options, "/trash", { method: "DELETE" });
      if (ok) return this.#confirmPurges(operations);
    }
    for (const operation of operations) {
      const headers = operation.kind === "purge" ? { "If-Match": `W/"${operation.version}"` } : {};
      const { ok } = await request(this.options, `/trash/${operation.id}`, { method: "DELETE", headers });
      if (ok) await this.#confirmPurges([operation]);
      else this.#skipped.add(operation.id);
    }
  }

  #isTrashEmptied(): boolean {
    return [...this.items.values()].every(({ server, edits }) => !server?.deleted_at || edits.place === "gone");
  }

  #confirmPurges(operations: Operation[]): Promise<void> {
    return this.update(
      operations.map(({ id }) => id),
      ({ items }) => ({ items: new Map([...items].map(([id, item]) => [id, purged(item)])) }),
    );
  }
}

/** Return a todo after the answer to its put or delete. */
function resultOf(result: Result, operation: Operation, item: Item | undefined): Outcome {
  const { status, version, current, errors } = result;
  if (status === 412 && current) return mismatched(item, operation, current);
  if (!item) return { item, notices: [] };
  if (status === 404) return vanished(item);
  if (status < 300) return { item: confirmed(item, operation, version), notices: [] };
  return { item: refused(item, operation, errors?.map(({ msg }) => msg).join(" ") ?? String(status)), notices: [] };
}

/** Return a todo with what is sent. */
function asSent(item: Item, operation: Operation): Item {
  if (operation.kind !== "put") return { ...item, removal: operation.kind === "purge" ? "gone" : "trash" };
  const { content } = operation;
  return isSent(item, content) ? item : { ...item, sent: [...(item.sent ?? []), content] };
}
