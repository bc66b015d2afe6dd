"""Test the fields due, priority, tags, completed_at and position, in each way of writing a todo."""

import json
import re
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import uuid4

import httpx
import psycopg2
import pytest

from tests.conftest import Database, Person
from tests.expect import expect_mismatch, expect_not_found, expect_problem, expect_unauthorized
from tests.issuer import Issuer
from tests.project import running_project
from tests.replica import Replica, everything_of, todos_of
from tests.todos import Todo, etag, etags, http_of, live_of, path_of, trash_of

DEFAULTS: Todo = {"due": None, "priority": "none", "tags": []}
BEFORE: Todo = {"title": "before", "due": "2025-12-31T23:59", "priority": "low", "tags": ["old", "older"]}
PRIORITIES = ["none", "low", "medium", "high"]
TODAY = "2026-11-24"
ASKED: Todo = {"due": TODAY, "priority": "high", "tags": ["b", "a"]}


def send(me: Person | httpx.Client, verb: str, path: str, body: object, **headers: str) -> httpx.Response:
    """Send JSON that is ASCII, so that a lone surrogate is an escape."""
    sent = {"Content-Type": "application/json"} | {name.replace("_", "-"): value for name, value in headers.items()}
    return http_of(me).request(verb, path, content=json.dumps(body), headers=sent)


class Way(NamedTuple):
    """Describe a way of writing fields: of a new todo, or of one that is there."""

    creates: bool
    replaces: bool
    """Whether the fields that are not sent get their defaults."""
    ask: Callable[[Person | httpx.Client, str, Todo], httpx.Response]


def put_item(me: Person | httpx.Client, todo_id: str, fields: Todo) -> httpx.Response:
    """Send a batch with one put."""
    return send(me, "POST", "/api/batch", {"put": [{"id": todo_id, "title": "x", **fields}]})


WAYS: dict[str, Way] = {
    "POST": Way(True, True, lambda me, _, fields: send(me, "POST", "/api/todos", {"title": "x", **fields})),
    "POST with a key": Way(
        True,
        True,
        lambda me, todo, fields: send(me, "POST", "/api/todos", {"title": "x", **fields}, Idempotency_Key=todo),
    ),
    "PUT of a new one": Way(
        True, True, lambda me, todo, fields: send(me, "PUT", path_of(todo), {"title": "x", **fields})
    ),
    "batch, new": Way(True, True, put_item),
    "PUT": Way(False, True, lambda me, todo, fields: send(me, "PUT", path_of(todo), {"title": "x", **fields})),
    "PATCH": Way(False, False, lambda me, todo, fields: send(me, "PATCH", path_of(todo), fields)),
    "PATCH of many": Way(False, False, lambda me, todo, fields: send(me, "PATCH", f"/api/todos?id={todo}", fields)),
    "batch": Way(False, True, put_item),
}
CREATING = [name for name, way in WAYS.items() if way.creates]


def id_for(me: Person, way: Way) -> str:
    """Return the id of a todo that the way changes, or a new id."""
    return str(uuid4()) if way.creates else str(me.create(**BEFORE)["id"])


def expect_written(me: Person, todo_id: str, answer: httpx.Response) -> Todo:
    """Assert that a write succeeded, and return the todo as it is stored now."""
    assert answer.status_code in (200, 201), answer.text
    body = answer.json()
    if "results" in body:
        (result,) = body["results"]
        assert (result["id"], result["status"] in (200, 201)) == (todo_id, True), result
    elif "changed" in body:
        assert body == {"changed": 1}
    else:
        todo_id = body["id"]
        assert answer.headers["etag"] == etag(body)
    stored = me.http.get(path_of(todo_id))
    assert stored.status_code == 200
    todo: Todo = stored.json()
    assert "id" not in body or body == todo
    return todo


def write(me: Person, way: Way, fields: Todo) -> Todo:
    """Write fields of a todo in this way, and return the todo as it is stored."""
    todo_id = id_for(me, way)
    return expect_written(me, todo_id, way.ask(me, todo_id, fields))


def errors_of(answer: httpx.Response) -> list[tuple[list[Any], str]]:
    """Return the location and the type of each error of a 422, or of the only item of a batch."""
    if answer.status_code == 200:
        (result,) = answer.json()["results"]
        assert result["status"] == 422, result
        return [(error["loc"], error["type"]) for error in result["errors"]]
    errors = expect_problem(answer, 422, "Unprocessable Content")["errors"]
    assert all(error["loc"][0] == "body" for error in errors)
    return [(error["loc"][1:], error["type"]) for error in errors]


# Values that are stored

FACE = "\N{GRINNING FACE}"
VALID: dict[str, list[tuple[Any, Any]]] = {
    "due": [
        *((sent, sent) for sent in (None, TODAY, f"{TODAY}T00:00", f"{TODAY}T09:05", f"{TODAY}T23:59")),
        *((sent, sent) for sent in ("2028-02-29", "2000-02-29T12:30", "0001-01-01", "9999-12-31T23:59")),
    ],
    "priority": [(sent, sent) for sent in PRIORITIES],
    "tags": [
        *(
            (sent, sent)
            for sent in (
                *([], ["home"], ["b", "a", "c"], ["a", "A"], ["none", "null", "NULL", "true", "1"], ["a\nb", "a\tb"]),
                *(["two  words"], ["caf\u00e9", "cafe\u0301"], ["\u200b", "\ufeff"], ["\U0001f468\u200d\U0001f469"]),
                *([f"{number}" for number in range(20)], [FACE * 49 + f"{number:x}" for number in range(16)]),
                ["a,b", "{c}", '"d"', "e\\f", "'g'", "%s", "h/i", ";--", "{", "\\N"],
            )
        ),
        ([" home\t", "\u3000work\n"], ["home", "work"]),
        ([FACE * 50, " " + "x" * 50 + " "], [FACE * 50, "x" * 50]),
    ],
}


