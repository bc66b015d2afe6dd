"""Test that an account can be deleted while its user writes todos in every way."""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from random import Random
from threading import Event
from uuid import uuid4

import httpx
import psycopg2
import pytest

from tests.conftest import Database, new_user_id
from tests.expect import expect_unauthorized, expect_unavailable
from tests.extended import DDL
from tests.issuer import Issuer
from tests.live import Api, running, wait_for, wait_until_ready
from tests.writers import EXPECTED, KINDS, Writer, no_deadlock

DELETIONS = 30
WRITERS = 6
PROMPT = 2.0
"""The seconds that a deletion may last. Better Auth waits for it."""

# Each row takes half a millisecond, so that statements on many rows overlap with a deletion. A row whose
# id is in the table `pause` waits for a lock that a test has. This wait has no limit of time.
SLOW = """
    CREATE TABLE pause (todo_id uuid);
    GRANT SELECT ON pause TO todo_api;
    CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
        lock_timeout text := current_setting('lock_timeout');
    BEGIN
        PERFORM pg_sleep(0.0005);
        IF EXISTS (SELECT FROM pause WHERE todo_id = NEW.id) THEN
            PERFORM set_config('lock_timeout', '0', true);
            PERFORM pg_advisory_xact_lock_shared(4711);
            PERFORM set_config('lock_timeout', lock_timeout, true);
        END IF;
        RETURN NEW;
    END $$;
    CREATE TRIGGER slow BEFORE INSERT OR UPDATE ON todo FOR EACH ROW EXECUTE FUNCTION slow();
"""


@pytest.fixture(scope="module")
def database(new_database: Callable[..., Database]) -> Database:
    return new_database()


@pytest.fixture(scope="module")
def apis(database: Database, issuer: Issuer) -> Iterator[list[Api]]:
    """Run two APIs, because a process lets the writes of a user wait for each other before the database."""
    with ExitStack() as stack:
        variables = {"DATABASE_URL": database.api_url, "BETTER_AUTH_URL": issuer.origin, "DB_POOL_SIZE": "16"}
        apis = [stack.enter_context(running(**variables)) for _ in range(2)]
        for api in apis:
            wait_until_ready(api)
        database.execute(SLOW)
        yield apis


@pytest.fixture(autouse=True)
def check(database: Database, apis: list[Api]) -> Iterator[None]:
    """Check after each test that PostgreSQL found no deadlock, and that no API crashed."""
    with no_deadlock(database):
        yield
    for api in apis:
        assert "Traceback" not in api.log.read_text()


def add_user_with_todos(database: Database, number: int = 100) -> tuple[str, list[str]]:
    """Create a user with todos, of which every third one is in the trash, and one that is gone. Return the ids."""
    user_id = new_user_id()
    database.add_user(user_id)
    rows = database.execute(
        "INSERT INTO todo (user_id, title, deleted_at)"
        " SELECT %s, 'todo ' || n, CASE WHEN n %% 3 = 2 THEN now() END FROM generate_series(0, %s) n"
        " RETURNING id::text",
        (user_id, number - 1),
    )
    database.execute(
        "INSERT INTO todo (user_id, title, deleted_at, purged_at) VALUES (%s, '', now(), now())", (user_id,)
    )
    return user_id, [todo_id for (todo_id,) in rows]


def delete_account(database: Database, user_id: str) -> float:
    """Delete a user as Better Auth does. Return the seconds that this took."""
    with closing(psycopg2.connect(database.url)) as connection, connection.cursor() as cursor:
        began = time.monotonic()
        cursor.execute('DELETE FROM "user" WHERE id = %s', (user_id,))
        assert cursor.rowcount == 1
        connection.commit()
        return time.monotonic() - began


def knows(writer: Writer) -> bool:
    """Return whether a writer was told that the account is gone."""
    return any(status == 401 for _, status in writer.statuses)


def test_accounts_are_deleted_while_their_users_write(database: Database, apis: list[Api], issuer: Issuer) -> None:
    random, seconds, total = Random("deletions"), list[float](), Counter[tuple[str, int]]()
    for number in range(DELETIONS):
        user_id, ids = add_user_with_todos(database)
        stop = Event()
        with ExitStack() as stack:
            clients = [stack.enter_context(apis[n % 2].client(issuer.token(user_id))) for n in range(WRITERS)]
            writers = [Writer(http, list(ids), f"{number} {place}") for place, http in enumerate(clients)]
            pool = stack.enter_context(ThreadPoolExecutor(WRITERS))
            stack.callback(stop.set)

            def write(writer: Writer, stop: Event = stop) -> None:
                while not stop.is_set():
                    writer.write()

            running = [pool.submit(write, writer) for writer in writers]
            wait_for(lambda: all(writer.statuses for writer in writers))  # noqa: B023  # it is called at once
            time.sleep(random.random() * 0.1)
            seconds.append(delete_account(database, user_id))
            wait_for(lambda: all(map(knows, writers)) or any(one.done() for one in running))  # noqa: B023  # as above
            stop.set()
            for one in running:
                one.result()
            total += sum((writer.statuses for writer in writers), Counter[tuple[str, int]]())
        assert database.execute("SELECT count(*) FROM todo WHERE user_id = %s", (user_id,)) == [(0,)]
    assert sorted(seconds)[-3] < PROMPT, "a busy machine may stop a process for some seconds"
    assert max(seconds) < 5 * PROMPT
    assert {status for _, status in total} <= EXPECTED | {401, 503}
    succeeded = {kind: sum(n for (one, status), n in total.items() if one == kind and status < 300) for kind in KINDS}
    assert all(succeeded.values()), f"a kind of write never succeeded: {succeeded}"


