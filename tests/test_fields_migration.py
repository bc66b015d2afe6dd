"""Test the migration 0003: todos that exist get the new fields, and the release before still works."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.conftest import Database, Person
from tests.issuer import Issuer
from tests.live import running, wait_until_ready
from tests.replica import Replica, everything_of
from tests.test_migrations import OLD_TABLE, alembic, versions
from tests.todos import live_of, walk

DEFAULTS: dict[str, Any] = {"due": None, "priority": "none", "tags": []}
FIELDS: dict[str, Any] = {"due": "2026-11-24", "priority": "high", "tags": ["b", "a"]}
COLUMNS = "id::text, title, description, completed, completed_at, created_at, updated_at, deleted_at, purged_at"
USERS = ("somebody", "another")
# The times are not in the order of the versions, and are far from today, too.
TIMES = [
    *("2026-03-01T12:00:00Z", "2026-01-01T00:00:00.000001Z", "2026-01-01T00:00:00.000002Z", "2026-01-01T00:00:00Z"),
    *("0001-01-02T00:00:00Z", "1969-12-31T23:59:59.5Z", "9999-12-30T00:00:00Z", "2025-12-31T23:59:59.999999Z"),
]


def add_todos(database: Database) -> None:
    """Insert todos as 0002 has them: live, completed, in the trash, and gone for good."""
    for user_id in USERS:
        database.add_user(user_id)
        for number, time in enumerate(TIMES * 4):
            completed, deleted_at = number % 3 == 0, time if number % 5 == 0 else None
            database.execute(
                "INSERT INTO todo (user_id, title, description, completed, created_at, updated_at, deleted_at)"
                " VALUES (%s, %s, 'words', %s, %s, %s, %s)",
                (user_id, f"todo {number}", completed, time, time if number % 2 else None, deleted_at),
            )
        database.execute("DELETE FROM todo WHERE user_id = %s AND title = 'todo 7'", (user_id,))


@pytest.fixture
def before(new_database: Callable[..., Database]) -> Database:
    """Create a database with the schema of 0002 and todos."""
    database = new_database()
    alembic(database, "upgrade 0002")
    add_todos(database)
    return database


def stored(database: Database) -> list[tuple[Any, ...]]:
    """Return what 0002 has of all todos, without their versions."""
    return database.execute(f"SELECT user_id, {COLUMNS} FROM todo ORDER BY user_id, id")


def versions_of(database: Database, user_id: str) -> dict[str, int]:
    """Return the versions of a user's todos, in their order."""
    query = "SELECT id::text, version FROM todo WHERE user_id = %s AND purged_at IS NULL ORDER BY version, id"
    return dict(database.execute(query, (user_id,)))


@contextmanager
def serving(database: Database, issuer: Issuer) -> Iterator[httpx.Client]:
    """Run the API, which brings the schema up to date, and yield a client of `somebody`."""
    with (
        running(DATABASE_URL=database.api_url, BETTER_AUTH_URL=issuer.origin) as api,
        api.client(issuer.token("somebody")) as http,
    ):
        wait_until_ready(api)
        yield http


def test_todos_that_exist_keep_their_order_as_positions(before: Database, issuer: Issuer) -> None:
    expected = before.execute(
        "SELECT to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US') FROM todo"
        " WHERE user_id = 'somebody' AND deleted_at IS NULL ORDER BY created_at DESC"
    )
    with serving(before, issuer) as http:
        todos = walk(http, "/api/todos?limit=3")
        times = [re.sub(r"(\.\d+)?Z$", "", one["created_at"]).replace("T", " ") for one in todos]
        assert times == [time[:19] for (time,) in expected]
        assert len({todo["id"] for todo in todos}) == len(todos) == 4 * len(TIMES) - 8
        assert all({name: todo[name] for name in DEFAULTS} == DEFAULTS for todo in todos)
        for todo in (*todos, *walk(http, "/api/trash")):
            assert re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", todo["position"])
        positions = [Decimal(todo["position"]) for todo in todos]
        assert positions == sorted(positions, reverse=True)
        by_time = {
            time: {position for at, position in zip(times, positions, strict=True) if at == time} for time in times
        }
        assert sum(len(one) for one in by_time.values()) >= len(set(TIMES)) - 1, "different times, different positions"
        new = http.post("/api/todos", json={"title": "new"}).json()
        assert walk(http, "/api/todos") == [new, *todos], "it is above those of the far future"


def test_the_migration_leaves_what_was_there_as_it_was(before: Database, issuer: Issuer) -> None:
    rows = stored(before)
    with serving(before, issuer) as http:
        assert stored(before) == rows
        replica = Replica(http)
        replica.walk(7)
        assert replica.todos == everything_of(http)
        assert len(replica.todos) == 4 * len(TIMES) - 1
    before.run("-m", "db")
    assert stored(before) == rows
    assert "No new upgrade operations detected" in alembic(before, "check")


