/** Show when a todo is due. It is a date such as 2026-11-24, or a local time such as 2026-11-24T09:00. */

import { addDays, partsOf, weekdayOf } from "./dates.ts";

const DAYS = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/** Return a due date for people: "Today 09:00", "Tomorrow", "Mon 30 Nov", and in other years "Fri 1 Jan 2027". */
export function showDue(due: string, today: string): string {
  const [date = "", time] = due.split("T");
  const day = showDate(date, today);
  return time === undefined ? day : `${day} ${time}`;
}

/** Return whether a todo was due before today. One that is due at a time of today is not overdue, as in the API. */
export function isOverdue(due: string | null, today: string): boolean {
  return due !== null && due.slice(0, 10) < today;
}

function showDate(date: string, today: string): string {
  if (date === today) return "Today";
  if (date === addDays(today, 1)) return "Tomorrow";
  if (date === addDays(today, -1)) return "Yesterday";
  const { year, month, day } = partsOf(date);
  const text = `${DAYS[weekdayOf(date)]} ${day} ${MONTHS[month - 1]}`;
  return year === partsOf(today).year ? text : `${text} ${year}`;
}
