"""Test changing and deleting many todos in one request."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.conftest import Database, Person
from tests.expect import expect_invalid, expect_not_found, expect_problem, expect_unauthorized
from tests.issuer import Issuer
from tests.live import Api, running, wait_until_ready
from tests.test_trash import add_statistics
from tests.todos import Todo, http_of, tags

CHANGES: Todo = {"title": "changed", "description": "words"}
VERBS = ["PATCH", "DELETE"]


def many(person: Person | httpx.Client, verb: str, query: str, body: Any = CHANGES) -> httpx.Response:
    """Change or delete the todos that a query matches."""
    return http_of(person).request(verb, f"/api/todos?{query}", **({"json": body} if verb == "PATCH" else {}))


def ids(*todos: Todo) -> str:
    """Return the query for todos by their ids."""
    return "&".join(f"id={todo['id']}" for todo in todos)


@dataclass
class Todos:
    """The todos of a user: three open, two completed, and one of each in the trash."""

    me: Person
    open: list[Todo]
    completed: list[Todo]
    trashed: list[Todo]

    @property
    def live(self) -> list[Todo]:
        return [*self.open, *self.completed]

    def now(self, *todos: Todo) -> list[Todo]:
        """Return todos as they are now."""
        return [self.me.find(todo["id"]) for todo in todos]

    def tags(self) -> list[str]:
        """Return the ETags of the user's lists."""
        return tags(self.me)


@pytest.fixture
def make(new_person: Callable[[], Person]) -> Callable[[], Todos]:
    """Return a function that creates a user with todos."""

    def new() -> Todos:
        me = new_person()
        opened = [me.create(f"open {number}") for number in range(3)]
        completed = [me.create(f"completed {number}", completed=True) for number in range(2)]
        trashed = [me.trash(me.create("trash", completed=done)) for done in (False, True)]
        return Todos(me, opened, completed, trashed)

    return new


@pytest.fixture
def todos(make: Callable[[], Todos]) -> Todos:
    """Create a user with todos."""
    return make()


MATCHES: dict[str, tuple[Callable[[Todos], str], Callable[[Todos], list[Todo]]]] = {
    "open": (lambda _: "completed=false", lambda todos: todos.open),
    "completed": (lambda _: "completed=true", lambda todos: todos.completed),
    "an id": (lambda todos: ids(todos.open[1]), lambda todos: todos.open[1:2]),
    "an id in upper case": (lambda todos: f"id={todos.open[1]['id'].upper()}", lambda todos: todos.open[1:2]),
    "ids": (lambda todos: ids(*todos.live[1:4]), lambda todos: todos.live[1:4]),
    "an id twice": (lambda todos: ids(*todos.open[:2], *todos.open[:2]), lambda todos: todos.open[:2]),
    "ids that are open": (lambda todos: f"completed=false&{ids(*todos.live[1:4])}", lambda todos: todos.open[1:3]),
    "ids that are completed": (lambda todos: f"{ids(*todos.live[1:4])}&completed=true", lambda t: t.completed[:1]),
    "ids of which none is open": (lambda todos: f"completed=false&{ids(*todos.completed)}", lambda _: []),
    "an unknown id": (lambda _: f"id={uuid4()}", lambda _: []),
    "an id and an unknown one": (lambda todos: f"id={uuid4()}&{ids(todos.open[0])}", lambda todos: todos.open[:1]),
    "ids in the trash": (lambda todos: ids(*todos.trashed), lambda _: []),
    "ids in the trash and not": (lambda todos: ids(*todos.trashed, todos.open[2]), lambda todos: todos.open[2:]),
    "as many as max": (lambda _: "completed=false&max=3", lambda todos: todos.open),
}


@contextmanager
def changing(
    anonymous: httpx.Client, make: Callable[[], Todos], verb: str, match: tuple[Any, Any]
) -> Iterator[tuple[Todos, list[Todo], int]]:
    """Change what matches. Yield all todos, those that match, and the largest version before.

    Assert at the end that nothing else has changed.
    """
    query, matching = match
    todos, others = make(), make()
    before, theirs, highest = todos.tags(), others.tags(), todos.trashed[-1]["version"]
    expect_unauthorized(many(anonymous, verb, query(todos)), "")
    wanted = matching(todos)
    answer = many(todos.me, verb, query(todos))
    assert (answer.status_code, answer.json()) == (200, {"changed": len(wanted)})
    yield todos, wanted, highest
    rest = [todo for todo in [*todos.live, *todos.trashed] if todo not in wanted]
    assert todos.now(*rest) == rest
    assert others.now(*others.live, *others.trashed) == [*others.live, *others.trashed]
    assert others.tags() == theirs
    assert (todos.tags() == before) is (wanted == [])


