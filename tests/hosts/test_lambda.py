"""Test AWS Lambda with Mangum, which enters and leaves the lifespan around every call."""

import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from textwrap import dedent

import httpx
import pytest

from tests.expect import again, expect_unavailable
from tests.hosts.bare import Place, deployed, freeze
from tests.hosts.conftest import Backend
from tests.hosts.contract import ASK, expect_alive, expect_the_contract
from tests.hosts.function import HANDLER, Function, function
from tests.layout import app_files
from tests.live import ROOT

Start = Callable[..., AbstractContextManager[tuple[Function, httpx.Client]]]


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    """Create a function's folder with the files of docs/deploy.md."""
    guide = (ROOT / "docs" / "deploy.md").read_text()
    module = f"{HANDLER.partition('.')[0]}.py"
    (code,) = map(dedent, re.findall(rf"`{re.escape(module)}`.*?```python\n(.*?) *```", guide, re.DOTALL))
    (own, *rest) = re.findall(r"^ *\$ cp -r (.*) \.local/lambda ", guide, re.MULTILINE)[0].split()
    assert own == module
    files = {file for name in rest for path in [ROOT / name] for file in (path, *path.rglob("*")) if file.is_file()}
    names = {str(file.relative_to(ROOT)) for file in files if file.suffix != ".pyc"}
    assert {name for name in names if name.endswith(".py")} == {str(file) for file in app_files()} - {module}
    with deployed(names, new={module: code}) as place:
        yield place


@pytest.fixture
def start(backend: Backend, place: Place, python: str) -> Start:
    """Return a function that starts a Lambda function with a client."""

    @contextmanager
    def start(**variables: str) -> Iterator[tuple[Function, httpx.Client]]:
        with (
            function(python, place, **backend.variables | variables) as called,
            backend.client("https://abc.lambda-url.eu-central-1.on.aws", called) as me,
        ):
            yield called, me

    return start


def expect_one_statement_each(backend: Backend, me: httpx.Client, turns: int = 1) -> None:
    """Assert that each call sends one statement, on a connection that is open already."""
    for ask, verb in [(ASK["GET"], "SELECT"), (ASK["POST"], "INSERT")] * turns:
        sent, connections = len(backend.wire.messages), backend.link.accepted
        answer = ask(me)
        assert answer.is_success, answer.text
        (statement,) = backend.wire.messages[sent:]
        assert statement.startswith(verb)
        assert backend.link.accepted == connections


def test_the_contract_holds(backend: Backend, start: Start) -> None:
    with start() as (called, me):
        expect_the_contract(me, backend.user_id)
        assert re.search(r"POST /api/todos 201 \d+\.\dms", called.log.read_text())
        assert "Traceback" not in called.log.read_text()


def test_after_the_first_call_each_is_one_statement_on_the_same_connection(backend: Backend, start: Start) -> None:
    with start() as (_, me):
        fetches = backend.issuer.fetches
        assert me.get("/api/todos").status_code == 200
        expect_one_statement_each(backend, me, turns=15)
        assert backend.issuer.fetches == fetches + 1


def test_a_function_whose_first_call_needed_no_database_is_no_different(backend: Backend, start: Start) -> None:
    with start() as (called, me):
        called.freezes = True
        expect_alive(me)
        assert me.get("/api/todos").status_code == 200
        expect_one_statement_each(backend, me)


def stop_shortly(called: Function) -> None:
    """Freeze for a moment. All clocks continue."""
    freeze(called.process)


def stop_for_a_minute(called: Function) -> None:
    """Freeze for a minute, as Lambda does. The monotonic clock stops."""
    called.sleep(60)


def stop_for_hours(called: Function) -> None:
    """Freeze until everything that the process remembers is old."""
    called.sleep(4 * 3600)


@pytest.mark.parametrize("method", ASK)
@pytest.mark.parametrize(
    ("stop", "loss"),
    [
        (stop_shortly, Backend.end_connections),
        (stop_for_a_minute, Backend.lose_connections),
        (stop_for_hours, Backend.lose_connections),
    ],
    ids=["shortly, ended", "for a minute, lost", "for hours, lost"],
)
def test_the_first_call_after_a_freeze_that_cost_the_connections_succeeds(
    backend: Backend, start: Start, stop: Callable[[Function], None], loss: Callable[[Backend], None], method: str
) -> None:
    with start() as (called, me):
        assert me.get("/api/todos").status_code == 200
        stop(called)
        loss(backend)
        fetches = backend.issuer.fetches
        answer = ASK[method](me)
        assert answer.is_success, answer.text
        expect_one_statement_each(backend, me)
        assert backend.issuer.fetches - fetches <= 1


def test_a_call_that_is_cut_off_from_its_background_work_harms_no_other(backend: Backend, start: Start) -> None:
    with start() as (called, me):
        called.freezes = True
        backend.link.hang()
        expect_alive(me)  # the first call starts to check the schema, and is frozen while it connects
        backend.link.heal()
        called.sleep(3600)
        assert me.get("/api/todos").status_code == 200
        sent = len(backend.wire.messages)
        for ask in ASK.values():
            assert ask(me).is_success
        # The interrupted check of the schema may end during these calls.
        assert len([one for one in backend.wire.messages[sent:] if "pg_attribute" not in one]) == len(ASK)


def test_signing_keys_are_renewed_across_calls(backend: Backend, start: Start) -> None:
    with start() as (called, me):
        called.freezes = True
        assert me.get("/api/todos").status_code == 200
        for seconds in (320, 320, 3600, 320):  # in the background or before their use
            called.sleep(seconds)
            fetches = backend.issuer.fetches
            assert [me.get("/api/todos").status_code for _ in range(3)] == [200] * 3
            assert backend.issuer.fetches == fetches + 1
        assert "not renewed" not in called.log.read_text()


def test_a_function_starts_without_the_database_and_finds_it_later(backend: Backend, start: Start) -> None:
    backend.link.hang()
    with start(DB_TIMEOUT="1") as (_, me):
        expect_unavailable(me.get("/api/todos"), "The database cannot")
        expect_alive(me)
        backend.link.heal()
        assert any(answer.status_code == 200 for answer in again(lambda: me.get("/api/todos")))
        expect_one_statement_each(backend, me)
