"""Test the repository in Vercel's own runtime, frozen between requests."""

import ast
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import httpx
import pytest

from tests.expect import again, expect_unavailable
from tests.hosts.bare import VERCELS_OWN, Place, deployed, freeze, vercel_takes
from tests.hosts.conftest import Backend
from tests.hosts.contract import ASK, expect_alive, expect_the_contract
from tests.hosts.vercel import Instance, instance
from tests.layout import app_files
from tests.live import ROOT

Start = Callable[..., AbstractContextManager[tuple[Instance, httpx.Client]]]


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    """Copy the files that `vercel deploy` uploads to a host."""
    with deployed(vercel_takes(ROOT)) as place:
        yield place


@pytest.fixture
def start(backend: Backend, place: Place, python: str) -> Start:
    """Return a function that starts an instance with a client."""

    @contextmanager
    def start(**variables: str) -> Iterator[tuple[Instance, httpx.Client]]:
        with (
            instance(python, place, **backend.variables | variables) as (running, url),
            backend.client(url, running) as me,
        ):
            yield running, me

    return start


def binds_an_app(path: Path) -> bool:
    """Return whether a file binds, at its top level, one of the names that the builder searches."""
    names: set[str] = set()
    for node in ast.parse(path.read_text()).body:
        match node:
            case ast.Assign(targets=targets):
                names |= {target.id for target in targets if isinstance(target, ast.Name)}
            case ast.AnnAssign(target=ast.Name(id=name)) | ast.ClassDef(name=name):
                names.add(name)
            case ast.ImportFrom(names=imported):
                names |= {alias.asname or alias.name for alias in imported}
    return bool(names & {"app", "application", "handler"})


def test_the_builder_finds_the_app_in_main() -> None:
    files = ("app", "index", "server", "main", "wsgi", "asgi")
    tried = [f"{folder}{file}.py" for file in files for folder in ("", "src/", "app/", "api/")]
    there = vercel_takes(ROOT)
    assert [name for name in tried if name in there and binds_an_app(ROOT / name)] == ["main.py"]
    # Vercel would read any of these files instead of requirements.txt.
    assert there & {"pyproject.toml", "uv.lock", "pylock.toml", "Pipfile", "Pipfile.lock"} == set()


def test_the_app_is_uploaded_whole_and_nothing_else_is(tmp_path: Path) -> None:
    there = vercel_takes(ROOT)
    assert {name for name in there if name.endswith(".py")} == {str(file) for file in app_files()}
    assert {name for name in there - VERCELS_OWN if "/" not in name and not name.endswith(".py")} == {
        "requirements.txt"
    }
    for secret in (".env", ".env.production", "auth.log", "tests/conftest.py", "db/__pycache__/engine.pyc", "main.py"):
        (tmp_path / secret).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / secret).touch()
    assert vercel_takes(tmp_path) == {"main.py"}


def test_the_contract_holds_and_each_log_line_names_its_request(backend: Backend, start: Start) -> None:
    with start() as (running, me):
        expect_the_contract(me, backend.user_id)
        requests = [started["context"]["requestId"] for started in running.told("handler-started")]
        assert [len(running.log_lines(number)) for number in requests] == [1] * len(requests)
        assert len(requests) > 15
        assert running.log_lines(requests[0])[-1].startswith("POST /api/todos 201 ")
        assert "Traceback" not in str(running.log_lines(0))


def test_an_instance_that_only_runs_during_requests_keeps_the_contract(backend: Backend, start: Start) -> None:
    with start() as (running, me):
        running.freezes = True
        expect_alive(me)
        expect_the_contract(me, backend.user_id)
        migrations = [*ROOT.glob("db/migrations/versions/[0-9]*.py")]
        assert backend.link.accepted <= len(migrations) + 1, "one for each migration, and one for requests"


@pytest.mark.parametrize("method", ASK)
@pytest.mark.parametrize(
    ("loss", "seconds"),
    # A closed connection is noticed at once. A silent one is checked after five seconds.
    [(Backend.end_connections, 0.2), (Backend.lose_connections, 6.0)],
    ids=["ended", "lost"],
)
def test_the_first_request_after_a_freeze_survives_lost_connections(
    backend: Backend, start: Start, method: str, loss: Callable[[Backend], None], seconds: float
) -> None:
    with start() as (running, me):
        assert ASK[method](me).is_success
        freeze(running.process)
        loss(backend)
        time.sleep(seconds)
        thawed = time.monotonic()
        answer = ASK[method](me)
        assert answer.is_success, answer.text
        assert time.monotonic() - thawed < 4, "it waited too long for a lost connection"
        assert me.get("/api/todos").status_code == 200


def test_an_instance_starts_without_the_database_and_finds_it_later(backend: Backend, start: Start) -> None:
    backend.link.refuse()
    with start(DB_TIMEOUT="1") as (running, me):
        running.freezes = True
        expect_alive(me)
        for ask in ASK.values():
            expect_unavailable(ask(me), "The database cannot")
        expect_alive(me)
        backend.link.heal()
        assert any(answer.status_code == 200 for answer in again(lambda: me.get("/api/todos")))
        assert ASK["POST"](me).status_code == 201


def test_an_instance_ends_within_the_half_second_that_vercel_waits(place: Place, start: Start) -> None:
    seconds: list[float] = []
    while min(seconds, default=1) > 0.5:
        assert len(seconds) < 5, seconds  # a busy machine may delay some of them
        with start() as (running, me):
            assert me.get("/api/todos").status_code == 200
            asked = time.monotonic()
            running.process.send_signal(signal.SIGTERM)
            running.process.wait(5)
            seconds.append(time.monotonic() - asked)
            assert "Traceback" not in place.log.read_text()
