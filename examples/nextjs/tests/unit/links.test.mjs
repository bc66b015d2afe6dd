// Test the links in texts: `node --test tests/unit/links.test.mjs`. No server runs.

import assert from "node:assert/strict";
import { test } from "node:test";

import { splitLinks } from "../../lib/text/links.ts";

/** Return the texts of the links. @param {string} text */
function links(text) {
  const parts = splitLinks(text);
  assert.equal(parts.map((part) => (typeof part === "string" ? part : part.text)).join(""), text);
  assert(!parts.includes(""));
  return parts.flatMap((part) => (typeof part === "string" ? [] : [part.text]));
}

/** Assert that each text has this one link. @param {string} link @param {string[]} texts */
function assertLink(link, ...texts) {
  for (const text of texts) assert.deepEqual(links(text), [link], text);
}

test("a text is split into strings and links, in their order", () => {
  assert.deepEqual(splitLinks("See https://a.example/x and mailto:me@b.example."), [
    "See ",
    { href: "https://a.example/x", text: "https://a.example/x" },
    " and ",
    { href: "mailto:me@b.example", text: "mailto:me@b.example" },
    ".",
  ]);
  assert.deepEqual(splitLinks("no link"), ["no link"]);
  assert.deepEqual(splitLinks(""), []);
  assert.deepEqual(splitLinks("http://a.example"), [{ href: "http://a.example/", text: "http://a.example" }]);
});

test("punctuation and quotation marks around a link do not belong to it", () => {
  const link = "https://a.example/x?y=1#z";
  const quotes = ["'", "’", '"', "”", "»", "`"];
  for (const end of [".", ",", "!", "?", ":", ";", "...", "?!", "*", "…", "。", "、", "，好", "）", ...quotes]) {
    assertLink(link, `${link}${end}`, `${link}${end} x`);
  }
  assertLink(link, `"${link}"`, `'${link}',`, `<${link}>`, `*${link}*`, `看${link}。`, `${link}\u202e`, `(${link}).`);
  assertLink("https://a.example/x-", "https://a.example/x-");
  assertLink("https://a.example/x_/", "https://a.example/x_/.");
});

test("a closing bracket belongs to a link that has the opening one", () => {
  const link = "https://a.example/x_(y)";
  assertLink(link, link, `(${link})`, `${link}.`);
  assertLink("https://a.example/x", "[x](https://a.example/x)", "[https://a.example/x]", "{https://a.example/x}");
  assertLink("https://a.example/a[1]", "https://a.example/a[1],");
  assertLink("https://[::1]:8000/", "http at https://[::1]:8000/");
  assertLink("https://a.example/(x)", "((https://a.example/(x))))");
});

test("links to pages of several lines and without spaces are all found", () => {
  assert.deepEqual(links("https://a.example\nhttp://b.example\tHTTPS://C.example"), [
    ...["https://a.example", "http://b.example", "HTTPS://C.example"],
  ]);
  assert.deepEqual(links("https://a.example,http://b.example;https://c.example"), [
    ...["https://a.example", "http://b.example", "https://c.example"],
  ]);
});

test("only http, https and mailto are links", () => {
  for (const text of [
    ...["javascript:alert(1)", "JAVASCRIPT:alert(1)", "java\nscript:alert(1)", "vbscript:x", "data:text/html,<script>"],
    ...["file:///etc/passwd", "ftp://a.example", "tel:123", "blob:x", "www.a.example", "a.example", "me@a.example"],
    ...["//a.example", "xhttp://a.example", "a.http://a.example", "1https://a.example", "http:a.example", "http:/a.b"],
  ]) {
    assert.deepEqual(links(text), [], text);
  }
  assertLink("https://a.example", "javascript:https://a.example", "看https://a.example", "(https://a.example");
  assertLink("http://javascript:alert@a.example/", "http://javascript:alert@a.example/");
  for (const part of splitLinks("javascript:https://a.example/%0aalert(1) http://a.example/javascript:alert(1)")) {
    if (typeof part !== "string") assert.match(part.href, /^https?:\/\/a\.example\//);
  }
});

test("what is not an address is no link", () => {
  for (const text of [
    ...["http://", "https://.", "https://)", "http://?", "https://[x]/", "https://a.example:99999"],
    ...["mailto:", "mailto:x", "mailto:@a.example", "mailto:x@", "mailto:?subject=x", "https://%zz/", "http://\u202ea"],
  ]) {
    assert.deepEqual(links(text), [], text);
  }
});

test("the address of an international name is in ASCII, and the text is as it was typed", () => {
  assert.deepEqual(splitLinks("https://bücher.example/straße?q=ä 日本"), [
    { href: "https://xn--bcher-kva.example/stra%C3%9Fe?q=%C3%A4", text: "https://bücher.example/straße?q=ä" },
    " 日本",
  ]);
  // A letter of another alphabet is seen in the address.
  const [part] = splitLinks("https://аpple.example");
  assert.equal(typeof part === "object" && part.href, "https://xn--pple-43d.example/");
  assertLink("https://例え.example/道", "https://例え.example/道。");
});

test("a link has no control characters and no marks that turn text around", () => {
  for (const mark of ["\0", "\x1b", "\x7f", "\u200e", "\u200f", "\u202a", "\u202e", "\u2066", "\u2069"]) {
    assertLink("https://a.example/x", `https://a.example/x${mark}y`);
  }
});

test("a hostile text is split within moments", () => {
  const starts = ["http://", "https://a,", "mailto:", "http://a(", "http://a.", "http://[", "mailto:a@"];
  const parts = [...starts, "(", ")", ".", "h", "@"];
  const start = performance.now();
  for (const part of parts) {
    for (const prefix of ["", "http://a.example/", "mailto:"]) {
      const text = prefix + part.repeat(100_000 / part.length);
      assert.equal(links(text).length <= 50_000, true);
      links(text.slice(0, 2000));
    }
  }
  assert(performance.now() - start < 10_000);
});