@pytest.mark.parametrize("user_id", USERS)
def test_todos_get_new_versions_in_the_order_of_the_old_ones(before: Database, user_id: str) -> None:
    old = versions_of(before, user_id)
    alembic(before, "upgrade head")
    new = versions_of(before, user_id)
    assert len(set(new.values())) == len(new) == len(old)
    assert list(new) == list(old)
    assert min(new.values()) > max(old.values()), "no ETag of before may come back with other content"
    database_version = before.execute("SELECT last_value FROM todo_version_seq")
    assert database_version >= [(max(new.values()),)]


def test_todos_of_the_first_release_get_versions_that_differ(
    new_database: Callable[..., Database], issuer: Issuer
) -> None:
    database = new_database()
    database.execute(OLD_TABLE)
    for user_id in USERS:
        database.add_user(user_id)
        database.execute(
            "INSERT INTO todo (user_id, title, completed, created_at)"
            " SELECT %s, 'todo ' || n, n %% 2 = 0, timestamptz '2026-01-01' + n * interval '1 second'"
            " FROM generate_series(1, 100) n",
            (user_id,),
        )
    with serving(database, issuer) as http:
        todos = walk(http, "/api/todos?limit=7")
        assert [todo["title"] for todo in todos] == [f"todo {number}" for number in range(100, 0, -1)]
        assert len({todo["version"] for todo in todos}) == 100
        assert len(versions_of(database, "another")) == len(set(versions_of(database, "another").values())) == 100
        replica = Replica(http)
        replica.walk(3)
        assert replica.todos == {todo["id"]: todo for todo in todos}


def test_what_was_changed_last_is_still_first_by_version(new_database: Callable[..., Database], issuer: Issuer) -> None:
    """Todos that are older than 0002 all have version 1 there, also beside todos that were changed since."""
    database = new_database()
    database.execute(OLD_TABLE)
    database.add_user("somebody")
    database.execute(
        "INSERT INTO todo (user_id, title, created_at, updated_at) VALUES ('somebody', 'a', '2026-01-03', NULL),"
        " ('somebody', 'b', '2026-01-01', '2026-01-04'), ('somebody', 'c', '2026-01-02', NULL),"
        " ('somebody', 'd', '2026-01-01', NULL), ('somebody', 'e', '2026-01-01', NULL)"
    )
    alembic(database, "upgrade 0002")
    for title in "ec":
        database.execute("UPDATE todo SET completed = true, updated_at = now() WHERE title = %s", (title,))
    with serving(database, issuer) as http:
        assert [todo["title"] for todo in walk(http, "/api/todos?sort=updated&limit=2")] == [*"cebad"]


def test_a_list_is_not_304_for_an_etag_from_before_the_migration(before: Database, issuer: Issuer) -> None:
    rows = before.execute("SELECT version FROM todo WHERE user_id = 'somebody'")  # also that of the tombstone
    etags = [f'W/"{version}"' for (version,) in rows]
    with serving(before, issuer) as http:
        for path in ("/api/todos", "/api/trash"):
            answer = http.get(path, headers={"If-None-Match": ", ".join(etags)})
            assert answer.status_code == 200
            assert {"due", "priority", "tags", "position"} <= answer.json()[0].keys()
            assert answer.headers["etag"] not in etags
        todo = http.get("/api/todos").json()[0]
        answer = http.get(f"/api/todos/{todo['id']}", headers={"If-None-Match": ", ".join(etags)})
        assert (answer.status_code, answer.json()) == (200, todo)


# The release before serves while the next one starts. These are its statements.
OLD_CREATE = (
    "INSERT INTO todo (user_id, id, version, title, description, completed)"
    " VALUES (%(user)s, gen_random_uuid(), todo_next_version(%(user)s), 'by old code', NULL, {completed})"
    " ON CONFLICT (user_id, id) DO UPDATE SET id = todo.id"
)
OLD_BATCH = (
    "INSERT INTO todo (user_id, version, id, title, description, completed, created_at, completed_at, updated_at,"
    " deleted_at)"
    " SELECT %(user)s, todo_next_version(%(user)s), one, 'by old code', NULL, false, now(), NULL::timestamptz,"
    " NULL::timestamptz, NULL::timestamptz"
    " FROM unnest(ARRAY[{ids}]::uuid[]) one ON CONFLICT (user_id, id) DO UPDATE SET version = excluded.version,"
    " title = excluded.title, description = excluded.description, completed = excluded.completed,"
    " created_at = todo.created_at, completed_at = excluded.completed_at, updated_at = now(),"
    " deleted_at = excluded.deleted_at, purged_at = NULL"
)
OLD_CREATES = {
    "create": OLD_CREATE.format(completed="false"),
    "create, completed": OLD_CREATE.format(completed="true"),
    "batch": OLD_BATCH.format(ids=f"'{uuid4()}'"),
    "without a version": "INSERT INTO todo (user_id, title) VALUES (%(user)s, 'by old code')",
}


