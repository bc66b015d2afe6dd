"""Test that no change is lost between writers of every kind and clients that walk the changes.

A trigger delays the commits at random, so that transactions end in another order than they began.
All writes reach one database through two processes, because a process runs the writes of a user one after
the other. A test with another function for versions shows which losses these tests find.
"""

import os
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from random import Random
from threading import Event
from typing import Any
from uuid import UUID, uuid4

import httpx
import psycopg2
import pytest

from tests.conftest import Database
from tests.expect import expect_unavailable
from tests.issuer import Issuer
from tests.live import running, wait_for, wait_until_ready
from tests.project import Project, running_project
from tests.replica import Replica, everything_of
from tests.writers import EXPECTED, KINDS, Writer, no_deadlock

SECONDS = float(os.environ.get("CONVERGENCE_SECONDS", "6"))
"""Write for this time. `CONVERGENCE_SECONDS=20` sets another."""

# A deferred trigger runs when the transaction commits. It sleeps once per transaction, because a setting
# that is local to the transaction remembers that it has. A todo with the title "late" waits for a lock.
LATE = """
    CREATE FUNCTION late() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF NEW.title = 'late' THEN
            PERFORM set_config('lock_timeout', '0', true);
            PERFORM pg_advisory_xact_lock_shared(4711);
        ELSIF coalesce(current_setting('test.late', true), '') <> txid_current()::text THEN
            PERFORM set_config('test.late', txid_current()::text, true);
            PERFORM pg_sleep(0.003 + random() * 0.057);
        END IF;
        RETURN NULL;
    END $$;
    CREATE CONSTRAINT TRIGGER late AFTER INSERT OR UPDATE ON todo DEFERRABLE INITIALLY DEFERRED
        FOR EACH ROW EXECUTE FUNCTION late();
"""

# These functions replace the one of the migration. Both lose changes.
WITHOUT_A_LOCK = """
    CREATE OR REPLACE FUNCTION todo_next_version(owner text) RETURNS bigint LANGUAGE plpgsql AS $$
    BEGIN
        RETURN nextval('todo_version_seq');
    END $$;
"""
BY_THE_CLOCK = """
    CREATE OR REPLACE FUNCTION todo_next_version(owner text) RETURNS bigint LANGUAGE plpgsql AS $$
    BEGIN
        RETURN extract(epoch FROM clock_timestamp()) * 1000000;
    END $$;
"""


@pytest.fixture(scope="module")
def new_project(new_database: Callable[..., Database], issuer: Issuer) -> Iterator[Callable[..., Project]]:
    """Return a function that creates a project with late commits, and with another function for versions."""
    with ExitStack() as stack:

        def make(function: str = "") -> Project:
            project = stack.enter_context(running_project(new_database, issuer, apis=2, DB_POOL_SIZE="16"))
            project.database.execute(LATE + function)
            return project

        yield make


@pytest.fixture(scope="module")
def project(new_project: Callable[..., Project]) -> Project:
    """Create the project with the function of the migration."""
    return new_project()


class Watcher:
    """Read a list with the ETag of the answer before, and check that an ETag belongs to one content."""

    def __init__(self, http: httpx.Client, path: str, seen: dict[str, Any]) -> None:
        self._http, self._path, self._seen = http, path, seen
        self._etag = ""
        self.content: Any = None
        self.unchanged = 0
        """Count the answers with 304."""

    def look(self) -> None:
        """Read the list, and keep its content and its ETag."""
        answer = self._http.get(self._path, headers={"If-None-Match": self._etag} if self._etag else {})
        if answer.status_code == 304:
            assert answer.headers["etag"] == self._etag
            self.unchanged += 1
            return
        assert answer.status_code == 200, answer.text
        self._etag, self.content = answer.headers["etag"], answer.json()
        assert self._seen.setdefault(self._path + self._etag, self.content) == self.content, "one ETag, two contents"


