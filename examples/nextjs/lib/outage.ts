/** What cannot be reached at the moment, and when it will be tried again: a store, for `useSyncExternalStore`. */

export type Outage = { reason: string; until: number };

let outage: Outage | undefined;
const listeners = new Set<() => void>();
const waiting = new Set<() => void>();

function tell(now: Outage | undefined): void {
  outage = now;
  for (const listener of listeners) listener();
}

/** Wait, and have it told; `tryNow` ends the waiting. */
export async function wait(reason: string, seconds: number): Promise<void> {
  tell({ reason, until: Date.now() + seconds * 1000 });
  await new Promise<void>((resolve) => {
    const done = () => {
      clearTimeout(timer);
      waiting.delete(done);
      resolve();
    };
    const timer = setTimeout(done, seconds * 1000);
    waiting.add(done);
  });
}

/** Something answered. */
export function over(): void {
  if (outage) tell(undefined);
}

export function tryNow(): void {
  for (const done of [...waiting]) done();
}

/** Give the outage, while there is one. */
export function getOutage(): Outage | undefined {
  return outage;
}

/** Be told when that changes; gives what ends it. */
export function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}