@pytest.mark.parametrize("match", MATCHES.values(), ids=MATCHES)
def test_what_matches_is_changed_and_nothing_else(
    anonymous: httpx.Client, make: Callable[[], Todos], match: tuple[Any, Any]
) -> None:
    with changing(anonymous, make, "PATCH", match) as (todos, wanted, highest):
        for now, todo in zip(todos.now(*wanted), wanted, strict=True):
            assert now["version"] > highest
            assert now["updated_at"] > todo["created_at"]
            assert now == todo | CHANGES | {"version": now["version"], "updated_at": now["updated_at"]}


@pytest.mark.parametrize("match", MATCHES.values(), ids=MATCHES)
def test_what_matches_is_moved_into_the_trash_and_nothing_else(
    anonymous: httpx.Client, make: Callable[[], Todos], match: tuple[Any, Any]
) -> None:
    with changing(anonymous, make, "DELETE", match) as (todos, wanted, highest):
        for now, todo in zip(todos.now(*wanted), wanted, strict=True):
            assert now["version"] > highest
            assert now["deleted_at"] > todo["created_at"]
            changes = {name: now[name] for name in ("version", "updated_at", "deleted_at")}
            assert now == todo | changes
            expect_not_found(todos.me.http.get(f"/api/todos/{todo['id']}"))
            restored = todos.me.http.post(f"/api/trash/{todo['id']}/restore").json()
            assert restored == todo | {"version": restored["version"], "updated_at": restored["updated_at"]}


@pytest.mark.parametrize("verb", VERBS)
def test_todos_of_another_user_do_not_match(make: Callable[[], Todos], verb: str) -> None:
    mine, theirs = make(), make()
    before = theirs.tags()
    for query in (ids(*theirs.live), f"completed=true&{ids(*theirs.live)}", ids(*theirs.trashed)):
        answer = many(mine.me, verb, query)
        assert (answer.status_code, answer.json()) == (200, {"changed": 0})
    answer = many(mine.me, verb, ids(*theirs.live, mine.open[0]))
    assert (answer.status_code, answer.json()) == (200, {"changed": 1})
    assert theirs.now(*theirs.live, *theirs.trashed) == [*theirs.live, *theirs.trashed]
    assert theirs.tags() == before


@pytest.mark.parametrize("query", ["", "max=10", "max=10000"])
@pytest.mark.parametrize("verb", VERBS)
def test_without_a_filter_nothing_is_done(anonymous: httpx.Client, todos: Todos, verb: str, query: str) -> None:
    expect_unauthorized(many(anonymous, verb, query), "")
    before = todos.tags()
    errors = expect_problem(many(todos.me, verb, query), 422, "Unprocessable Content")["errors"]
    assert all(error["loc"][0] == "query" for error in errors)
    assert len(errors) == 1
    assert todos.now(*todos.live) == todos.live
    assert todos.tags() == before


INVALID = {
    "max 0": ("completed=false&max=0", "max"),
    "max -1": ("completed=false&max=-1", "max"),
    "max 10001": ("completed=false&max=10001", "max"),
    "max x": ("completed=false&max=x", "max"),
    "max empty": ("completed=false&max=", "max"),
    "max twice": ("completed=false&max=1&max=2", "max"),
    "max of many digits": (f"completed=false&max={'9' * 40}", "max"),
    "completed maybe": ("completed=maybe", "completed"),
    "completed 1": ("completed=1", "completed"),
    "completed empty": ("completed=", "completed"),
    "completed twice": ("completed=true&completed=false", "completed"),
    "id no uuid": ("id=12", "id"),
    "id empty": ("id=", "id"),
    "an id and no uuid": (f"id={uuid4()}&id=x", "id"),
    "id with a NUL": ("id=%00", "id"),
    "an unknown filter": ("complete=false", "complete"),
    "limit": ("completed=false&limit=1", "limit"),
    "cursor": ("completed=false&cursor=x", "cursor"),
    "skip": ("completed=false&skip=0", "skip"),
}