def run_together(project: Project) -> tuple[Counter[tuple[str, int]], list[str]]:
    """Let writers and clients run at the same time. Return what was answered, and a line for each failure and loss."""
    stop, seen = Event(), dict[str, Any]()
    ids = [str(UUID(int=Random(f"{number}").getrandbits(128))) for number in range(25)]
    with ExitStack() as stack:

        def client(number: int) -> httpx.Client:
            return stack.enter_context(project.client(number))

        writers = [Writer(client(number), ids, f"{number}") for number in range(6)]
        replicas = [Replica(client(number)) for number in range(4)]
        watchers = [Watcher(client(0), "/api/todos?limit=500", seen), Watcher(client(1), "/api/trash?limit=500", seen)]
        watchers += [Watcher(client(1), "/api/todos?limit=500", seen)]

        def write(writer: Writer) -> None:
            while not stop.is_set():
                writer.write()

        def pull(replica: Replica, random: Random) -> None:
            while not stop.is_set():
                replica.pull(random.choice([1, 2, 3, 5, 8, 500]))
                time.sleep(random.random() * 0.01)

        def watch(watcher: Watcher) -> None:
            while not stop.is_set():
                watcher.look()
                time.sleep(0.005)

        pool = stack.enter_context(ThreadPoolExecutor(len(writers) + len(replicas) + len(watchers)))
        running = [pool.submit(write, writer) for writer in writers]
        running += [pool.submit(pull, replica, Random(f"r{n}")) for n, replica in enumerate(replicas)]
        running += [pool.submit(watch, watcher) for watcher in watchers]
        time.sleep(SECONDS)
        stop.set()
        failures = [f"failure: {failure!r}" for one in running if (failure := one.exception())]
        statuses = sum((writer.statuses for writer in writers), Counter[tuple[str, int]]())
        return statuses, [*failures, *losses(project, client(0), replicas, watchers)]


def losses(project: Project, http: httpx.Client, replicas: list[Replica], watchers: list[Watcher]) -> Iterator[str]:
    """Yield a line for each copy that is not what the database has, after everybody stopped writing."""
    stored = everything_of(http)
    rows = project.database.execute("SELECT id::text, version FROM todo WHERE purged_at IS NULL")
    assert {todo_id: todo["version"] for todo_id, todo in stored.items()} == dict(rows)
    assert len(stored) > 5
    for number, replica in enumerate(replicas):
        replica.walk()
        for todo_id in sorted(stored.keys() | replica.todos.keys()):
            if (mine := replica.todos.get(todo_id)) != (theirs := stored.get(todo_id)):
                yield f"replica {number} has {mine}, and the database {theirs}"
    for number, watcher in enumerate(watchers):
        watcher.look()
        answer = http.get(watcher._path)
        if answer.json() != watcher.content:
            yield f"watcher {number} has {watcher.content}, and the database {answer.json()}"


def test_no_change_is_lost_between_writers_and_clients(project: Project) -> None:
    with no_deadlock(project.database):
        statuses, lost = run_together(project)
    assert lost == []
    assert {status for _, status in statuses} <= EXPECTED | {503}
    done = {kind: sum(n for (one, status), n in statuses.items() if one == kind and status < 300) for kind in KINDS}
    assert all(done.values()), f"a kind of write never succeeded: {done}"
    busy = sum(number for (_, status), number in statuses.items() if status == 503)
    assert busy < statuses.total() / 2, "most writes should succeed, although they wait for each other"
    for api in project.apis:
        assert "Traceback" not in api.log.read_text()


@contextmanager
def late_commit(project: Project) -> Iterator[tuple[ThreadPoolExecutor, Future[httpx.Response]]]:
    """Create a todo whose transaction waits before its commit, until the block ends."""
    with (
        closing(psycopg2.connect(project.database.url)) as connection,
        project.client(0) as http,
        ThreadPoolExecutor(4) as pool,
    ):
        connection.cursor().execute("SELECT pg_advisory_xact_lock(4711)")
        late = pool.submit(http.post, "/api/todos", json={"title": "late"})
        waiting = "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND objid = 4711 AND NOT granted"
        wait_for(lambda: project.database.execute(waiting) or late.done())
        assert not late.done()
        yield pool, late
        connection.rollback()
        late.result()


def overtake(project: Project, seconds: float) -> tuple[int, Replica]:
    """Create a todo during a late commit, and walk before and after that, but wait for it only for `seconds`.

    Returns:
        Its status and the replica.
    """
    with project.client(1) as http, project.client(1) as other:
        replica = Replica(http)
        with late_commit(project) as (pool, late):
            early = pool.submit(other.post, "/api/todos", json={"title": "early"})
            deadline = time.monotonic() + seconds
            while time.monotonic() < deadline and not early.done():
                replica.walk(1)
            replica.walk(1)
        assert late.result().status_code == 201
        replica.walk(1)
        replica.walk(1)
        return early.result().status_code, replica


