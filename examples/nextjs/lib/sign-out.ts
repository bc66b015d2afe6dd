/** Sign out and delete the account, by requests to Better Auth. Its client would be larger than this app. */

import { forgetUser, type User } from "./device";

/**
 * End the session, and leave the app. The todos stay on the device if it has changes that were not sent.
 * They are sent when the same user signs in again.
 *
 * @returns why that failed
 */
export async function signOut(user: User, { keepTodos }: { keepTodos: boolean }): Promise<string> {
  const answer = await post("/api/auth/sign-out", {});
  if (!answer) return "You are offline. Connect to sign out.";
  if (!answer.ok) return "The server cannot sign you out now. Try again in a minute.";
  await forgetUser(user, { keepTodos });
  window.location.replace("/sign-in");
  return "";
}

/** Return whether the account has a password. One that was made with GitHub has none. */
export async function hasPassword(): Promise<boolean> {
  try {
    const answer = await fetch("/api/auth/list-accounts");
    const accounts = (await answer.json()) as { providerId: string }[];
    return accounts.some(({ providerId }) => providerId === "credential");
  } catch {
    return true;
  }
}

/**
 * Delete the account with all todos, also on this device, and leave the app.
 *
 * @param password is empty if the account has none
 * @returns why that failed
 */
export async function deleteAccount(user: User, password: string): Promise<string> {
  const answer = await post("/api/auth/delete-user", password ? { password } : {});
  if (!answer) return "You are offline. Connect to delete the account.";
  if (!answer.ok) {
    const { code } = (await answer.json().catch(() => ({}))) as { code?: string };
    if (code === "DEMO_USER") return "The demo has one account for everybody, which cannot be deleted.";
    if (code === "INVALID_PASSWORD") return "The password is wrong.";
    // Without a password Better Auth deletes only with a session of today.
    if (answer.status === 401 || code === "SESSION_EXPIRED") return "Your session is over. Sign in again to delete the account.";
    if (answer.status === 429) return "Too many attempts. Wait a minute.";
    return "The server cannot delete the account now. Try again in a minute.";
  }
  await forgetUser(user, { keepTodos: false });
  window.location.replace("/sign-in?deleted");
  return "";
}

async function post(path: string, body: Record<string, string>): Promise<Response | undefined> {
  try {
    const headers = { "Content-Type": "application/json" };
    return await fetch(path, { method: "POST", headers, body: JSON.stringify(body) });
  } catch {
    return undefined;
  }
}