@pytest.mark.parametrize(
    ("field", "sent", "stored"),
    [
        pytest.param(field, *case, id=f"{field} {ascii(case[0])[:40]}")
        for field, cases in VALID.items()
        for case in cases
    ],
)
def test_a_field_is_stored_and_returned_as_it_was_sent(
    owner: Person, database: Database, field: str, sent: Any, stored: Any
) -> None:
    written = {}
    for name, way in WAYS.items():
        todo = write(owner, way, {field: sent})
        others = (DEFAULTS if way.replaces else BEFORE).items()
        expected = {"title": "x" if way.replaces else "before", **dict(others), field: stored}
        assert {one: todo[one] for one in (*DEFAULTS, "title")} == {"title": "x", **expected}, name
        rows = database.execute(
            "SELECT due, priority, tags FROM todo WHERE user_id = %s AND id = %s", (owner.id, todo["id"])
        )
        assert rows == [(todo["due"], PRIORITIES.index(todo["priority"]), todo["tags"])], name
        written[todo["id"]] = todo
    assert {todo["id"]: todo for todo in live_of(owner)} == written
    assert {todo["id"]: todo for todo in todos_of(Replica(owner.http).walk(3))} == written


@pytest.mark.parametrize("name", WAYS)
def test_what_is_not_sent_is_the_default_or_stays(owner: Person, name: str) -> None:
    todo = write(owner, WAYS[name], {"title": "y"})
    assert {field: todo[field] for field in DEFAULTS} == (
        DEFAULTS if WAYS[name].replaces else {field: BEFORE[field] for field in DEFAULTS}
    )


@pytest.mark.parametrize("name", WAYS)
def test_all_fields_are_written_together(owner: Person, name: str) -> None:
    fields = {
        "title": "all",
        "description": "words",
        "completed": True,
        "due": TODAY,
        "priority": "high",
        "tags": ["a"],
    }
    todo = write(owner, WAYS[name], fields)
    assert {field: todo[field] for field in fields} == fields


@pytest.mark.parametrize("name", ["PUT", "PATCH", "PATCH of many", "batch"])
def test_a_change_of_fields_keeps_everything_else(owner: Person, name: str) -> None:
    other = owner.create(**BEFORE | {"title": "another"})
    todo = owner.create(**BEFORE, description="words")
    changes = {"due": None, "priority": "high", "tags": ["older", "new"]}
    kept = {"title": "before", "description": "words"} if WAYS[name].replaces else {}
    now = expect_written(owner, todo["id"], WAYS[name].ask(owner, todo["id"], changes | kept))
    assert now["version"] > todo["version"]
    assert now == todo | changes | {field: now[field] for field in ("version", "updated_at")}
    assert live_of(owner) == [now, other]


@pytest.mark.parametrize("name", WAYS)
def test_fields_are_written_by_their_owner_only(
    anonymous: httpx.Client, stranger: Person, owner: Person, name: str
) -> None:
    todo = owner.create(**BEFORE)
    way = WAYS[name]
    expect_unauthorized(way.ask(anonymous, todo["id"], {"tags": ["theirs"]}), "There is no token")
    answer = way.ask(stranger, todo["id"], {"tags": ["theirs"]})
    if name == "PATCH":
        expect_not_found(answer)
    elif name == "PATCH of many":
        assert (answer.status_code, answer.json()) == (200, {"changed": 0})
    else:
        assert answer.is_success
    assert live_of(owner) == [todo]


# Values that are refused

NO_DUE: list[Any] = [
    *("", " ", "null", "today", "2026", "2026-11", "20261124", "2026-W48-2", "2026-328", "26-11-24", "2026-1-4"),
    *("2026-02-30", "2027-02-29", "1900-02-29", "2026-13-01", "2026-00-10", "2026-01-00", "2026-04-31", "0000-01-01"),
    *("12026-11-24", "+2026-11-24", "-2026-11-24", "+02026-11-24", "2026/11/24", "24.11.2026", "2026-11-24T"),
    *(f"{TODAY}T{time}" for time in ("24:00", "23:60", "09", "9:00", "0900", "09:0", "-9:00", " 9:00", "+9:00")),
    *(f"{TODAY}T09:00{rest}" for rest in (":00", ":30.5", "Z", "z", "+01:00", "-05", "[UTC]", "\n", " ", "\0")),
    *(f"{TODAY} 09:00", f"{TODAY}t09:00", f"{TODAY}_09:00", f" {TODAY}", f"{TODAY} ", f"{TODAY}\n", f"\n{TODAY}"),
    *(f"{TODAY}\0", f"{TODAY}\u2028", f"{TODAY}\r", f"\ufeff{TODAY}", f"{TODAY}\ud800", f"{TODAY}Z", f"{TODAY}{TODAY}"),
    *("\uff12\uff10\uff12\uff16-11-24", "\u0662\u0660\u0662\u0666-\u0661\u0661-\u0662\u0664", "2026-11-2\u0664"),
    *("2026\u201011\u201024", f"{TODAY}T0\u0669:00", f"{TODAY}T09\uff1a00", "2026-11-2\u00b2"),
]
Refused = tuple[Any, list[Any], str]
"""A value, the place of its error below the field, and the type of the error."""


