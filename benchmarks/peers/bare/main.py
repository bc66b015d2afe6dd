"""Return constants with the fields of this API, without a token and a database."""

from uuid import UUID, uuid4

from fastapi import FastAPI

from models.todo import EXAMPLE_TODO, TodoRead

app = FastAPI()
# As the todos of the benchmark, these have neither tags nor times of changes.
EMPTY = dict.fromkeys(("completed_at", "due", "updated_at", "deleted_at"))
TODO = {**EXAMPLE_TODO, "completed": False, "tags": [], **EMPTY}
PAGE = [TodoRead.model_validate({**TODO, "id": uuid4()}) for _ in range(20)]


@app.get("/api/todos")
async def list_todos() -> list[TodoRead]:
    """Return a list of todos."""
    return PAGE


@app.get("/api/todos/{todo_id}")
async def get_todo(todo_id: UUID) -> TodoRead:  # noqa: ARG001  # the usual route has it
    """Return a todo."""
    return PAGE[0]
