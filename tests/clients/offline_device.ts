// Run the sync client of examples/nextjs: a command in each line of the input, an answer in each line of the output.
import { createInterface } from 'node:readline'

import { TodoClient } from '../../examples/nextjs/sync/client.ts'
import { between, compare, top } from '../../examples/nextjs/sync/order.ts'
import type { Edits, Shown } from '../../examples/nextjs/sync/types.ts'
import { FileStore } from '../../examples/terminal/file-store.ts'
import { poll, type List } from './poll.ts'

const { API_URL, TOKEN, USER_ID, STATE } = process.env as Record<string, string>
type Place = { above?: string; below?: string }
type Command = Place & { do: string; id: string; changes: Edits | null; edits: [string, Edits][] }

const store = new FileStore(STATE!)
const client = new TodoClient({ api: `${API_URL}/api`, userId: USER_ID!, store, getToken: async () => TOKEN! })
await client.start()
let polled: List | undefined

/** Return the todos of a place in their order, with what the API returned beside what the user sees. */
async function list(place: 'list' | 'trash') {
  const { items } = await store.load()
  const all = client.getSnapshot().all.filter((todo) => todo.place === place)
  return all.sort(compare).map(({ isSaved: _, place: __, problem: ___, ...todo }) => ({
    ...items.get(todo.id)?.server,
    ...todo,
  }))
}

/** Return edits as the user of an app makes them. A new todo goes to the top, and a changed one comes back. */
function editsOf({ id, changes }: Command): Map<string, Edits> {
  const { all } = client.getSnapshot()
  const todo = client.get(id)
  if (!changes) return new Map([[id, { place: 'trash' }]])
  if (!todo) return new Map([[id, { position: top(all), ...changes }]])
  return new Map([[id, { ...(todo.place === 'trash' && { place: 'list' as const }), ...changes }]])
}

const { fetch } = globalThis
let before: Shown | undefined

/** Edit a todo while the next batch is under way, after the API has answered it. */
function editDuringBatch(command: Command): void {
  before = undefined
  globalThis.fetch = async (url, options) => {
    const answer = await fetch(url, options)
    if (String(url).endsWith('/batch')) {
      globalThis.fetch = fetch
      before = client.get(command.id)
      if (before) void client.edit(editsOf(command))
    }
    return answer
  }
}

async function run(command: Command): Promise<unknown> {
  switch (command.do) {
    case 'list':
      return Object.fromEntries((await list('list')).map((todo) => [todo.id, todo]))
    case 'order':
      return (await list('list')).map((todo) => todo.id)
    case 'trash':
      return Object.fromEntries((await list('trash')).map((todo) => [todo.id, todo]))
    case 'between':
      return between(command.above ?? undefined, command.below ?? undefined)
    case 'edit':
      return client.edit(editsOf(command))
    case 'edits':
      return client.edit(new Map(command.edits))
    case 'edit during batch':
      return editDuringBatch(command)
    case 'edited during batch': // the todo before it was edited, or null if there was no batch
      globalThis.fetch = fetch
      return before
    case 'refused': {
      const { all } = client.getSnapshot()
      return Object.fromEntries(all.flatMap(({ id, problem }) => (problem === undefined ? [] : [[id, problem]])))
    }
    case 'notices':
      return client.getSnapshot().notices.map(({ key: _, ...notice }) => notice)
    case 'status':
      return client.getSnapshot().status
    case 'sync':
      await client.sync()
      return client.getSnapshot().status.state === 'idle' || client.getSnapshot().status
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
