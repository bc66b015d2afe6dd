"""Serve a Todo-Backend, as todobackend.com specifies it, through the public routes of the API.

`API_URL` is the address of the API, and `TOKEN` is the user's. The `order` of a todo is its
`position` with the other sign, so the list begins with the smallest `order`. A todo that is created
without an `order` has the one that belongs to the position that the API sets.
"""

import os
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import httpx
from fastapi import FastAPI, HTTPException, Request
from fastapi.middleware.cors import CORSMiddleware

from tests.live import NO_TLS

app = FastAPI()
app.add_middleware(CORSMiddleware, allow_origins=["*"], allow_methods=["*"], allow_headers=["*"])

http = httpx.Client(
    base_url=os.environ["API_URL"],
    headers={"Authorization": f"Bearer {os.environ['TOKEN']}"},
    timeout=30,
    trust_env=False,
    verify=NO_TLS,
)

Todo = dict[str, Any]

_REPLACED = ("title", "description", "completed", "due", "priority", "tags", "position")
"""The fields that a put of a batch replaces."""


def send(verb: str, path: str, **options: Any) -> httpx.Response:
    """Send a request to the API, and return the answer. Raise an error of the API as it is."""
    answer = http.request(verb, path, **options)
    if answer.is_error:
        raise HTTPException(answer.status_code, answer.json()["detail"])
    return answer


def put(todo_id: UUID, base: int, fields: Todo) -> Todo:
    """Create or replace a todo with a position, which only a batch accepts, and return it."""
    item = fields | {"id": str(todo_id), "base": base}
    (result,) = send("POST", "/api/batch", json={"put": [item]}).json()["results"]
    if result["status"] >= 400:
        raise HTTPException(result["status"], f"The API answered {result['status']}.")
    todo: Todo = send("GET", f"/api/todos/{todo_id}").json()
    return todo


def fields_of(body: Todo) -> Todo:
    """Return the API's fields for a body with `title`, `completed` and `order`."""
    fields = {name: value for name, value in body.items() if name != "order"}
    return fields | ({"position": str(-int(body["order"]))} if "order" in body else {})


def shown(todo: Todo, request: Request) -> Todo:
    """Return a todo as a Todo-Backend shows it."""
    order = -Decimal(todo["position"])
    return {
        "url": str(request.url_for("get_todo", todo_id=todo["id"])),
        "title": todo["title"],
        "completed": todo["completed"],
        "order": int(order) if order == order.to_integral_value() else float(order),
    }


@app.get("/health")
def get_health() -> None:
    """Return 200, because the tests wait for it."""


@app.get("/")
def list_todos(request: Request) -> list[Todo]:
    """Return all todos, the smallest `order` first."""
    todos: list[Todo] = []
    url = "/api/todos?limit=500"
    while url:
        answer = send("GET", url)
        todos += answer.json()
        url = answer.links.get("next", {}).get("url", "")
    return [shown(todo, request) for todo in todos]


@app.post("/", status_code=201)
def create_todo(body: Todo, request: Request) -> Todo:
    """Create a todo."""
    return shown(put(uuid4(), 0, fields_of(body)), request)


@app.delete("/", status_code=204)
def delete_todos() -> None:
    """Delete all todos for good."""
    for completed in ("false", "true"):
        send("DELETE", "/api/todos", params={"completed": completed, "max": 10_000})
    send("DELETE", "/api/trash")


@app.get("/todos/{todo_id}")
def get_todo(todo_id: UUID, request: Request) -> Todo:
    """Return a todo."""
    return shown(send("GET", f"/api/todos/{todo_id}").json(), request)


@app.patch("/todos/{todo_id}")
def update_todo(todo_id: UUID, body: Todo, request: Request) -> Todo:
    """Change a todo. If it has changed since it was read for a new `order`, the answer is 412."""
    if "order" not in body:
        return shown(send("PATCH", f"/api/todos/{todo_id}", json=body).json(), request)
    todo = send("GET", f"/api/todos/{todo_id}").json()
    kept = {name: todo[name] for name in _REPLACED}
    return shown(put(todo_id, todo["version"], kept | fields_of(body)), request)


@app.delete("/todos/{todo_id}", status_code=204)
def delete_todo(todo_id: UUID) -> None:
    """Delete a todo for good."""
    send("DELETE", f"/api/todos/{todo_id}")
    send("DELETE", f"/api/trash/{todo_id}")
