"use client";

import { LogOut, Trash2, UserRound } from "lucide-react";
import { useEffect, useEffectEvent, useState } from "react";

import type { User } from "@/lib/device";
import { signOut } from "@/lib/sign-out";
import { useLater } from "@/lib/hooks/use-later";
import { useTodos } from "@/lib/hooks/use-todos";

import { Menu } from "./menu";

const SEND_PATIENCE = 3_000; // milliseconds; changes are sent first, if that is possible

/** Show the user, with a menu to sign out and to delete the account. */
export function Account({ user }: { user: User }) {
  const { status, announce, syncNow } = useTodos();
  const later = useLater();
  const [dialog, setDialog] = useState<"sign-out" | "delete">();
  const [isLeaving, setIsLeaving] = useState(false);
  // While the device's todos are being loaded, nobody knows whether it has changes.
  const hasUnsent = status.unsent > 0 || status.state === "starting";

  async function signOutNow(): Promise<void> {
    setIsLeaving(false);
    const reason = await signOut(user, { keepTodos: hasUnsent });
    if (reason) announce(reason);
  }
  const leave = useEffectEvent(signOutNow);

  useEffect(() => {
    if (!isLeaving) return;
    if (!hasUnsent) {
      void leave();
      return;
    }
    syncNow();
    const timer = setTimeout(() => {
      setIsLeaving(false);
      setDialog("sign-out");
    }, SEND_PATIENCE);
    return () => clearTimeout(timer);
  }, [isLeaving, hasUnsent, syncNow]);

  return (
    <>
      <Menu
        label={`Account of ${user.name}`}
        items={[
          { text: "Sign out", icon: LogOut, act: () => setIsLeaving(true) },
          { text: "Delete account…", icon: Trash2, isDanger: true, act: () => setDialog("delete") },
        ]}
      >
        <UserRound aria-hidden />
      </Menu>
      {later && dialog === "sign-out" && (
        <later.Confirm
          title="Sign out?"
          text={`${status.unsent === 1 ? "1 change is" : `${status.unsent} changes are`} not saved yet. What is not saved stays on this device until you sign in again.`}
          action="Sign out"
          onConfirm={() => void signOutNow()}
          onClose={() => setDialog(undefined)}
        />
      )}
      {later && dialog === "delete" && <later.DeleteAccount user={user} onClose={() => setDialog(undefined)} />}
    </>
  );
}
