"""Test that what has been in the trash for 30 days is deleted for good: `make sweep`, and at a start."""

import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import psycopg2
import pytest

from tests.conftest import Database, Person
from tests.expect import expect_not_found
from tests.issuer import Issuer
from tests.live import ROOT, running, wait_for, wait_until_ready
from tests.test_trash import MARK, PURGE, RESTORE, add_statistics, stored
from tests.todos import Todo, etags, live_of, trash_of


def sweep(database: Database) -> str:
    """Run the command of `make sweep`, and return its output."""
    return database.run("-m", "crud")


def age(database: Database, me: Person, todo: Todo, column: str, time: str) -> None:
    """Set a time of a todo back."""
    statement = f"UPDATE todo SET {column} = now() - %s::interval WHERE user_id = %s AND id = %s RETURNING 1"
    assert database.execute(statement, (time, me.id, todo["id"])) == [(1,)]


def in_trash(database: Database, me: Person, time: str) -> Todo:
    """Create a todo that has been in the trash for some time, and return it as it is now."""
    todo = me.trash(me.create(MARK, description=MARK))
    age(database, me, todo, "deleted_at", time)
    return me.find(todo["id"])


def tombstone(database: Database, me: Person, time: str) -> Todo:
    """Create a todo that has been gone for good for some time, and return it as it was."""
    todo = me.create()
    me.purge(todo)
    age(database, me, todo, "deleted_at", "60 days")
    age(database, me, todo, "purged_at", time)
    return todo


def ids(database: Database, me: Person) -> set[str]:
    """Return the ids of all rows that a user has."""
    return {todo_id for (todo_id,) in database.execute("SELECT id::text FROM todo WHERE user_id = %s", (me.id,))}


def test_make_sweep_is_this_command() -> None:
    made = subprocess.run(
        ["make", "--no-print-directory", "-n", "sweep"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert made.stdout.splitlines()[-1].strip().endswith(".venv/bin/python -m crud")


@pytest.mark.parametrize("time", ["30 days 1 hour", "31 days", "400 days"])
def test_what_was_in_the_trash_for_30_days_is_erased(
    owner: Person, stranger: Person, database: Database, time: str
) -> None:
    for person in (stranger, owner):
        todo, kept = in_trash(database, person, time), person.create("live")
        before = etags(person)
        assert MARK in stored(database, person)
        sweep(database)
        assert (live_of(person), trash_of(person)) == ([kept], [])
        assert MARK not in stored(database, person)
        assert all(tag not in before for tag in etags(person)), "the trash is another one"
        expect_not_found(RESTORE(person, todo["id"]))
        assert PURGE(person, todo["id"]).status_code == 204
        ((version, purged),) = database.execute(
            "SELECT version, purged_at IS NOT NULL FROM todo WHERE user_id = %s AND id = %s", (person.id, todo["id"])
        )
        assert version > kept["version"]
        assert purged


@pytest.mark.parametrize("time", ["0 days", "29 days", "29 days 23 hours"])
def test_what_was_in_the_trash_for_less_stays(owner: Person, database: Database, time: str) -> None:
    todo = in_trash(database, owner, time)
    before = etags(owner)
    sweep(database)
    assert trash_of(owner) == [todo]
    assert etags(owner) == before
    restored = RESTORE(owner, todo["id"])
    assert (restored.status_code, restored.json()["title"]) == (200, MARK)


def test_todos_are_never_swept(owner: Person, database: Database) -> None:
    todo = owner.create("old", completed=True)
    restored = RESTORE(owner, owner.trash(owner.create())["id"]).json()
    for one in (todo, restored):
        for column in ("created_at", "updated_at", "completed_at"):
            age(database, owner, one, column, "400 days")
    before = live_of(owner), etags(owner)
    sweep(database)
    assert (live_of(owner), etags(owner)) == before
    assert len(before[0]) == 2


def test_a_second_sweep_changes_nothing(owner: Person, database: Database) -> None:
    in_trash(database, owner, "40 days")
    sweep(database)
    before = etags(owner), stored(database, owner)
    sweep(database)
    assert (etags(owner), stored(database, owner)) == before


def test_sweeps_at_the_same_time_are_one(owner: Person, database: Database) -> None:
    todos = [in_trash(database, owner, "40 days") for _ in range(20)]
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda _: sweep(database), range(3)))
    assert trash_of(owner) == []
    assert ids(database, owner) == {todo["id"] for todo in todos}, "one tombstone each"
    assert MARK not in stored(database, owner)