def each(values: Iterable[Any], kind: str, *place: Any) -> list[Refused]:
    """Return values with the same error."""
    return [(value, list(place), kind) for value in values]


INVALID: dict[str, list[Refused]] = {
    "due": [
        *each(NO_DUE, "due_invalid"),
        *each([20261124, 1_764_000_000, 1.5, True, False, 0, [], {}, [TODAY]], "string_type"),
    ],
    "priority": [
        *each(["urgent", "", "None", "HIGH", " high", "high\n", "0", "3", "high\0"], "enum"),
        *each([3, 0, 1.0, True, False, None, [], {}, ["high"]], "enum"),
        *each(["\ud800", "high\udfff"], "string_unicode"),
    ],
    "tags": [
        *each([None, "home", "", 1, True, {}, {"home": True}], "list_type"),
        *each([[None], [1], [True], [["home"]], [{}], [{"name": "home"}]], "string_type", 0),
        *each([["a", ""], ["a", " "], ["a", "\t\n\u3000"]], "string_too_short", 1),
        *each([["a", "x" * 51], ["a", FACE * 51], ["a", "x" * 10_000]], "string_too_long", 1),
        *each([[f"{number}" for number in range(21)]], "too_long"),
        *each([["a", "b\0"], ["a", "\0"], ["a", "\0a"]], "string_nul", 1),
        *each([["a", "\ud800"], ["a", "b\udfff"], ["a", "\udc00\ud800"]], "string_unicode", 1),
        *each([["a", "b", "a"], ["a", " a "], ["a", "a\u3000"], [FACE, FACE]], "tag_repeated"),
    ],
}


@pytest.mark.parametrize(
    ("field", "value", "place", "kind"),
    [
        pytest.param(field, *case, id=f"{field} {ascii(case[0])[:40]}")
        for field, cases in INVALID.items()
        for case in cases
    ],
)
def test_an_invalid_field_is_refused_and_nothing_is_written(
    owner: Person, field: str, value: Any, place: list[Any], kind: str
) -> None:
    for name, way in WAYS.items():
        todo_id = id_for(owner, way)
        before = everything_of(owner.http)
        answer = way.ask(owner, todo_id, {field: value})
        assert errors_of(answer) == [([field, *place], kind)], name
        assert everything_of(owner.http) == before, name


@pytest.mark.parametrize("field", ["priority", "tags"])
def test_a_faulty_field_is_not_repeated_in_the_answer(owner: Person, field: str) -> None:
    mark = "ZmarkZ" * 20
    for name, way in WAYS.items():
        answer = way.ask(owner, id_for(owner, way), {field: mark if field == "priority" else [mark], "due": mark})
        assert len(errors_of(answer)) == 2, name
        assert "Zmark" not in answer.text + str(answer.headers), name


# The columns


def test_a_date_sorts_before_the_times_of_its_day(owner: Person, database: Database) -> None:
    dues = ["2026-11-23T23:59", "2026-11-24", "2026-11-24T00:00", "2026-11-24T09:00", "2026-11-24T23:59", "2026-11-25"]
    for due in (*dues[::2], None, *dues[1::2]):
        owner.create("x", due=due)
    rows = database.execute("SELECT due FROM todo WHERE user_id = %s ORDER BY due", (owner.id,))
    assert [due for (due,) in rows] == [*dues, None]
    (row,) = database.execute("SELECT DISTINCT pg_collation_for(due) FROM todo WHERE user_id = %s", (owner.id,))
    assert row == ('"C"',)


@pytest.mark.parametrize("priority", [-1, 4])
def test_the_database_refuses_a_priority_that_has_no_name(owner: Person, database: Database, priority: int) -> None:
    owner.create()
    with pytest.raises(psycopg2.errors.CheckViolation):
        database.execute("UPDATE todo SET priority = %s WHERE user_id = %s", (priority, owner.id))


@pytest.mark.parametrize("field", ["priority", "tags", "position"])
def test_the_database_refuses_null_where_it_is_not_allowed(owner: Person, database: Database, field: str) -> None:
    owner.create()
    with pytest.raises(psycopg2.errors.NotNullViolation):
        database.execute(f"UPDATE todo SET {field} = NULL WHERE user_id = %s", (owner.id,))


# Completed

FIELDS = ("title", "description", "due", "priority", "tags")
Complete = Callable[[Person, Database, Todo, bool], object]


def complete_by_sql(me: Person, database: Database, todo: Todo, completed: bool) -> None:
    """Set only `completed`, as somebody does in psql."""
    database.execute("UPDATE todo SET completed = %s WHERE user_id = %s AND id = %s", (completed, me.id, todo["id"]))


def content(todo: Todo, *, completed: bool) -> Todo:
    """Return the fields of a todo that a PUT sends."""
    return {name: todo[name] for name in FIELDS} | {"completed": completed}


