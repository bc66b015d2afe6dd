import { createTodo, deleteTodo, getTodo, listTodos } from './generated'
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
  }),
)
