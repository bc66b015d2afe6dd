// Run the client of docs/how-to/sync-a-client.md: a command in each line of the input, an answer in each line of the output.
import { readFileSync, writeFileSync } from 'node:fs'
import { createInterface } from 'node:readline'

import { offlineTodos, type State } from './offline.ts'
import { between, inOrder } from './order.ts'
import { poll, type List } from './poll.ts'

const { API_URL, TOKEN, STATE } = process.env as Record<string, string>
type Command = { do: string; id: string; changes: { title?: string } | null; above?: string; below?: string }

let stored: State | undefined
try {
  stored = JSON.parse(readFileSync(STATE!, 'utf8')) as State
} catch {
  // The first start has no state.
}
const token = async () => TOKEN!
let state: State = stored ?? { todos: {}, edits: {}, refused: {} }
const save = (changed: State) => {
  state = changed
  writeFileSync(STATE!, JSON.stringify(changed))
}
const todos = offlineTodos(`${API_URL}/api`, token, save, stored)
let polled: List | undefined

/** Edit a todo while the next batch is under way, after the API has answered it. */
function editDuringBatch({ id, changes }: Command): void {
  const original = globalThis.fetch
  globalThis.fetch = async (url, options) => {
    const answer = await original(url, options)
    if (String(url).endsWith('/batch')) {
      globalThis.fetch = original
      todos.edit(id, changes)
    }
    return answer
  }
}

async function run(command: Command): Promise<unknown> {
  switch (command.do) {
    case 'list':
      return Object.fromEntries(todos.list().map((todo) => [todo.id, todo]))
    case 'order':
      return inOrder(todos.list()).map((todo) => todo.id)
    case 'between':
      return between(command.above ?? undefined, command.below ?? undefined)
    case 'edit':
      return todos.edit(command.id, command.changes)
    case 'edit during batch':
      return editDuringBatch(command)
    case 'refused':
      return state.refused
    case 'sync':
      return todos.sync().then(
        () => true,
        (error) => String(error),
      )
    case 'poll': {
      const before = polled
      polled = await poll(`${API_URL}/api/todos`, TOKEN!, polled)
      return [polled === before, polled.todos.map((todo) => todo.title)]
    }
    default:
      throw new Error(command.do)
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  console.log(JSON.stringify((await run(JSON.parse(line) as Command)) ?? null))
}