COMPLETING: dict[str, Complete] = {
    "PUT": lambda me, _, todo, completed: WAYS["PUT"].ask(me, todo["id"], content(todo, completed=completed)),
    "PATCH": lambda me, _, todo, completed: WAYS["PATCH"].ask(me, todo["id"], {"completed": completed}),
    "PATCH of many": lambda me, _, todo, completed: WAYS["PATCH of many"].ask(me, todo["id"], {"completed": completed}),
    "batch": lambda me, _, todo, completed: put_item(me, todo["id"], content(todo, completed=completed)),
    "SQL": complete_by_sql,
    "toggle": lambda me, _, todo, __: me.http.post(f"{path_of(todo)}/toggle"),
}


def is_recent(moment: str) -> bool:
    """Return whether a time is now, more or less."""
    return abs(datetime.fromisoformat(moment) - datetime.now(UTC)) < timedelta(minutes=1)


@pytest.mark.parametrize("name", COMPLETING)
def test_completing_sets_completed_at_and_reopening_clears_it(owner: Person, database: Database, name: str) -> None:
    todo = owner.create(**BEFORE, description="words")
    assert todo["completed_at"] is None
    COMPLETING[name](owner, database, todo, True)
    done = owner.find(todo["id"])
    assert is_recent(done["completed_at"])
    assert done["completed_at"] > todo["created_at"]
    assert name == "SQL" or done["completed_at"] == done["updated_at"]
    changing = ("version", "updated_at", "completed_at")
    assert done == todo | {"completed": True} | {field: done[field] for field in changing}
    for again, complete in COMPLETING.items():
        if again != "toggle":
            complete(owner, database, todo, True)
            assert owner.find(todo["id"])["completed_at"] == done["completed_at"], again
    COMPLETING[name](owner, database, todo, False)
    opened = owner.find(todo["id"])
    assert opened == todo | {field: opened[field] for field in ("version", "updated_at")}
    COMPLETING[name](owner, database, todo, True)
    assert owner.find(todo["id"])["completed_at"] > done["completed_at"]


@pytest.mark.parametrize("name", CREATING)
def test_a_todo_that_is_made_completed_was_completed_then(owner: Person, name: str) -> None:
    todo = write(owner, WAYS[name], {"completed": True})
    assert (todo["completed"], todo["completed_at"]) == (True, todo["created_at"])
    assert is_recent(todo["completed_at"])
    assert write(owner, WAYS[name], {"completed": False})["completed_at"] is None


def test_a_row_that_is_inserted_completed_was_completed_then(owner: Person, database: Database) -> None:
    database.execute("INSERT INTO todo (user_id, title, completed) VALUES (%s, 'x', true)", (owner.id,))
    (todo,) = live_of(owner)
    assert is_recent(todo["completed_at"])


@pytest.mark.parametrize("exists", [False, True], ids=["new", "there"])
def test_a_batch_may_say_when_a_todo_was_completed(owner: Person, exists: bool) -> None:
    moment = "2020-02-29T12:00:00.5Z"
    todo_id = owner.create()["id"] if exists else str(uuid4())
    fields = {"completed": True, "completed_at": moment}
    todo = expect_written(owner, todo_id, put_item(owner, todo_id, fields))
    assert datetime.fromisoformat(todo["completed_at"]) == datetime.fromisoformat(moment)
    again = expect_written(owner, todo_id, put_item(owner, todo_id, {"completed": True, "title": "y"}))
    assert again["completed_at"] == todo["completed_at"]
    opened = expect_written(owner, todo_id, put_item(owner, todo_id, fields | {"completed": False}))
    assert (opened["completed"], opened["completed_at"]) == (False, None)


@pytest.mark.parametrize("name", [name for name in WAYS if not name.startswith("batch")])
@pytest.mark.parametrize("field", ["completed_at", "position", "created_at"])
def test_a_field_of_the_server_is_refused_outside_of_a_batch(owner: Person, name: str, field: str) -> None:
    todo_id = id_for(owner, WAYS[name])
    before = everything_of(owner.http)
    value = "5" if field == "position" else "2026-11-24T09:00:00Z"
    assert errors_of(WAYS[name].ask(owner, todo_id, {"completed": True, field: value})) == [
        ([field], "extra_forbidden")
    ]
    assert everything_of(owner.http) == before


# Repeats: a key, If-Match, a batch

OTHERS: dict[str, Todo] = {
    "another due": {"due": "2026-11-25"},
    "a due with a time": {"due": f"{TODAY}T00:00"},
    "no due": {"due": None},
    "another priority": {"priority": "medium"},
    "no priority": {"priority": "none"},
    "another tag": {"tags": ["b", "c"]},
    "a tag less": {"tags": ["b"]},
    "a tag more": {"tags": ["b", "a", "c"]},
    "no tags": {"tags": []},
    "another order of tags": {"tags": ["a", "b"]},
    "another case of a tag": {"tags": ["B", "a"]},
    "another form of a letter": {"tags": ["b", "\uff41"]},
}


@pytest.mark.parametrize("fields", OTHERS.values(), ids=OTHERS)
def test_a_key_with_other_fields_is_422_and_changes_nothing(owner: Person, fields: Todo) -> None:
    key, ask = str(uuid4()), WAYS["POST with a key"].ask
    todo = expect_written(owner, key, ask(owner, key, ASKED))
    before = etags(owner)
    answer = ask(owner, key, ASKED | fields)
    expect_problem(answer, 422, "Unprocessable Content", "/problems/idempotency-key-reused")
    assert live_of(owner) == [todo]
    assert etags(owner) == before
    again = ask(owner, key, ASKED | {"tags": [" b", "a\t"]})
    assert (again.status_code, again.json(), again.headers["etag"]) == (200, todo, etag(todo))


