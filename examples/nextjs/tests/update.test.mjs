// A new version of the app, while tabs of the old one are open. This file is the last, because it builds the app again.

import assert from "node:assert/strict";
import { describe } from "node:test";

import { it, REFUSED, stage, UNREACHABLE } from "./stage.mjs";

const LONGEST_BUILD = 600_000; // milliseconds; this is only a limit

describe("a new version", () => {
  it("is offered to an open tab, which works until it is loaded", async (cast) => {
    const ada = await cast.user({ todos: ["One"] });
    ada.expects(REFUSED, UNREACHABLE); // while the server starts again
    await ada.isInstalled();
    const old = await scripts(ada.page);
    await stage.tell("rebuild");
    await ada.add("Typed in the old version");
    await ada.edit("One"); // a part that is loaded late comes from the old version
    await ada.close();
    await ada.isSaved();
    await ada.user.has("Typed in the old version", "One");
    await ada.page.reload(); // the shell is the old one or the new one
    await ada.isSaved();
    await ada.sees("Typed in the old version", "One");
    await ada.notices.getByText("A new version is ready.").waitFor({ timeout: 60_000 }); // all of it is downloaded first
    const loaded = ada.page.waitForEvent("load");
    await ada.notices.getByRole("button", { name: "Reload" }).click();
    await loaded;
    await ada.isSaved();
    await ada.sees("Typed in the old version", "One");
    const now = await scripts(ada.page);
    assert.notDeepEqual(now, old);

    // The new version is complete: it works offline too.
    await ada.goOffline();
    await ada.page.reload();
    await ada.sees("Typed in the old version", "One");
    assert.deepEqual(await scripts(ada.page), now);
    await ada.edit("One");
  }, LONGEST_BUILD);
});

/** @param {import("playwright-core").Page} page */
function scripts(page) {
  return page.evaluate(() => [...document.scripts].map(({ src }) => src).filter(Boolean).sort());
}
