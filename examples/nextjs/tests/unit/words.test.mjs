// Test the words in titles: `node --test tests/unit/words.test.mjs`. No server runs.

import assert from "node:assert/strict";
import { test } from "node:test";

import { addDays, nextWeek, today } from "../../lib/text/dates.ts";
import { findWords } from "../../lib/text/words.ts";

const NOW = new Date(2026, 10, 25, 14, 30); // Wednesday, 25 November 2026, 14:30

/** Assert when each title is due, and what is left of it. @param {Record<string, [string, string]>} titles */
function assertDue(titles, now = NOW) {
  for (const [title, [due, rest]] of Object.entries(titles)) {
    assert.deepEqual(findWords(title, now), { rest, due }, title);
  }
}

/** Assert that nothing is found in these titles. @param {string[]} titles */
function assertNothing(titles, now = NOW) {
  for (const title of titles) assert.equal(findWords(title, now), undefined, title);
}

test("words for days are found, in upper and lower case", () => {
  assertDue({
    "Buy milk today": ["2026-11-25", "Buy milk"],
    "Tomorrow buy milk": ["2026-11-26", "buy milk"],
    "Buy TOMORROW milk": ["2026-11-26", "Buy milk"],
    "the day after tomorrow: call": ["2026-11-27", "call"],
    "Call day after tomorrow": ["2026-11-27", "Call"],
    "Plan next week": ["2026-11-30", "Plan"],
    "Pay rent next month": ["2026-12-01", "Pay rent"],
    "Due tomorrow report": ["2026-11-26", "report"],
    "Send it by tomorrow": ["2026-11-26", "Send it"],
  });
});

test("a date in numbers has the day first if points separate them", () => {
  assertDue({
    "Meet 24.12. at 9": ["2026-12-24T09:00", "Meet"],
    "Meet on 24.12.2026, 14:00": ["2026-12-24T14:00", "Meet"],
    "Meet 24.12.27": ["2027-12-24", "Meet"],
    "Zahnarzt 1.2.": ["2027-02-01", "Zahnarzt"],
    "01.12. Zahnarzt": ["2026-12-01", "Zahnarzt"],
  });
  assertNothing(["Read version 1.2. of the text", "Meet 32.1.", "Meet 1.13.2026", "Meet 24.12.2025", "Upgrade to 1.2."]);
});

test("times are found beside a date, and elsewhere in the title", () => {
  assertDue({
    "Milk tomorrow 9:00": ["2026-11-26T09:00", "Milk"],
    "Milk tomorrow at 9": ["2026-11-26T09:00", "Milk"],
    "Milk tomorrow, 9pm": ["2026-11-26T21:00", "Milk"],
    "Meet at 9 tomorrow with Bob": ["2026-11-26T09:00", "Meet with Bob"],
    "9am standup tomorrow": ["2026-11-26T09:00", "standup"],
    "Call on Friday 17:30 about it": ["2026-11-27T17:30", "Call about it"],
    "Today at noon eat": ["2026-11-25T12:00", "eat"],
    "Milk 2026-12-24 9.30 am": ["2026-12-24T09:30", "Milk"],
    "Milk tomorrow @ 9": ["2026-11-26T09:00", "Milk"],
    "Milk tomorrow 12am": ["2026-11-26T00:00", "Milk"],
    "Milk tomorrow 12:15 PM": ["2026-11-26T12:15", "Milk"],
  });
});

test("a time without a date is the next one", () => {
  assertDue({
    "Meet at 9": ["2026-11-26T09:00", "Meet"],
    "Meet at 15": ["2026-11-25T15:00", "Meet"],
    "Meet at 14:30": ["2026-11-26T14:30", "Meet"],
    "Meet at 14:31 in town": ["2026-11-25T14:31", "Meet in town"],
    "9am standup": ["2026-11-26T09:00", "standup"],
    "9:30 standup": ["2026-11-26T09:30", "standup"],
    "Standup 16:00": ["2026-11-25T16:00", "Standup"],
    "Meet @9, then go": ["2026-11-26T09:00", "Meet, then go"],
    "Eat at noon": ["2026-11-26T12:00", "Eat"],
  });
  assertDue({ "Party 11pm": ["2027-01-01T23:00", "Party"] }, new Date(2026, 11, 31, 23, 0));
});

test("tonight is at 20:00, and hours of it are in the evening", () => {
  assertDue({
    "Party tonight": ["2026-11-25T20:00", "Party"],
    "Party tonight at 9": ["2026-11-25T21:00", "Party"],
    "Party tonight 7:30": ["2026-11-25T19:30", "Party"],
    "Party tonight at 23": ["2026-11-25T23:00", "Party"],
    "Party tonight 8am": ["2026-11-25T08:00", "Party"],
  });
  assertDue({ "Party tonight": ["2026-11-25", "Party"] }, new Date(2026, 10, 25, 20, 0));
});

