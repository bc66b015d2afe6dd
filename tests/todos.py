"""Read the todos of a user as tests compare them, and their ETags."""

from collections.abc import Iterator
from typing import Any

import httpx

from tests.conftest import Person

Todo = dict[str, Any]
FIELDS = [
    *("id", "version", "title", "description", "completed", "completed_at", "due", "priority", "tags", "position"),
    *("user_id", "created_at", "updated_at", "deleted_at"),
]
"""The fields of a todo in each answer, in their order."""


def etag(todo: Todo) -> str:
    """Return the ETag of a todo."""
    return f'W/"{todo["version"]}"'


def path_of(todo: object) -> str:
    """Return the path of a todo, or of an id."""
    return f"/api/todos/{todo['id'] if isinstance(todo, dict) else todo}"


def http_of(person: Person | httpx.Client) -> httpx.Client:
    """Return the client of a user, or the client itself, which has no token."""
    return person.http if isinstance(person, Person) else person


def live_of(me: Person) -> list[Todo]:
    """Return a user's todos that are not in the trash."""
    todos: list[Todo] = me.http.get("/api/todos?limit=500").json()
    return todos


def trash_of(me: Person) -> list[Todo]:
    """Return a user's todos in the trash."""
    todos: list[Todo] = me.http.get("/api/trash?limit=500").json()
    return todos


def etags(me: Person) -> list[str]:
    """Return the ETags of a user's lists."""
    return [me.http.get(path).headers["etag"] for path in ("/api/todos", "/api/trash")]


def pages_of(http: httpx.Client, path: str) -> Iterator[httpx.Response]:
    """Follow rel="next" to the last page, and yield the answer of each."""
    while True:
        answer = http.get(path)
        assert answer.status_code == 200, answer.text
        yield answer
        if "next" not in answer.links:
            return
        path = answer.links["next"]["url"]


def walk(http: httpx.Client, path: str) -> list[Todo]:
    """Return the todos of all pages of a list."""
    return [todo for answer in pages_of(http, path) for todo in answer.json()]