def test_a_write_does_not_overtake_one_that_commits_late(project: Project) -> None:
    status, replica = overtake(project, 1)  # it waits until the block ends
    assert status in (201, 503)
    with project.client(0) as http:
        assert replica.todos == everything_of(http)
    assert [todo["title"] for todo in replica.todos.values()].count("late") == 1


@pytest.mark.parametrize("function", [WITHOUT_A_LOCK, BY_THE_CLOCK], ids=["without a lock", "by the clock"])
def test_without_a_lock_a_late_commit_is_lost(new_project: Callable[..., Project], function: str) -> None:
    project = new_project(function)
    status, replica = overtake(project, 8)
    assert status == 201
    assert "late" not in [todo["title"] for todo in replica.todos.values()]


@pytest.mark.parametrize("restores", [True, False], ids=["restore, then DELETE", "DELETE, then restore"])
def test_a_move_that_waits_for_another_locks_its_owner_first(project: Project, restores: bool) -> None:
    """A third writer is the next who gets the owner's lock. It must not wait for a row of the second."""
    todo_id = str(uuid4())
    with ExitStack() as stack:
        first, second = (stack.enter_context(project.client(number)) for number in range(2))
        third = stack.enter_context(closing(psycopg2.connect(project.database.url)))
        stack.enter_context(no_deadlock(project.database))
        pool = stack.enter_context(ThreadPoolExecutor(3))
        assert first.put(f"/api/todos/{todo_id}", json={"title": "late"}).status_code == 201
        if restores:
            assert first.delete(f"/api/todos/{todo_id}").status_code == 204
        calls = [
            lambda http: http.post(f"/api/trash/{todo_id}/restore"),
            lambda http: http.delete(f"/api/todos/{todo_id}"),
        ]

        def write() -> None:
            with third.cursor() as cursor:
                cursor.execute("SELECT todo_next_version(%s)", (project.user_id,))
                cursor.execute("SELECT pg_sleep(0.2)")  # meanwhile the second has the row, or waits for its owner
                cursor.execute("UPDATE todo SET title = 'third' WHERE id = %s", (todo_id,))
            third.commit()

        with closing(psycopg2.connect(project.database.url)) as connection:
            connection.cursor().execute("SELECT pg_advisory_xact_lock(4711)")
            answers = [pool.submit(calls[not restores], first)]
            wait_for(lambda: project.database.waiting() == 1)
            other = pool.submit(write)
            wait_for(lambda: project.database.waiting() == 2)
            answers.append(pool.submit(calls[restores], second))
            wait_for(lambda: project.database.waiting() == 3)
        assert [answer.result().status_code for answer in answers] == ([200, 204] if restores else [204, 200])
        other.result()
        replica = Replica(first)
        replica.walk()
        assert replica.todos == everything_of(first)
        assert replica.todos[todo_id]["title"] == "third"


Repeated = Callable[[httpx.Client, str, dict[str, str]], httpx.Response]
NEW = {
    "title": "new",
    "description": None,
    "completed": True,
    "due": "2026-11-24",
    "priority": "high",
    "tags": ["a", "b"],
}

# The state of a todo, and a request that several clients send at the same time, with an ETag of that state.
OVERLAPPING: dict[str, tuple[str, Repeated]] = {
    "POST with a key": (
        "none",
        lambda http, todo, _: http.post("/api/todos", json=NEW, headers={"Idempotency-Key": todo}),
    ),
    "PUT of a new todo": ("none", lambda http, todo, _: http.put(f"/api/todos/{todo}", json=NEW)),
    "PUT that only creates": (
        "none",
        lambda http, todo, _: http.put(f"/api/todos/{todo}", json=NEW, headers={"If-None-Match": "*"}),
    ),
    "PUT": ("live", lambda http, todo, _: http.put(f"/api/todos/{todo}", json=NEW)),
    "PUT with If-Match": ("live", lambda http, todo, match: http.put(f"/api/todos/{todo}", json=NEW, headers=match)),
    "PUT on the trash": ("trash", lambda http, todo, match: http.put(f"/api/todos/{todo}", json=NEW, headers=match)),
    "PATCH with If-Match": (
        "live",
        lambda http, todo, match: http.patch(f"/api/todos/{todo}", json={"title": "new"}, headers=match),
    ),
    "DELETE": ("live", lambda http, todo, _: http.delete(f"/api/todos/{todo}")),
    "DELETE with If-Match": ("live", lambda http, todo, match: http.delete(f"/api/todos/{todo}", headers=match)),
    "restore": ("trash", lambda http, todo, _: http.post(f"/api/trash/{todo}/restore")),
    "restore with If-Match": (
        "trash",
        lambda http, todo, match: http.post(f"/api/trash/{todo}/restore", headers=match),
    ),
    "purge": ("trash", lambda http, todo, _: http.delete(f"/api/trash/{todo}")),
}


