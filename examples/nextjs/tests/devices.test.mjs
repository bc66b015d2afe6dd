// Two devices of one user, and two tabs of one device.

import assert from "node:assert/strict";
import { describe } from "node:test";

import { day, eventually, it, LONGEST_RETRY, pause, REFUSED, stage, UNREACHABLE } from "./stage.mjs";

/** @typedef {import("./stage.mjs").Visitor} Visitor */

/**
 * Wait until devices show the same todos, and the todos of the API, in the same order. A reload must show the same.
 * @param {Visitor[]} devices
 */
async function areEqual(...devices) {
  const [first] = devices;
  assert(first);
  await eventually(async () => {
    const todos = (await first.user.todos()).map(({ title, completed }) => ({ title, completed }));
    const shown = await Promise.all(devices.map((device) => device.details()));
    for (const rows of shown) {
      assert.deepEqual(rows.map(({ title, completed }) => ({ title, completed })), todos);
      assert.deepEqual(rows, shown[0]); // dates, tags and priorities too
    }
  });
  const before = await first.details();
  for (const device of devices) {
    await device.isSaved();
    await device.reload();
    await eventually(async () => assert.deepEqual(await device.details(), before));
  }
}

/**
 * Let two devices change things offline, then bring back the first and then the second.
 * @param {Visitor} laptop @param {Visitor} phone
 * @param {() => Promise<void>} change
 */
async function offline(laptop, phone, change) {
  await laptop.goOffline();
  await phone.goOffline();
  await change();
  await laptop.goOnline();
  await laptop.isSaved();
  await phone.goOnline();
  await phone.isSaved();
}

/** Bring what other devices did to this device, as a return to the tab does. @param {Visitor[]} devices */
async function look(...devices) {
  for (const { page } of devices) await page.evaluate(() => window.dispatchEvent(new Event("focus")));
}

