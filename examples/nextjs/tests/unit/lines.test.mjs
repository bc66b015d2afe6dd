// Test todos of typed and pasted text: `node --test tests/unit/lines.test.mjs`. No server runs.

import assert from "node:assert/strict";
import { test } from "node:test";

import { fit, length, oneLine, splitLines, storable } from "../../lib/text/lines.ts";

/** Return the titles of a pasted text. @param {string} text */
function titles(text) {
  return splitLines(text).map(({ title }) => title);
}

test("each line is a todo, whatever ends it", () => {
  for (const end of ["\n", "\r\n", "\r", "\u2028", "\u2029", "\v", "\f", "\x85"]) {
    assert.deepEqual(titles(`Milk${end}Two breads${end}`), ["Milk", "Two breads"], JSON.stringify(end));
  }
  assert.deepEqual(splitLines("Milk\n\n \t\r\n\u00a0\n  Bread  "), [{ title: "Milk" }, { title: "Bread" }]);
  for (const blank of ["", " ", "\n", "\r\n\r\n", "- \n* \n1. \n[ ]\n-"]) assert.deepEqual(titles(blank), [], blank);
});

test("markers of lists are removed", () => {
  const bullets = ["- ", "* ", "+ ", "• ", "– ", "-\t", "  - "];
  for (const marker of [...bullets, "[ ] ", "- [ ] ", "* [ ]  ", "1. ", "1) ", "1. [ ] "]) {
    assert.deepEqual(splitLines(`${marker}Milk`), [{ title: "Milk" }], marker);
  }
  assert.deepEqual(titles("1. a\n2. b\n  1. c\n  2. d\n3. e\n10) f"), ["a", "b", "c", "d", "e", "10) f"]);
});

test("a ticked box is a completed todo", () => {
  assert.deepEqual(splitLines("[x] Milk\n- [X] Bread\n- [ ] Eggs"), [
    { title: "Milk", completed: true },
    { title: "Bread", completed: true },
    { title: "Eggs" },
  ]);
});

test("what only looks like a marker stays", () => {
  const lines = ["-5 degrees", "*bold* text", "1.5 litres", "24. December", "1984. A novel", "2. half", "[a](b)", "[x]y"];
  assert.deepEqual(titles(lines.join("\n")), lines);
  assert.deepEqual(titles("- - Milk\n- 3. Bread\n[ ] [ ] Eggs"), ["- Milk", "3. Bread", "[ ] Eggs"]);
});

test("a title has 200 characters, and the rest is in the description", () => {
  assert.deepEqual(fit("a".repeat(200)), [{ title: "a".repeat(200) }]);
  assert.deepEqual(fit("a".repeat(201)), [{ title: "a".repeat(200), description: "a" }]);
  assert.deepEqual(fit(`${"a".repeat(200)} b`), [{ title: "a".repeat(200), description: "b" }]);
  assert.deepEqual(fit(`a ${"b".repeat(198)} c`), [{ title: `a ${"b".repeat(198)}`, description: "c" }]);
  assert.deepEqual(fit(`${"a".repeat(150)} ${"b".repeat(50)} c`), [
    { title: "a".repeat(150), description: `${"b".repeat(50)} c` },
  ]);
  assert.deepEqual(fit(`Read https://x.example/${"a".repeat(200)}`), [
    { title: "Read", description: `https://x.example/${"a".repeat(200)}` },
  ]);
});

test("characters are counted as the API counts them", () => {
  assert.equal(length("Zoë 🥛"), 5);
  assert.equal(length(""), 0);
  assert.deepEqual(fit("🥛".repeat(200)), [{ title: "🥛".repeat(200) }]);
  assert.deepEqual(fit("🥛".repeat(201)), [{ title: "🥛".repeat(200), description: "🥛" }]);
});

test("no character of a long line is lost, and each todo is within the limits", () => {
  const words = Array.from({ length: 3000 }, (_, index) => `w${index}🥛`);
  for (const text of [words.join(" "), words.join(""), "a".repeat(2200), "a".repeat(2201), "a".repeat(10_000)]) {
    const drafts = fit(text);
    for (const { title, description } of drafts) {
      assert(0 < length(title) && length(title) <= 200 && length(description ?? "") <= 2000);
    }
    const all = drafts.map(({ title, description }) => title + (description ?? "")).join("");
    assert.equal(all.replaceAll(" ", ""), text.replaceAll(" ", ""));
  }
  assert.equal(fit("a".repeat(2200)).length, 1);
  assert.equal(fit("a".repeat(2201)).length, 2);
});

test("a long ticked line is completed in all its parts", () => {
  assert.deepEqual(
    splitLines(`[x] ${"a".repeat(2201)}`).map(({ completed }) => completed),
    [true, true],
  );
});

test("10,000 lines are 10,000 todos in their order, within moments", () => {
  const lines = Array.from({ length: 10_000 }, (_, index) => `Todo ${index}`);
  const start = performance.now();
  assert.deepEqual(titles(lines.map((line, index) => `${index + 1}. ${line}`).join("\n")), lines);
  assert.deepEqual(titles(lines.map((line) => `- [ ] ${line}`).join("\r\n")), lines);
  for (const line of [" ".repeat(100_000), `-${" ".repeat(100_000)}x`, "- ".repeat(50_000), "\r".repeat(100_000)]) {
    splitLines(line);
  }
  assert(performance.now() - start < 5000);
});

test("a text has no characters that the API refuses", () => {
  assert.equal(storable("a\0b\ud800c\udc00d🥛\n"), "ab\ufffdc\ufffdd🥛\n");
  assert.equal(oneLine(" \x85 a\r\nb\tc\u2028d \ufeff"), "a b\tc d");
  assert.deepEqual(titles("a\0\n\ud83e"), ["a", "\ufffd"]);
});
