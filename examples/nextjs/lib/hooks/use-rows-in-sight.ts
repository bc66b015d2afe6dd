"use client";

import { useLayoutEffect, useState } from "react";

/** The height of a row in rem, as in globals.css. */
export const ROW = 3.5;

const OVERSCAN = 6; // rows above and below the window, so that a fast scroll shows no gap
const STEP = 4; // rows; the list renders again only after this many were scrolled

type Range = { start: number; end: number };

/**
 * Return the indexes of the rows near the window, in order. Only these are mounted. All rows have the same
 * height. A library that measures rows would add a quarter to the JavaScript of this app.
 *
 * @param rowHeight in px
 * @param offset the distance of the list from the top of the page, in px
 * @param first the number of rows that the server renders
 * @param kept the indexes of rows that stay mounted, because they have the focus or are dragged
 */
export function useRowsInSight(count: number, rowHeight: number, offset: number, first: number, kept: number[]): number[] {
  const [range, setRange] = useState<Range>({ start: 0, end: first });
  useLayoutEffect(() => {
    function update(): void {
      const top = Math.floor((window.scrollY - offset) / rowHeight / STEP) * STEP;
      const start = top - OVERSCAN;
      const end = top + Math.ceil(window.innerHeight / rowHeight) + STEP + OVERSCAN;
      setRange((old) => (old.start === start && old.end === end ? old : { start, end }));
    }
    update();
    window.addEventListener("scroll", update, { passive: true });
    window.addEventListener("resize", update);
    return () => {
      window.removeEventListener("scroll", update);
      window.removeEventListener("resize", update);
    };
  }, [rowHeight, offset]);

  const indexes = new Set(kept.filter((index) => index < count));
  for (let index = Math.max(0, range.start); index < Math.min(range.end, count); index++) indexes.add(index);
  return [...indexes].sort((a, b) => a - b);
}
