"""Test that `make run` and `make demo` start the API again after a change of its code and after a crash."""

import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from tests.live import NO_TLS, free_port, wait_for
from tests.template.clone import clone_to, command
from tests.template.test_demo import clone as clone_with_next
from tests.template.test_demo import make_demo
from tests.template.test_dev import make_run, two_free_ports

demo_clone = clone_with_next
SECONDS = 60


@pytest.fixture
def clone() -> Iterator[Path]:
    """Make a clone whose files a test may change."""
    with tempfile.TemporaryDirectory(prefix="a clone ") as folder:
        clone_to(Path(folder))
        yield Path(folder)


def name_of(port: int) -> str | None:
    """Return the name of the API that answers, or `None` while none does."""
    try:
        answer = httpx.get(f"http://127.0.0.1:{port}/", trust_env=False, verify=NO_TLS)
    except httpx.TransportError:
        return None
    name: str = answer.json()["name"]
    return name


def rename(clone: Path, old: str, new: str) -> None:
    """Change the name of the API in its code, as an editor does."""
    path = clone / "main.py"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def servers(clone: Path) -> Iterator[psutil.Process]:
    """Return the processes of the API of a clone."""
    for process in psutil.process_iter(["cmdline", "cwd"]):
        if "uvicorn" in (process.info["cmdline"] or ()) and process.info["cwd"] == str(clone):
            yield process


def test_a_change_of_the_code_starts_only_the_api_again(clone: Path) -> None:
    port = two_free_ports()
    said: list[str] = []
    with make_run(clone, port, said) as printed:
        (token,) = (line.removeprefix("export TOKEN=") for line in printed if line.startswith("export TOKEN="))
        database = (clone / ".local" / "postgres" / "18" / "postmaster.pid").read_text()
        (clone / "db" / "migrations" / "versions" / "other.py").write_text("somebody writes a migration")
        for folder in (".venv", "venv", ".local", "tests", "examples/nextjs/node_modules/x", "__pycache__"):
            (clone / folder).mkdir(parents=True, exist_ok=True)
            (clone / folder / "pyvenv.cfg").touch()
            (clone / folder / "other.py").write_text("nothing of the API")
        rename(clone, "SQLModel Todo API", "Renamed")
        wait_for(lambda: name_of(port) == "Renamed", SECONDS)
        (clone / "routers" / "more").mkdir()
        (clone / "routers" / "more" / "new.py").write_text("import main\n\nmain.app.title = 'New'\n")
        with (clone / "routers" / "health.py").open("a") as end:
            end.write("\n\nMORE = True\n")
        rename(clone, "Renamed", "Renamed again")
        wait_for(lambda: name_of(port) == "Renamed again", SECONDS)
        headers = {"Authorization": f"Bearer {token}"}
        me = httpx.get(f"http://127.0.0.1:{port}/api/me", headers=headers, trust_env=False, verify=NO_TLS)
        assert me.json()["email"] == "demo@example.com"
        assert (clone / ".local" / "postgres" / "18" / "postmaster.pid").read_text() == database
    assert not list(servers(clone))
    changes = [line for line in said if "changed" in line]
    assert changes[0] == "main.py changed. The API starts again."
    assert {line.partition(" ")[0] for line in changes} <= {"main.py", "routers/health.py", "routers/more/new.py"}


def test_after_a_syntax_error_the_api_starts_with_the_next_change(clone: Path) -> None:
    port = two_free_ports()
    said: list[str] = []
    with make_run(clone, port, said):
        text = (clone / "main.py").read_text()
        (clone / "broken.py").write_text("(")
        (clone / "main.py").write_text(f'open("tried", "w").close()\nimport broken\n{text}')
        wait_for(lambda: (clone / "tried").exists() and not list(servers(clone)), SECONDS)
        assert name_of(port) is None
        (clone / "broken.py").write_text("")
        wait_for(lambda: name_of(port) == "SQLModel Todo API", SECONDS)
    assert any(line.startswith("SyntaxError") for line in said)
    assert said.count("The API stopped with exit code 1. It starts again when you save a correction.") == 1


def test_an_api_that_cannot_start_ends_make_run(clone: Path) -> None:
    rename(clone, '"SQLModel Todo API"', "(SQLModel Todo API")
    process = command(clone, "run", PORT=str(two_free_ports()))
    printed, log = process.communicate(timeout=SECONDS)
    assert (process.returncode, printed) == (1, "")
    assert log.endswith("\nThe API stopped unexpectedly with exit code 1.\n")


def test_the_demo_starts_a_crashed_api_three_times(demo_clone: Path) -> None:
    web, api = free_port(), free_port()
    with make_demo(demo_clone, web, api) as run:
        for crash in range(4):
            wait_for(lambda: name_of(api) if run.process.poll() is None else True, SECONDS)
            (server,) = servers(demo_clone)
            server.send_signal(signal.SIGKILL)
            psutil.wait_procs([server], SECONDS)
            assert crash == 3 or run.process.poll() is None
        run.process.wait(SECONDS)
    assert run.process.returncode == 1
    assert run.log.count("The API stopped unexpectedly with exit code -9. It starts again.\n") == 3
    assert run.log.endswith("\nThe API stopped unexpectedly with exit code -9, 4 times.\n")
