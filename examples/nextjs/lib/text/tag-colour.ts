/** Return the hue (0 to 359) of a tag, always the same for the same name, for `--hue` of the class `.tag`. */
export function hueOf(tag: string): number {
  let hash = 0;
  for (const letter of tag) hash = (hash * 31 + (letter.codePointAt(0) ?? 0)) >>> 0;
  return (hash * 137) % 360;
}
