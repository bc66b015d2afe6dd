// Keep the app usable without a connection. This file has no build step, so it needs no library.
//
// A version of the app is a cache of its own, with all of its pages and files, and never changes after it is
// complete. One entry names the current version. So a download that fails leaves the version before it in
// place, and a tab that is open during an update still finds the files of its own version.

const PAGES = ["/shell", "/sign-in"];
const ICONS = ["/icon.svg", "/icon-192.png"];
const PREFIX = "todos-version-";
const CURRENT = { cache: "todos-current", key: "/current" };
const SIGN_IN = /^\/sign-(in|up)\//;
const DEVICE = { cache: "todos-device", key: "/has-user" }; // the page writes it, see lib/device.ts

self.addEventListener("install", (event) => event.waitUntil(update().then(() => self.skipWaiting())));
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));
self.addEventListener("message", (event) => {
  // A failure, for example a full storage or a server that is down, leaves the version that is there.
  if (event.data === "check") event.waitUntil(update().catch((error) => console.warn("No update:", error)));
});

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (url.origin !== self.location.origin) return;
  if (request.method === "POST" && SIGN_IN.test(url.pathname)) event.respondWith(signIn(request));
  else if (request.mode === "navigate") {
    if (request.method === "POST" && url.pathname === "/add") event.respondWith(add(request));
    if (request.method === "GET" && ["/", "/sign-in", "/sign-up", "/forgot-password"].includes(url.pathname)) event.respondWith(open(request, url));
  } else if (request.method === "GET" && (url.pathname.startsWith("/_next/static/") || ICONS.includes(url.pathname))) {
    event.respondWith(file(request));
  }
  // Everything else, for example /api and the data of Next.js (`?_rsc=`), goes to the network.
});

/**
 * Return the kept page at once if this device has a user, so that nobody waits for a slow network. The server
 * decides what follows a sign-in: the todos that the kept page would show may be those of another user.
 */
async function open(request, url) {
  if (!url.searchParams.has("signed-in") && url.pathname === "/" && (await find(DEVICE.cache, DEVICE.key))) {
    const kept = await keptPage("/shell");
    if (kept) return kept;
  }
  try {
    return await fetch(request);
  } catch (error) {
    const kept = await keptPage("/sign-in"); // it reports that there is no connection
    if (kept) return kept;
    throw error;
  }
}

/** Forget the user of the device, because the form may be another user's. The page that follows has the user. */
async function signIn(request) {
  const answer = await fetch(request);
  await caches.delete(DEVICE.cache).catch(() => false);
  return answer;
}

/** Send the form of a page whose JavaScript has not loaded. Without a connection the title is in the field again. */
async function add(request) {
  const copy = request.clone();
  try {
    return await fetch(request);
  } catch {
    const form = await copy.formData();
    const next = new URL("/", self.location.origin);
    next.search = new URL(form.get("back") ?? "/", self.location.origin).search;
    next.searchParams.set("title", form.get("title") ?? "");
    return Response.redirect(next, 303);
  }
}

/** Return a file of any version. The name of a file changes with its content. */
async function file(request) {
  return (await caches.match(request, { ignoreSearch: true }).catch(() => undefined)) ?? fetch(request);
}

/** Download the version of the server if it is another one, and report the current version to all tabs. */
function update() {
  // An old and a new service worker must not do this at once.
  return navigator.locks.request("todos-update", async () => {
    const shell = await load("/shell");
    const build = buildOf(await shell.clone().text());
    const [before, name] = [await currentName(), PREFIX + build];
    if (before !== name) {
      await caches.delete(name); // what an interrupted download left
      try {
        await download(name, build, shell);
        await (await caches.open(CURRENT.cache)).put(CURRENT.key, new Response(name));
      } catch (error) {
        await caches.delete(name);
        throw error;
      }
      for (const other of await caches.keys()) {
        if (other.startsWith(PREFIX) && other !== name && other !== before) await caches.delete(other);
      }
    }
    for (const tab of await self.clients.matchAll({ includeUncontrolled: true })) tab.postMessage({ build });
  });
}

/** Download all pages of a build, and all files that they and these files name. Throw if one is missing. */
async function download(name, build, shell) {
  const cache = await caches.open(name);
  const files = new Set(ICONS);
  for (const page of PAGES) {
    const answer = page === "/shell" ? shell : await load(page);
    const text = await answer.clone().text();
    if (buildOf(text) !== build) throw new Error("The server is changing its version now.");
    for (const found of filesIn(text)) files.add(found);
    await cache.put(page, answer);
  }
  for (const path of files) {
    // A set returns what is added during the loop, too. Scripts name further scripts, which are loaded later.
    const answer = (path.startsWith("/_next/") && (await caches.match(path))) || (await load(path));
    if (/\.(js|css)$/.test(path)) for (const found of filesIn(await answer.clone().text())) files.add(found);
    await cache.put(path, answer);
  }
}

/** Request a page or a file as somebody who is not signed in. Nothing of a user is ever kept. */
async function load(path) {
  const isFile = path.startsWith("/_next/");
  const answer = await fetch(path, { credentials: "omit", cache: isFile ? "default" : "no-store" });
  if (!isWhole(answer)) throw new Error(`${path}: ${answer.status}`);
  return answer;
}

/** Return whether an answer may be kept. A browser refuses a page that was redirected. */
function isWhole(answer) {
  return answer.status === 200 && answer.type === "basic" && !answer.redirected;
}

function filesIn(text) {
  const names = text.matchAll(/static\/(?:chunks|css|media)\/[\w.~/-]+?\.(?:js|css|woff2|svg|png)(?![\w.])/g);
  return Array.from(names, ([name]) => `/_next/${name}`);
}

function buildOf(html) {
  const [, build] = /data-build="([\w-]+)"/.exec(html) ?? [];
  if (!build) throw new Error("The page has no build.");
  return build;
}

/** Return an entry. A browser whose storage is broken has none, and the network answers. */
async function find(cache, key) {
  return caches.match(key, { cacheName: cache }).catch(() => undefined);
}

async function currentName() {
  return (await find(CURRENT.cache, CURRENT.key))?.text();
}

async function keptPage(page) {
  const name = await currentName();
  return name && find(name, page);
}
