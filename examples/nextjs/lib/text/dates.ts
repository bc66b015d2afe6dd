/** Calculate with dates such as 2026-11-24. They have no time zone, so only `today` reads a clock. */

/** Return the date of this device. */
export function today(now = new Date()): string {
  return dateOf(now.getFullYear(), now.getMonth() + 1, now.getDate());
}

/** Return the date so many days later. */
export function addDays(date: string, days: number): string {
  const { year, month, day } = partsOf(date);
  return dateOf(year, month, day + days);
}

/** Return the date so many months later. It is the last of a month that is too short for the day. */
export function addMonths(date: string, months: number): string {
  const { year, month, day } = partsOf(date);
  const first = dateOf(year, month + months, 1);
  const last = addDays(dateOf(year, month + months + 1, 1), -1);
  return first.slice(0, 8) + String(Math.min(day, partsOf(last).day)).padStart(2, "0");
}

/** Return the first Monday after a date. */
export function nextWeek(date: string): string {
  return addDays(date, 7 - ((weekdayOf(date) + 6) % 7));
}

/** Return the day of the week. Sunday is 0. */
export function weekdayOf(date: string): number {
  return new Date(date).getUTCDay(); // a date without a time is read as UTC
}

/** Return the parts of a date. January is 1. */
export function partsOf(date: string): { year: number; month: number; day: number } {
  const [year = 0, month = 0, day = 0] = date.split("-").map(Number);
  return { year, month, day };
}

/** Return a date. The day 32 is one of the next month, and the month 13 is one of the next year. */
export function dateOf(year: number, month: number, day: number): string {
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day); // Date.UTC reads the year 26 as 1926
  return date.toISOString().slice(0, 10);
}
