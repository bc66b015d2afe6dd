import { applyBatch, createTodo, deleteTodo, getTodo, listChanges, listTodos, putTodo, updateTodo } from './generated'
import { client } from './generated/client.gen'
import { baseUrl, nextPage, token } from './shared.ts'

client.setConfig({ baseUrl })
const refused = await listTodos()

client.setConfig({ auth: token })
const invalid = await createTodo({ body: { title: '' } })
const missing = await getTodo({ path: { todo_id: crypto.randomUUID() } })

const created = []
for (const title of ['first', 'second', 'third']) {
  const { data } = await createTodo({ body: { title } })
  created.push(data!)
}

const pages: string[][] = []
let next: { cursor?: string } = {}
do {
  const { data, response } = await listTodos({ query: { limit: 2, ...next } })
  pages.push(data!.map((todo) => todo.title))
  next = nextPage(response!.headers.get('Link'))
} while (next.cursor)

const deleted = await deleteTodo({ path: { todo_id: created[0]!.id } })

const path = { todo_id: crypto.randomUUID() }
const put = await putTodo({ path, body: { title: 'put' } })
const headers = { 'If-Match': `W/"${put.data!.version}"` }
const patched = await updateTodo({ path, headers, body: { title: 'patched' } })
const mismatch = await updateTodo({ path, headers, body: { title: 'late' } })
const batch = await applyBatch({
  body: {
    put: [
      { id: crypto.randomUUID(), title: 'batch', base: 0 },
      { id: created[1]!.id, title: 'late', base: created[1]!.version - 1 },
    ],
    delete: [{ id: path.todo_id }],
  },
})
const changes = await listChanges({ query: { limit: 500 } })

console.log(
  JSON.stringify({
    refused: [refused.response?.status, refused.error!.title],
    invalid: [
      invalid.response?.status,
      'errors' in invalid.error! ? invalid.error.errors.map((field) => field.loc) : invalid.error,
    ],
    missing: [missing.response?.status, missing.error!.title],
    created: created.map((todo) => [todo.title, todo.completed, todo.description]),
    pages,
    deleted: deleted.response?.status,
    put: [put.response?.status, put.data!.title],
    patched: [patched.response?.status, patched.data!.title],
    mismatch: [mismatch.response?.status, 'current' in mismatch.error! ? mismatch.error.current.title : mismatch.error],
    batch: batch.data!.results.map((result) => [result.status, result.current?.title ?? null]),
    changes: changes.data!.todos.map((todo) => [todo.title, todo.deleted_at !== null]),
  }),
)
