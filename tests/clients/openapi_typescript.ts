// openapi-typescript writes only types. openapi-fetch of the same project sends the requests.
import createClient from 'openapi-fetch'

import type { paths } from './generated/schema.d.ts'
import { baseUrl, nextPage, token } from './shared.ts'

const anonymous = createClient<paths>({ baseUrl })
const api = createClient<paths>({ baseUrl, headers: { Authorization: `Bearer ${token}` } })

const refused = await anonymous.GET('/api/todos')
const invalid = await api.POST('/api/todos', { body: { title: '' } })
const missing = await api.GET('/api/todos/{todo_id}', { params: { path: { todo_id: crypto.randomUUID() } } })

const created = []
for (const title of ['first', 'second', 'third']) {
  const { data } = await api.POST('/api/todos', { body: { title } })
  created.push(data!)
}

const pages: string[][] = []
let next: { cursor?: string } = {}
do {
  const { data, response } = await api.GET('/api/todos', { params: { query: { limit: 2, ...next } } })
  pages.push(data!.map((todo) => todo.title))
  next = nextPage(response.headers.get('Link'))
} while (next.cursor)

const deleted = await api.DELETE('/api/todos/{todo_id}', { params: { path: { todo_id: created[0]!.id } } })

const path = { todo_id: crypto.randomUUID() }
const put = await api.PUT('/api/todos/{todo_id}', { params: { path }, body: { title: 'put' } })
const params = { path, header: { 'If-Match': `W/"${put.data!.version}"` } }
const patched = await api.PATCH('/api/todos/{todo_id}', { params, body: { title: 'patched' } })
const mismatch = await api.PATCH('/api/todos/{todo_id}', { params, body: { title: 'late' } })
const batch = await api.POST('/api/batch', {
  body: {
    put: [
      { id: crypto.randomUUID(), title: 'batch', base: 0 },
      { id: created[1]!.id, title: 'late', base: created[1]!.version - 1 },
    ],
    delete: [{ id: path.todo_id }],
  },
})
const changes = await api.GET('/api/changes', { params: { query: { limit: 500 } } })

console.log(
  JSON.stringify({
    refused: [refused.response.status, refused.error!.title],
    invalid: [
      invalid.response.status,
      'errors' in invalid.error! ? invalid.error.errors.map((field) => field.loc) : invalid.error,
    ],
    missing: [missing.response.status, missing.error!.title],
    created: created.map((todo) => [todo.title, todo.completed, todo.description]),
    pages,
    deleted: deleted.response.status,
    put: [put.response.status, put.data!.title],
    patched: [patched.response.status, patched.data!.title],
    mismatch: [mismatch.response.status, 'current' in mismatch.error! ? mismatch.error.current.title : mismatch.error],
    batch: batch.data!.results.map((result) => [result.status, result.current?.title ?? null]),
    changes: changes.data!.todos.map((todo) => [todo.title, todo.deleted_at !== null]),
  }),
)
