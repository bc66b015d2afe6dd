// Test the CSV of todos: `node --test tests/unit/csv.test.mjs`. No server runs.

import assert from "node:assert/strict";
import { test } from "node:test";

import { toCsv } from "../../lib/text/csv.ts";

const HEADER = '\ufeff"title","description","completed","due","priority","tags","created_at","completed_at"\r\n';

/** @type {Parameters<typeof toCsv>[0][number]} */
const TODO = {
  title: "Buy milk",
  description: null,
  completed: false,
  due: null,
  priority: "none",
  tags: [],
  created_at: "2026-11-24T08:00:00Z",
  completed_at: null,
};

/** Return the cell of a title. @param {string} title */
function cell(title) {
  const csv = toCsv([{ ...TODO, title }]);
  const rest = ',"","false","","none","","2026-11-24T08:00:00Z",""\r\n';
  assert(csv.startsWith(HEADER) && csv.endsWith(rest), csv);
  return csv.slice(HEADER.length, -rest.length);
}

test("no todos are a header with a byte order mark", () => {
  assert.equal(toCsv([]), HEADER);
});

test("a todo is a line that ends with CRLF, and each todo has its own", () => {
  const full = {
    ...TODO,
    description: "two\nlines",
    completed: true,
    due: "2026-11-24T09:00",
    priority: /** @type {const} */ ("high"),
    tags: ["home", "a, b"],
    completed_at: "2026-11-25T08:00:00Z",
  };
  assert.equal(
    toCsv([full, TODO]),
    `${HEADER}"Buy milk","two\nlines","true","2026-11-24T09:00","high","home, a, b","2026-11-24T08:00:00Z","2026-11-25T08:00:00Z"\r\n` +
      '"Buy milk","","false","","none","","2026-11-24T08:00:00Z",""\r\n',
  );
});

test("a quotation mark is doubled, and other text stays as it is", () => {
  assert.equal(cell('say "yes", then'), '"say ""yes"", then"');
  for (const title of ["Zoë 🥛", "1 + 1 = 2", "a-b", "me@example.com", "50%", "'quoted'", "a, =b", "x; y", " indented"]) {
    assert.equal(cell(title), `"${title}"`);
  }
});

test("a cell that a spreadsheet would run gets an apostrophe", () => {
  const signs = ["=", "+", "-", "@", "＝", "＋", "－", "＠", "﹦", "﹢", "﹣", "﹫", "−"];
  for (const sign of signs) {
    assert.equal(cell(`${sign}1+1`), `"'${sign}1+1"`);
    for (const blank of [" ", "   ", "\u00a0", "\u3000", "\ufeff", "\u200b", "\u0001", "\v"]) {
      assert.equal(cell(`${blank}${sign}1`), `"'${blank}${sign}1"`, JSON.stringify(blank));
    }
    // A spreadsheet that splits lines at semicolons or tabs, or at quoted line breaks, begins a cell here.
    for (const end of [";", "\t", "\n", "\r\n"]) assert.equal(cell(`x${end}${sign}1`), `"x${end}'${sign}1"`);
    assert.equal(cell(`x; ${sign}1`), `"x;' ${sign}1"`);
    assert.equal(cell(`x;"${sign}1`), `"x;'""${sign}1"`);
  }
  assert.equal(cell("- milk\n- bread"), `"'- milk\n'- bread"`);
  assert.equal(cell("\ttext"), `"'\ttext"`);
  assert.equal(cell("\rtext"), `"'\rtext"`);
  assert.equal(cell('=HYPERLINK("http://x.example","y")'), `"'=HYPERLINK(""http://x.example"",""y"")"`);
});

test("a tag and a description are escaped, too", () => {
  const csv = toCsv([{ ...TODO, description: "@SUM(1)", tags: ["+1", "-1"] }]);
  assert(csv.includes(`"'@SUM(1)"`) && csv.includes(`"'+1, -1"`), csv);
});
