/** Find words in a title for its due date, its tags and its priority. */

import type { Priority } from "../../sync/types.ts";
import { addDays, addMonths, dateOf, nextWeek, partsOf, today, weekdayOf } from "./dates.ts";
import { length, MAX_TAG, MAX_TAGS } from "./lines.ts";

/** The fields that words of a title name, and the title without these words. */
export type Found = { rest: string; due?: string; tags?: string[]; priority?: Priority };

const MAX_LENGTH = 1000; // UTF-16 units of a title in which words are searched

/**
 * Return the fields that words of a title name, or undefined if there are none or they are the whole title.
 *
 * It finds "tomorrow 9:00", "on Monday", "in 3 days", "24 Dec", "24.12.", "2026-12-24", "at 9", "9am", "#home" and
 * "!high". The app offers the result and does not apply it by itself, because a title may mean something else. A
 * date in the past is not found.
 */
export function findWords(title: string, now: Date): Found | undefined {
  if (title.length > MAX_LENGTH) return undefined;
  const found: Found = { rest: title.split(/\s+/).filter(Boolean).join(" ") };
  takePriority(found);
  takeTags(found);
  const dated = { ...found };
  if (!REPEATED.test(found.rest)) takeDue(dated, now);
  const { rest, due, tags, priority } = dated.rest ? dated : found; // a title remains
  if (!rest || !(due ?? tags ?? priority)) return undefined;
  return { rest, ...(due && { due }), ...(tags && { tags }), ...(priority && { priority }) };
}

// The expressions read a text with single spaces. A word is whole: a space or the start of the text is before it,
// and a space, the end or punctuation is after it.
const START = "(?<=^| )";
const END = "(?=$|[,;:.!?](?: |$))";
const AFTER = "(?=$| |[,;:.!?](?: |$))";

/** The words before a date or a time that is not the one when the todo is due, such as "from 9am to 5pm". */
const OTHER = "(?<!(?:^| )(?:from|to|until|till|since|after|before|between|and|or|&|of|for|than|about|last|the|a) )";

/** A todo that is repeated is not due once. */
const REPEATED =
  /(?:^| )(?:every|each) (?:other |\d+ )?(?:(?:day|week|month|year)s?|morning|evening|night|[a-z]+day)\b/i;

const PRIORITY = new RegExp(`${START}!(low|medium|high)${AFTER}`, "i");
const TAG = new RegExp(String.raw`${START}#(?=[\p{N}_/-]*\p{L})([\p{L}\p{N}\p{M}_/-]+)${AFTER}`, "gu");

const AT = "(?:at |@ ?)";
const HOUR = String.raw`(?:2[0-3]|[01]?\d)`;
const CLOCK = String.raw`${HOUR}:[0-5]\d`;
const HALF_DAY = String.raw`(?:1[0-2]|0?[1-9])(?:[:.][0-5]\d)? ?[ap]m`;

/** A time beside a date. */
const TIME = `(?:(?:${AT}|by )?(?:${HALF_DAY}|${CLOCK}|noon)|${AT}${HOUR})`;

/** A time without a date. Numbers alone are one only at the start or the end of the text, and "John 3:16" is none. */
const LONE_TIME = new RegExp(
  `${START}${OTHER}(?:(?:${AT}|by )?${HALF_DAY}${AFTER}|(?:${AT}|by )${CLOCK}${AFTER}|at noon${AFTER}` +
    `|${AT}${HOUR}${END}|${HOUR}:[0-5][05]${END}|(?<=^)${CLOCK}${AFTER})`,
  "i",
);

const DAY = "(?:sun|mon|tues|wednes|thurs|fri|satur)day";
const SHORT_DAY = "(?:sun|mon|tue|wed|thu|fri|sat)";
const MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const MONTH = [
  "jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?",
  "aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?",
].join("|");
const A_DAY = `(?:(?:${DAY}|${SHORT_DAY}),? )?`;
const A_YEAR = String.raw`(?:,? (?<year>\d{4}))?`;
const NUMBERS = ["a", "one", "two", "three", "four", "five", "six"];

/** The words before a day that make it a name. */
const NAME = "(?<!(?:^| )(?:black|good|cyber|easter|ash|palm|whit|super) )";

