"""One request is one statement, counted on the wire."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.conftest import Person
from tests.wire import Wire

Todo = dict[str, Any]
Ask = Callable[[Person, Todo], httpx.Response]


@dataclass(frozen=True)
class Request:
    """Describe a request on a todo, and the statement that it sends."""

    statement: str
    """How the message to the database begins."""
    ask: Ask
    in_trash: bool = False
    """Whether the todo is in the trash before."""
    repeats: bool = False
    """Whether the statement is sent again when its connection is lost."""
    is_below: bool = False
    """Whether another todo is above it before."""

    def todo(self, owner: Person) -> Todo:
        """Create a todo for the request."""
        todo = owner.create(tags=["old"])
        if self.is_below:
            owner.create()
        if self.in_trash:
            assert owner.http.delete(at(todo)).status_code == 204
        return todo


def at(todo: Todo, place: str = "todos") -> str:
    """Return the path of a todo."""
    return f"/api/{place}/{todo['id']}"


def matching(todo: Todo) -> dict[str, str]:
    """Return the header of a change that is meant for the version that was created."""
    return {"If-Match": f'W/"{todo["version"]}"'}


def batch_on(todo: Todo) -> dict[str, Any]:
    """Return a batch that makes a todo, replaces one, and deletes one that is not there."""
    new, other = {"id": str(uuid4()), "title": "batch, new"}, {"id": str(uuid4())}
    return {"put": [new, {"id": todo["id"], "title": "batch"}], "delete": [other]}


# The lock of the user is a statement of its own, in the same message.
LOCK = "SELECT todo_next_version("

READS = {
    "me": Request("SELECT", lambda me, _: me.http.get("/api/me"), repeats=True),
    "list": Request("SELECT", lambda me, _: me.http.get("/api/todos"), repeats=True),
    "get": Request("SELECT", lambda me, todo: me.http.get(at(todo)), repeats=True),
    "empty patch": Request("SELECT", lambda me, todo: me.http.patch(at(todo), json={}), repeats=True),
    "list of a search": Request("SELECT", lambda me, _: me.http.get("/api/todos?q=milk&tag=old"), repeats=True),
    "list by due": Request(
        "SELECT", lambda me, _: me.http.get("/api/todos?sort=due&due_before=2026-11-24"), repeats=True
    ),
    "tags": Request("SELECT", lambda me, _: me.http.get("/api/tags"), repeats=True),
    "counts": Request("SELECT", lambda me, _: me.http.get("/api/counts"), repeats=True),
    "trash": Request("SELECT", lambda me, _: me.http.get("/api/trash"), repeats=True),
    "changes": Request("SELECT", lambda me, _: me.http.get("/api/changes"), repeats=True),
}
WRITES = {
    "create": Request("INSERT", lambda me, _: me.http.post("/api/todos", json={"title": "new"}), repeats=True),
    "create once": Request(
        "INSERT",
        lambda me, _: me.http.post("/api/todos", json={"title": "once"}, headers={"Idempotency-Key": str(uuid4())}),
        repeats=True,
    ),
    "put": Request(LOCK, lambda me, todo: me.http.put(at(todo), json={"title": "put"}), repeats=True),
    "put new": Request(
        LOCK, lambda me, _: me.http.put(f"/api/todos/{uuid4()}", json={"title": "put new"}), repeats=True
    ),
    "patch": Request("UPDATE", lambda me, todo: me.http.patch(at(todo), json={"title": "changed"})),
    "patch of a version": Request(
        "UPDATE",
        lambda me, todo: me.http.patch(at(todo), json={"title": "matched"}, headers=matching(todo)),
        repeats=True,
    ),
    "toggle": Request("UPDATE", lambda me, todo: me.http.post(f"{at(todo)}/toggle")),
    "toggle of a version": Request(
        "UPDATE", lambda me, todo: me.http.post(f"{at(todo)}/toggle", headers=matching(todo))
    ),
    "move": Request(LOCK, lambda me, todo: me.http.post(f"{at(todo)}/move", json={"after": None}), is_below=True),
    "move of a version": Request(
        LOCK,
        lambda me, todo: me.http.post(f"{at(todo)}/move", json={"after": None}, headers=matching(todo)),
        is_below=True,
        repeats=True,
    ),
    "delete": Request("UPDATE", lambda me, todo: me.http.delete(at(todo)), repeats=True),
    "delete of a version": Request(
        "UPDATE", lambda me, todo: me.http.delete(at(todo), headers=matching(todo)), repeats=True
    ),
    "restore": Request("UPDATE", lambda me, todo: me.http.post(f"{at(todo, 'trash')}/restore"), in_trash=True),
    "purge": Request(LOCK, lambda me, todo: me.http.delete(at(todo, "trash")), in_trash=True),
    "empty trash": Request(LOCK, lambda me, _: me.http.delete("/api/trash"), in_trash=True),
    "update several": Request(
        LOCK, lambda me, todo: me.http.patch(f"/api/todos?id={todo['id']}", json={"title": "several"})
    ),
    "delete several": Request(LOCK, lambda me, todo: me.http.delete(f"/api/todos?id={todo['id']}")),
    "rename a tag": Request(LOCK, lambda me, _: me.http.patch("/api/tags/old", json={"name": "new"})),
    "delete a tag": Request(LOCK, lambda me, _: me.http.delete("/api/tags/old")),
    "batch": Request(LOCK, lambda me, todo: me.http.post("/api/batch", json=batch_on(todo)), repeats=True),
}
REQUESTS = READS | WRITES


@pytest.mark.parametrize("request_", REQUESTS.values(), ids=REQUESTS)
def test_a_request_is_one_statement(owner: Person, wire: Wire, request_: Request) -> None:
    todo = request_.todo(owner)
    sent = len(wire.messages)
    assert request_.ask(owner, todo).is_success
    (statement,) = wire.messages[sent:]
    assert statement.startswith(request_.statement)


@pytest.mark.parametrize("status", [304, 412])
def test_a_condition_that_does_not_hold_is_one_read(owner: Person, wire: Wire, status: int) -> None:
    todo = owner.create()
    known = {"If-None-Match": f'W/"{todo["version"]}"'}
    asks: dict[int, list[Callable[[], httpx.Response]]] = {
        304: [
            lambda: owner.http.get(at(todo), headers=known),
            lambda: owner.http.get("/api/todos", headers=known),
            lambda: owner.http.get("/api/trash", headers=known),
            lambda: owner.http.get("/api/tags", headers=known),
        ],
        412: [
            lambda: owner.http.put(at(todo), json={"title": "other"}, headers={"If-Match": 'W/"1"'}),
            lambda: owner.http.put(at(todo), json={"title": "other"}, headers={"If-None-Match": "*"}),
        ],
    }
    for ask in asks[status]:
        sent = len(wire.messages)
        assert ask().status_code == status
        assert len(wire.messages[sent:]) == 1
    assert owner.http.get(at(todo)).json() == todo


def _without_ids(message: str) -> str:
    return re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "<id>", message)


@pytest.mark.parametrize("request_", REQUESTS.values(), ids=REQUESTS)
def test_a_request_for_a_strangers_todo_does_the_same_work_as_for_none(
    owner: Person, stranger: Person, wire: Wire, request_: Request
) -> None:
    theirs = request_.todo(owner)
    before = owner.http.get("/api/changes").json()["todos"]
    sent = len(wire.messages)
    statuses = {request_.ask(stranger, todo).status_code for todo in (theirs, theirs | {"id": str(uuid4())})}
    messages = [_without_ids(message) for message in wire.messages[sent:]]
    half = len(messages) // 2
    assert len(statuses) == 1
    assert messages[:half] == messages[half:]
    assert messages[0].startswith(request_.statement)
    assert owner.http.get("/api/changes").json()["todos"] == before


@pytest.mark.parametrize(
    "path", ["/", "/health", "/api/todos", "/api/trash", "/api/changes", "/api/tags", "/api/counts", "/docs"]
)
def test_whoever_has_no_token_never_reaches_the_database(anonymous: httpx.Client, wire: Wire, path: str) -> None:
    sent = len(wire.messages)
    assert anonymous.get(path).status_code in (200, 401)
    assert wire.messages[sent:] == []


INVALID: dict[str, Callable[[Person, Todo], httpx.Response]] = {
    "title": lambda me, _: me.http.post("/api/todos", json={"title": ""}),
    "cursor": lambda me, _: me.http.get("/api/todos?cursor=x"),
    "If-Match": lambda me, todo: me.http.patch(at(todo), json={"title": "x"}, headers={"If-Match": "7"}),
    "empty If-Match": lambda me, todo: me.http.delete(at(todo), headers={"If-Match": ""}),
    "If-None-Match of a put": lambda me, todo: me.http.put(
        at(todo), json={"title": "x"}, headers={"If-None-Match": 'W/"7"'}
    ),
    "Idempotency-Key": lambda me, _: me.http.post("/api/todos", json={"title": "x"}, headers={"Idempotency-Key": ""}),
    "due": lambda me, _: me.http.post("/api/todos", json={"title": "x", "due": "2026-02-30"}),
    "tags": lambda me, _: me.http.post("/api/todos", json={"title": "x", "tags": ["a", " a"]}),
    "a filter": lambda me, _: me.http.get("/api/todos?priority=5"),
    "today": lambda me, _: me.http.get("/api/counts?today=2026-02-30"),
    "after": lambda me, todo: me.http.post(f"{at(todo)}/move", json={"after": 1}),
    "a new name": lambda me, _: me.http.patch("/api/tags/old", json={"name": " "}),
    "a name": lambda me, _: me.http.delete("/api/tags/%20"),
    "since": lambda me, _: me.http.get("/api/changes?since=x"),
    "no filter": lambda me, _: me.http.delete("/api/todos"),
    "an id twice": lambda me, todo: me.http.post("/api/batch", json={"delete": [{"id": todo["id"]}] * 2}),
}


@pytest.mark.parametrize("ask", INVALID.values(), ids=INVALID)
def test_what_is_invalid_never_reaches_the_database(owner: Person, wire: Wire, ask: Ask) -> None:
    todo = owner.create()
    sent = len(wire.messages)
    assert ask(owner, todo).status_code == 422
    assert wire.messages[sent:] == []