Write = Callable[[httpx.Client, str, str], httpx.Response]
NEW = str(uuid4())

# Each request gets the ids of a live todo and of one in the trash, and pauses at the row of one of them,
# or of a new todo.
WRITES: dict[str, tuple[str, Write]] = {
    "create": ("new", lambda http, *_: http.post("/api/todos", json={"title": "x"}, headers={"Idempotency-Key": NEW})),
    "PUT": ("new", lambda http, *_: http.put(f"/api/todos/{NEW}", json={"title": "x"})),
    "PATCH": ("live", lambda http, live, _: http.patch(f"/api/todos/{live}", json={"title": "x"})),
    "toggle": ("live", lambda http, live, _: http.post(f"/api/todos/{live}/toggle")),
    "DELETE": ("live", lambda http, live, _: http.delete(f"/api/todos/{live}")),
    "restore": ("trashed", lambda http, _, trashed: http.post(f"/api/trash/{trashed}/restore")),
    "purge": ("trashed", lambda http, _, trashed: http.delete(f"/api/trash/{trashed}")),
    "empty the trash": ("trashed", lambda http, *_: http.delete("/api/trash")),
    "PATCH of many": ("live", lambda http, *_: http.patch("/api/todos?completed=false", json={"completed": True})),
    "DELETE of many": ("live", lambda http, *_: http.delete("/api/todos?completed=false")),
    "batch": (
        "new",
        lambda http, live, trashed: http.post(
            "/api/batch", json={"put": [{"id": one, "title": "x"} for one in (live, trashed, NEW)], "delete": []}
        ),
    ),
    "batch that changes and creates": (
        "live",
        lambda http, live, trashed: http.post(
            "/api/batch", json={"put": [{"id": one, "title": "x"} for one in (NEW, trashed, live)]}
        ),
    ),
}


def expect_answer(answer: httpx.Response) -> None:
    """Assert that an answer is one that a write may have whose account is deleted."""
    if answer.status_code == 401:
        expect_unauthorized(answer, "no longer exists")
    elif answer.status_code == 503:
        expect_unavailable(answer, "Another request")
    else:
        assert answer.status_code in (200, 201, 204, 404)


def expect_deletion_during(
    database: Database, issuer: Issuer, apis: list[Api], kind: str, others: tuple[str, ...] = ()
) -> None:
    """Delete an account while a write pauses at a row, and others wait for it. Assert that the deletion succeeds."""
    place, ask = WRITES[kind]
    user_id, ids = add_user_with_todos(database)
    live, trashed = ids[51], ids[50]
    database.execute("INSERT INTO pause VALUES (%s)", ({"new": NEW, "live": live, "trashed": trashed}[place],))
    with ExitStack() as stack:
        connection = stack.enter_context(closing(psycopg2.connect(database.url)))
        clients = [stack.enter_context(api.client(issuer.token(user_id))) for api in apis]
        pool = stack.enter_context(ThreadPoolExecutor(4))
        connection.cursor().execute("SELECT pg_advisory_xact_lock(4711)")
        answers = [pool.submit(ask, clients[0], live, trashed)]
        wait_for(lambda: database.waiting("usename = 'todo_api'") == 1)
        for other in others:
            answers.append(pool.submit(WRITES[other][1], clients[1], live, trashed))
            wait_for(lambda: database.waiting("usename = 'todo_api'") == len(answers) or answers[-1].done())
        seconds = pool.submit(delete_account, database, user_id)
        # The deletion waits for a row of a write, or has ended.
        wait_for(lambda: seconds.done() or database.waiting("query LIKE 'DELETE FROM \"user\"%%'"))
        connection.rollback()
        assert seconds.result() < PROMPT
        for answer in answers:
            expect_answer(answer.result())
        assert clients[0].get("/api/todos").json() == []
    database.execute("TRUNCATE pause")
    assert database.execute("SELECT count(*) FROM todo WHERE user_id = %s", (user_id,)) == [(0,)]


@pytest.mark.parametrize("kind", WRITES)
def test_a_write_gives_way_to_the_deletion_that_waits_for_it(
    database: Database, apis: list[Api], issuer: Issuer, kind: str
) -> None:
    expect_deletion_during(database, issuer, apis, kind)


@pytest.mark.parametrize("other", ["toggle", "DELETE", "create", "purge", "batch"])
@pytest.mark.parametrize("kind", ["create", "toggle", "purge", "PATCH of many", "batch"])
def test_writes_of_two_processes_give_way_to_a_deletion(
    database: Database, apis: list[Api], issuer: Issuer, kind: str, other: str
) -> None:
    expect_deletion_during(database, issuer, apis, kind, (other,))


def test_a_transaction_of_several_writes_gives_way_to_a_deletion(database: Database, issuer: Issuer) -> None:
    database.execute(DDL)
    user_id, ids = add_user_with_todos(database, 3)
    with (
        running("tests.extended:app", DATABASE_URL=database.api_url, BETTER_AUTH_URL=issuer.origin) as api,
        api.client(issuer.token(user_id)) as http,
        ThreadPoolExecutor(1) as pool,
    ):
        wait_until_ready(api)
        answer = pool.submit(http.post, f"/api/copy/replace/{ids[0]}")
        sleeping = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'"
        wait_for(lambda: database.execute(sleeping) or answer.done())
        assert not answer.done(), answer.result().text
        assert delete_account(database, user_id) < PROMPT
        expect_unavailable(answer.result(), "Another request")
        expect_unauthorized(http.post("/api/todos", json={"title": "x"}), "no longer exists")
        assert "Traceback" not in api.log.read_text()
