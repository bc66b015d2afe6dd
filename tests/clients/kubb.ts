import { applyBatch, createTodo, deleteTodo, getTodo, listChanges, listTodos, putTodo, updateTodo } from './generated'
import type { CreateTodo422, GetTodo404, ListTodos401, UpdateTodo412 } from './generated'
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

const id = crypto.randomUUID()
const put = await putTodo(id, { title: 'put' })
const headers = { 'If-Match': `W/"${put.data.version}"` }
const patched = await updateTodo(id, { title: 'patched' }, headers)
const mismatch = await updateTodo(id, { title: 'late' }, headers)
const batch = await applyBatch({
  put: [
    { id: crypto.randomUUID(), title: 'batch', base: 0 },
    { id: created[1]!.id, title: 'late', base: created[1]!.version - 1 },
  ],
  delete: [{ id }],
})
const changes = await listChanges({ limit: 500 })

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
    put: [put.status, put.data.title],
    patched: [patched.status, patched.data.title],
    mismatch: [mismatch.status, problem<UpdateTodo412>(mismatch).data.current.title],
    batch: batch.data.results.map((result) => [result.status, result.current?.title ?? null]),
    changes: changes.data.todos.map((todo) => [todo.title, todo.deleted_at !== null]),
  }),
)
