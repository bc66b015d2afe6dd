"""Test lost connections. An idle one causes no error, and a statement is not executed twice."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import httpx
import pytest

from tests.conftest import Person
from tests.expect import expect_unavailable
from tests.faults import Faults
from tests.live import Api, wait_for
from tests.neon.conftest import Neon
from tests.neon.troubles import table_locked
from tests.test_statements import LOCK, READS, REQUESTS, WRITES, Request, at

TERMINATE = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND usename = 'todo_api'"
)


def terminate(neon: Neon) -> None:
    assert neon.database.execute(TERMINATE)
    # PgBouncer may have been opening another one.
    wait_for(lambda: not neon.database.execute(TERMINATE) and not neon.pooler.connections(neon.name))


def restart_pooler(neon: Neon) -> None:
    neon.pooler.kill()
    neon.pooler.start()
    wait_for(lambda: neon.faults.open == 0)


DEATHS: dict[str, Callable[[Neon], object]] = {
    "reset by the network": lambda neon: neon.faults.reset(),
    "closed by the proxy": lambda neon: neon.faults.close(),
    "dropped by a pooler that restarts": restart_pooler,
    "ended at the server, behind the pooler": terminate,
}


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(10) as pool:
        yield pool


@pytest.fixture
def connected(owner: Person, new_person: Callable[[], Person], faults: Faults, pool: ThreadPoolExecutor) -> None:
    """Open and use all connections of the API's pool."""
    people = [owner, new_person(), new_person()]  # each may use half of the connections

    def ask_together() -> bool:
        answers = pool.map(lambda person: person.http.get("/api/todos"), people * 4)
        assert {answer.status_code for answer in answers} == {200}
        return faults.open == 5

    faults.delay = 0.02
    wait_for(ask_together)
    faults.delay = 0.0


@pytest.mark.usefixtures("connected")
@pytest.mark.parametrize("die", DEATHS.values(), ids=DEATHS)
@pytest.mark.parametrize("request_", REQUESTS.values(), ids=REQUESTS)
def test_connections_that_were_lost_while_idle_cause_no_error(
    neon: Neon, owner: Person, die: Callable[[Neon], object], request_: Request
) -> None:
    todo = request_.todo(owner)
    sent = len(neon.front.messages)
    die(neon)
    assert request_.ask(owner, todo).is_success
    (statement,) = [message for message in neon.front.messages[sent:] if message != "X"]
    assert statement.startswith(request_.statement)


def test_connections_that_the_server_ended_cause_no_error(neon: Neon, api: Api) -> None:
    neon.wait_until_it_works(api)
    with neon.running(DATABASE_URL=neon.direct_url) as direct, neon.client(direct) as http:
        person = Person(neon.user_id, "", http)
        for request in REQUESTS.values():
            todo = request.todo(person)
            terminate(neon)
            assert request.ask(person, todo).is_success


@pytest.fixture(params=[False, True], ids=["before it arrived", "after it arrived"])
def arrived(request: pytest.FixtureRequest) -> bool:
    """Return whether the statement reaches the database before its connection is reset."""
    arrived: bool = request.param
    return arrived


def ask_and_reset(
    neon: Neon, pool: ThreadPoolExecutor, ask: Callable[[], httpx.Response], *, arrived: bool
) -> Future[httpx.Response]:
    """Start a request, and reset all connections during its statement."""
    wait_for(lambda: not neon.faults.under_way)
    sent = len(neon.front.messages)
    neon.faults.delay = 0.2
    answer = pool.submit(ask)
    wait_for(lambda: neon.front.messages[sent:] if arrived else neon.faults.under_way)
    neon.faults.reset()
    return answer


@pytest.mark.usefixtures("connected")
@pytest.mark.parametrize("request_", READS.values(), ids=READS)
def test_a_read_is_repeated_once_when_the_connection_is_lost_under_it(
    neon: Neon, owner: Person, pool: ThreadPoolExecutor, request_: Request, arrived: bool
) -> None:
    todo = request_.todo(owner)
    sent = len(neon.front.messages)
    answer = ask_and_reset(neon, pool, lambda: request_.ask(owner, todo), arrived=arrived)
    neon.faults.delay = 0.0
    assert answer.result().status_code == 200
    assert len([message for message in neon.front.messages[sent:] if message != "X"]) == 1 + arrived


@pytest.mark.usefixtures("connected")
def test_a_read_whose_connection_is_lost_twice_is_503(neon: Neon, owner: Person, pool: ThreadPoolExecutor) -> None:
    todo = at(owner.create())
    sent = len(neon.front.messages)
    answer = ask_and_reset(neon, pool, lambda: owner.http.get(todo), arrived=True)
    wait_for(lambda: len(neon.front.messages[sent:]) == 2)
    neon.faults.reset()
    expect_unavailable(answer.result(), "The database cannot")
    neon.faults.delay = 0.0
    assert owner.http.get(todo).status_code == 200
    assert len(neon.front.messages[sent:]) == 3


