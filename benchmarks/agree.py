"""Check that a server does the same as the others. Otherwise a comparison would be meaningless."""

import json
from collections.abc import Sequence
from typing import Any

from benchmarks.servers import Client, Problem, Running
from benchmarks.stage import TODOS, Stage

_FIELDS = {"id", "user_id", "title", "description", "completed", "created_at", "updated_at"}
_REFUSED = (400, 422)


def check(server: Running, stage: Stage) -> None:
    """Request each route as the owner, as another user, and with invalid tokens.

    Raises:
        Problem: an answer is wrong.
    """
    me, other = stage.people[:2]
    path = f"/api/todos/{me.todos[0]}"

    def ask(method: str, path: str, body: object = None, expected: Sequence[int] = (200,), token: str = "") -> Any:
        return json.loads(Client(server.port, token or me.token).ask(method, path, body, expected=expected).text or "0")

    def agree(right: object, what: str) -> None:
        if not right:
            raise Problem(f"The server does not {what}.")

    todos = ask("GET", "/api/todos")
    agree([todo["id"] for todo in todos] == me.todos[::-1], f"list {TODOS} todos, newest first")
    agree(
        set(todos[0]) >= _FIELDS,  # this API returns more
        f"return the fields {', '.join(sorted(_FIELDS))}",
    )
    before = ask("GET", path)
    agree(before["user_id"] == me.id and before["updated_at"] is None, "return the stored todo")
    agree(ask("POST", "/api/todos", {"title": "new"}, (201,))["title"] == "new", "store a new todo")
    changed = ask("PATCH", path, {"title": "changed"})
    agree(changed["title"] == "changed" and changed["updated_at"], "change the field that is sent")
    agree(changed["description"] == before["description"], "keep the field that is not sent")
    agree(ask("POST", f"{path}/toggle")["completed"] is not before["completed"], "toggle a todo")
    for title in ("", "x" * 201):
        ask("POST", "/api/todos", {"title": title}, _REFUSED)
        ask("PATCH", path, {"title": title}, _REFUSED)
    ask("GET", path, None, (404,), other.token)
    ask("PATCH", path, {"title": "not yours"}, (404,), other.token)
    ask("POST", f"{path}/toggle", None, (404,), other.token)
    for claims in ({"iss": "http://elsewhere"}, {"aud": "http://elsewhere"}, {"exp": 1}):
        ask("GET", "/api/todos", None, (401,), stage.issuer.token(me.id, **claims))
    signed, _, signature = me.token.rpartition(".")
    ask("GET", "/api/todos", None, (401,), f"{signed}.{signature[::-1]}")
