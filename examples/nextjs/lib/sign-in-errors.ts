/** The reasons why a user is not signed in, in words for users. */

export type FieldName = "name" | "email" | "password";
export type SignInError = { text: string; field?: FieldName };

/** Each code is short enough for the address of a page. */
export const SIGN_IN_ERRORS = {
  wrong: { text: "The email or the password is wrong.", field: "password" },
  name: { text: "Enter your name.", field: "name" },
  email: { text: "Enter an email address, such as ada@example.com.", field: "email" },
  password: { text: "Enter a password.", field: "password" },
  short: { text: "A password has at least 8 characters.", field: "password" },
  long: { text: "A password has at most 128 characters.", field: "password" },
  taken: { text: "This email has an account already. Sign in, or use another email.", field: "email" },
  busy: { text: "Too many attempts. Wait a minute." },
  origin: { text: "You cannot sign in at this address of the app." },
  down: { text: "The server cannot sign you in now. Try again in a minute." },
  unreachable: { text: "The server does not answer. Try again in a minute." },
  offline: { text: "You are offline. Connect to sign in." },
  demo: { text: "The demo does not work now. Make an account instead." },
  "demo-user": { text: "The demo has one account for everybody. Its password stays.", field: "email" },
  "no-mail": { text: "This app cannot send mails." },
  link: { text: "This link is too old, or it was used already." },
  "confirm-first": { text: "Confirm your email first. We have sent you a new mail with a link." },
  unconfirmed: { text: "This link is too old, or a part of it is missing. Sign in to get a new one." },
  denied: { text: "You have not permitted the sign-in at GitHub." },
  linked: { text: "This email has an account with a password. Sign in with the password." },
  "unconfirmed-github": { text: "Confirm your email at GitHub first." },
  restart: { text: "The sign-in at GitHub took too long, or was begun in another browser. Try again." },
  github: { text: "GitHub has not signed you in. Try again in a minute." },
} satisfies Record<string, SignInError>;

export type SignInCode = keyof typeof SIGN_IN_ERRORS;

/** Return the error of a code in an address, which may have anything. */
export function signInError(code: unknown): SignInError | undefined {
  return typeof code === "string" && Object.hasOwn(SIGN_IN_ERRORS, code) ? SIGN_IN_ERRORS[code as SignInCode] : undefined;
}

/** Return the code for an error of Better Auth. */
export function codeOf(status: number, error: { code?: string; message?: string }): SignInCode {
  if (status === 429) return "busy";
  if (status >= 500) return "down";
  if (error.code?.startsWith("USER_ALREADY_EXISTS")) return "taken";
  const codes: Record<string, SignInCode> = {
    DEMO_USER: "demo-user",
    EMAIL_NOT_VERIFIED: "confirm-first",
    INVALID_EMAIL_OR_PASSWORD: "wrong",
    INVALID_EMAIL: "email",
    INVALID_PASSWORD: "password",
    PASSWORD_TOO_SHORT: "short",
    PASSWORD_TOO_LONG: "long",
    INVALID_TOKEN: "link",
    USER_NOT_FOUND: "link", // the account was deleted after the mail
    RESET_PASSWORD_DISABLED: "no-mail",
    VERIFICATION_EMAIL_NOT_ENABLED: "no-mail",
  };
  if (error.code === "VALIDATION_ERROR") return error.message?.includes("body.email") ? "email" : "password";
  const code = codes[error.code ?? ""];
  if (code) return code;
  return error.code?.includes("ORIGIN") || status === 403 ? "origin" : "down";
}