@pytest.mark.usefixtures("connected")
@pytest.mark.parametrize(
    ("kind", "status"),
    [
        *(("get", 200), ("create", 201), ("delete", 204), ("patch of a version", 200)),
        *(("patch", 503), ("toggle", 503), ("toggle of a version", 503), ("restore", 503)),
    ],
)
def test_a_statement_that_the_server_ended_is_repeated_when_that_is_safe(
    neon: Neon, owner: Person, pool: ThreadPoolExecutor, kind: str, status: int
) -> None:
    request = REQUESTS[kind]
    todo = request.todo(owner)
    sent = len(neon.front.messages)
    with table_locked(neon):
        answer = pool.submit(request.ask, owner, todo)
        wait_for(lambda: neon.front.messages[sent:])
        wait_for(lambda: neon.database.execute(f"{TERMINATE} AND wait_event_type = 'Lock'"))
        wait_for(lambda: answer.done() or len(neon.front.messages[sent:]) > 1)
    assert answer.result().status_code == status
    messages = [message for message in neon.front.messages[sent:] if message.startswith(request.statement)]
    assert len(messages) == 1 + (status != 503)
    assert request.repeats is (status != 503)


IS_ON_TOP = "tags = '{old}' AND position >= ALL (SELECT position FROM todo other WHERE other.user_id = todo.user_id)"
# Each condition is true for the todos of the owner that one of WRITES has changed.
EFFECTS = {
    "create": "title = 'new'",
    "create once": "title = 'once'",
    "put": "title = 'put'",
    "put new": "title = 'put new'",
    "patch": "title = 'changed'",
    "patch of a version": "title = 'matched'",
    "toggle": "completed",
    "toggle of a version": "completed",
    "move": IS_ON_TOP,
    "move of a version": IS_ON_TOP,
    "delete": "deleted_at IS NOT NULL",
    "delete of a version": "deleted_at IS NOT NULL",
    "restore": "deleted_at IS NULL",
    "purge": "purged_at IS NOT NULL",
    "empty trash": "purged_at IS NOT NULL",
    "update several": "title = 'several'",
    "delete several": "deleted_at IS NOT NULL",
    "rename a tag": "tags = '{new}'",
    "delete a tag": "tags = '{}'",
    "batch": "title LIKE 'batch%%'",
}


# This trigger records each change, also one that a later change has replaced.
RECORD = """
    CREATE TABLE change (user_id text, id uuid, version bigint);
    GRANT INSERT ON change TO todo_api;
    CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS
        'BEGIN INSERT INTO change VALUES (NEW.user_id, NEW.id, NEW.version); RETURN NEW; END';
    CREATE TRIGGER note AFTER INSERT OR UPDATE ON todo FOR EACH ROW EXECUTE FUNCTION note();
"""
CHANGES = "SELECT id, count(DISTINCT version) FROM change WHERE user_id = %s AND version > %s GROUP BY id"


@pytest.fixture(scope="module")
def recorded(neon: Neon, api: Api) -> None:
    """Record all changes of todos."""
    neon.wait_until_it_works(api)
    neon.database.execute(RECORD)


def test_every_write_has_an_effect() -> None:
    assert EFFECTS.keys() == WRITES.keys()


@pytest.mark.usefixtures("connected", "recorded")
@pytest.mark.parametrize("kind", EFFECTS)
def test_a_write_is_sent_again_when_that_is_safe_and_503_otherwise(
    neon: Neon, owner: Person, pool: ThreadPoolExecutor, kind: str, arrived: bool
) -> None:
    request = WRITES[kind]
    todo = request.todo(owner)
    ((before,),) = neon.database.execute("SELECT max(version) FROM todo WHERE user_id = %s", (owner.id,))
    sent = len(neon.front.messages)
    answer = ask_and_reset(neon, pool, lambda: request.ask(owner, todo), arrived=arrived)
    neon.faults.delay = 0.0
    if request.repeats:
        assert answer.result().is_success
    else:
        expect_unavailable(answer.result(), "The database cannot")
    assert owner.http.get("/api/todos").status_code == 200
    messages = [message for message in neon.front.messages[sent:] if message.startswith(("INSERT", "UPDATE", LOCK))]
    assert len(messages) == arrived + request.repeats
    assert all(message.startswith(request.statement) for message in messages)
    effects = f"SELECT count(*) FROM todo WHERE user_id = %s AND {EFFECTS[kind]}"
    is_done = arrived or request.repeats
    expected = (2 if kind == "batch" else 1) if is_done else 0
    if is_done:
        wait_for(lambda: neon.database.execute(effects, (owner.id,)) == [(expected,)])
    assert neon.database.execute(effects, (owner.id,)) == [(expected,)]
    changes = neon.database.execute(CHANGES, (owner.id, before))
    assert [times for _, times in changes] == [1] * expected, "each todo was changed once"