describe("two devices", () => {
  it("show at once what the other did, on focus", async (cast) => {
    const laptop = await cast.user({ todos: ["Milk"] });
    const phone = await cast.device(laptop);
    await laptop.add("Bread");
    await laptop.isSaved();
    await look(phone);
    await phone.sees("Bread", "Milk");
    await phone.checkbox("Milk").click();
    await phone.isSaved();
    await look(laptop);
    await areEqual(laptop, phone);
    assert.equal((await laptop.user.todo("Milk")).completed, true);
  });

  it("keep changes of different fields of one todo from both", async (cast) => {
    const laptop = await cast.user({ todos: [{ title: "Call Grace", due: "2030-01-02" }] });
    const phone = await cast.device(laptop);
    await offline(laptop, phone, async () => {
      await laptop.change("Call Grace", { Title: "Call Grace Hopper", Tags: "work" });
      await phone.change("Call Grace", { Notes: "About the compiler", Priority: "high" });
      await phone.checkbox("Call Grace").click();
    });
    await look(laptop);
    await areEqual(laptop, phone);
    const todo = await laptop.user.todo("Call Grace Hopper");
    const { description, priority, completed, tags, due } = todo;
    assert.deepEqual(
      { description, priority, completed, tags, due },
      { description: "About the compiler", priority: "high", completed: true, tags: ["work"], due: "2030-01-02" },
    );
    assert.equal(await phone.notices.getByRole("button").count(), 0, "nothing was replaced, so there is no notice");
  });

  it("keep the later value of a field that both changed, and offer the other one", async (cast) => {
    const laptop = await cast.user({ todos: ["Paint"] });
    const phone = await cast.device(laptop);
    await offline(laptop, phone, async () => {
      await laptop.change("Paint", { Title: "Paint it red" });
      await phone.change("Paint", { Title: "Paint it blue" });
    });
    await phone.sees("Paint it blue");
    await look(laptop);
    await areEqual(laptop, phone);
    await laptop.user.has("Paint it blue");
    await phone.reload();
    await phone.reads("Paint it red"); // the notice stays in sight after a reload
    await phone.notices.getByRole("button", { name: "Use the other" }).click();
    await phone.sees("Paint it red");
    await phone.isSaved();
    await look(laptop);
    await areEqual(laptop, phone);
    await laptop.user.has("Paint it red");
  });

  it("bring back a todo that one deleted and the other changed, with a notice", async (cast) => {
    const laptop = await cast.user({ todos: ["Milk", "Bread"] });
    const phone = await cast.device(laptop);
    await offline(laptop, phone, async () => {
      await laptop.button("Delete “Milk”").click();
      await phone.change("Milk", { Notes: "Two litres" });
    });
    await phone.notices.getByText("Milk").waitFor();
    await look(laptop);
    await areEqual(laptop, phone);
    assert.equal((await laptop.user.todo("Milk")).description, "Two litres");
  });

  it("bring back a todo that one deleted for good and the other changed", async (cast) => {
    const laptop = await cast.user({ todos: ["Milk", "Bread"] });
    const phone = await cast.device(laptop);
    await offline(laptop, phone, async () => {
      await laptop.button("Delete “Milk”").click();
      await laptop.goTo("Trash");
      await laptop.button("Delete “Milk” for good").click();
      await laptop.answer("Delete for good");
      await laptop.sees();
      await laptop.goTo("All");
      await phone.change("Milk", { Title: "Oat milk" });
    });
    await phone.notices.getByText("milk").waitFor();
    await look(laptop);
    await areEqual(laptop, phone);
    await eventually(async () => assert.deepEqual((await laptop.user.titles()).sort(), ["Bread", "Oat milk"]));
  });

  it("delete a todo that the other changed before, and the trash has the change", async (cast) => {
    const laptop = await cast.user({ todos: ["Milk", "Bread"] });
    const phone = await cast.device(laptop);
    await offline(laptop, phone, async () => {
      await laptop.change("Milk", { Title: "Oat milk" });
      await phone.button("Delete “Milk”").click();
    });
    await look(laptop);
    await areEqual(laptop, phone);
    await laptop.user.has("Bread");
    await phone.goTo("Trash");
    await phone.sees("Oat milk");
  });

  it("keep new todos, tags and the order by hand of both", async (cast) => {
    const laptop = await cast.user({ todos: ["One", "Two", "Three", { title: "Four", tags: ["home"] }] });
    const phone = await cast.device(laptop);
    await offline(laptop, phone, async () => {
      await laptop.add("Made on the laptop");
      await laptop.checkbox("Three").focus();
      await laptop.page.keyboard.press("Alt+ArrowUp");
      await laptop.sees("Made on the laptop", "One", "Three", "Two", "Four");
      await laptop.change("Four", { Tags: "home, garden" });
      await phone.add("Made on the phone");
      await phone.checkbox("Four").focus();
      await phone.page.keyboard.press("Alt+ArrowUp");
      await phone.sees("Made on the phone", "One", "Two", "Four", "Three");
      await phone.change("One", { Tags: "garden" });
    });
    await look(laptop);
    await areEqual(laptop, phone);
    const titles = await laptop.user.titles();
    assert.deepEqual([...titles].sort(), ["Four", "Made on the laptop", "Made on the phone", "One", "Three", "Two"]);
    assert.deepEqual((await laptop.user.todo("Four")).tags, ["home", "garden"]);
    assert.deepEqual((await laptop.user.todo("One")).tags, ["garden"]);
  });

  it("rename a tag on one, and add it to a todo on the other", async (cast) => {
    const laptop = await cast.user({ todos: [{ title: "One", tags: ["home"] }, "Two"], path: "/?tag=home" });
    const phone = await cast.device(laptop);
    await offline(laptop, phone, async () => {
      await laptop.renameTag("house");
      await phone.change("One", { Title: "One more" });
      await phone.change("Two", { Tags: "home" });
    });
    await laptop.goTo("All");
    await look(laptop);
    await areEqual(laptop, phone);
    assert.deepEqual((await laptop.user.todo("One more")).tags, ["house"]);
    assert.deepEqual((await laptop.user.todo("Two")).tags, ["home"]);
  });

  it("agree after many changes of both at random, with reloads in between", async (cast) => {
    const laptop = await cast.user({ todos: Array.from({ length: 8 }, (_, n) => `Todo ${n}`) });
    const phone = await cast.device(laptop);
    let seed = 20;
    const random = (/** @type {number} */ below) => (seed = (seed * 16807) % 2147483647) % below;
    for (let round = 0; round < 2; round++) {
      await offline(laptop, phone, async () => {
        for (let step = 0; step < 14; step++) {
          const device = [laptop, phone][random(2)] ?? laptop;
          const titles = await device.titles();
          const title = titles[random(titles.length)] ?? "";
          const action = random(5);
          if (action === 0) await device.add(`New ${round} ${step}`);
          if (action === 1) await device.checkbox(title).click();
          if (action === 2) await device.button(`Delete “${title}”`).click();
          if (action === 3) await device.checkbox(title).press("Alt+ArrowDown");
          if (action === 4) await device.checkbox(title).press("Alt+ArrowUp");
        }
      });
      await look(laptop);
      await areEqual(laptop, phone);
    }
  });

  it("sign in on a new device, which shows everything, the trash too", async (cast) => {
    const laptop = await cast.user({ todos: ["One", "Two", "Three"] });
    await laptop.button("Delete “Two”").click();
    await laptop.isSaved();
    const phone = await cast.device(laptop);
    await areEqual(laptop, phone);
    await phone.goTo("Trash");
    await phone.sees("Two");
  });
});

