import { Fragment } from "react";

import { splitLinks } from "@/lib/text/links";

/** Show a text in which links can be clicked. */
export function TextWithLinks({ text }: { text: string }) {
  return splitLinks(text).map((part, index) =>
    typeof part === "string" ? <Fragment key={index}>{part}</Fragment> : <OutsideLink key={index} {...part} />,
  );
}

/** A link to another site. A click on it does not reach the row around it. */
export function OutsideLink({ href, text }: { href: string; text: string }) {
  return (
    <a href={href} target="_blank" rel="noopener noreferrer" onClick={(event) => event.stopPropagation()}>
      {text}
    </a>
  );
}
