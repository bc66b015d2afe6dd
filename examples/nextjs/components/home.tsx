"use client";

import { useEffect, useSyncExternalStore } from "react";

import { ASK_SERVER, deleteDatabases, readUser, rememberTimeZone, rememberUser, type User, watchUser } from "@/lib/device";
import { keepInstallEvent } from "@/lib/hooks/install";
import { startServiceWorker } from "@/lib/hooks/service-worker";
import type { Todo } from "@/sync/types";

import { App } from "./app";

type Props = {
  /** The user of the session, unless the page comes from the service worker. */
  user?: User;
  initial?: Todo[] | undefined;
  today?: string;
  /** The parameters of the address, as the server rendered them. */
  search?: string;
};

/** The app with the user of the session, or with the user of this device if the server rendered no user. */
export function Home({ user: fromServer, initial, today = "", search = "" }: Props) {
  const kept = useSyncExternalStore(subscribe, readUser, () => undefined);
  const user = fromServer ?? kept;

  useEffect(() => {
    rememberTimeZone();
    startServiceWorker();
    keepInstallEvent();
    if (fromServer) void rememberUser(fromServer);
    void deleteDatabases();
    removeParameters();
  }, [fromServer]);

  useEffect(() => {
    // The first render of the kept page has no user, because it must be like the one of the server.
    const id = fromServer?.id ?? readUser()?.id;
    const leave = () => window.location.replace(ASK_SERVER);
    if (id === undefined) leave();
    else return watchUser(id, leave);
  }, [fromServer]);

  return <App user={user} initial={initial} today={today} search={search} />;
}

function subscribe(): () => void {
  return () => undefined; // another user needs another page
}

/** Remove what only the service worker and the server read, so that a reload and a bookmark are without it. */
function removeParameters(): void {
  const url = new URL(window.location.href);
  if (url.pathname === "/shell") url.pathname = "/";
  for (const name of ["signed-in", "failed"]) url.searchParams.delete(name);
  if (url.href !== window.location.href) window.history.replaceState(null, "", url);
}
