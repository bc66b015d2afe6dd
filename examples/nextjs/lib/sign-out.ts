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

/**
 * Delete the account with all todos, also on this device, and leave the app.
 *
 * @returns why that failed
 */
export async function deleteAccount(user: User, password: string): Promise<string> {
  const answer = await post("/api/auth/delete-user", { password });
  if (!answer) return "You are offline. Connect to delete the account.";
  if (!answer.ok) {
    const { code } = (await answer.json().catch(() => ({}))) as { code?: string };
    if (code === "DEMO_USER") return "The demo has one account for everybody, which cannot be deleted.";
    if (code === "INVALID_PASSWORD") return "The password is wrong.";
    if (answer.status === 401) return "Your session is over. Sign in again to delete the account.";
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
