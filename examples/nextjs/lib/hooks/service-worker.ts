"use client";

/** Register the service worker, which keeps the app usable without a connection, and learn of new versions. */

import { externalValue } from "./external-value.ts";

const CHECK_INTERVAL = 10 * 60_000; // milliseconds

const isNewVersionReady = externalValue(false);
let isStarted = false;
let checkedAt = 0;

/** Return whether a newer version of the app is on the device. A reload opens it. */
export function useNewVersion(): boolean {
  return isNewVersionReady.use();
}

/** Register the service worker once, after the page has loaded, and ask for new versions from then on. */
export function startServiceWorker(): void {
  if (isStarted || !("serviceWorker" in navigator)) return;
  isStarted = true;
  if (process.env.NODE_ENV !== "production") {
    void removeServiceWorker();
    return;
  }
  navigator.serviceWorker.addEventListener("message", ({ data }: MessageEvent<{ build?: string }>) => {
    if (data.build && data.build !== process.env.NEXT_PUBLIC_BUILD) isNewVersionReady.set(true);
  });
  document.addEventListener("visibilitychange", check);
  window.addEventListener("focus", check);
  if (document.readyState === "complete") check();
  else window.addEventListener("load", check, { once: true });
}

function check(): void {
  if (document.visibilityState !== "visible" || Date.now() - checkedAt < CHECK_INTERVAL) return;
  checkedAt = Date.now();
  // This fails without a connection. The service worker that is registered continues then.
  void register().catch(() => undefined);
}

async function register(): Promise<void> {
  await navigator.serviceWorker.register("/sw.js", { updateViaCache: "none" }).catch(() => undefined);
  const { active } = await navigator.serviceWorker.ready;
  active?.postMessage("check");
}

/** Remove the service worker of a production build that was run at this address before. */
async function removeServiceWorker(): Promise<void> {
  const registrations = await navigator.serviceWorker.getRegistrations();
  if (registrations.length === 0) return;
  await Promise.all(registrations.map((registration) => registration.unregister()));
  await Promise.all((await caches.keys()).map((name) => caches.delete(name)));
  window.location.reload();
}
