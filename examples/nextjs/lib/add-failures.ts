/** The reasons why the form of a page without JavaScript added nothing, in words for users. */
const FAILURES = {
  empty: "A todo needs a title.",
  down: "The todo was not added, because the server does not answer. Try again in a minute.",
};

export type AddFailure = keyof typeof FAILURES;

/** Return the text for a code in an address, which may have anything. */
export function failureOf(code: string | null): string | undefined {
  return code !== null && Object.hasOwn(FAILURES, code) ? FAILURES[code as AddFailure] : undefined;
}