@pytest.mark.parametrize("field", ASKED)
def test_a_key_without_a_field_that_was_sent_is_422(owner: Person, field: str) -> None:
    key, ask = str(uuid4()), WAYS["POST with a key"].ask
    todo = expect_written(owner, key, ask(owner, key, ASKED))
    answer = ask(owner, key, {name: value for name, value in ASKED.items() if name != field})
    expect_problem(answer, 422, "Unprocessable Content", "/problems/idempotency-key-reused")
    assert live_of(owner) == [todo]


@pytest.mark.parametrize("field", DEFAULTS)
def test_a_repeat_may_send_a_default_that_the_first_did_not(owner: Person, field: str) -> None:
    key, ask = str(uuid4()), WAYS["POST with a key"].ask
    todo = expect_written(owner, key, ask(owner, key, {}))
    answer = ask(owner, key, {field: DEFAULTS[field]})
    assert (answer.status_code, answer.json()) == (200, todo)


@pytest.mark.parametrize("fields", OTHERS.values(), ids=OTHERS)
@pytest.mark.parametrize("verb", ["PUT", "PATCH"])
def test_a_repeat_with_if_match_is_as_asked_or_412(owner: Person, verb: str, fields: Todo) -> None:
    todo = owner.create(**BEFORE)
    path, match = path_of(todo), etag(todo)
    body = {"title": "before", **ASKED}
    first = send(owner, verb, path, body, If_Match=match)
    now = expect_written(owner, todo["id"], first)
    assert now["version"] > todo["version"]
    again = send(owner, verb, path, body | {"tags": ["b ", " a"]}, If_Match=match)
    assert (again.status_code, again.json(), again.headers["etag"]) == (200, now, etag(now))
    expect_mismatch(send(owner, verb, path, body | fields, If_Match=match), now)
    assert owner.find(todo["id"]) == now


@pytest.mark.parametrize("name", ["PUT", "batch"])
def test_a_put_of_what_is_there_changes_nothing(owner: Person, name: str) -> None:
    todo = owner.create(**BEFORE)
    before = etags(owner)
    same = BEFORE | {"tags": [" old", "older "]}
    assert expect_written(owner, todo["id"], WAYS[name].ask(owner, todo["id"], same)) == todo
    assert etags(owner) == before


@pytest.mark.parametrize("fields", OTHERS.values(), ids=OTHERS)
def test_a_batch_on_an_older_version_is_as_asked_or_412(owner: Person, fields: Todo) -> None:
    todo = owner.create(**BEFORE)
    now = expect_written(owner, todo["id"], put_item(owner, todo["id"], ASKED))
    for base in (0, todo["version"]):
        (result,) = put_item(owner, todo["id"], ASKED | {"base": base}).json()["results"]
        assert result == {"id": todo["id"], "status": 200, "version": now["version"]}
        (result,) = put_item(owner, todo["id"], ASKED | fields | {"base": base}).json()["results"]
        assert result == {"id": todo["id"], "status": 412, "version": now["version"], "current": now}
    assert live_of(owner) == [now]


# The trash


def test_the_trash_keeps_the_fields_and_the_position(owner: Person) -> None:
    below, todo, above = owner.create("below"), owner.create(**BEFORE), owner.create("above")
    trashed = owner.trash(todo)
    changing = ("version", "updated_at", "deleted_at")
    assert trashed == todo | {field: trashed[field] for field in changing}
    assert trash_of(owner) == [trashed]
    assert todos_of(Replica(owner.http).walk())[-1] == trashed
    answer = owner.http.post(f"/api/trash/{todo['id']}/restore")
    assert answer.status_code == 200
    restored = answer.json()
    assert answer.headers["etag"] == etag(restored)
    assert restored == todo | {field: restored[field] for field in changing[:2]}
    assert live_of(owner) == [above, restored, below]


PURGES: dict[str, Callable[[Person, Database, Todo], object]] = {
    "DELETE of one": lambda me, _, todo: me.http.delete(f"/api/trash/{todo['id']}"),
    "DELETE of all": lambda me, *_: me.http.delete("/api/trash"),
    "SQL": lambda me, database, todo: database.execute(
        "DELETE FROM todo WHERE user_id = %s AND id = %s", (me.id, todo["id"])
    ),
}


def row(me: Person, database: Database, todo: Todo) -> list[tuple[Any, ...]]:
    """Return what the table has of the content of a todo."""
    return database.execute(
        "SELECT title, description, completed, completed_at, due, priority, tags, purged_at IS NULL"
        " FROM todo WHERE user_id = %s AND id = %s",
        (me.id, todo["id"]),
    )


@pytest.mark.parametrize("name", PURGES)
def test_a_purge_erases_the_fields_at_once(owner: Person, database: Database, name: str) -> None:
    todo = owner.create(**BEFORE | {"completed": True, "description": "words"})
    owner.trash(todo)
    ((*_, due, priority, stored, is_there),) = row(owner, database, todo)
    assert (due, priority, stored, is_there) == (BEFORE["due"], 1, BEFORE["tags"], True)
    PURGES[name](owner, database, todo)
    assert row(owner, database, todo) == [("", None, False, None, None, 0, [], False)]
    assert trash_of(owner) == []


