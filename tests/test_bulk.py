"""Test changing and deleting many todos in one request."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import combinations
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.conftest import Database, Person
from tests.expect import expect_invalid, expect_not_found, expect_problem, expect_unauthorized
from tests.issuer import Issuer
from tests.live import Api, running, wait_until_ready
from tests.model import Crowd, Filters, everything, listed, query_of
from tests.test_trash import add_statistics
from tests.todos import Todo, etags, http_of

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

    def etags(self) -> list[str]:
        """Return the ETags of the user's lists."""
        return etags(self.me)


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
    before, theirs, highest = todos.etags(), others.etags(), todos.trashed[-1]["version"]
    expect_unauthorized(many(anonymous, verb, query(todos)), "")
    wanted = matching(todos)
    answer = many(todos.me, verb, query(todos))
    assert (answer.status_code, answer.json()) == (200, {"changed": len(wanted)})
    yield todos, wanted, highest
    rest = [todo for todo in [*todos.live, *todos.trashed] if todo not in wanted]
    assert todos.now(*rest) == rest
    assert others.now(*others.live, *others.trashed) == [*others.live, *others.trashed]
    assert others.etags() == theirs
    assert (todos.etags() == before) is (wanted == [])


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


FILTERS: dict[str, Filters] = {
    "tag": {"tag": ["home"]},
    "tags": {"tag": ["home", " work "]},
    "priority": {"priority": ["high"]},
    "priorities": {"priority": ["none", "low"]},
    "due_before": {"due_before": "2026-11-24T09:00"},
    "due_from": {"due_from": "2026-11-24"},
    "q": {"q": "STRAẞE dog"},
    "q of one letter": {"q": "E"},
    "nothing": {"tag": ["nobody has it"]},
    "all": {"completed": True, "tag": ["home"], "priority": ["low", "none"], "due_from": "2026-11-23", "q": "e"},
}
PAIRS: dict[str, Filters] = {
    f"{one} and {other}": {**FILTERS[one], **more}
    for one, other in combinations(["tag", "priority", "due_before", "due_from", "q of one letter"], 2)
    for more in (FILTERS[other],)
}
COMPLETED = {f"{name} and completed": {"completed": True, **FILTERS[name]} for name in [*FILTERS][:7]}
MATCHING = FILTERS | PAIRS | COMPLETED


@pytest.mark.parametrize("filters", MATCHING.values(), ids=MATCHING)
@pytest.mark.parametrize("verb", VERBS)
def test_filters_match_as_those_of_lists(new_person: Callable[[], Person], verb: str, filters: Filters) -> None:
    mine, others = Crowd(new_person(), 170), Crowd(new_person(), 40, seed=15)
    wanted = listed(mine.todos, filters)
    assert (wanted == []) is (filters == FILTERS["nothing"])
    highest = max(todo["version"] for todo in mine.todos)
    answer = many(mine.me, verb, query_of(filters))
    assert (answer.status_code, answer.json()) == (200, {"changed": len(wanted)})
    now = {todo["id"]: todo for todo in everything(mine.me)}
    ids_of_wanted = {todo["id"] for todo in wanted}
    for todo in mine.todos:
        after = now[todo["id"]]
        if todo["id"] not in ids_of_wanted:
            assert after == todo
            continue
        assert after["version"] > highest
        if verb == "PATCH":
            assert after == todo | CHANGES | {name: after[name] for name in ("version", "updated_at")}
        else:
            assert after["deleted_at"]
            assert after == todo | {name: after[name] for name in ("version", "updated_at", "deleted_at")}
    assert everything(others.me) == others.todos


@pytest.mark.parametrize("verb", VERBS)
def test_ids_and_filters_hold_together(new_person: Callable[[], Person], verb: str) -> None:
    mine = Crowd(new_person(), 100)
    some = [todo["id"] for todo in mine.todos[:50]]
    filters: Filters = {"id": some, "tag": ["home"], "q": "e"}
    wanted = listed(mine.todos, filters)
    assert 0 < len(wanted) < len(listed(mine.todos, {"tag": ["home"], "q": "e"}))
    answer = many(mine.me, verb, query_of(filters))
    assert (answer.status_code, answer.json()) == (200, {"changed": len(wanted)})
    assert {one["id"] for one in everything(mine.me) if one not in mine.todos} == {one["id"] for one in wanted}