/** What the groups of an expression have found. */
type Groups = { [name: string]: string | undefined };

/**
 * A way to write a date.
 *
 * `isDate` returns whether the words are a date and not another part of the title. `isSure` is true if a
 * preposition or a time is beside them, and `isEdge` if they end the text or a sentence, or begin the text.
 */
type Rule = {
  words: RegExp;
  date: (groups: Groups, today: string) => string | undefined;
  isDate?: (groups: Groups, isSure: boolean, isEdge: { start: boolean; end: boolean }) => boolean;
};

const RULES: Rule[] = [
  { words: dateWords(String.raw`(?<year>\d{4})-(?<number>\d\d)-(?<day>\d\d)`), date: dayOfYear },
  {
    words: dateWords(String.raw`${A_DAY}(?<day>\d{1,2})\.(?<number>\d{1,2})\.(?<year>\d{4}|\d\d)?`),
    date: dayOfYear,
    // "Version 1.2. of the app" is no date.
    isDate: ({ year }, isSure, { start, end }) => isSure || start || end || year !== undefined,
  },
  {
    words: dateWords(
      String.raw`${A_DAY}(?:the )?(?<day>\d{1,2})(?:st|nd|rd|th|\.)?(?: of)? (?<month>${MONTH})\.?${A_YEAR}`,
    ),
    date: dayOfYear,
    isDate: isMonth,
  },
  {
    words: dateWords(String.raw`${A_DAY}(?<month>${MONTH})\.? (?<day>\d{1,2})(?:st|nd|rd|th)?${A_YEAR}`),
    date: dayOfYear,
    isDate: isMonth,
  },
  { words: dateWords("(?:the )?day after tomorrow"), date: (_, today) => addDays(today, 2) },
  { words: dateWords("tomorrow"), date: (_, today) => addDays(today, 1) },
  { words: dateWords("today|(?<tonight>tonight)"), date: (_, today) => today },
  { words: dateWords("next week"), date: (_, today) => nextWeek(today) },
  { words: dateWords("next month"), date: (_, today) => addMonths(`${today.slice(0, 8)}01`, 1) },
  {
    words: dateWords(
      String.raw`in (?<number>\d{1,3}|${NUMBERS.join("|")}) (?<unit>day|week|month)s?(?:['’]s? time)?`,
    ),
    date: later,
    isDate: (_, isSure, { start, end }) => isSure || start || end,
  },
  {
    words: dateWords(`${NAME}(?:(?<which>this|next) )?(?:(?<long>${DAY})|(?<short>${SHORT_DAY}))`),
    date: dayOfWeek,
    // "Sunday roast", "Call Mon" and "the sun" are no dates.
    isDate: ({ which, long }, isSure, { end }) => isSure || which !== undefined || (long !== undefined && end),
  },
];

/** Return the expression of a date that may have a preposition and a time. */
function dateWords(words: string): RegExp {
  const before = `(?:(?<before>${TIME}),? )?(?<preposition>(?:on|by|due) )?`;
  const after = `(?:,? (?<after>${TIME}))?`;
  return new RegExp(`${START}${OTHER}${before}(?:${words})${after}(?:(?<end>${END})|${AFTER})`, "gi");
}

function takePriority(found: Found): void {
  const match = PRIORITY.exec(found.rest);
  if (!match) return;
  found.priority = match[1]!.toLowerCase() as Priority;
  cut(found, match);
}

function takeTags(found: Found): void {
  const matches = Array.from(found.rest.matchAll(TAG)).filter((match) => length(match[1]!) <= MAX_TAG);
  const tags = [...new Set(matches.map((match) => match[1]!))];
  if (tags.length === 0 || tags.length > MAX_TAGS) return;
  found.tags = tags;
  for (const match of matches.reverse()) cut(found, match); // the last one first, so indexes stay right
}