@pytest.mark.parametrize("name", ["PUT of a new one", "batch, new"])
def test_a_todo_that_is_made_anew_has_no_field_of_the_old_one(owner: Person, name: str) -> None:
    todo, above = owner.create(**BEFORE | {"completed": True}), owner.create("above")
    owner.purge(todo)
    new = expect_written(owner, todo["id"], WAYS[name].ask(owner, todo["id"], {}))
    assert {field: new[field] for field in DEFAULTS} == DEFAULTS
    assert new["completed_at"] is None
    assert live_of(owner) == [new, above], "it is a new todo, so it is at the top"


# The position


def position(todo: Todo) -> Decimal:
    """Return the position of a todo, which is a decimal of at most 60 characters."""
    text = todo["position"]
    assert isinstance(text, str)
    assert re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", text), text
    assert len(text) <= 60
    return Decimal(text)


def put_at(me: Person, text: Any, **fields: Any) -> Todo:
    """Import a todo at a position, and return it."""
    todo_id = fields.pop("id", None) or str(uuid4())
    return expect_written(me, todo_id, put_item(me, todo_id, {"position": text, **fields}))


def clock(database: Database) -> Decimal:
    """Return the seconds since 1970 of the database's clock."""
    ((seconds,),) = database.execute("SELECT extract(epoch FROM clock_timestamp())")
    return Decimal(seconds)


FAR = "9999999999999"


def move_to_the_top(me: Person) -> None:
    """Create todos, and move the first of them to the top."""
    first, *_ = (me.create(f"todo {number}") for number in range(3))
    assert send(me, "POST", f"{path_of(first)}/move", {"after": None}).status_code == 200


BEFORE_A_NEW_ONE: dict[str, Callable[[Person], object]] = {
    "no todo": lambda _: None,
    "todos": lambda me: [me.create(f"todo {number}") for number in range(3)],
    "a move to the top": move_to_the_top,
    "an import of the far future": lambda me: (me.create(), put_at(me, FAR)),
    "an import above that": lambda me: put_at(me, "9999999999999.99999"),
    "an import of a todo in the trash": lambda me: me.trash(put_at(me, FAR)),
    "a position below zero": lambda me: put_at(me, "-99.5"),
    "a stranger's": lambda me: me.create(),
}


@pytest.mark.parametrize("before", BEFORE_A_NEW_ONE)
@pytest.mark.parametrize("name", CREATING)
def test_a_new_todo_is_at_the_top(owner: Person, stranger: Person, name: str, before: str) -> None:
    put_at(stranger, "8" * 40)
    BEFORE_A_NEW_ONE[before](owner)
    todos = live_of(owner)
    write(owner, WAYS[name], {})
    new, *rest = live_of(owner)
    assert rest == todos
    assert all(position(new) > position(todo) for todo in todos)
    assert position(new) < Decimal("1e20"), "the todos of another user do not count"


def test_the_first_position_is_the_time_of_the_database(owner: Person, database: Database) -> None:
    before = clock(database)
    assert before - 1 <= position(owner.create()) <= clock(database)


def test_a_new_position_is_the_largest_plus_one_without_decimals(owner: Person) -> None:
    put_at(owner, "9999999999999.75")
    assert owner.create()["position"] == "10000000000000"
    assert [owner.create()["position"] for _ in range(2)] == ["10000000000001", "10000000000002"]


def test_a_new_todo_above_the_largest_position_is_no_error(owner: Person) -> None:
    largest = put_at(owner, "9" * 40 + ".9999999")
    for name in CREATING:
        assert position(write(owner, WAYS[name], {})) > 0
    todos = live_of(owner)
    assert len(todos) == 5
    assert [position(todo) for todo in todos] == sorted((position(todo) for todo in todos), reverse=True)
    assert largest["id"] in {todo["id"] for todo in todos}


@pytest.mark.parametrize("far", [False, True], ids=["now", "after an import of the far future"])
def test_todos_created_at_the_same_time_have_positions_in_order(
    new_database: Callable[..., Database], issuer: Issuer, far: bool
) -> None:
    """Two processes, because one process runs the writes of a user one after the other."""
    with running_project(new_database, issuer, 2) as project, ExitStack() as stack:
        clients = [stack.enter_context(project.client(number)) for number in range(2)]

        def create(number: int) -> httpx.Response:
            http = clients[number % 2]
            if number % 3:
                return http.post("/api/todos", json={"title": "x"})
            return http.post("/api/batch", json={"put": [{"id": str(uuid4()), "title": "x"}]})

        if far:
            item = {"id": str(uuid4()), "title": "x", "position": FAR}
            assert clients[0].post("/api/batch", json={"put": [item]}).status_code == 200
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(create, range(60)))
        assert {answer.status_code for answer in answers} <= {200, 201}
        todos = list(everything_of(clients[0]).values())
        assert len(todos) == 60 + far
        if far:
            assert [todo["position"] for todo in todos if position(todo) <= Decimal(FAR)] == [FAR]
            return
        assert len({position(todo) for todo in todos}) == 60
        by_position, by_version = (
            sorted(todos, key=lambda todo: todo[name] if name == "version" else position(todo))
            for name in ("position", "version")
        )
        assert by_position == by_version