test("a weekday is the next one, on each day of the week", () => {
  const names = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
  for (let day = 1; day <= 7; day++) {
    const now = new Date(2026, 10, day, 12); // 1 November 2026 is a Sunday
    for (const [index, name] of names.entries()) {
      const due = findWords(`Call ${name.toLowerCase()}`, now)?.due ?? "";
      assert(addDays(today(now), 1) <= due && due <= addDays(today(now), 7), `${name} ${day}`);
      assert.equal(new Date(due).getUTCDay(), index);
      const next = findWords(`Call next ${name.slice(0, 3)}`, now)?.due ?? "";
      assert.equal(next, addDays(nextWeek(today(now)), (index + 6) % 7), `next ${name} ${day}`);
      const same = findWords(`Call this ${name}`, now)?.due ?? "";
      assert.equal(same, addDays(due, index === (day + 6) % 7 ? -7 : 0), `this ${name} ${day}`);
    }
  }
});

test("a weekday in a title is a date only at the end, after a preposition or beside a time", () => {
  assertDue({
    "Call mom monday": ["2026-11-30", "Call mom"],
    "Monday: call mom": ["2026-11-30", "call mom"],
    "Call mom on Sunday, then dad": ["2026-11-29", "Call mom, then dad"],
    "Call mom on mon": ["2026-11-30", "Call mom"],
    "Sat 9:00 run": ["2026-11-28T09:00", "run"],
    "Send by fri please": ["2026-11-27", "Send please"],
    "Next tuesday gym": ["2026-12-01", "gym"],
  });
  assertNothing(["Sunday roast recipe", "Call Mon", "Look at the sun", "He sat", "Buy Black Friday"]);
  assertNothing(["Sunday's list", "Easter Monday", "Notes of Monday", "Move it from Monday to Friday", "Mondays"]);
  assertNothing(["Report since Friday"]);
});

test("days, weeks and months from now are found", () => {
  assertDue({
    "Pay in 3 days": ["2026-11-28", "Pay"],
    "Pay in 3 days' time": ["2026-11-28", "Pay"],
    "Pay in a week’s time": ["2026-12-02", "Pay"],
    "In two weeks pay": ["2026-12-09", "pay"],
    "Pay in 1 month": ["2026-12-25", "Pay"],
    "Pay in 10 days at 9": ["2026-12-05T09:00", "Pay"],
    "Pay in 400 days": ["2027-12-30", "Pay"],
  });
  assertDue({ "Pay in 1 month": ["2027-02-28", "Pay"] }, new Date(2027, 0, 31));
  assertNothing(["Learn Rust in 30 days course", "Pay in 3.5 days", "Begin 3 days", "Win 3 days", "in 3 days"]);
});

test("a day and a month are the next such date", () => {
  assertDue({
    "Gifts 24 Dec": ["2026-12-24", "Gifts"],
    "Gifts Dec 24": ["2026-12-24", "Gifts"],
    "Gifts on December 24th, at home": ["2026-12-24", "Gifts, at home"],
    "Gifts the 24th of december": ["2026-12-24", "Gifts"],
    "Gifts 24. Dec. 9:00": ["2026-12-24T09:00", "Gifts"],
    "Mon 30 Nov report": ["2026-11-30", "report"],
    "Report 25 Nov": ["2026-11-25", "Report"],
    "Report 24 Nov": ["2027-11-24", "Report"],
    "Report 1 sept 2027": ["2027-09-01", "Report"],
    "Report Dec 24, 2027 8pm": ["2027-12-24T20:00", "Report"],
    "Report 2026-12-01": ["2026-12-01", "Report"],
    "Pay 29 Feb": ["2028-02-29", "Pay"],
    "Pay 5 may": ["2027-05-05", "Pay"],
    "Pay on May 5 in cash": ["2027-05-05", "Pay in cash"],
    "Pay May 5, in cash": ["2027-05-05", "Pay, in cash"],
    "Pay 1 march 2028 the rest": ["2028-03-01", "Pay the rest"],
  });
  assertDue({ "Pay 29 Feb": ["2104-02-29", "Pay"] }, new Date(2096, 2, 1)); // 2100 is no leap year
});

test("every month has its names", () => {
  const names = "January February March April May June July August September October November December".split(" ");
  for (const [index, name] of names.entries()) {
    const due = `2027-${String(index + 1).padStart(2, "0")}-09`;
    for (const month of [name, name.slice(0, 3), name.toUpperCase()]) {
      assertDue({ [`Pay 9 ${month}`]: [due, "Pay"], [`Pay ${month} 9`]: [due, "Pay"] }, new Date(2027, 0, 1));
    }
  }
});

