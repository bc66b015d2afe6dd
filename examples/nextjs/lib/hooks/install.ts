"use client";

/** Offer to install the app, if the browser lets a page do so. Only Chromium does. */

import { externalValue } from "./external-value.ts";

type InstallEvent = Event & { prompt: () => Promise<unknown> };

const installEvent = externalValue<InstallEvent | undefined>(undefined);

/** Keep the event of the browser, which comes once after the page has loaded. The help uses it. */
export function keepInstallEvent(): void {
  addEventListener("beforeinstallprompt", (event) => {
    event.preventDefault(); // the browser shows nothing by itself
    installEvent.set(event as InstallEvent);
  });
  addEventListener("appinstalled", () => installEvent.set(undefined));
}

/** Return the event that installs the app, undefined if the browser has none or the app is installed. */
export function useInstallEvent(): InstallEvent | undefined {
  return installEvent.use();
}