@pytest.mark.parametrize("kind", OVERLAPPING)
def test_identical_requests_that_overlap_all_succeed_once(project: Project, kind: str) -> None:
    state, ask = OVERLAPPING[kind]
    todo = f"/api/todos/{(todo_id := str(uuid4()))}"
    with ExitStack() as stack:
        clients = [stack.enter_context(project.client(number)) for number in range(4)]
        etag = ""
        if state != "none":
            etag = clients[0].put(todo, json={"title": "old"}).headers["etag"]
        if state == "trash":
            etag = clients[0].delete(todo).headers["etag"]
        replica = Replica(clients[0])
        replica.walk()
        with ThreadPoolExecutor(len(clients)) as pool:
            answers = list(pool.map(lambda http: ask(http, todo_id, {"If-Match": etag}), clients))
        assert all(answer.is_success for answer in answers), [answer.text for answer in answers]
        assert [answer.status_code for answer in answers].count(201) == (1 if state == "none" else 0)
        assert len({answer.headers.get("etag") for answer in answers}) == 1, "the todo changed once"
        assert len({answer.content for answer in answers}) == 1
        (page,) = replica.walk()
        assert [*page["gone"], *(one["id"] for one in page["todos"])] == [todo_id]


def test_identical_batches_that_overlap_do_everything_once(project: Project) -> None:
    with ExitStack() as stack:
        clients = [stack.enter_context(project.client(number)) for number in range(4)]
        new, changed, deleted = (str(uuid4()) for _ in range(3))
        versions = [
            clients[0].put(f"/api/todos/{one}", json={"title": "old"}).json()["version"] for one in (changed, deleted)
        ]
        batch = {
            "put": [{"id": new, "base": 0, **NEW}, {"id": changed, "base": versions[0], **NEW}],
            "delete": [{"id": deleted, "base": versions[1]}],
        }
        with ThreadPoolExecutor(len(clients)) as pool:
            answers = list(pool.map(lambda http: http.post("/api/batch", json=batch), clients))
        results = [answer.json()["results"] for answer in answers]
        assert sorted([one["status"] for one in result] for result in results) == [[200, 200, 204]] * 3 + [
            [201, 200, 204]
        ]
        assert len({tuple(one["version"] for one in result) for result in results}) == 1, "each todo changed once"


@pytest.mark.parametrize("kind", ["POST with a key", "PUT that only creates"])
def test_of_different_creates_of_one_id_one_succeeds(project: Project, kind: str) -> None:
    todo_id = str(uuid4())
    with ExitStack() as stack:
        clients = [stack.enter_context(project.client(number)) for number in range(4)]

        def create(numbered: tuple[int, httpx.Client]) -> httpx.Response:
            number, http = numbered
            content = {"title": f"new {number}"}
            if kind == "POST with a key":
                return http.post("/api/todos", json=content, headers={"Idempotency-Key": todo_id})
            return http.put(f"/api/todos/{todo_id}", json=content, headers={"If-None-Match": "*"})

        with ThreadPoolExecutor(len(clients)) as pool:
            answers = list(pool.map(create, enumerate(clients)))
        refused = 422 if kind == "POST with a key" else 412
        assert sorted(answer.status_code for answer in answers) == [201] + [refused] * 3
        stored = clients[0].get(f"/api/todos/{todo_id}").json()
        for answer in answers:
            if answer.status_code == 201:
                assert answer.json() == stored
            elif refused == 412:
                assert answer.json()["current"] == stored
            else:
                assert answer.json()["type"] == "/problems/idempotency-key-reused"