@pytest.mark.parametrize(("query", "name"), INVALID.values(), ids=INVALID)
@pytest.mark.parametrize("verb", VERBS)
def test_an_invalid_filter_is_422_and_nothing_is_done(
    anonymous: httpx.Client, todos: Todos, verb: str, query: str, name: str
) -> None:
    expect_unauthorized(many(anonymous, verb, query), "")
    before = todos.tags()
    (error,) = expect_problem(many(todos.me, verb, query), 422, "Unprocessable Content")["errors"]
    assert error["loc"][:2] == ["query", name]
    assert todos.now(*todos.live) == todos.live
    assert todos.tags() == before


@pytest.mark.parametrize(
    "query", ["completed=false&max=2", "completed=false&max=1", "live&max=4", "live&completed=true&max=1"]
)
@pytest.mark.parametrize("verb", VERBS)
def test_more_than_max_is_409_and_nothing_is_done(todos: Todos, verb: str, query: str) -> None:
    before = todos.tags()
    answer = many(todos.me, verb, query.replace("live", ids(*todos.live)))
    expect_problem(answer, 409, "Conflict")
    assert todos.now(*todos.live) == todos.live
    assert todos.tags() == before


def add_todos(database: Database, me: Person, number: int) -> None:
    """Insert open todos, and ten completed ones."""
    database.execute(
        "INSERT INTO todo (user_id, title, completed) SELECT %s, 'todo', n > %s FROM generate_series(1, %s) AS n",
        (me.id, number, number + 10),
    )


def count(database: Database, me: Person, verb: str) -> int:
    """Return the number of todos that were changed, or are in the trash."""
    where = "title = 'changed'" if verb == "PATCH" else "deleted_at IS NOT NULL"
    ((number,),) = database.execute(f"SELECT count(*) FROM todo WHERE user_id = %s AND {where}", (me.id,))
    return int(number)


LIMITS = {
    "1000 by default": (1_000, "", True),
    "1001 by default": (1_001, "", False),
    "1001 of 1001": (1_001, "&max=1001", True),
    "10000 of 10000": (10_000, "&max=10000", True),
    "10001 of 10000": (10_001, "&max=10000", False),
}


@pytest.mark.parametrize(("number", "query", "done"), LIMITS.values(), ids=LIMITS)
@pytest.mark.parametrize("verb", VERBS)
def test_max_is_1000_unless_asked_otherwise(
    owner: Person, stranger: Person, database: Database, verb: str, number: int, query: str, done: bool
) -> None:
    add_statistics(database, stranger)
    add_todos(database, owner, number)
    answer = many(owner, verb, f"completed=false{query}")
    if done:
        assert (answer.status_code, answer.json()) == (200, {"changed": number})
    else:
        expect_problem(answer, 409, "Conflict")
    assert count(database, owner, verb) == (number if done else 0)


# The body