describe("a reload", () => {
  it("keeps a full queue, and sends it", async (cast) => {
    const ada = await cast.user({ todos: ["One", "Two", "Three"] });
    await ada.loseTheApi();
    await ada.add("Zero");
    await ada.checkbox("One").click();
    await ada.button("Delete “Two”").click();
    await ada.change("Three", { Title: "3", Tags: "number" });
    const shown = await ada.details();
    await ada.isOffline(4);
    await ada.page.reload();
    await ada.sees("Zero", "One", "3");
    assert.deepEqual(await ada.details(), shown);
    await ada.isOffline(4);
    await ada.findTheApi();
    await ada.page.reload();
    await ada.isSaved();
    await ada.user.has("Zero", "One", "3");
    assert.equal((await ada.user.todo("One")).completed, true);
    assert.deepEqual((await ada.user.todo("3")).tags, ["number"]);
    assert.deepEqual((await ada.user.api("GET", "/trash")).length, 1);
  });

  it("right after Enter keeps the todo", async (cast) => {
    const ada = await cast.user();
    await ada.field.fill("Milk");
    await ada.field.press("Enter");
    await ada.page.reload();
    await ada.sees("Milk");
    await ada.isSaved();
    await ada.user.has("Milk");
    await ada.reload();
    await ada.sees("Milk");
  });

  it("while a batch is under way sends nothing twice", async (cast) => {
    const ada = await cast.user({ todos: ["One"] });
    const batch = await ada.hold("**/api/batch");
    await ada.add("Two");
    await batch.answered(); // the API has it, the page does not know this
    await ada.change("One", { Title: "First" });
    await ada.page.reload();
    await ada.sees("Two", "First");
    await batch.release();
    await ada.isSaved();
    await ada.user.has("Two", "First");
    await ada.reload();
    await ada.sees("Two", "First");
    assert.equal(await ada.notices.getByRole("button").count(), 0, "the user's own change is no conflict");
  });

  it("in the first sync shows everything in the end", async (cast) => {
    const ada = await cast.stranger({ todos: Array.from({ length: 700 }, (_, n) => `Todo ${n}`) });
    const first = await ada.hold("**/api/changes*");
    await ada.page.goto("/");
    await first.answered();
    await ada.sees(...(await ada.titles())); // the first ones are in the server's HTML
    await ada.page.reload();
    await first.release();
    await ada.isSaved();
    await ada.view("All").getByText("700").waitFor();
  });
});

describe("the API", () => {
  it("is killed while the queue is full, and has everything once when it is back", async (cast) => {
    const ada = await cast.user({ todos: ["One", "Two", "Three"] });
    ada.expects(UNREACHABLE, REFUSED);
    await stage.tell("stop api");
    try {
      for (let n = 1; n <= 12; n++) await ada.add(`New ${n}`);
      await ada.checkbox("One").click();
      await ada.button("Delete “Two”").click();
      await ada.change("Three", { Notes: "Still here" });
      await ada.reads(/15 changes are kept on this device/);
      await ada.page.reload();
      await ada.sees(...Array.from({ length: 12 }, (_, n) => `New ${12 - n}`), "One", "Three");
    } finally {
      await stage.tell("start api");
    }
    await ada.isSaved(LONGEST_RETRY);
    await ada.user.has(...Array.from({ length: 12 }, (_, n) => `New ${12 - n}`), "One", "Three");
    assert.equal((await ada.user.todo("One")).completed, true);
    assert.equal((await ada.user.todo("Three")).description, "Still here");
    await ada.reload();
    await ada.sees(...Array.from({ length: 12 }, (_, n) => `New ${12 - n}`), "One", "Three");
  });

  it("answers 503 for a while, and gets everything afterwards", async (cast) => {
    const ada = await cast.user();
    ada.expects(REFUSED);
    let refused = 0;
    await ada.context.route("**/api/batch", async (route) => {
      if (refused++ > 1) return route.continue();
      const headers = { "Access-Control-Allow-Origin": "*", "Access-Control-Expose-Headers": "Retry-After", "Retry-After": "1" };
      await route.fulfill({ status: 503, headers, json: { type: "about:blank", status: 503, detail: "Too busy." } });
    });
    await ada.add("Milk");
    await ada.sees("Milk");
    await ada.isSaved(LONGEST_RETRY);
    await ada.user.has("Milk");
    assert(refused > 2);
  });

  it("loses the answer to a batch, and nothing happens twice", async (cast) => {
    const ada = await cast.user({ todos: ["One"] });
    ada.expects(UNREACHABLE);
    let lost = 0;
    await ada.context.route("**/api/batch", async (route) => {
      if (lost++ > 0) return route.continue();
      await route.fetch();
      await route.abort();
    });
    await ada.add("Two");
    await ada.checkbox("One").click();
    await ada.isSaved();
    await ada.user.has("Two", "One");
    assert.equal((await ada.user.todo("One")).completed, true);
    assert.equal(await ada.notices.getByRole("button").count(), 0);
  });
});