@pytest.mark.parametrize("filters", FILTERS.values(), ids=FILTERS)
@pytest.mark.parametrize("verb", VERBS)
def test_more_than_max_that_match_filters_is_409(new_person: Callable[[], Person], verb: str, filters: Filters) -> None:
    mine = Crowd(new_person(), 100)
    number = len(listed(mine.todos, filters))
    if number > 1:
        expect_problem(many(mine.me, verb, query_of(filters, max=number - 1)), 409, "Conflict")
        assert everything(mine.me) == mine.todos
    answer = many(mine.me, verb, query_of(filters, max=max(number, 1)))
    assert (answer.status_code, answer.json()) == (200, {"changed": number})


@pytest.mark.parametrize("verb", VERBS)
def test_a_filter_without_an_index_matches_in_long_lists_too(owner: Person, database: Database, verb: str) -> None:
    database.execute(
        "INSERT INTO todo (user_id, title, tags)"
        " SELECT %s, 'Todo', CASE WHEN n %% 1200 = 1 THEN '{rare}' ELSE '{}' END::text[]"
        " FROM generate_series(1, 12000) AS n",
        (owner.id,),
    )
    expect_problem(many(owner, verb, "q=todo&max=10000"), 409, "Conflict")
    answer = many(owner, verb, "tag=rare")
    assert (answer.status_code, answer.json()) == (200, {"changed": 10})
    assert count(database, owner, verb) == 10


@pytest.mark.parametrize("query", ["", "max=5", "q=", "q=%20", "q=%20%C2%A0%E3%80%80%09&max=5"])
@pytest.mark.parametrize("verb", VERBS)
def test_a_blank_q_alone_is_no_filter(anonymous: httpx.Client, todos: Todos, verb: str, query: str) -> None:
    expect_unauthorized(many(anonymous, verb, query), "")
    before = todos.etags()
    (error,) = expect_problem(many(todos.me, verb, query), 422, "Unprocessable Content")["errors"]
    assert (error["type"], error["msg"]) == ("filter_missing", "Query should have id or a filter")
    assert error["loc"][0] == "query"
    assert todos.now(*todos.live, *todos.trashed) == [*todos.live, *todos.trashed]
    assert todos.etags() == before


@pytest.mark.parametrize("verb", VERBS)
def test_a_blank_q_changes_nothing_about_other_filters(todos: Todos, verb: str) -> None:
    answer = many(todos.me, verb, "q=%20&completed=true")
    assert (answer.status_code, answer.json()) == (200, {"changed": len(todos.completed)})
    assert todos.now(*todos.open) == todos.open


@pytest.mark.parametrize("query", ["sort=due", "limit=5", "cursor=x", "skip=0", "after=x"])
@pytest.mark.parametrize("verb", VERBS)
def test_a_change_of_many_has_no_sort_and_no_pages(todos: Todos, verb: str, query: str) -> None:
    expect_invalid(many(todos.me, verb, f"tag=home&{query}"), ["query", query.partition("=")[0]])
    assert todos.now(*todos.live) == todos.live


def test_a_change_of_many_may_end_that_they_match(new_person: Callable[[], Person]) -> None:
    mine = Crowd(new_person(), 100)
    wanted = listed(mine.todos, {"tag": ["home"], "due_from": "2026-11-24"})
    body = {"tags": ["done"], "due": None, "priority": "low", "completed": True}
    answer = many(mine.me, "PATCH", "tag=home&due_from=2026-11-24", body)
    assert (answer.status_code, answer.json()) == (200, {"changed": len(wanted)})
    again = many(mine.me, "PATCH", "tag=home&due_from=2026-11-24", body)
    assert (again.status_code, again.json()) == (200, {"changed": 0})
    assert len(listed(everything(mine.me), {"tag": ["done"], "completed": True, "priority": ["low"]})) == len(wanted)


