/** Send the mails of the app. MAIL_URL is the address of an SMTP server, or `log:` to write mails to the log. */

import { appOrigins } from "./origins.ts";

export type Mail = { to: string; subject: string; text: string };

type Server = { host: string; port: number; secure: boolean; requireTLS: boolean; auth?: { user: string; pass: string } };

/** Without a server, mails are written to the log. */
export type MailSettings = { from: string; server?: Server };

type Variables = Partial<Record<string, string>>;

const PATIENCE = 10_000; // milliseconds for each step of a mail
const MAIL_PATIENCE = 25_000; // milliseconds for a whole mail; a serverless function ends soon after its answer
const MOST = 5; // mails with the same subject to one person within an hour; their links are valid for this time
const HOUR = 3_600_000; // milliseconds
const FORM = "MAIL_URL must be log:, or the address of a mail server, such as smtp://user:password@mail.example.com:587 (or smtps://, port 465). Write special characters of the user and of the password as in a URL, for example %40 for @.";

/** When mails were sent, for each subject and recipient. */
const sent = new Map<string, number[]>();

/**
 * Return how mails are sent, or undefined if they are not. A development server writes them to the log by default.
 *
 * @throws Error A setting is wrong. The message never has the password.
 */
export function mailSettings(variables: Variables = process.env): MailSettings | undefined {
  const url = variables.MAIL_URL || (variables.NODE_ENV === "development" ? "log:" : "");
  if (!url) return undefined;
  const [origin] = appOrigins(variables);
  const from = variables.MAIL_FROM || `Todos <no-reply@${URL.parse(origin ?? "")?.hostname ?? "localhost"}>`;
  if (!/^[^@\r\n]+@[^@\s]+$/.test(from)) throw new Error("MAIL_FROM must be an address, such as Todos <no-reply@example.com>.");
  if (url === "log:") return { from };
  const server = serverOf(url);
  if (!server) throw new Error(FORM);
  // Better Auth would copy the address from the header of a request, which its sender chooses.
  if (!origin) throw new Error("MAIL_URL also needs BETTER_AUTH_URL, the URL of this app, because a mail has a link to it.");
  return { from, server };
}

function serverOf(text: string): Server | undefined {
  const url = URL.parse(text);
  const isTLS = url?.protocol === "smtps:";
  if (!url || !(isTLS || url.protocol === "smtp:") || !url.hostname) return undefined;
  // A password with / or # or ? ends the host too early, and its rest would be here.
  if (!["", "/"].includes(url.pathname) || url.search || url.hash) return undefined;
  if (!url.username !== !url.password) return undefined;
  const host = url.hostname.replace(/^\[|\]$/g, "");
  const server = { host, port: Number(url.port) || (isTLS ? 465 : 587), secure: isTLS };
  if (!url.username) return { ...server, requireTLS: false };
  try {
    const auth = { user: decodeURIComponent(url.username), pass: decodeURIComponent(url.password) };
    // Otherwise somebody in between could remove the server's offer of TLS, and read the password.
    return { ...server, requireTLS: !["localhost", "127.0.0.1", "::1"].includes(host), auth };
  } catch {
    return undefined;
  }
}

/**
 * Send a mail. If that fails, the log has the reason. It is not sent if this process has sent the same person
 * enough of them, so that nobody can fill the mailbox of another person.
 *
 * @param patience milliseconds
 */
export async function deliver(mail: Mail, settings: MailSettings, patience = MAIL_PATIENCE): Promise<void> {
  if (!isUnderLimit(mail)) return console.warn(`A mail to ${mail.to} was not sent, because there were ${MOST} like it within an hour.`);
  if (!settings.server) return console.log(`Mail to ${mail.to}: ${mail.subject}\n\n${mail.text}\n`);
  try {
    await send(mail, settings.from, settings.server, patience);
  } catch (error) {
    uncount(mail);
    console.error(`A mail to ${mail.to} was not sent:`, error instanceof Error ? error.message : error);
  }
}

async function send({ to, subject, text }: Mail, from: string, server: Server, patience: number): Promise<void> {
  const { createTransport } = await import("nodemailer"); // most functions never send a mail
  const limits = { dnsTimeout: PATIENCE, connectionTimeout: PATIENCE, greetingTimeout: PATIENCE, socketTimeout: PATIENCE };
  const transport = createTransport({ ...server, ...limits, disableFileAccess: true, disableUrlAccess: true });
  const headers = { "Auto-Submitted": "auto-generated" }; // no absence note comes back
  // As an object the recipient is one address. A text may have several.
  const sending = transport.sendMail({ from, to: { name: "", address: to }, subject, text, headers });
  let timer: NodeJS.Timeout | undefined;
  const isOver = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error("The mail server is too slow.")), patience);
  });
  try {
    await Promise.race([sending, isOver]);
  } finally {
    clearTimeout(timer);
    transport.close();
  }
}

/** Count a mail, and return whether its recipient may have it. */
function isUnderLimit({ to, subject }: Mail): boolean {
  const since = Date.now() - HOUR;
  for (const [key, times] of sent) if (times.every((time) => time <= since)) sent.delete(key);
  const key = `${subject} ${to}`;
  const times = (sent.get(key) ?? []).filter((time) => time > since);
  if (times.length >= MOST) return false;
  sent.set(key, [...times, Date.now()]);
  return true;
}

/** Do not count a mail that failed, because its recipient asks again. */
function uncount({ to, subject }: Mail): void {
  sent.get(`${subject} ${to}`)?.pop();
}