def batch(me: Person, *items: Todo) -> list[int]:
    """Send puts, and return their statuses."""
    answer = send(me, "POST", "/api/batch", {"put": [{"title": "x", **item} for item in items]})
    assert answer.status_code == 200
    return [result["status"] for result in answer.json()["results"]]


@pytest.mark.parametrize("far", [False, True], ids=["now", "after an import of the far future"])
def test_puts_of_a_batch_go_to_the_top_in_the_order_sent(owner: Person, far: bool) -> None:
    there = put_at(owner, FAR) if far else owner.create()
    ids = [str(uuid4()) for _ in range(50)]
    assert batch(owner, *({"id": one} for one in ids)) == [201] * 50
    todos = live_of(owner)
    assert [todo["id"] for todo in todos] == [*ids[::-1], there["id"]]
    assert len({position(todo) for todo in todos}) == 51
    again = batch(owner, *({"id": one} for one in ids))
    assert again == [200] * 50
    assert live_of(owner) == todos


def test_a_batch_may_mix_all_kinds_of_positions(owner: Person) -> None:
    there, replaced = owner.create("there"), owner.create("replaced")
    trashed = owner.trash(owner.create("trashed"))
    first, second, old, low, high = (str(uuid4()) for _ in range(5))
    items = [
        {"id": first},
        {"id": old, "created_at": "2020-01-01T00:00:00Z"},
        {"id": replaced["id"], "title": "y"},
        {"id": high, "position": FAR},
        {"id": trashed["id"], "title": "z"},
        {"id": low, "position": "-1.5"},
        {"id": second},
    ]
    assert batch(owner, *items) == [201, 201, 200, 201, 200, 201, 201]
    todos = {todo["id"]: todo for todo in live_of(owner)}
    assert todos[there["id"]] == there
    for kept in (replaced, trashed):
        assert todos[kept["id"]]["position"] == kept["position"]
    assert (todos[high]["position"], todos[low]["position"]) == (FAR, "-1.5")
    order = [one for one in todos if one not in (high, low)]
    assert order == [second, first, trashed["id"], replaced["id"], there["id"], old]
    assert batch(owner, *items) == [200] * 7
    assert {todo["id"]: todo for todo in live_of(owner)} == todos


NUMBERS = [
    *("0", "5", "-1.5", "1764000000.123456", FAR, "0.5", "-0.25", "0.0000001", "-0.00000000000000000001", "100"),
    *("1" * 40, "-" + "1" * 40, "0." + "3" * 58, "-0." + "3" * 57, "1" * 40 + "." + "7" * 19, "1" + "0" * 39),
]
EQUAL = ["-0", "007", "-007.50", "5.0", "5.000", "0.0", "0." + "0" * 58, "00000.5", "0" * 40, "1" * 30 + "." + "0" * 29]


@pytest.mark.parametrize("text", [*NUMBERS, *EQUAL], ids=lambda text: f"{text[:24]} {len(text)}")
@pytest.mark.parametrize("exists", [False, True], ids=["new", "there"])
def test_a_batch_sets_a_position(owner: Person, database: Database, exists: bool, text: str) -> None:
    todo_id = owner.create("x", **ASKED)["id"] if exists else str(uuid4())
    todo = put_at(owner, text, id=todo_id, **ASKED)
    assert position(todo) == Decimal(text)
    assert text in EQUAL or todo["position"] == text
    ((stored,),) = database.execute("SELECT position FROM todo WHERE id = %s AND user_id = %s", (todo_id, owner.id))
    assert stored == Decimal(text)
    assert {name: todo[name] for name in ASKED} == ASKED
    assert put_at(owner, text, id=todo_id, **ASKED) == todo, "the same batch again does nothing"
    assert live_of(owner) == [todo]


NO_POSITIONS: list[Any] = [
    *(5, 5.5, 0, -1, True, False, [], {}, ["5"], 1_764_000_000),
    *("", " ", "1e3", "1E3", "1e-3", ".5", "5.", ".", "-", "--5", "+5", "-.5", "5-", "1_000", "1,5", "1.5.5", "0x10"),
    *("NaN", "nan", "Infinity", "-Infinity", "inf", "null", "five", "5%", "1/2", " 5", "5 ", "5\n", "\n5", "5\0"),
    *("\u0663", "\uff15", "5\u00b2", "\u00bd", "\u22125", "1\u066b5", "5\ud800"),
    *("1" * 61, "-" + "1" * 60, "0." + "3" * 59),
    *("1" * 41, "-" + "1" * 41, "1" * 41 + ".5", "1" * 10_000, "0" * 61),
]


@pytest.mark.parametrize("value", NO_POSITIONS, ids=lambda value: ascii(value)[:24])
@pytest.mark.parametrize("exists", [False, True], ids=["new", "there"])
def test_a_position_that_is_no_decimal_is_the_items_fault(owner: Person, exists: bool, value: Any) -> None:
    todo_id = owner.create("there")["id"] if exists else str(uuid4())
    before, good = everything_of(owner.http), str(uuid4())
    body = {"put": [{"id": todo_id, "title": "x", "position": value}, {"id": good, "title": "good"}]}
    answer = send(owner, "POST", "/api/batch", body)
    assert answer.status_code == 200, answer.text
    faulty, done = answer.json()["results"]
    assert (faulty["id"], faulty["status"]) == (todo_id, 422)
    kind = "string_type" if not isinstance(value, str) else "position_invalid"
    assert [(error["loc"], error["type"]) for error in faulty["errors"]] == [(["position"], kind)]
    assert done["status"] == 201
    after = everything_of(owner.http)
    assert {one: after[one] for one in after if one != good} == before


