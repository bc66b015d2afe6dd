/** Find the links in a text. */

type Link = { href: string; text: string };

/**
 * What may be a link: one of three schemes that are safe to open, and no white space, no quotation marks and no
 * invisible characters. Marks of Chinese and Japanese end it, because no space is before them. A comma ends it if
 * another link follows.
 */
const INSIDE = String.raw`[^\s<>"“”«»、。〈-】！（），：；？\p{Cc}\u200e\u200f\u202a-\u202e\u2066-\u2069]`;
const CANDIDATE = new RegExp(
  String.raw`(?<![a-z\d_+.-])(?:https?:\/\/|mailto:)(?:(?![,;]https?:\/\/)${INSIDE})+`,
  "giu",
);

/** What may follow a link in a sentence. */
const PUNCTUATION = ".,:;!?'’‘`*…|";
const BRACKETS = new Map([
  [")", "("],
  ["]", "["],
  ["}", "{"],
]);

/** Return the parts of a text in their order: strings, and links to pages and email addresses. */
export function splitLinks(text: string): (string | Link)[] {
  const parts: (string | Link)[] = [];
  let end = 0;
  for (const { 0: candidate, index } of text.matchAll(CANDIDATE)) {
    const shown = withoutPunctuation(candidate);
    const href = addressOf(shown);
    if (href === undefined) continue;
    if (index > end) parts.push(text.slice(end, index));
    parts.push({ href, text: shown });
    end = index + shown.length;
  }
  if (end < text.length) parts.push(text.slice(end));
  return parts;
}

/** Return a link without what follows it in a sentence. A closing bracket stays if the link has the opening one. */
function withoutPunctuation(link: string): string {
  const counts = new Map<string, number>();
  for (const character of link) counts.set(character, (counts.get(character) ?? 0) + 1);
  let end = link.length;
  for (; end > 0; end--) {
    const last = link[end - 1]!;
    const opening = BRACKETS.get(last);
    if (opening) {
      const closed = counts.get(last)!;
      if (closed <= (counts.get(opening) ?? 0)) break;
      counts.set(last, closed - 1);
    } else if (!PUNCTUATION.includes(last)) {
      break;
    }
  }
  return link.slice(0, end);
}

/** Return the address as a browser reads it, or undefined if it is none. */
function addressOf(link: string): string | undefined {
  try {
    const { protocol, pathname, href } = new URL(link);
    return protocol !== "mailto:" || /^[^@]+@[^@]/.test(pathname) ? href : undefined;
  } catch {
    return undefined;
  }
}
