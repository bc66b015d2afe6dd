"""Check that a server does the same as the others. Otherwise a comparison would be meaningless."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from benchmarks.servers import Client, Problem, Running
from benchmarks.stage import TODOS, Person, Stage

_FIELDS = {"id", "user_id", "title", "description", "completed", "created_at", "updated_at"}
_REFUSED = (400, 422)
_INVALID_TITLES = ("", "x" * 201)
_SYNC = {"changes": ("GET", "/api/changes"), "batch": ("POST", "/api/batch")}


def check(server: Running, stage: Stage, routes: Sequence[str]) -> None:
    """Request each of these routes as the owner, as another user, and with invalid tokens.

    Raises:
        Problem: an answer is wrong.
    """
    me, other = stage.people[:2]
    asker = _Asker(server)
    _check_todos(asker, me, other)
    for route, check_route in (("put", _check_put), ("changes", _check_changes), ("batch", _check_batch)):
        if route in routes:
            check_route(asker, me, other)
    # After valid tokens, because a server may remember them.
    for claims in ({"iss": "http://elsewhere"}, {"aud": "http://elsewhere"}, {"exp": 1}):
        asker.ask(stage.issuer.token(me.id, **claims), "GET", "/api/todos", None, (401,))
    signed, _, signature = me.token.rpartition(".")
    for method, path in (("GET", "/api/todos"), *(_SYNC[route] for route in routes if route in _SYNC)):
        asker.ask(f"{signed}.{signature[::-1]}", method, path, None, (401,))


def check_shape(server: Running) -> None:
    """Check the answers of a server that returns constants.

    Raises:
        Problem: an answer is wrong.
    """
    todos = _Asker(server).ask("", "GET", "/api/todos")
    todo = _Asker(server).ask("", "GET", f"/api/todos/{todos[0]['id']}")
    agree(len(todos) == TODOS and set(todo) == set(todos[0]) >= _FIELDS, f"return a todo, and a list of {TODOS}")


def agree(right: object, what: str) -> None:
    """Raise `Problem` unless `right` is true."""
    if not right:
        raise Problem(f"The server does not {what}.")


@dataclass(frozen=True)
class _Asker:
    server: Running

    def ask(self, token: str, method: str, path: str, body: object = None, expected: Sequence[int] = (200,)) -> Any:
        """Return the JSON of an answer."""
        return json.loads(Client(self.server.port, token).ask(method, path, body, expected=expected).text or "0")


def _check_todos(asker: _Asker, me: Person, other: Person) -> None:
    path, mine = f"/api/todos/{me.todos[0]}", partial(asker.ask, me.token)
    todos = mine("GET", "/api/todos")
    agree([todo["id"] for todo in todos] == me.todos[::-1], f"list {TODOS} todos, newest first")
    # This API returns more fields.
    agree(set(todos[0]) >= _FIELDS, f"return the fields {', '.join(sorted(_FIELDS))}")
    before = mine("GET", path)
    agree(before["user_id"] == me.id and before["updated_at"] is None, "return the stored todo")
    agree(mine("POST", "/api/todos", {"title": "new"}, (201,))["title"] == "new", "store a new todo")
    changed = mine("PATCH", path, {"title": "changed"})
    agree(changed["title"] == "changed" and changed["updated_at"], "change the field that is sent")
    agree(changed["description"] == before["description"], "keep the field that is not sent")
    agree(mine("POST", f"{path}/toggle")["completed"] is not before["completed"], "toggle a todo")
    for title in _INVALID_TITLES:
        mine("POST", "/api/todos", {"title": title}, _REFUSED)
        mine("PATCH", path, {"title": title}, _REFUSED)
    asker.ask(other.token, "GET", path, None, (404,))
    asker.ask(other.token, "PATCH", path, {"title": "not yours"}, (404,))
    asker.ask(other.token, "POST", f"{path}/toggle", None, (404,))


def _check_put(asker: _Asker, me: Person, other: Person) -> None:
    path, mine = f"/api/todos/{me.todos[1]}", partial(asker.ask, me.token)
    before = mine("GET", path)
    mine("PUT", path, {"title": "whole", "description": "all", "completed": True})
    replaced = mine("PUT", path, {"title": "replaced"})
    agree(replaced["title"] == "replaced" and replaced["updated_at"], "replace the field that is sent")
    agree(replaced["description"] is None and not replaced["completed"], "replace the fields that are not sent")
    agree(replaced["created_at"] == before["created_at"], "keep the time of the creation")
    for title in _INVALID_TITLES:
        mine("PUT", path, {"title": title}, _REFUSED)
    asker.ask(other.token, "PUT", path, {"title": "not yours"}, (201, 404))  # this API creates one for the other user
    agree(mine("GET", path) == replaced, "keep a todo that another user replaces")


def _check_changes(asker: _Asker, me: Person, other: Person) -> None:
    mine = partial(asker.ask, me.token)
    first = mine("GET", "/api/changes?limit=5")
    rest = mine("GET", f"/api/changes?since={first['next']}")
    todos = [*first["todos"], *rest["todos"]]
    agree(len(first["todos"]) == 5 and {todo["id"] for todo in todos} >= set(me.todos), "return all todos as changes")
    versions = [todo["version"] for todo in todos]
    agree(versions == sorted(set(versions)), "sort changes by version")
    mine("PATCH", f"/api/todos/{me.todos[2]}", {"title": "later"})
    asker.ask(other.token, "PATCH", f"/api/todos/{other.todos[2]}", {"title": "not yours"})
    (later,) = mine("GET", f"/api/changes?since={rest['next']}")["todos"]
    agree(later["id"] == me.todos[2] and later["title"] == "later", "return what has changed since")


def _check_batch(asker: _Asker, me: Person, other: Person) -> None:
    ids, mine = [*me.todos[3:5], *me.more[:3]], partial(asker.ask, me.token)
    for title in ("first", "second"):
        answer = mine("POST", "/api/batch", {"put": [{"id": one, "title": f"{title} {one}"} for one in ids]})
        agree([result["id"] for result in answer["results"]] == ids, "return a result for each item of a batch")
        for result in answer["results"]:
            todo = mine("GET", f"/api/todos/{result['id']}")
            agree(todo["title"] == f"{title} {todo['id']}", "create and replace the todos of a batch")
            agree(result["status"] in (200, 201) and result["version"] == todo["version"], "return the new versions")
    asker.ask(other.token, "POST", "/api/batch", {"put": [{"id": ids[0], "title": "not yours"}]})
    # This API refuses the item, and the others refuse the request.
    mine("POST", "/api/batch", {"put": [{"id": ids[0], "title": "x" * 201}]}, (200, *_REFUSED))
    agree(mine("GET", f"/api/todos/{ids[0]}")["title"] == f"second {ids[0]}", "keep a todo that may not be replaced")