test("dates that do not exist and dates of the past are not found", () => {
  assertNothing(["Pay 31 Nov", "Pay 2026-11-31", "Pay 2027-02-29", "Pay Feb 30", "Pay 0 Dec", "Pay 2026-13-01"]);
  assertNothing(["Photos 2019-05-01", "Dec 24 1914 in history", "Notes 2026-11-24", "24 Nov 2026 notes"]);
});

test("ordinary titles say nothing", () => {
  assertNothing(["", "  ", "Read chapter 9", "You may go", "May 5 people come?", "Call May", "March on", "3 eggs"]);
  assertNothing(["Look at 9 houses", "Buy at 9.99", "Read John 3:16", "Ratio 16:9", "Work from 9am to 5pm", "3:2"]);
  assertNothing(["Buy tomorrow's bread", "Dress for tonight", "todays", "mytoday", "I am 9 years", "Meet 9 amigos"]);
  assertNothing(["Every monday at 9", "Water plants every day at 9", "Gym every other week tomorrow", "at 25"]);
});

test("the last words of a title are not taken from it", () => {
  assertNothing(["today", "Tomorrow 9:00", "#home", "!high", "#home !high", "at 9", "Mon 30 Nov", " , tomorrow"]);
  assert.deepEqual(findWords("Today #work", NOW), { rest: "Today", tags: ["work"] });
});

test("tags and priorities are found as whole words", () => {
  assert.deepEqual(findWords("Milk #home #shop/now tomorrow !high", NOW), {
    ...{ rest: "Milk", due: "2026-11-26", tags: ["home", "shop/now"], priority: "high" },
  });
  assert.deepEqual(findWords("#Zoë-2 milk, #日本. !LOW", NOW), { rest: "milk.", tags: ["Zoë-2", "日本"], priority: "low" });
  assert.deepEqual(findWords("Milk #a, #a", NOW), { rest: "Milk", tags: ["a"] });
  assert.deepEqual(findWords("Milk !medium !high", NOW), { rest: "Milk !high", priority: "medium" });
  assertNothing(["Issue #14", "C# book", "a#b", "Wow!high", "!higher", "# heading", "#", "!", "!none x", "##a b"]);
});

test("tags beyond the limits of the API are not found", () => {
  assert.deepEqual(findWords(`Milk #${"𝒂".repeat(50)}`, NOW), { rest: "Milk", tags: ["𝒂".repeat(50)] });
  const tags = Array.from({ length: 21 }, (_, index) => `#t${index}`);
  assertNothing([`Milk #${"a".repeat(51)}`, `Milk ${tags.join(" ")}`]);
});

test("white space is single in the rest, and punctuation stays", () => {
  assertDue({
    "  Call\tmom ,  tomorrow ": ["2026-11-26", "Call mom"],
    "Call mom tomorrow!": ["2026-11-26", "Call mom!"],
    "call mom, tomorrow!": ["2026-11-26", "call mom!"],
    "Is it due tomorrow?": ["2026-11-26", "Is it?"],
    "Tomorrow - call mom": ["2026-11-26", "call mom"],
    "Call mom – tomorrow": ["2026-11-26", "Call mom"],
  });
});

test("the date is one of this device, also when its clock changes", () => {
  const zone = process.env.TZ;
  try {
    process.env.TZ = "America/Santiago"; // midnight of 6 September 2026 does not exist
    assertDue({ "Call tomorrow 0:00": ["2026-09-06T00:00", "Call"] }, new Date("2026-09-06T03:59:00Z"));
    process.env.TZ = "Europe/Berlin";
    assertDue({ "Call tomorrow": ["2026-03-30", "Call"] }, new Date("2026-03-28T23:30:00Z"));
    assertDue({ "Call at 2:30": ["2026-10-25T02:30", "Call"] }, new Date("2026-10-25T00:29:00Z"));
  } finally {
    if (zone === undefined) delete process.env.TZ;
    else process.env.TZ = zone;
  }
});

test("a hostile title is read within moments", () => {
  const parts = ["in ", "#", "# ", "at 9 ", "!high ", "mon ", "24 ", "dec ", "9:00 ", "today ", ", ", " ", "1", "a-"];
  const start = performance.now();
  for (const part of parts) findWords(part.repeat(1000 / part.length), NOW);
  assert.equal(findWords(`${"x ".repeat(500)}tomorrow`, NOW), undefined);
  assert(performance.now() - start < 5000);
});
