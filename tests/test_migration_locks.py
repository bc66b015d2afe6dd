"""Migrations wait for a lock on a table for a second at most, and then leave the table alone for a while."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from subprocess import PIPE

import httpx
import psycopg2
import pytest
from sqlalchemy import URL, make_url, text

from db.migrations import Busy, migrating, newest, upgrade
from db.waiting import at_most
from errors import Unavailable
from tests.conftest import Database
from tests.expect import again, expect_unavailable
from tests.issuer import Issuer
from tests.live import ROOT, environment, running, wait_for
from tests.wire import Wire

BUSY = (
    "A table is busy. A migration needs a lock on it, and another transaction holds one."
    " Wait until that transaction ends, or end it."
)


def url_of(database: Database) -> URL:
    return make_url(database.url).set(drivername="postgresql+psycopg2")


def through(wire: Wire, database: Database) -> str:
    """Return the URL of a database through the recording proxy, for the API's role."""
    return wire.url(database.name, "todo_api")


@contextmanager
def writing(database: Database) -> Iterator[None]:
    """Leave a transaction open that wrote to Better Auth's table. A foreign key to it has to wait."""
    with closing(psycopg2.connect(database.url)) as connection, connection.cursor() as cursor:
        cursor.execute('LOCK TABLE "user" IN ROW EXCLUSIVE MODE')
        yield


def attempts(wire: Wire, sent: int) -> int:
    """Return how often a migration tried to create the table since a number of messages."""
    return sum("CREATE TABLE IF NOT EXISTS todo (" in message for message in wire.messages[sent:])


def waiters(database: Database) -> list[tuple[int]]:
    """Return the backends that wait until another process has migrated."""
    return database.execute("SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")


@contextmanager
def pausing(folder: Path, seconds: float, issuer: Issuer, url: str) -> Iterator[httpx.Client]:
    """Run the API with another pause, and yield a client of a user."""
    (folder / "pausing.py").write_text(f"import db.schema\n\ndb.schema.PAUSE = {seconds}\n\nfrom main import app\n")
    variables = {"DATABASE_URL": url, "BETTER_AUTH_URL": issuer.origin, "PYTHONPATH": f"{ROOT}:{folder}"}
    with running("pausing:app", **variables) as api, api.client(issuer.token("somebody")) as http:
        yield http


def test_after_a_failure_to_get_a_lock_no_request_tries_again(
    new_database: Callable[..., Database], issuer: Issuer, wire: Wire, tmp_path: Path
) -> None:
    database = new_database()
    database.add_user("somebody")
    sent = len(wire.messages)
    with pausing(tmp_path, 60, issuer, through(wire, database)) as http:
        with writing(database), ThreadPoolExecutor(5) as pool:
            answers = list(pool.map(http.get, ["/api/todos", "/ready"] * 5))
        answers += [http.get("/api/me"), http.get("/ready")]  # the table is free
        for answer in answers:
            problem = expect_unavailable(answer, BUSY)
            if answer.url.path == "/ready":
                assert (problem["database"], problem["schema"]) == ("ok", BUSY)
            else:
                assert int(answer.headers["retry-after"]) > 2
        assert attempts(wire, sent) == 1
        upgrade(url_of(database))  # as `make migrate` does
        database.execute("GRANT ALL ON todo, todo_version TO todo_api")
        assert any(answer.status_code == 200 for answer in again(lambda: http.get("/api/todos")))
    assert attempts(wire, sent) == 1


def test_after_the_pause_the_migration_is_tried_again(
    new_database: Callable[..., Database], issuer: Issuer, wire: Wire, tmp_path: Path
) -> None:
    database = new_database()
    database.add_user("somebody")
    sent = len(wire.messages)
    with pausing(tmp_path, 0, issuer, through(wire, database)) as http:
        with writing(database):
            expect_unavailable(http.get("/api/todos"), BUSY)
        assert any(answer.status_code == 200 for answer in again(lambda: http.get("/api/todos")))
    assert attempts(wire, sent) > 1


MIGRATE = "import db.schema, runpy; db.schema.PAUSE = 0; runpy.run_module('db', run_name='__main__')"


def migrate(url: str) -> subprocess.Popen[str]:
    """Start `make migrate`, with no pause between two attempts."""
    variables = environment(DATABASE_URL=url, BETTER_AUTH_URL="http://127.0.0.1:1")
    command = [sys.executable, "-c", MIGRATE]
    return subprocess.Popen(command, cwd=ROOT, env=variables, stdout=PIPE, stderr=PIPE, text=True)


def test_make_migrate_ends_after_five_attempts(new_database: Callable[..., Database], wire: Wire) -> None:
    database = new_database()
    sent = len(wire.messages)
    with writing(database), migrate(through(wire, database)) as process:
        printed, log = process.communicate(timeout=60)
    assert (process.returncode, printed) == (1, "")
    *failed, last = log.splitlines()
    assert failed == [f"{BUSY} Attempt {n} of 5 failed. The next one is in 0 s." for n in range(1, 5)]
    assert last == f"{BUSY} 5 attempts failed, and the schema is not up to date."
    assert attempts(wire, sent) == 5


def test_make_migrate_succeeds_when_the_table_is_free(new_database: Callable[..., Database]) -> None:
    database = new_database()
    with writing(database):
        process = migrate(database.api_url)
        assert process.stderr
        assert "Attempt 1 of 5 failed" in process.stderr.readline()
    printed, _ = process.communicate(timeout=60)
    assert (process.returncode, printed) == (0, f"The schema is up to date: version {newest()}.\n")


def test_a_process_that_waited_for_a_failed_attempt_makes_none(new_database: Callable[..., Database]) -> None:
    database = new_database()
    with ThreadPoolExecutor(1) as pool:
        with migrating(url_of(database)):
            waiting = pool.submit(upgrade, url_of(database))
            wait_for(lambda: waiters(database))
        with pytest.raises(Busy):
            waiting.result()
    assert database.execute("SELECT to_regclass('todo'), to_regclass('todo_version')") == [(None, None)]


def test_no_backend_waits_for_a_process_that_migrates_after_the_deadline(new_database: Callable[..., Database]) -> None:
    database = new_database()
    with migrating(url_of(database)):
        with at_most(2), pytest.raises(Unavailable, match="Another process is migrating"):
            upgrade(url_of(database))
        assert waiters(database) == []


@pytest.mark.parametrize(("deadline", "limit"), [(600, 1000), (1.8, 900)], ids=["a long one", "a short one"])
def test_a_migration_has_a_limit_for_locks_and_none_for_statements(
    new_database: Callable[..., Database], deadline: float, limit: int
) -> None:
    database = new_database()
    ((name,),) = database.execute("SELECT current_database()")
    database.execute(f"ALTER ROLE postgres IN DATABASE {name} SET statement_timeout = '7s'")
    setting = text("SELECT setting::int FROM pg_settings WHERE name = :name")
    with at_most(deadline), migrating(url_of(database)) as connection:
        assert connection.execute(setting, {"name": "statement_timeout"}).scalar_one() == 0
        assert 0 < connection.execute(setting, {"name": "lock_timeout"}).scalar_one() <= limit