@pytest.mark.parametrize("verb", VERBS)
def test_todos_of_another_user_do_not_match(make: Callable[[], Todos], verb: str) -> None:
    mine, theirs = make(), make()
    before = theirs.etags()
    for query in (ids(*theirs.live), f"completed=true&{ids(*theirs.live)}", ids(*theirs.trashed)):
        answer = many(mine.me, verb, query)
        assert (answer.status_code, answer.json()) == (200, {"changed": 0})
    answer = many(mine.me, verb, ids(*theirs.live, mine.open[0]))
    assert (answer.status_code, answer.json()) == (200, {"changed": 1})
    assert theirs.now(*theirs.live, *theirs.trashed) == [*theirs.live, *theirs.trashed]
    assert theirs.etags() == before


@pytest.mark.parametrize("query", ["", "max=10", "max=10000"])
@pytest.mark.parametrize("verb", VERBS)
def test_without_a_filter_nothing_is_done(anonymous: httpx.Client, todos: Todos, verb: str, query: str) -> None:
    expect_unauthorized(many(anonymous, verb, query), "")
    before = todos.etags()
    errors = expect_problem(many(todos.me, verb, query), 422, "Unprocessable Content")["errors"]
    assert all(error["loc"][0] == "query" for error in errors)
    assert len(errors) == 1
    assert todos.now(*todos.live) == todos.live
    assert todos.etags() == before


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
    before = todos.etags()
    (error,) = expect_problem(many(todos.me, verb, query), 422, "Unprocessable Content")["errors"]
    assert error["loc"][:2] == ["query", name]
    assert todos.now(*todos.live) == todos.live
    assert todos.etags() == before


@pytest.mark.parametrize(
    "query", ["completed=false&max=2", "completed=false&max=1", "live&max=4", "live&completed=true&max=1"]
)
@pytest.mark.parametrize("verb", VERBS)
def test_more_than_max_is_409_and_nothing_is_done(todos: Todos, verb: str, query: str) -> None:
    before = todos.etags()
    answer = many(todos.me, verb, query.replace("live", ids(*todos.live)))
    expect_problem(answer, 409, "Conflict")
    assert todos.now(*todos.live) == todos.live
    assert todos.etags() == before


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
    "due": {"due": "2026-11-24T09:00"},
    "due null": {"due": None},
    "priority": {"priority": "high"},
    "tags": {"tags": ["b", "a"]},
    "all": {
        "title": "changed",
        "description": "words",
        "completed": True,
        "due": "2026-11-24",
        "priority": "medium",
        "tags": [],
    },
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_only_the_fields_that_are_sent_change(owner: Person, body: Todo) -> None:
    fields: Todo = {"due": "2026-01-01", "priority": "low", "tags": ["a"]}
    todos = [owner.create(description="as it was", **fields), owner.create(completed=True)]
    answer = many(owner, "PATCH", ids(*todos), body)
    assert (answer.status_code, answer.json()) == (200, {"changed": 2})
    for todo in todos:
        now = owner.find(todo["id"])
        kept = {name: now[name] for name in ("version", "updated_at", "completed_at")}
        assert now == todo | body | kept
        assert (now["completed_at"] is None) is (not now["completed"])
        assert now["completed"] is not todo["completed"] or now["completed_at"] == todo["completed_at"]


def test_an_empty_change_of_many_changes_nothing(todos: Todos) -> None:
    before = todos.etags()
    answer = many(todos.me, "PATCH", "completed=false", {})
    assert (answer.status_code, answer.json()) == (200, {"changed": 3})
    assert todos.now(*todos.live) == todos.live
    assert todos.etags() == before


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
    "a due of another form": ({"due": "2026-11-24T09:00:00Z"}, ["body", "due"]),
    "priority null": ({"priority": None}, ["body", "priority"]),
    "tags null": ({"tags": None}, ["body", "tags"]),
    "position": ({"position": "5"}, ["body", "position"]),
    "an unknown field": ({"done": True}, ["body", "done"]),
    "an id": ({"id": str(uuid4())}, ["body", "id"]),
    "deleted_at": ({"deleted_at": None}, ["body", "deleted_at"]),
}


@pytest.mark.parametrize(("body", "loc"), NO_CHANGES.values(), ids=NO_CHANGES)
def test_an_invalid_change_of_many_is_422(todos: Todos, body: object, loc: list[str]) -> None:
    before = todos.etags()
    expect_invalid(many(todos.me, "PATCH", "completed=false", body), loc)
    assert todos.now(*todos.live) == todos.live
    assert todos.etags() == before


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