BODIES: dict[str, Todo] = {
    "title": {"title": "changed"},
    "description": {"description": "words"},
    "description null": {"description": None},
    "completed": {"completed": True},
    "reopened": {"completed": False},
    "all": {"title": "changed", "description": "words", "completed": True},
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_only_the_fields_that_are_sent_change(owner: Person, body: Todo) -> None:
    todos = [owner.create(description="as it was"), owner.create(completed=True)]
    answer = many(owner, "PATCH", ids(*todos), body)
    assert (answer.status_code, answer.json()) == (200, {"changed": 2})
    for todo in todos:
        now = owner.find(todo["id"])
        kept = {name: now[name] for name in ("version", "updated_at", "completed_at")}
        assert now == todo | body | kept
        assert (now["completed_at"] is None) is (not now["completed"])
        assert now["completed"] is not todo["completed"] or now["completed_at"] == todo["completed_at"]


def test_an_empty_change_of_many_changes_nothing(todos: Todos) -> None:
    before = todos.tags()
    answer = many(todos.me, "PATCH", "completed=false", {})
    assert (answer.status_code, answer.json()) == (200, {"changed": 3})
    assert todos.now(*todos.live) == todos.live
    assert todos.tags() == before


@pytest.mark.parametrize("query", ["completed=false&max=2", "max=2"], ids=["more than max", "no filter"])
def test_an_empty_change_of_many_has_the_same_errors(todos: Todos, query: str) -> None:
    status = 409 if "completed" in query else 422
    assert many(todos.me, "PATCH", query, {}).status_code == status


NO_CHANGES: dict[str, tuple[object, list[str]]] = {
    "no object": ([], ["body"]),
    "null": (None, ["body"]),
    "an empty title": ({"title": " "}, ["body", "title"]),
    "title null": ({"title": None}, ["body", "title"]),
    "a long title": ({"title": "x" * 201}, ["body", "title"]),
    "completed null": ({"completed": None}, ["body", "completed"]),
    "completed as text": ({"completed": "true"}, ["body", "completed"]),
    "an unknown field": ({"done": True}, ["body", "done"]),
    "an id": ({"id": str(uuid4())}, ["body", "id"]),
    "deleted_at": ({"deleted_at": None}, ["body", "deleted_at"]),
}


@pytest.mark.parametrize(("body", "loc"), NO_CHANGES.values(), ids=NO_CHANGES)
def test_an_invalid_change_of_many_is_422(todos: Todos, body: object, loc: list[str]) -> None:
    before = todos.tags()
    expect_invalid(many(todos.me, "PATCH", "completed=false", body), loc)
    assert todos.now(*todos.live) == todos.live
    assert todos.tags() == before


def test_a_change_of_many_without_a_body_is_422(todos: Todos) -> None:
    expect_invalid(todos.me.http.patch("/api/todos?completed=false"), ["body"])
    assert todos.now(*todos.live) == todos.live


# Concurrent requests


@pytest.fixture(scope="module")
def second(api: Api, database: Database, issuer: Issuer) -> Iterator[Api]:
    """Run a second process of the API. One process runs the writes of a user one after the other."""
    wait_until_ready(api)
    with running(DATABASE_URL=database.api_url, BETTER_AUTH_URL=issuer.origin) as second:
        wait_until_ready(second)
        yield second


def test_concurrent_changes_of_many_never_fail(owner: Person, second: Api) -> None:
    todos = [owner.create(f"todo {number}", completed=number % 2 == 0) for number in range(100)]
    acts: list[Callable[[httpx.Client], httpx.Response]] = [
        lambda http: many(http, "PATCH", "completed=false", {"completed": True}),
        lambda http: many(http, "PATCH", "completed=true", {"completed": False}),
        lambda http: many(http, "PATCH", ids(*todos)),
        lambda http: many(http, "PATCH", ids(*todos[::-1])),
        lambda http: many(http, "DELETE", ids(*todos[30:0:-1])),
        lambda http: http.post(f"/api/todos/{todos[50]['id']}/toggle"),
        lambda http: http.put(f"/api/todos/{todos[2]['id']}", json={"title": "back"}),
    ]
    with second.client(owner.token) as other, ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(act, http) for act in acts * 6 for http in (owner.http, other)]
        answers = [one.result() for one in asked]
    assert {answer.status_code for answer in answers} == {200}, [answer.text for answer in answers]
    lists = [owner.http.get(f"{path}?limit=500").json() for path in ("/api/todos", "/api/trash")]
    assert sorted(todo["id"] for one in lists for todo in one) == sorted(todo["id"] for todo in todos)


@pytest.mark.parametrize("verb", VERBS)
def test_concurrent_changes_count_each_todo_once(owner: Person, second: Api, verb: str) -> None:
    for number in range(50):
        owner.create(f"todo {number}")
    with second.client(owner.token) as other, ThreadPoolExecutor(8) as pool:
        body = {"completed": True}
        asked = [
            pool.submit(many, http, verb, "completed=false", body) for _ in range(4) for http in (owner.http, other)
        ]
        answers = [one.result() for one in asked]
    assert sorted(answer.json()["changed"] for answer in answers) == [*[0] * 7, 50]


# The document


@pytest.mark.parametrize("verb", ["patch", "delete"])
def test_max_is_described_as_1_to_10000(anonymous: httpx.Client, verb: str) -> None:
    parameters = anonymous.get("/openapi.json").json()["paths"]["/api/todos"][verb]["parameters"]
    (schema,) = (one["schema"] for one in parameters if one["name"] == "max")
    assert (schema["minimum"], schema["maximum"], schema["type"]) == (1, 10_000, "integer")
