import { Cloud, CloudAlert, CloudOff, RefreshCw } from "lucide-react";
import { memo } from "react";

import type { Status } from "@/sync/types";

type Props = { state: Status["state"]; unsent: number; isComplete: boolean; message?: string | undefined };

/** Show whether the API has all changes. It is not announced, because it changes with each of them. */
export const SyncStatus = memo(function SyncStatus(props: Props) {
  const { state, unsent, isComplete } = props;
  const isBusy = (state === "syncing" || state === "idle") && (unsent > 0 || !isComplete);
  const Icon = isBusy ? RefreshCw : (ICONS[state] ?? Cloud);
  return (
    <p className="sync" data-state={isBusy ? "busy" : state} aria-live="off">
      <Icon aria-hidden size={16} />
      <span>{statusText(props)}</span>
    </p>
  );
});

const ICONS: Partial<Record<Status["state"], typeof Cloud>> = {
  offline: CloudOff,
  "signed-out": CloudAlert,
  "other-user": CloudAlert,
  waiting: CloudAlert,
  failed: CloudAlert,
};

function statusText({ state, unsent, isComplete, message }: Props): string {
  const kept = unsent === 0 ? "" : ` ${unsent} ${unsent === 1 ? "change is" : "changes are"} kept on this device.`;
  if (state === "offline") return `Offline.${kept}`;
  if (state === "signed-out") return `Not signed in.${kept}`;
  if (state === "other-user") return `Another user is signed in.${kept}`;
  if (state === "waiting") return message ?? "The server is busy. Trying again.";
  if (state === "failed") return message ?? "The changes could not be sent.";
  if (unsent > 0) return "Saving …";
  return isComplete ? "Saved" : "Loading …";
}
