// Test the order of todos by hand. No server runs.

import assert from "node:assert/strict";
import { test } from "node:test";

import { between, compare, moved, top } from "../../sync/order.ts";

/** @typedef {{ id: string, position: string }} Placed */

const SCALE = 60n;

/** Return a position as a whole number, calculated in another way than by order.ts. @param {string} position */
function exact(position) {
  const [, sign, whole = "", decimals = ""] = /^(-?)(\d+)(?:\.(\d+))?$/.exec(position) ?? assert.fail(position);
  const size = BigInt(whole) * 10n ** SCALE + BigInt(decimals || "0") * 10n ** (SCALE - BigInt(decimals.length));
  return sign ? -size : size;
}

/** Return todos with these positions. Their ids are in the order of the letters. @param {string[]} positions */
function placed(...positions) {
  return positions.map((position, index) => ({ id: String.fromCharCode(97 + index), position }));
}

/** Return a function of numbers that look random, always the same ones. @param {number} seed */
function random(seed) {
  return () => {
    seed = (seed * 1103515245 + 12345) % 2147483648;
    return seed / 2147483648;
  };
}

/** Return a list after a move. @param {readonly Placed[]} list @param {Map<string, string>} positions */
function after(list, positions) {
  return list.map(({ id, position }) => ({ id, position: positions.get(id) ?? position })).sort(compare);
}

test("the larger position is first, also if only its last digit differs, and then the smaller id", () => {
  const order = [
    "9".repeat(40),
    "10",
    "9.5",
    "9.05",
    `9.${"0".repeat(57)}1`,
    "9",
    "0.000001",
    "0",
    "-0.000001",
    "-1",
    "-1.5",
    "-9",
    "-10",
  ];
  for (const [a, first] of order.entries()) {
    for (const [b, second] of order.entries()) {
      const sign = Math.sign(compare({ id: "x", position: first }, { id: "x", position: second }));
      assert.equal(sign, Math.sign(a - b), `${first} and ${second}`);
    }
  }
  for (const [one, other] of /** @type {const} */ ([["1", "1"], ["1.50", "1.5"], ["-0", "0"], ["01", "1"]])) {
    assert.equal(compare({ id: "a", position: one }, { id: "b", position: other }), -1);
    assert.equal(compare({ id: "b", position: one }, { id: "a", position: other }), 1);
    assert.equal(compare({ id: "a", position: one }, { id: "a", position: other }), 0);
  }
});

test("any order of the same todos is sorted in the same way", () => {
  const next = random(1);
  const todos = placed(...Array.from({ length: 20 }, () => (next() * 4 - 2).toFixed(Math.floor(next() * 3))));
  const expected = [...todos].sort((a, b) => {
    const difference = exact(b.position) - exact(a.position);
    return difference > 0n ? 1 : difference < 0n ? -1 : a.id < b.id ? -1 : 1;
  });
  for (let count = 0; count < 50; count++) {
    const shuffled = todos.map((todo) => ({ todo, key: next() })).sort((a, b) => a.key - b.key);
    assert.deepEqual(shuffled.map(({ todo }) => todo).sort(compare), expected);
  }
});

test("the top is the time in seconds, or the whole number above all todos", (t) => {
  let now = 1_700_000_000_999;
  t.mock.method(Date, "now", () => now);
  assert.equal(top([]), "1700000000");
  assert.equal(top(placed("5", "-3")), "1700000000");
  assert.equal(top(placed("1700000000")), "1700000001");
  assert.equal(top(placed("1700000000.5", "3")), "1700000001");
  assert.equal(top(placed("2", "1800000000.9999")), "1800000001");
  assert.equal(top(placed("9".repeat(40))), `1${"0".repeat(40)}`);
  now = -5500;
  assert.equal(top(placed("-3.5")), "-3");
  assert.equal(top(placed("-3")), "-2");
});