def test_of_different_puts_of_a_new_id_one_creates(project: Project) -> None:
    with ExitStack() as stack:
        clients = [stack.enter_context(project.client(number)) for number in range(6)]
        todo = f"/api/todos/{uuid4()}"
        with ThreadPoolExecutor(len(clients)) as pool:
            answers = list(pool.map(lambda number: clients[number].put(todo, json={"title": f"{number}"}), range(6)))
        assert sorted(answer.status_code for answer in answers) == [200] * 5 + [201]
        changed = sorted((answer.json() for answer in answers), key=lambda one: one["version"])
        assert len({one["version"] for one in changed}) == 6
        assert [one["updated_at"] is None for one in changed] == [True] + [False] * 5
        assert clients[0].get(todo).json() == changed[-1]


@pytest.mark.parametrize("verb", ["PATCH", "toggle"])
def test_of_different_changes_of_one_version_one_succeeds(project: Project, verb: str) -> None:
    with ExitStack() as stack:
        clients = [stack.enter_context(project.client(number)) for number in range(6)]
        todo = f"/api/todos/{uuid4()}"
        match = {"If-Match": clients[0].put(todo, json={"title": "old"}).headers["etag"]}

        def change(numbered: tuple[int, httpx.Client]) -> httpx.Response:
            number, http = numbered
            if verb == "toggle":
                return http.post(f"{todo}/toggle", headers=match)
            return http.patch(todo, json={"title": f"new {number}"}, headers=match)

        with ThreadPoolExecutor(len(clients)) as pool:
            answers = list(pool.map(change, enumerate(clients)))
        assert sorted(answer.status_code for answer in answers) == [200] + [412] * 5
        stored = clients[0].get(todo).json()
        assert stored["title"] != "old" or stored["completed"]
        for answer in answers:
            assert (answer.json() if answer.status_code == 200 else answer.json()["current"]) == stored


def test_toggles_through_two_processes_flip_exactly_as_often(project: Project) -> None:
    with ExitStack() as stack:
        clients = [stack.enter_context(project.client(number)) for number in range(6)]
        todo = f"/api/todos/{uuid4()}"
        clients[0].put(todo, json={"title": "x"})
        with ThreadPoolExecutor(len(clients)) as pool:
            answers = list(pool.map(lambda number: clients[number % 6].post(f"{todo}/toggle"), range(31)))
        assert [answer.status_code for answer in answers] == [200] * 31
        in_order = sorted((answer.json()["version"], answer.json()["completed"]) for answer in answers)
        assert len({version for version, _ in in_order}) == 31
        assert [completed for _, completed in in_order] == [number % 2 == 0 for number in range(31)]
        assert clients[0].get(todo).json()["completed"] is True


def test_only_writes_of_the_same_user_wait_for_a_write(project: Project, issuer: Issuer) -> None:
    project.database.add_user("somebody-else")
    variables = {"DATABASE_URL": project.database.api_url, "BETTER_AUTH_URL": issuer.origin}
    with ExitStack() as stack:
        api = stack.enter_context(running(**variables, DB_TIMEOUT="3"))
        wait_until_ready(api)
        http, other = (stack.enter_context(api.client(issuer.token(one))) for one in (project.user_id, "somebody-else"))
        todo = http.post("/api/todos", json={"title": "x"}).json()
        connection = stack.enter_context(closing(psycopg2.connect(project.database.url)))
        pool = stack.enter_context(ThreadPoolExecutor(4))
        connection.cursor().execute("SELECT todo_next_version(%s)", (project.user_id,))
        writes = [
            pool.submit(http.post, "/api/todos", json={"title": "y"}),
            pool.submit(http.patch, f"/api/todos/{todo['id']}", json={"title": "y"}),
            pool.submit(http.post, "/api/batch", json={"put": [{"id": todo["id"], "title": "y"}]}),
        ]
        while not all(write.done() for write in writes):
            for path in ("/api/todos", f"/api/todos/{todo['id']}", "/api/trash", "/api/changes"):
                assert http.get(path).status_code == 200
            assert other.post("/api/todos", json={"title": "z"}).status_code == 201
        for write in writes:
            expect_unavailable(write.result(), "The database ")
        connection.rollback()
        assert http.get(f"/api/todos/{todo['id']}").json() == todo
        assert http.patch(f"/api/todos/{todo['id']}", json={"title": "y"}).status_code == 200
