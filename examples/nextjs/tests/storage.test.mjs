// A device that stores nothing: its storage is full, or the browser has none.

import assert from "node:assert/strict";
import { describe } from "node:test";

import { eventually, it, REFUSED, stage } from "./stage.mjs";

/** @type {Record<string, () => void>} */
const BROKEN = {
  "each write fails, because the storage is full": () => {
    IDBObjectStore.prototype.put = IDBObjectStore.prototype.add = () => {
      throw new DOMException("The storage is full.", "QuotaExceededError");
    };
  },
  "IndexedDB is missing": () => Object.defineProperty(window, "indexedDB", { value: undefined }),
  "IndexedDB cannot be opened": () => {
    IDBFactory.prototype.open = () => {
      throw new DOMException("Not in a private window.", "InvalidStateError");
    };
  },
  "localStorage is refused": () => {
    Object.defineProperty(window, "localStorage", {
      get() {
        throw new DOMException("Refused.", "SecurityError");
      },
    });
  },
};

describe("a device that stores nothing", () => {
  for (const [name, init] of Object.entries(BROKEN)) {
    it(`shows and sends changes when ${name}`, async (cast) => {
      const ada = await cast.user({ todos: ["One", "Two"], options: { init } });
      await ada.add("Three");
      await ada.checkbox("One").click();
      await ada.button("Delete “Two”").click();
      await ada.change("Three", { Notes: "Still works" });
      await ada.sees("Three", "One");
      await ada.isSaved();
      await ada.user.has("Three", "One");
      assert.equal((await ada.user.todo("One")).completed, true);
      assert.equal((await ada.user.todo("Three")).description, "Still works");
      if (!name.includes("localStorage")) {
        await ada.notices.getByText(/storage|store/i).first().waitFor();
        await ada.seesNoBarrier();
      }
      await ada.reload();
      await ada.sees("Three", "One");
    });
  }

  it("keeps changes in the tab while it is offline, and warns before it is closed", async (cast) => {
    const ada = await cast.user({ todos: ["One"], options: { init: BROKEN["IndexedDB is missing"] ?? (() => {}) } });
    await ada.goOffline();
    await ada.add("Two");
    await ada.sees("Two", "One");
    let asked = 0;
    ada.page.on("dialog", (dialog) => (asked++, dialog.dismiss()));
    await ada.page.close({ runBeforeUnload: true });
    await eventually(async () => assert.equal(asked, 1));
    await ada.goOnline();
    await ada.isSaved();
    await ada.user.has("Two", "One");
  });

  it("works when the storage becomes full later, and stores again when there is room", async (cast) => {
    const ada = await cast.user({ todos: ["One"] });
    await ada.isInstalled(); // a service worker needs room, too
    const cdp = await ada.context.newCDPSession(ada.page);
    await cdp.send("Storage.overrideQuotaForOrigin", { origin: stage.places.web, quotaSize: 1 });
    await ada.goOffline();
    for (let n = 0; n < 5; n++) await ada.add(`${n} ${"long ".repeat(30)}`);
    await eventually(async () => assert.equal((await ada.titles()).length, 6));
    await ada.goOnline();
    await ada.isSaved();
    await eventually(async () => assert.equal((await ada.user.titles()).length, 6));
    await cdp.send("Storage.overrideQuotaForOrigin", { origin: stage.places.web });
    await ada.add("With room again");
    await ada.isSaved();
    await ada.reload();
    assert.equal((await ada.titles()).length, 7);
  });

  it("works when its database is of a newer version", async (cast) => {
    const ada = await cast.user({ todos: ["One"] });
    ada.expects(REFUSED); // a page that is a picture has no link to its icon, so the browser asks for /favicon.ico
    await ada.page.goto("/icon.svg"); // no tab has the database open
    const { id } = /** @type {{ id: string }} */ ((await stage.sql(`SELECT id FROM "user" WHERE email = $1`, [ada.user.email]))[0]);
    await ada.page.evaluate(
      (name) =>
        new Promise((resolve, reject) => {
          const opening = indexedDB.open(name, 999);
          opening.onsuccess = () => (opening.result.close(), resolve(null));
          opening.onerror = () => reject(opening.error);
        }),
      `todos-${id}`,
    );
    await ada.open("/");
    await ada.sees("One");
    await ada.add("Two");
    await ada.isSaved();
    await ada.user.has("Two", "One");
  });
});