test("a position between two is the shortest one, or undefined if there is no room", () => {
  /** @type {[string | undefined, string | undefined, string | undefined][]} */
  const table = [
    ["3", "1", "2"],
    ["2", "1", "1.5"],
    ["1.5", "1", "1.2"],
    ["1.1", "1", "1.05"],
    ["0", "-1", "-0.5"],
    ["0", "-0.1", "-0.05"],
    ["1", "-1", "0"],
    [undefined, "7.5", "8"],
    [undefined, "-7.5", "-6"],
    ["-3", undefined, "-4"],
    ["7.5", undefined, "6"],
    [undefined, undefined, "-1"],
    ["1", "1", undefined],
    ["1", "1.0", undefined],
    ["1", "2", undefined],
    [`1.${"0".repeat(58)}`, `0.${"9".repeat(58)}`, undefined],
  ];
  for (const [above, below, expected] of table) assert.equal(between(above, below), expected, `${above} ${below}`);
});

test("there is room for 60 moves between the same two todos, and each position has at most 60 characters", () => {
  for (const start of [["2", "1"], ["-1", "-2"], ["1795507200.5", "1795507199"], ["0.5", "-0.5"]]) {
    let [above, below] = start;
    for (let count = 0; count < 60; count++) {
      const middle = between(above, below);
      assert(middle && above && below && middle.length <= 60, `${count} ${above} ${below}`);
      assert(exact(below) < exact(middle) && exact(middle) < exact(above), `${above} ${middle} ${below}`);
      if (count % 2) above = middle;
      else below = middle;
    }
  }
});

test("a random position between two others is between them", () => {
  const next = random(7);
  for (let count = 0; count < 2000; count++) {
    const number = () => next() * 10 ** (next() * 12) * (next() < 0.4 ? -1 : 1);
    const pair = [number().toFixed(Math.floor(next() * 15)), number().toFixed(Math.floor(next() * 15))];
    const [below, above] = pair.sort((a, b) => (exact(a) < exact(b) ? -1 : 1));
    const middle = between(above, below);
    if (exact(above ?? "") === exact(below ?? "")) assert.equal(middle, undefined);
    else assert(middle && exact(below ?? "") < exact(middle) && exact(middle) < exact(above ?? ""), `${pair}`);
  }
});

test("a move changes one todo if there is room", () => {
  const list = placed("5", "4", "3", "2");
  assert.deepEqual(moved(list, "d", 1), new Map([["d", "4.5"]]));
  assert.deepEqual(moved(list, "a", 2), new Map([["a", "2.5"]]));
  assert.deepEqual(moved(list, "a", 3), new Map([["a", "1"]]));
  assert.deepEqual(moved(list, "d", 0), new Map([["d", "6"]]));
});

test("a move to the same place, of a todo that is not there, or of the only one changes nothing", () => {
  assert.equal(moved(placed("5", "4"), "a", 0).size, 0);
  assert.equal(moved(placed("5", "4"), "z", 0).size, 0);
  assert.equal(moved(placed("5"), "a", 0).size, 0);
  assert.equal(moved([], "a", 0).size, 0);
});

test("without room the todos above move up as far as needed, and those below stay", () => {
  const list = placed("9", "3", "3", "3", "1");
  const positions = moved(list, "e", 2);
  assert.deepEqual(after(list, positions).map(({ id }) => id), ["a", "b", "e", "c", "d"]);
  assert.deepEqual(positions, new Map([["e", "4"], ["b", "5"]]));
  const tight = placed("5", "4.5", `4.${"0".repeat(57)}1`, "4", "1");
  const spread = moved(tight, "e", 3);
  assert.deepEqual(after(tight, spread).map(({ id }) => id), ["a", "b", "c", "e", "d"]);
  assert.equal(spread.has("d"), false);
});

test("any move of any list puts the todo at its place, and keeps the order of the others", () => {
  const next = random(3);
  for (let count = 0; count < 1500; count++) {
    const size = 2 + Math.floor(next() * 8);
    const positions = Array.from({ length: size }, () => (next() * 6 - 3).toFixed(Math.floor(next() * 2)));
    const list = placed(...positions).sort(compare);
    const id = list[Math.floor(next() * size)]?.id ?? "";
    const index = Math.floor(next() * size);
    const changed = moved(list, id, index);
    const expected = list.filter((todo) => todo.id !== id);
    expected.splice(index, 0, /** @type {Placed} */ (list.find((todo) => todo.id === id)));
    const result = after(list, changed).map((todo) => todo.id);
    assert.deepEqual(result, expected.map((todo) => todo.id), `${JSON.stringify(list)} ${id} ${index}`);
    for (const position of changed.values()) assert(position.length <= 60, position);
  }
});
