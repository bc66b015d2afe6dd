import { createTodo, deleteTodo, getTodo, listTodos } from './generated/client'
import { nextPage, token } from './shared.ts'

const signedIn = { headers: { Authorization: `Bearer ${token}` } }

const refused = await listTodos()
const invalid = await createTodo({ title: '' }, signedIn)
const missing = await getTodo(crypto.randomUUID(), signedIn)

const created = []
for (const title of ['first', 'second', 'third']) {
  const answer = await createTodo({ title }, signedIn)
  if (answer.status !== 201) throw new Error(answer.data.detail)
  created.push(answer.data)
}

const pages: string[][] = []
let next: { cursor?: string } = {}
do {
  const answer = await listTodos({ limit: 2, ...next }, signedIn)
  if (answer.status !== 200) throw new Error(answer.data.detail)
  pages.push(answer.data.map((todo) => todo.title))
  next = nextPage(answer.headers.get('Link'))
} while (next.cursor)

const deleted = await deleteTodo(created[0]!.id, signedIn)

console.log(
  JSON.stringify({
    refused: [refused.status, refused.status === 401 && refused.data.title],
    invalid: [invalid.status, invalid.status === 422 && invalid.data.errors.map((field) => field.loc)],
    missing: [missing.status, missing.status === 404 && missing.data.title],
    created: created.map((todo) => [todo.title, todo.completed, todo.description]),
    pages,
    deleted: deleted.status,
  }),
)
