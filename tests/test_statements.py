"""One request is one statement, counted on the wire."""

from collections.abc import Callable

import httpx
import pytest

from tests.conftest import Person
from tests.wire import Wire

Ask = Callable[[Person, str], httpx.Response]

REQUESTS: dict[str, tuple[str, Ask]] = {
    "me": ("SELECT", lambda me, _: me.http.get("/api/me")),
    "list": ("SELECT", lambda me, _: me.http.get("/api/todos")),
    "get": ("SELECT", lambda me, todo: me.http.get(todo)),
    "create": ("INSERT", lambda me, _: me.http.post("/api/todos", json={"title": "new"})),
    "patch": ("UPDATE", lambda me, todo: me.http.patch(todo, json={"title": "changed"})),
    "empty patch": ("SELECT", lambda me, todo: me.http.patch(todo, json={})),
    "toggle": ("UPDATE", lambda me, todo: me.http.post(f"{todo}/toggle")),
    "delete": ("DELETE", lambda me, todo: me.http.delete(todo)),
}


@pytest.mark.parametrize(("verb", "ask"), REQUESTS.values(), ids=REQUESTS)
def test_a_request_is_one_statement(owner: Person, wire: Wire, verb: str, ask: Ask) -> None:
    todo = f"/api/todos/{owner.create()['id']}"
    sent = len(wire.messages)
    answer = ask(owner, todo)
    assert answer.is_success
    (statement,) = wire.messages[sent:]
    assert statement.startswith(verb)


@pytest.mark.parametrize(("verb", "ask"), REQUESTS.values(), ids=REQUESTS)
def test_a_strangers_request_does_the_same_work(
    owner: Person, stranger: Person, wire: Wire, verb: str, ask: Ask
) -> None:
    todo = f"/api/todos/{owner.create()['id']}"
    sent = len(wire.messages)
    ask(stranger, todo)
    (statement,) = wire.messages[sent:]
    assert statement.startswith(verb)


@pytest.mark.parametrize("path", ["/", "/health", "/api/todos", "/docs"])
def test_whoever_has_no_token_never_reaches_the_database(anonymous: httpx.Client, wire: Wire, path: str) -> None:
    sent = len(wire.messages)
    assert anonymous.get(path).status_code in (200, 401)
    assert wire.messages[sent:] == []


def test_what_is_invalid_never_reaches_the_database(owner: Person, wire: Wire) -> None:
    sent = len(wire.messages)
    assert owner.http.post("/api/todos", json={"title": ""}).status_code == 422
    assert owner.http.get("/api/todos?cursor=x").status_code == 422
    assert wire.messages[sent:] == []