function takeDue(found: Found, now: Date): void {
  const day = today(now);
  const time = `${String(now.getHours()).padStart(2, "0")}:${String(now.getMinutes()).padStart(2, "0")}`;
  for (const { words, date, isDate } of RULES) {
    for (const match of found.rest.matchAll(words)) {
      const groups: Groups = match.groups ?? {};
      const isSure = (groups.preposition ?? groups.before ?? groups.after) !== undefined;
      const isEdge = { start: match.index === 0, end: groups.end !== undefined };
      const due = date(groups, day);
      if (due === undefined || isDate?.(groups, isSure, isEdge) === false) continue;
      cut(found, match);
      found.due = due + takeTime(found, groups, time);
      return;
    }
  }
  const match = LONE_TIME.exec(found.rest);
  if (!match) return;
  cut(found, match);
  const at = clockOf(match[0]);
  found.due = `${at > time ? day : addDays(day, 1)}T${at}`;
}

/** Return the time of a date, which is beside it or elsewhere in the title, such as "T09:00", or nothing. */
function takeTime(found: Found, { before, after, tonight }: Groups, now: string): string {
  let words = before ?? after;
  if (words === undefined) {
    const match = LONE_TIME.exec(found.rest);
    if (match) cut(found, match);
    words = match?.[0];
  }
  if (tonight === undefined) return words === undefined ? "" : `T${clockOf(words)}`;
  if (words === undefined) return now < TONIGHT ? `T${TONIGHT}` : "";
  return `T${clockOf(words, true)}`;
}

const TONIGHT = "20:00";

/** Return a time such as 09:00. In the evening, "at 9" is 21:00. */
function clockOf(words: string, isEvening = false): string {
  if (words.toLowerCase().endsWith("noon")) return "12:00";
  const [, number = "", minutes = "00", half] = /(\d+)(?:[:.](\d\d))? ?([ap])?m?$/i.exec(words) ?? [];
  const isLater = half ? half.toLowerCase() === "p" : isEvening && Number(number) < 12;
  const hour = half ? Number(number) % 12 : Number(number);
  return `${String(isLater ? hour + 12 : hour).padStart(2, "0")}:${minutes}`;
}

/** Remove words from the title, and punctuation that would be left at its start or end. */
function cut(found: Found, { 0: words, index }: RegExpExecArray): void {
  const before = found.rest.slice(0, index).trimEnd();
  const after = found.rest.slice(index + words.length).trimStart();
  const isEnd = /^(?:$|[,;:.!?](?: |$))/.test(after);
  if (!before) found.rest = after.replace(/^[,;:.!?–—-]+ ?/, "");
  else found.rest = isEnd ? before.replace(/ ?[,;:–—-]$/, "") + after : `${before} ${after}`;
}

/** Return the date with these numbers, or undefined if there is none. Without a year, it is the next one. */
function dayOfYear({ year, month, number, day }: Groups, today: string): string | undefined {
  const index = number === undefined ? MONTHS.indexOf(month!.slice(0, 3).toLowerCase()) + 1 : Number(number);
  const first = Number(year === undefined ? today.slice(0, 4) : year.padStart(4, "20"));
  for (let next = first; next <= (year === undefined ? first + 8 : first); next++) {
    const date = dateOf(next, index, Number(day)); // 29 Feb may be 8 years away
    if (partsOf(date).month === index && date >= today) return date;
  }
  return undefined;
}

/** Return whether the name of a month is one. "May" and "march" are other words, too. */
function isMonth({ month = "", year }: Groups, isSure: boolean, { end }: { end: boolean }): boolean {
  return isSure || end || year !== undefined || !/^(?:may|mar|march)$/i.test(month);
}

function later({ number = "", unit = "" }: Groups, today: string): string {
  const count = /\d/.test(number) ? Number(number) : Math.max(1, NUMBERS.indexOf(number.toLowerCase()));
  if (unit.toLowerCase() === "month") return addMonths(today, count);
  return addDays(today, unit.toLowerCase() === "week" ? 7 * count : count);
}

/** Return the next such day after today. "This Monday" may be today, and "next Friday" is one of the next week. */
function dayOfWeek({ which, long, short }: Groups, today: string): string {
  const weekday = WEEKDAYS.indexOf((long ?? short)!.slice(0, 3).toLowerCase());
  if (which?.toLowerCase() === "next") return addDays(nextWeek(today), (weekday + 6) % 7);
  const days = (weekday - weekdayOf(today) + 7) % 7;
  return addDays(today, days || (which ? 0 : 7));
}

const WEEKDAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];
