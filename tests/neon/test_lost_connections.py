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
from tests.test_statements import REQUESTS, Ask

BACKENDS = "FROM pg_stat_activity WHERE datname = current_database() AND usename = 'todo_api'"
TERMINATE = f"SELECT pg_terminate_backend(pid) {BACKENDS}"


def terminate(neon: Neon) -> None:
    assert neon.database.execute(TERMINATE)
    wait_for(lambda: not neon.database.execute(f"SELECT pid {BACKENDS}") and not neon.pooler.connections(neon.name))


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
def todo(owner: Person, new_person: Callable[[], Person], faults: Faults, pool: ThreadPoolExecutor) -> str:
    """Create a todo after all connections of the API's pool were opened and used."""
    people = [owner, new_person(), new_person()]  # each may use half of the connections

    def ask_together() -> bool:
        answers = pool.map(lambda person: person.http.get("/api/todos"), people * 4)
        assert {answer.status_code for answer in answers} == {200}
        return faults.open == 5

    faults.delay = 0.02
    wait_for(ask_together)
    faults.delay = 0.0
    return f"/api/todos/{owner.create()['id']}"


@pytest.mark.parametrize("die", DEATHS.values(), ids=DEATHS)
@pytest.mark.parametrize(("verb", "ask"), REQUESTS.values(), ids=REQUESTS)
def test_connections_that_were_lost_while_idle_cause_no_error(
    neon: Neon, owner: Person, todo: str, die: Callable[[Neon], object], verb: str, ask: Ask
) -> None:
    sent = len(neon.front.messages)
    die(neon)
    assert ask(owner, todo).is_success
    assert [message[:6] for message in neon.front.messages[sent:] if message != "X"] == [verb]


def test_connections_that_the_server_ended_cause_no_error(neon: Neon, api: Api) -> None:
    neon.wait_until_it_works(api)
    with neon.running(DATABASE_URL=neon.direct_url) as direct, neon.client(direct) as http:
        person = Person(neon.user_id, "", http)
        for _, ask in REQUESTS.values():
            todo = f"/api/todos/{person.create()['id']}"
            terminate(neon)
            assert ask(person, todo).is_success


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


@pytest.mark.parametrize("ask", [ask for verb, ask in REQUESTS.values() if verb == "SELECT"])
def test_a_read_is_repeated_once_when_the_connection_is_lost_under_it(
    neon: Neon, owner: Person, todo: str, pool: ThreadPoolExecutor, ask: Ask, arrived: bool
) -> None:
    sent = len(neon.front.messages)
    answer = ask_and_reset(neon, pool, lambda: ask(owner, todo), arrived=arrived)
    neon.faults.delay = 0.0
    assert answer.result().status_code == 200
    assert len([message for message in neon.front.messages[sent:] if message != "X"]) == 1 + arrived


def test_a_read_whose_connection_is_lost_twice_is_503(
    neon: Neon, owner: Person, todo: str, pool: ThreadPoolExecutor
) -> None:
    sent = len(neon.front.messages)
    answer = ask_and_reset(neon, pool, lambda: owner.http.get(todo), arrived=True)
    wait_for(lambda: len(neon.front.messages[sent:]) == 2)
    neon.faults.reset()
    expect_unavailable(answer.result(), "The database cannot")
    neon.faults.delay = 0.0
    assert owner.http.get(todo).status_code == 200
    assert len(neon.front.messages[sent:]) == 3


@pytest.mark.parametrize(("kind", "status"), [("get", 200), ("toggle", 503)])
def test_a_statement_that_the_server_ended_is_repeated_when_it_reads(
    neon: Neon, owner: Person, todo: str, pool: ThreadPoolExecutor, kind: str, status: int
) -> None:
    sent = len(neon.front.messages)
    verb, ask = REQUESTS[kind]
    with table_locked(neon):
        answer = pool.submit(ask, owner, todo)
        wait_for(lambda: neon.front.messages[sent:])
        wait_for(lambda: neon.database.execute(f"{TERMINATE} AND wait_event_type = 'Lock'"))
        wait_for(lambda: answer.done() or len(neon.front.messages[sent:]) > 1)
    assert answer.result().status_code == status
    assert len([message for message in neon.front.messages[sent:] if message[:6] == verb]) == 1 + (status == 200)


# Each query counts the changes by one of REQUESTS to the todos of the owner.
EFFECTS = {
    "create": "SELECT count(*) FROM todo WHERE user_id = %s AND title = 'new'",
    "patch": "SELECT count(*) FROM todo WHERE user_id = %s AND title = 'changed'",
    "toggle": "SELECT count(*) FROM todo WHERE user_id = %s AND completed",
    "delete": "SELECT 1 - count(*) FROM todo WHERE user_id = %s",
}


@pytest.mark.parametrize("kind", EFFECTS)
def test_a_write_is_never_sent_twice_and_503_when_its_fate_is_unknown(
    neon: Neon, owner: Person, todo: str, pool: ThreadPoolExecutor, kind: str, arrived: bool
) -> None:
    sent = len(neon.front.messages)
    verb, ask = REQUESTS[kind]
    answer = ask_and_reset(neon, pool, lambda: ask(owner, todo), arrived=arrived)
    neon.faults.delay = 0.0
    expect_unavailable(answer.result(), "The database cannot")
    assert owner.http.get("/api/todos").status_code == 200
    assert [message[:6] for message in neon.front.messages[sent:] if message[:6] == verb] == [verb] * arrived
    if arrived:
        wait_for(lambda: neon.database.execute(EFFECTS[kind], (owner.id,)) == [(1,)])
    else:
        assert neon.database.execute(EFFECTS[kind], (owner.id,)) == [(0,)]