@pytest.mark.parametrize(("time", "kept"), [("30 days 23 hours", True), ("31 days 1 hour", False)])
def test_a_tombstone_is_dropped_after_31_days(owner: Person, database: Database, time: str, kept: bool) -> None:
    gone = tombstone(database, owner, time)
    live = owner.create()
    before = etags(owner)
    sweep(database)
    assert ids(database, owner) == {live["id"], *([gone["id"]] if kept else [])}
    assert etags(owner) == before, "the lists are the same"
    assert PURGE(owner, gone["id"]).status_code == (204 if kept else 404)
    expect_not_found(RESTORE(owner, gone["id"]))


def test_the_newest_row_of_a_user_is_never_dropped(owner: Person, stranger: Person, database: Database) -> None:
    older, newest = tombstone(database, owner, "40 days"), tombstone(database, owner, "40 days")
    stranger.create("newer, and of another user")
    before = etags(owner)
    sweep(database)
    assert ids(database, owner) == {newest["id"]}
    assert older["id"] != newest["id"]
    assert etags(owner) == before, "the version of the newest row is in them"
    for path, tag in zip(("/api/todos", "/api/trash"), before, strict=True):
        assert owner.http.get(path, headers={"If-None-Match": tag}).status_code == 304
    live = owner.create()
    sweep(database)
    assert ids(database, owner) == {live["id"]}
    assert all(tag not in before for tag in etags(owner))


def test_the_newest_row_stays_among_todos(owner: Person, database: Database) -> None:
    live = owner.create()
    gone = tombstone(database, owner, "40 days")
    before = etags(owner)
    sweep(database)
    assert ids(database, owner) == {live["id"], gone["id"]}
    assert etags(owner) == before


def add_old_trash(database: Database, user_id: str, number: int) -> None:
    """Insert todos that have been in the trash for 40 days."""
    database.execute(
        "INSERT INTO todo (user_id, title, deleted_at)"
        f" SELECT %s, '{MARK}', now() - interval '40 days' FROM generate_series(1, %s)",
        (user_id, number),
    )


def left(database: Database, user_id: str) -> int:
    """Return the number of a user's todos that are not erased."""
    ((number,),) = database.execute("SELECT count(*) FROM todo WHERE user_id = %s AND title = %s", (user_id, MARK))
    return int(number)


def test_a_sweep_erases_any_number(owner: Person, stranger: Person, database: Database) -> None:
    add_statistics(database, stranger)
    add_old_trash(database, owner.id, 12_000)
    sweep(database)
    assert left(database, owner.id) == 0
    assert trash_of(owner) == []


def test_a_sweep_forgets_any_number(owner: Person, stranger: Person, database: Database) -> None:
    add_statistics(database, stranger)
    database.execute(
        "INSERT INTO todo (user_id, title, deleted_at, purged_at)"
        " SELECT %s, '', now() - interval '70 days', now() - interval '40 days' FROM generate_series(1, 12000)",
        (owner.id,),
    )
    live = owner.create()
    before = etags(owner)
    sweep(database)
    assert ids(database, owner) == {live["id"]}
    assert etags(owner) == before


def test_a_start_sweeps(new_database: Callable[..., Database], issuer: Issuer) -> None:
    database = new_database()
    database.run("-m", "db")
    database.add_user("somebody")
    add_old_trash(database, "somebody", 50)
    database.execute("INSERT INTO todo (user_id, title, deleted_at) VALUES ('somebody', 'young', now())")
    with (
        running(DATABASE_URL=database.api_url, BETTER_AUTH_URL=issuer.origin) as api,
        api.client(issuer.token("somebody")) as http,
    ):
        wait_until_ready(api)
        wait_for(lambda: left(database, "somebody") == 0, 20, api.log)
        assert [todo["title"] for todo in http.get("/api/trash").json()] == ["young"]
        assert "Traceback" not in api.log.read_text()


def test_a_start_sweeps_only_some(new_database: Callable[..., Database], issuer: Issuer) -> None:
    database = new_database()
    database.run("-m", "db")
    database.add_user("somebody")
    add_old_trash(database, "somebody", 10_000)
    with running(DATABASE_URL=database.api_url, BETTER_AUTH_URL=issuer.origin) as api:
        wait_until_ready(api)
        wait_for(lambda: left(database, "somebody") < 10_000, 20, api.log)
    assert left(database, "somebody") > 0, "a start must not take as long as the trash is large"
    sweep(database)
    assert left(database, "somebody") == 0


def test_a_sweep_leaves_out_a_user_whose_todos_are_locked(owner: Person, stranger: Person, database: Database) -> None:
    for person in (owner, stranger):
        add_old_trash(database, person.id, 3)
    with closing(psycopg2.connect(database.url)) as connection:
        connection.cursor().execute("SELECT FROM todo WHERE user_id = %s FOR UPDATE", (owner.id,))
        sweep(database)
        assert (left(database, owner.id), left(database, stranger.id)) == (3, 0)
    sweep(database)
    assert left(database, owner.id) == 0
