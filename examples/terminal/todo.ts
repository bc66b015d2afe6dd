/** A todo list in a terminal. It works without a network, and `sync` sends and receives what has changed. */

import { randomUUID } from "node:crypto";
import { homedir } from "node:os";
import { join } from "node:path";

import { claimsOf } from "../nextjs/sync/claims.ts";
import { TodoClient } from "../nextjs/sync/client.ts";
import { compare, top } from "../nextjs/sync/order.ts";
import type { Edits } from "../nextjs/sync/types.ts";
import { FileStore } from "./file-store.ts";

const USAGE = 'node todo.ts add "Buy milk" | list | done 2 | delete 2 | sync';
const { API_URL = "http://localhost:8000", TOKEN = "", TODO_FILE } = process.env;
const { sub = fail("TOKEN is missing. In the root of the repository, make token prints one.") } = claimsOf(TOKEN);
const file = TODO_FILE ?? join(homedir(), `.todos-${encodeURIComponent(sub)}.json`);

const store = new FileStore(file);
const client = new TodoClient({ api: `${API_URL}/api`, userId: sub, store, getToken: async () => TOKEN });
await client.start();
const { all } = client.getSnapshot();
const todos = all.filter(({ place }) => place === "list").sort(compare);
const [command, argument = ""] = process.argv.slice(2);
const numbered = () => todos[Number(argument) - 1]?.id ?? fail(`There is no todo ${argument}. See: node todo.ts list`);

if (command === "add" && argument) await edit(randomUUID(), { title: argument, position: top(all) });
else if (command === "list") list();
else if (command === "done") await edit(numbered(), { completed: true });
else if (command === "delete") await edit(numbered(), { place: "trash" });
else if (command === "sync") await sync();
else fail(USAGE);

async function edit(id: string, edits: Edits): Promise<void> {
  await client.edit(new Map([[id, edits]]));
  if (!client.getSnapshot().status.isStored) fail(`${file} cannot be written.`);
}

function list(): void {
  for (const [index, { title, completed, isSaved, problem }] of todos.entries()) {
    const note = problem ?? (isSaved ? "" : "not sent yet");
    print(`${index + 1}. [${completed ? "x" : " "}] ${title}${note && ` (${note})`}`);
  }
}

async function sync(): Promise<void> {
  await client.sync();
  const { status, notices } = client.getSnapshot();
  for (const { key, kind, title, field, theirs } of notices) {
    const what = kind === "returned" ? "was deleted elsewhere, and is back" : `had ${field} ${JSON.stringify(theirs)}`;
    print(`“${title}” ${what}.`);
    await client.dismiss(key);
  }
  const reason = status.message ?? `The sync has not ended: ${status.state}.`;
  if (status.state !== "idle") fail(`${reason} ${file} has what is not sent yet, todos: ${status.unsent}.`);
}

/** Print a line. Control characters of a title would be commands for the terminal. */
function print(line: string): void {
  console.log(line.replace(/\p{Cc}/gu, "\ufffd"));
}

function fail(message: string): never {
  console.error(message);
  process.exit(1);
}