@pytest.mark.parametrize(
    ("created_at", "seconds"),
    [
        ("2020-01-01T00:00:00Z", "1577836800"),
        ("2020-01-01T02:00:00+02:00", "1577836800"),
        ("2020-01-01T00:00:00.123456Z", "1577836800.123456"),
        ("1970-01-01T00:00:00Z", "0"),
        ("1969-12-31T23:59:59.5Z", "-0.5"),
        ("0001-01-02T00:00:00Z", "-62135510400"),
        ("9999-12-30T23:59:59.999999Z", "253402214399.999999"),
    ],
)
def test_an_import_with_its_time_only_is_sorted_by_that(owner: Person, created_at: str, seconds: str) -> None:
    todo_id = str(uuid4())
    todo = expect_written(owner, todo_id, put_item(owner, todo_id, {"created_at": created_at}))
    assert position(todo) == Decimal(seconds)
    kept = expect_written(owner, todo_id, put_item(owner, todo_id, {"created_at": "2021-01-01T00:00:00Z"}))
    assert kept["position"] == todo["position"], "a put that replaces keeps it"
    other = put_at(owner, "7", created_at=created_at)
    assert other["position"] == "7", "a position that is sent is the one"


@pytest.mark.parametrize("name", ["PUT", "PATCH", "PATCH of many", "batch"])
def test_a_change_keeps_the_position_also_of_a_todo_below_others(owner: Person, name: str) -> None:
    todo, above = put_at(owner, "12.50"), owner.create()
    now = expect_written(owner, todo["id"], WAYS[name].ask(owner, todo["id"], {"title": "changed"}))
    assert (now["title"], now["position"]) == ("changed", todo["position"])
    assert live_of(owner) == [above, now]


@pytest.mark.parametrize("name", ["PUT", "batch"])
def test_a_put_on_the_trash_keeps_the_position(owner: Person, name: str) -> None:
    todo, above = put_at(owner, "12.5"), owner.create()
    owner.trash(todo)
    now = expect_written(owner, todo["id"], WAYS[name].ask(owner, todo["id"], {"title": "back"}))
    assert (now["position"], now["deleted_at"]) == ("12.5", None)
    assert live_of(owner) == [above, now]


def test_a_put_with_another_position_changes_only_that(owner: Person) -> None:
    todo, above = put_at(owner, "5", **ASKED), owner.create()
    now = put_at(owner, FAR, id=todo["id"], **ASKED)
    assert now["version"] > above["version"]
    assert now == todo | {"position": FAR, "version": now["version"], "updated_at": now["updated_at"]}
    assert live_of(owner) == [now, above]
    (result,) = put_item(owner, todo["id"], ASKED | {"position": "6", "base": todo["version"]}).json()["results"]
    assert result == {"id": todo["id"], "status": 412, "version": now["version"], "current": now}
    (result,) = put_item(owner, todo["id"], ASKED | {"position": FAR, "base": todo["version"]}).json()["results"]
    assert result == {"id": todo["id"], "status": 200, "version": now["version"]}


@pytest.mark.parametrize("text", ["0.0000001", "0.00000000000", "-0.5", "1" + "0" * 39, "0." + "3" * 58])
def test_a_position_is_a_decimal_in_every_answer(owner: Person, text: str) -> None:
    todo = put_at(owner, text)
    path, stale = path_of(todo), {"If-Match": 'W/"1"'}
    item = {"id": todo["id"], "title": "y", "base": 1}
    answers = [
        owner.http.get(path).json(),
        owner.http.get("/api/todos").json()[0],
        owner.http.get("/api/changes").json()["todos"][0],
        owner.http.patch(path, json={"title": "y"}, headers=stale).json()["current"],
        owner.http.patch(path, json={"title": "z"}).json(),
        owner.http.post(f"{path}/toggle").json(),
        owner.http.put(path, json={"title": "x"}).json(),
        owner.http.post("/api/batch", json={"put": [item]}).json()["results"][0]["current"],
        owner.trash(todo),
        owner.http.get("/api/changes").json()["todos"][0],
        owner.http.post(f"/api/trash/{todo['id']}/restore").json(),
    ]
    assert {position(one) for one in answers} == {Decimal(text)}
    assert {one["position"] for one in answers} == {todo["position"]}


def test_an_export_is_imported_with_all_fields_in_the_same_order(owner: Person, stranger: Person) -> None:
    for number in range(30):
        owner.create(f"todo {number}", due=TODAY if number % 3 else None, priority=PRIORITIES[number % 4])
    for number, todo in enumerate(live_of(owner)[::4]):
        after = live_of(owner)[number * 2]["id"]
        assert send(owner, "POST", f"{path_of(todo)}/move", {"after": after}).status_code == 200
        assert send(owner, "PATCH", path_of(todo), {"tags": [f"{number}", "moved"]}).status_code == 200
    sent = ("id", *FIELDS, "completed", "completed_at", "created_at", "position")
    exported = live_of(owner)
    items = [{name: todo[name] for name in sent} for todo in exported]
    for status in (201, 200):
        assert batch(stranger, *items[::-1]) == [status] * 30
    imported = live_of(stranger)
    assert [{name: todo[name] for name in sent} for todo in imported] == items