def run(database: Database, me: Person, statement: str) -> None:
    """Run a statement of the release before."""
    database.execute(statement.replace("%(user)s", f"'{me.id}'"))


@pytest.mark.parametrize("statement", OLD_CREATES.values(), ids=OLD_CREATES)
def test_a_todo_of_the_release_before_is_at_the_top(owner: Person, database: Database, statement: str) -> None:
    todos = [owner.create(f"todo {number}") for number in range(3)][::-1]
    run(database, owner, statement)
    run(database, owner, statement)
    live = live_of(owner)
    new = live[: -len(todos)]
    assert live[-len(todos) :] == todos, "the new ones are above"
    assert [todo["title"] for todo in new] == ["by old code"] * (1 if "unnest" in statement else 2)
    assert all({name: todo[name] for name in DEFAULTS} == DEFAULTS for todo in new)
    assert owner.create("newest") == live_of(owner)[0]


def test_a_batch_of_the_release_before_keeps_what_it_does_not_know(owner: Person, database: Database) -> None:
    todo, above = owner.create(**FIELDS), owner.create("above")
    new = uuid4()
    run(database, owner, OLD_BATCH.format(ids=f"'{todo['id']}', '{new}'"))
    top, second, now = live_of(owner)
    assert (top["id"], top["title"], second) == (str(new), "by old code", above)
    changing = ("version", "updated_at")
    assert now == todo | {"title": "by old code"} | {name: now[name] for name in changing}
    assert now["version"] > todo["version"]


OLD_CHANGES = {
    "patch": "UPDATE todo SET title = 'by old code', version = todo_next_version(%(user)s) WHERE user_id = %(user)s",
    "toggle": "UPDATE todo SET completed = NOT completed, version = todo_next_version(%(user)s)"
    " WHERE user_id = %(user)s",
    "trash": "UPDATE todo SET deleted_at = now(), version = todo_next_version(%(user)s) WHERE user_id = %(user)s",
}


@pytest.mark.parametrize("statement", OLD_CHANGES.values(), ids=OLD_CHANGES)
def test_a_change_by_the_release_before_keeps_the_new_fields(owner: Person, database: Database, statement: str) -> None:
    todo = owner.create(**FIELDS)
    run(database, owner, statement)
    now = owner.find(todo["id"])
    assert now["version"] > todo["version"]
    kept = ("position", *FIELDS)
    assert {name: now[name] for name in kept} == {name: todo[name] for name in kept}


def test_the_migration_is_undone_and_run_again_without_loss(before: Database, issuer: Issuer) -> None:
    rows = stored(before)
    alembic(before, "upgrade head", "downgrade 0002")
    assert stored(before) == rows
    assert versions(before) == [("0002",)]
    columns = {name for (name,) in before.execute("SELECT attname FROM pg_attribute WHERE attrelid = 'todo'::regclass")}
    assert not columns & {"due", "priority", "tags", "position"}
    before.execute("INSERT INTO todo (user_id, title) VALUES ('somebody', 'at 0002')")
    before.execute("UPDATE todo SET completed = true WHERE title = 'at 0002'")
    with serving(before, issuer) as http:
        assert len(walk(http, "/api/todos?limit=5")) == 4 * len(TIMES) - 8 + 1
        (todo,) = (one for one in walk(http, "/api/todos") if one["title"] == "at 0002")
        assert todo["completed_at"] is not None
        assert {name: todo[name] for name in DEFAULTS} == DEFAULTS
    assert "No new upgrade operations detected" in alembic(before, "check")


def test_a_downgrade_keeps_the_todos_that_have_new_fields(before: Database, issuer: Issuer) -> None:
    with serving(before, issuer) as http:
        todo = http.post("/api/todos", json={"title": "x", **FIELDS}).json()
    alembic(before, "downgrade 0002")
    assert before.execute("SELECT title FROM todo WHERE id = %s", (todo["id"],)) == [("x",)]


def test_a_token_from_before_the_migration_leads_to_all_todos(before: Database, issuer: Issuer) -> None:
    with serving(before, issuer) as http:
        replica = Replica(http)
        replica.walk(500)
        alembic(before, "downgrade 0002", "upgrade head")
        replica.walk(5)
        assert replica.todos == everything_of(http)
