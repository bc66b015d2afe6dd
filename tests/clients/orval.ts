import { applyBatch, createTodo, deleteTodo, getTodo, listChanges, listTodos, putTodo, updateTodo } from './generated/client'
import { nextPage, token } from './shared.ts'

const signedIn = { headers: { Authorization: `Bearer ${token}` } }

const refused = await listTodos()
const invalid = await createTodo({ title: '' }, signedIn)
const missing = await getTodo(crypto.randomUUID(), signedIn)

const created = []
for (const title of ['first', 'second', 'third']) {
  const answer = await createTodo({ title }, signedIn)
  if (answer.status !== 201) throw new Error(`status ${answer.status}`)
  created.push(answer.data)
}

const pages: string[][] = []
let next: { cursor?: string } = {}
do {
  const answer = await listTodos({ limit: 2, ...next }, signedIn)
  if (answer.status !== 200) throw new Error(`status ${answer.status}`)
  pages.push(answer.data.map((todo) => todo.title))
  next = nextPage(answer.headers.get('Link'))
} while (next.cursor)

const deleted = await deleteTodo(created[0]!.id, signedIn)

const id = crypto.randomUUID()
const put = await putTodo(id, { title: 'put' }, signedIn)
if (put.status !== 201) throw new Error(`status ${put.status}`)
const headers = { ...signedIn.headers, 'If-Match': `W/"${put.data.version}"` }
const patched = await updateTodo(id, { title: 'patched' }, { headers })
const mismatch = await updateTodo(id, { title: 'late' }, { headers })
const batch = await applyBatch(
  {
    put: [
      { id: crypto.randomUUID(), title: 'batch', base: 0 },
      { id: created[1]!.id, title: 'late', base: created[1]!.version - 1 },
    ],
    delete: [{ id }],
  },
  signedIn,
)
const changes = await listChanges({ limit: 500 }, signedIn)
if (batch.status !== 200 || changes.status !== 200) throw new Error(`${batch.status}, ${changes.status}`)

console.log(
  JSON.stringify({
    refused: [refused.status, refused.status === 401 && refused.data.title],
    invalid: [invalid.status, invalid.status === 422 && invalid.data.errors.map((field) => field.loc)],
    missing: [missing.status, missing.status === 404 && missing.data.title],
    created: created.map((todo) => [todo.title, todo.completed, todo.description]),
    pages,
    deleted: deleted.status,
    put: [put.status, put.data.title],
    patched: [patched.status, patched.status === 200 && patched.data.title],
    mismatch: [mismatch.status, mismatch.status === 412 && mismatch.data.current.title],
    batch: batch.data.results.map((result) => [result.status, result.current?.title ?? null]),
    changes: changes.data.todos.map((todo) => [todo.title, todo.deleted_at !== null]),
  }),
)
