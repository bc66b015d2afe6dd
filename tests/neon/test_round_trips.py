"""Test the messages of the API to the pooler, which the proxy records."""

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from tests.conftest import Person
from tests.faults import Faults
from tests.live import ROOT, Api, wait_for
from tests.neon.conftest import Neon
from tests.test_statements import REQUESTS, Request


@pytest.mark.parametrize("request_", REQUESTS.values(), ids=REQUESTS)
def test_a_request_is_one_round_trip(neon: Neon, owner: Person, request_: Request) -> None:
    todo = request_.todo(owner)
    sent = len(neon.front.messages)
    assert request_.ask(owner, todo).is_success
    (statement,) = neon.front.messages[sent:]
    assert statement.startswith(request_.statement)


def test_a_new_process_checks_the_schema_once_before_its_first_statement(neon: Neon, api: Api) -> None:
    assert api.process.poll() is None  # the schema exists
    sent, connected = len(neon.front.messages), neon.faults.accepted
    with neon.running() as fresh, neon.client(fresh) as http:
        assert http.get("/api/todos").status_code == 200
        look, page = neon.front.messages[sent:]
        assert "pg_catalog.pg_attribute" in look
        assert re.match(r"SELECT\s.*\sFROM todo\s", page, re.DOTALL)
        assert neon.faults.accepted == connected + 1


# The next client of a pooler's connection would inherit these settings, or they need their own connection.
SESSION_STATE = re.compile(
    r"(^|;)\s*(SET(?! LOCAL\b| TRANSACTION\b)|RESET|LISTEN|PREPARE|DEALLOCATE|DISCARD|LOAD|DECLARE)\b"
    r"|pg_(try_)?advisory_(un)?lock|\bCREATE\s+(GLOBAL\s+|LOCAL\s+)?TEMP|set_config\([^)]*,\s*false\s*\)",
    re.IGNORECASE,
)


def test_nothing_is_left_on_a_connection_of_the_pooler(new_neon: Callable[..., Neon]) -> None:
    neon = new_neon()
    with neon.running() as api, neon.client(api) as http:
        neon.wait_until_it_works(api)
        person = Person(neon.user_id, "", http)
        for request in REQUESTS.values():
            assert request.ask(person, request.todo(person)).is_success
        assert neon.database.execute(
            "SELECT count(*) FILTER (WHERE state LIKE 'idle in transaction%%'), count(*) > 0 FROM pg_stat_activity"
            " WHERE datname = current_database() AND usename = 'todo_api'"
        ) == [(0, True)]
        assert neon.database.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'") == [(0,)]
    assert [message for message in neon.front.messages if "CREATE TABLE" in message]
    assert [message for message in neon.front.messages if SESSION_STATE.search(message)] == []
    assert {message for message in neon.front.messages if len(message) == 1} <= {"X"}


class Clock:
    """Move the clocks of a process forward, so that no test waits for five minutes."""

    _CODE = """if True:
        import pathlib, time
        ahead = pathlib.Path(__file__).with_name("ahead")
        for name in ("time", "monotonic"):
            clock = getattr(time, name)
            setattr(time, name, lambda clock=clock: clock() + float(ahead.read_text()))
    """

    def __init__(self, folder: Path) -> None:
        (folder / "sitecustomize.py").write_text(self._CODE)  # Python imports this file first
        self._folder, self._ahead = folder, 0.0
        self.variables = {"PYTHONPATH": f"{folder}{os.pathsep}{ROOT}"}
        self.forward(0)

    def forward(self, seconds: float) -> None:
        self._ahead += seconds
        (self._folder / "next").write_text(str(self._ahead))
        (self._folder / "next").rename(self._folder / "ahead")


@pytest.fixture(scope="module")
def clock(tmp_path_factory: pytest.TempPathFactory) -> Clock:
    return Clock(tmp_path_factory.mktemp("clock"))


@pytest.fixture(scope="module")
def http(neon: Neon, api: Api, clock: Clock) -> Iterator[httpx.Client]:
    """Open a client of an API that uses `clock`, on a schema that exists. Its sweep is done."""
    assert api.process.poll() is None
    swept = neon.front.sweeps
    with neon.running(**clock.variables) as later, neon.client(later) as http:
        assert http.get("/api/todos").status_code == 200
        clock.forward(6)
        wait_for(lambda: http.get("/api/todos").status_code == 200 and neon.front.sweeps == swept + 2)
        yield http


def test_only_idle_connections_are_checked_and_close_before_neon_sleeps(
    neon: Neon, clock: Clock, http: httpx.Client
) -> None:
    for idle, expected, connected in ((0, ["S"], 0), (4, ["S"], 0), (6, ["SELECT 1", "S"], 0), (290, ["X", "S"], 1)):
        clock.forward(idle)
        sent, accepted = len(neon.front.messages), neon.faults.accepted
        assert http.get("/api/todos").status_code == 200
        said = ["S" if "FROM todo" in message else message for message in neon.front.messages[sent:]]
        # The job at the start may have left a second connection, which is closed for its age, too.
        assert (set(said), said.count("S")) == (set(expected), 1), f"after {idle} s"
        assert neon.faults.accepted == accepted + connected, f"after {idle} s"


@pytest.mark.parametrize("request_", REQUESTS.values(), ids=REQUESTS)
def test_a_connection_that_was_lost_silently_causes_no_error(
    faults: Faults, clock: Clock, http: httpx.Client, neon: Neon, request_: Request
) -> None:
    person = Person(neon.user_id, "", http)
    todo = request_.todo(person)
    clock.forward(6)
    faults.forget()
    sent = len(neon.front.messages)
    assert request_.ask(person, todo).is_success
    (statement,) = [message for message in neon.front.messages[sent:] if message != "X"]
    assert statement.startswith(request_.statement)
