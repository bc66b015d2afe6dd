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
  if (error.code?.includes("ORIGIN") || status === 403) return "origin";
  const codes: Record<string, SignInCode> = {
    INVALID_EMAIL_OR_PASSWORD: "wrong",
    INVALID_EMAIL: "email",
    INVALID_PASSWORD: "password",
    PASSWORD_TOO_SHORT: "short",
    PASSWORD_TOO_LONG: "long",
  };
  if (error.code === "VALIDATION_ERROR") return error.message?.includes("body.email") ? "email" : "password";
  return codes[error.code ?? ""] ?? "down";
}
