import { createTodo, deleteTodo, getTodo, listTodos } from './generated'
import type { CreateTodo422, GetTodo404, ListTodos401 } from './generated'
import { setConfig } from './generated/.kubb/fetch'
import { baseUrl, nextPage, token } from './shared.ts'

// kubb 4.39.3's client for `fetch` serializes the body to JSON, but sends it as text/plain.
const json = { 'Content-Type': 'application/json' }

setConfig({ baseURL: baseUrl })
const refused = await listTodos()

setConfig({ baseURL: baseUrl, headers: { ...json, Authorization: `Bearer ${token}` } })
const invalid = await createTodo({ title: '' })
const missing = await getTodo(crypto.randomUUID())

const created = []
for (const title of ['first', 'second', 'third']) {
  created.push((await createTodo({ title })).data)
}

const pages: string[][] = []
let next: { cursor?: string } = {}
do {
  const { data, headers } = await listTodos({ limit: 2, ...next })
  pages.push(data.map((todo) => todo.title))
  next = nextPage(headers.get('Link'))
} while (next.cursor)

const deleted = await deleteTodo(created[0]!.id)

// The same client returns an error as if it were the answer, so its type must be stated.
const problem = <T>({ status, data }: { status: number; data: unknown }) => ({ status, data: data as T })

console.log(
  JSON.stringify({
    refused: [refused.status, problem<ListTodos401>(refused).data.title],
    invalid: [invalid.status, problem<CreateTodo422>(invalid).data.errors.map((field) => field.loc)],
    missing: [missing.status, problem<GetTodo404>(missing).data.title],
    created: created.map((todo) => [todo.title, todo.completed, todo.description]),
    pages,
    deleted: deleted.status,
  }),
)
