import assert from "node:assert/strict";
import { test } from "node:test";

import { proposalsFor } from "../../lib/text/proposals.ts";

const NOW = new Date(2026, 10, 24, 12);

test("a title without words has no proposals", () => {
  assert.deepEqual(proposalsFor("Buy milk", NOW), []);
});

test("one word has one proposal", () => {
  assert.deepEqual(proposalsFor("Buy milk tomorrow", NOW), [
    { text: "Due tomorrow", rest: "Buy milk", chosen: { due: "2026-11-25", tags: [] } },
  ]);
});

test("each proposal removes its own words, and the last one all", () => {
  const proposals = proposalsFor("Call Ann tomorrow 9:00 #home-x, !high", NOW);
  assert.deepEqual(
    proposals.map(({ text, rest }) => [text, rest]),
    [
      ["Due tomorrow 09:00", "Call Ann #home-x !high"],
      ["#home-x", "Call Ann tomorrow 9:00 !high"],
      ["High priority", "Call Ann tomorrow 9:00 #home-x"],
      ["Use all", "Call Ann"],
    ],
  );
  assert.deepEqual(proposals.at(-1)?.chosen, { due: "2026-11-25T09:00", tags: ["home-x"], priority: "high" });
});

test("a tag that begins like another one is removed alone", () => {
  const [proposal] = proposalsFor("Buy milk #home #homework", NOW).filter(({ text }) => text === "#home");
  assert.equal(proposal?.rest, "Buy milk #homework");
});