describe("two tabs", () => {
  it("show each other's changes without asking the API", async (cast) => {
    const first = await cast.user({ todos: ["One"] });
    const second = await cast.tab(first);
    await first.goOffline();
    await first.add("Two");
    await second.sees("Two", "One");
    await second.checkbox("One").click();
    await eventually(async () => assert(await first.checkbox("One").isChecked()));
    await second.change("Two", { Title: "Second" });
    await first.sees("Second", "One");
    await first.goOnline();
    await first.isSaved();
    await second.isSaved();
    await first.user.has("Second", "One");
  });

  it("lose nothing when both change the same todo, and only one sends", async (cast) => {
    const first = await cast.user({ todos: ["One", "Two"] });
    const second = await cast.tab(first);
    await first.goOffline();
    await first.change("One", { Tags: "a" });
    await second.change("One", { Notes: "b" });
    await first.checkbox("One").click();
    await second.change("Two", { Title: "Second" });
    await first.add("Three");
    const batches = first.requests("/api/batch", "POST");
    const batch = await first.hold("**/api/batch");
    await first.goOnline();
    await batch.answered(); // the tab that sends does not know this yet, and the other one must wait
    for (const tab of [first, second]) await tab.page.evaluate(() => window.dispatchEvent(new Event("online")));
    await pause(1500);
    assert.equal(batches.length, 1);
    await batch.release();
    await first.isSaved();
    await second.isSaved();
    await first.user.has("Three", "One", "Second");
    const { tags, description, completed } = await first.user.todo("One");
    assert.deepEqual({ tags, description, completed }, { tags: ["a"], description: "b", completed: true });
    const ids = batches.flatMap((batch) => batch.postDataJSON().put.map((/** @type {{ id: string }} */ { id }) => id));
    assert.equal(ids.length, new Set(ids).size, "each todo was sent once");
    for (const tab of [first, second]) {
      await tab.sees("Three", "One", "Second");
      assert.equal(await tab.notices.getByRole("button").count(), 0);
    }
  });

  it("continue to send when the one that sends is closed", async (cast) => {
    const first = await cast.user({ todos: ["One"] });
    const second = await cast.tab(first);
    await first.page.close();
    await second.add("Two");
    await second.isSaved();
    await second.user.has("Two", "One");
  });

  it("keep what is typed at the same time in both", async (cast) => {
    const first = await cast.user();
    const second = await cast.tab(first);
    await Promise.all(
      [first, second].map(async (tab, n) => {
        for (let m = 1; m <= 10; m++) await tab.add(`Tab ${n} todo ${m}`);
      }),
    );
    await first.isSaved();
    await second.isSaved();
    await eventually(async () => assert.equal((await first.user.titles()).length, 20));
    await eventually(async () => {
      const order = await first.user.titles();
      for (const tab of [first, second]) assert.deepEqual(await tab.titles(), order.slice(0, (await tab.titles()).length));
    });
  });
});

describe("a clock that is wrong by a day", () => {
  for (const [direction, days] of /** @type {const} */ ([["fast", 1], ["slow", -1]])) {
    it(`works when it is ${direction}, with one token`, async (cast) => {
      const laptop = await cast.stranger({ todos: ["One", "Two"] });
      await laptop.context.addInitScript(shiftClock, days);
      const tokens = laptop.requests("/api/auth/token");
      await laptop.open();
      const phone = await cast.device(laptop);
      await offline(laptop, phone, async () => {
        await phone.change("One", { Title: "From the phone" });
        await laptop.change("One", { Tags: "laptop" });
        await laptop.add("Three");
        await phone.add("Four");
      });
      await look(laptop);
      await areEqual(laptop, phone);
      assert.deepEqual((await laptop.user.todo("From the phone")).tags, ["laptop"]);
      await look(laptop);
      await pause(1000);
      // Each load of the page fetches one token.
      assert(tokens.length <= 3, `${tokens.length} tokens were fetched`);
    });
  }

  it("shows the days of the user's own calendar", async (cast) => {
    const ada = await cast.stranger({ todos: [{ title: "Due today", due: day(0) }, { title: "Due tomorrow", due: day(1) }] });
    await ada.context.addInitScript(shiftClock, 1);
    await ada.open("/?view=today");
    await ada.sees("Due today", "Due tomorrow");
  });
});

/** Move the clock of a page. @param {number} days */
function shiftClock(days) {
  const Real = Date;
  const now = () => Real.now() + days * 86_400_000;
  // @ts-ignore  nothing calls Date without `new`
  window.Date = class extends Real {
    /** @param {[]} parts */
    constructor(...parts) {
      // @ts-ignore  the parts are those of Date
      super(...(parts.length > 0 ? parts : [now()]));
    }
    static now() {
      return now();
    }
  };
}
