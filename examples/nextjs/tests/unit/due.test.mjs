// Test dates, and how they are shown: `node --test tests/unit/due.test.mjs`. No server runs.

import assert from "node:assert/strict";
import { after, test } from "node:test";

import { addDays, addMonths, nextWeek, today } from "../../lib/text/dates.ts";
import { isOverdue, showDue } from "../../lib/text/due.ts";

const ZONE = process.env.TZ;

/** Set the time zone of this process. @param {string | undefined} zone */
function setZone(zone) {
  if (zone === undefined) delete process.env.TZ;
  else process.env.TZ = zone;
}

after(() => setZone(ZONE));

test("today is the date of this device, also when its clock changes", () => {
  const moments = [
    ["UTC", "2026-11-28T23:59:59Z", "2026-11-28"],
    ["America/New_York", "2026-11-28T04:59:59Z", "2026-11-27"],
    ["Pacific/Kiritimati", "2026-11-28T10:00:00Z", "2026-11-29"], // 14 hours before UTC
    ["Pacific/Apia", "2011-12-30T09:59:59Z", "2011-12-29"], // where 30 December 2011 did not exist
    ["Pacific/Apia", "2011-12-30T10:00:00Z", "2011-12-31"],
    ["Europe/Berlin", "2026-03-29T00:59:59Z", "2026-03-29"],
    ["Europe/Berlin", "2026-10-25T22:59:59Z", "2026-10-25"],
    ["America/Santiago", "2026-09-06T04:00:00Z", "2026-09-06"], // where midnight did not exist
    ["UTC", "0026-01-02T03:04:05Z", "0026-01-02"],
  ];
  for (const [zone, moment = "", date] of moments) {
    setZone(zone);
    assert.equal(today(new Date(moment)), date, `${zone} ${moment}`);
  }
});

test("a day later is the next date, in every time zone", () => {
  for (const zone of ["UTC", "Europe/Berlin", "America/Los_Angeles", "America/Santiago", "Pacific/Apia"]) {
    setZone(zone);
    let date = "2023-12-31";
    /** @type {Set<string>} */
    const dates = new Set();
    for (let day = 0; day < 1461; day++) dates.add((date = addDays(date, 1)));
    assert.equal(date, "2027-12-31", zone);
    assert.equal(dates.size, 1461);
    assert(dates.has("2024-02-29") && !dates.has("2026-02-29"));
    assert.equal(nextWeek("2026-11-29"), "2026-11-30");
    assert.equal(showDue("2026-12-01", "2026-11-29"), "Tue 1 Dec");
  }
});

test("days are added over the ends of months and years, and subtracted", () => {
  assert.equal(addDays("2026-11-30", 1), "2026-12-01");
  assert.equal(addDays("2026-12-31", 1), "2027-01-01");
  assert.equal(addDays("2028-02-28", 1), "2028-02-29");
  assert.equal(addDays("2026-02-28", 1), "2026-03-01");
  assert.equal(addDays("2100-02-28", 1), "2100-03-01"); // no leap year
  assert.equal(addDays("2026-03-01", -1), "2026-02-28");
  assert.equal(addDays("2026-01-01", -1), "2025-12-31");
  assert.equal(addDays("2026-11-28", 0), "2026-11-28");
  assert.equal(addDays("0099-12-31", 1), "0100-01-01");
});

test("a month later is the same day, or the last day of a shorter month", () => {
  assert.equal(addMonths("2026-11-28", 1), "2026-12-28");
  assert.equal(addMonths("2026-12-31", 1), "2027-01-31");
  assert.equal(addMonths("2027-01-31", 1), "2027-02-28");
  assert.equal(addMonths("2028-01-31", 1), "2028-02-29");
  assert.equal(addMonths("2026-03-31", 25), "2028-04-30");
});

test("next week begins with the next Monday, also on a Monday", () => {
  const mondays = ["23", "24", "25", "26", "27", "28", "29"].map((day) => nextWeek(`2026-11-${day}`)); // Mon to Sun
  assert.deepEqual(mondays, Array(7).fill("2026-11-30"));
  assert.equal(nextWeek("2026-11-30"), "2026-12-07");
  assert.equal(nextWeek("2026-12-31"), "2027-01-04");
});

test("a due date is shown by words near today, by weekday, and by year", () => {
  const dues = {
    "2026-11-28": "Today",
    "2026-11-28T09:00": "Today 09:00",
    "2026-11-29T00:00": "Tomorrow 00:00",
    "2026-11-27": "Yesterday",
    "2026-11-30": "Mon 30 Nov",
    "2026-12-01T23:59": "Tue 1 Dec 23:59",
    "2026-01-01": "Thu 1 Jan",
    "2027-01-01": "Fri 1 Jan 2027",
    "2025-12-31T08:05": "Wed 31 Dec 2025 08:05",
    "2028-02-29": "Tue 29 Feb 2028",
    "9999-12-31": "Fri 31 Dec 9999",
  };
  for (const [due, text] of Object.entries(dues)) assert.equal(showDue(due, "2026-11-28"), text);
  assert.equal(showDue("2027-01-01", "2026-12-31"), "Tomorrow");
  assert.equal(showDue("2026-12-31", "2027-01-01"), "Yesterday");
});

test("every day of a week and every month has its name", () => {
  const days = Array.from({ length: 7 }, (_, day) => showDue(addDays("2026-11-01", day), "2026-01-01").split(" ")[0]);
  assert.deepEqual(days, ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]);
  const months = Array.from({ length: 12 }, (_, month) => showDue(addMonths("2026-01-15", month), "2026-06-30"));
  assert.deepEqual(
    months.map((text) => text.split(" ")[2]),
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"],
  );
});

test("a todo is overdue from the day after it was due", () => {
  assert.equal(isOverdue("2026-11-27", "2026-11-28"), true);
  assert.equal(isOverdue("2026-11-27T23:59", "2026-11-28"), true);
  assert.equal(isOverdue("2026-11-28", "2026-11-28"), false);
  assert.equal(isOverdue("2026-11-28T00:00", "2026-11-28"), false);
  assert.equal(isOverdue(null, "2026-11-28"), false);
});
