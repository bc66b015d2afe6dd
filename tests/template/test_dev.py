"""Test that the output of `make run`, `make token` and `make openapi` works, and that they stop their programs."""

import os
import re
import shlex
import shutil
import signal
import socket
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import httpx
import pytest

from dev.better_auth import StandIn
from tests.live import NO_TLS, ROOT, free_port
from tests.template.clone import clone_to, command


@pytest.fixture(scope="module")
def clone() -> Iterator[Path]:
    """Make a clone for these tests, so that your `.local/` and `.env` stay as they are."""
    with tempfile.TemporaryDirectory(prefix="a clone ") as folder:
        clone_to(Path(folder))
        yield Path(folder)


def two_free_ports() -> int:
    """Return a free port whose next port is free, too."""
    while True:
        port = free_port()
        with socket.socket() as listener:
            if port < 65535 and listener.connect_ex(("127.0.0.1", port + 1)) != 0:
                return port


@contextmanager
def make_run(clone: Path, port: int, said: list[str] | None = None) -> Iterator[list[str]]:
    """Run `make run`, yield the lines that it prints, and press Ctrl-C at the end of the block.

    Args:
        clone: the folder of the project.
        port: the port of the API.
        said: where the lines of standard error are added, at the end. It may contain a traceback then.
    """
    process = command(clone, "run", PORT=str(port))
    assert process.stdout
    assert process.stderr
    try:
        printed = []
        for line in process.stdout:
            printed.append(line.rstrip("\n"))
            if "Ctrl-C" in line:
                break
        assert printed, process.stderr.read()
        yield printed
    finally:
        os.killpg(process.pid, signal.SIGINT)
        _, log = process.communicate(timeout=60)
    assert process.returncode == 0
    if said is None:
        assert "Traceback" not in log
    else:
        said += log.splitlines()


def paste(line: str) -> httpx.Response:
    """Send the request of a line with curl."""
    words = iter(shlex.split(line.partition("|")[0].removeprefix("ID=$(")))
    assert next(words) == "curl"
    method, url, body, headers = "GET", "", None, {}
    for word in words:
        match word:
            case "-X":
                method = next(words)
            case "-H":
                name, _, value = next(words).partition(": ")
                headers[name] = value
            case "-d":
                method, body = "POST", next(words)
            case "-w":
                next(words)
            case "-s":
                pass
            case _:
                url = word
    return httpx.request(method, url, headers=headers, content=body, trust_env=False, verify=NO_TLS)


def test_the_lines_that_make_run_prints_work_when_pasted(clone: Path) -> None:
    port = two_free_ports()
    with make_run(clone, port) as printed:
        (token,) = (line.removeprefix("export TOKEN=") for line in printed if line.startswith("export TOKEN="))
        lines = [line.replace("$TOKEN", token) for line in printed if re.match(r"curl|ID=", line)]
        create, every, newest, toggle, delete = lines
        todo = paste(create).json()
        assert (todo["title"], todo["completed"]) == ("Buy milk", False)
        assert paste(every).json() == [todo]
        assert paste(newest).json()[0]["id"] == todo["id"]
        assert paste(toggle.replace("$ID", todo["id"])).json()["completed"] is True
        assert paste(delete.replace("$ID", todo["id"])).status_code == 204

        fresh, log = command(clone, "token").communicate(timeout=60)
        assert log == ""
        me = paste(f'curl http://localhost:{port}/api/me -H "Authorization: Bearer {fresh.strip()}"')
        assert me.json()["email"] == "demo@example.com"

        for host, status in ((f"127.0.0.1:{port + 1}", 200), ("evil.example", 421)):
            answer = httpx.get(
                f"http://127.0.0.1:{port + 1}/api/auth/token", headers={"Host": host}, trust_env=False, verify=NO_TLS
            )
            assert answer.status_code == status
            assert "access-control-allow-origin" not in answer.headers
    for one in (port, port + 1):
        with socket.socket() as gone:
            assert gone.connect_ex(("127.0.0.1", one)) != 0, "it still listens"


def test_todos_are_kept_from_one_run_to_the_next(clone: Path) -> None:
    for expected in (0, 1):
        with make_run(clone, two_free_ports()) as printed:
            (token,) = (line.removeprefix("export TOKEN=") for line in printed if line.startswith("export TOKEN="))
            create, every, *_ = (line.replace("$TOKEN", token) for line in printed if line.startswith("curl"))
            assert len(paste(every).json()) == expected
            assert paste(create).status_code == 201


@pytest.mark.parametrize("offset", [0, 1], ids=["the API's", "the stand-in's"])
def test_a_port_in_use_is_reported(clone: Path, offset: int) -> None:
    port = two_free_ports()
    with closing(socket.create_server(("127.0.0.1", port + offset))):
        process = command(clone, "run", PORT=str(port))
        printed, log = process.communicate(timeout=60)
    assert process.returncode == 1
    assert printed == ""
    assert log == f"Port {port + offset} is taken. To use 8010 and 8011, run PORT=8010 make run.\n"


@pytest.mark.parametrize(
    ("given", "missing"), [("DATABASE_URL", "BETTER_AUTH_URL"), ("BETTER_AUTH_URL", "DATABASE_URL")]
)
def test_one_url_without_the_other_is_an_error(clone: Path, given: str, missing: str) -> None:
    process = command(clone, "run", **{given: "postgresql://somebody:secret@127.0.0.1/todo"})
    _, log = process.communicate(timeout=60)
    assert process.returncode == 2
    assert log == f"{given} is set and {missing} is not. Set both or neither.\n"


def test_without_a_demo_user_there_is_no_token(clone: Path, tmp_path: Path) -> None:
    shutil.copytree(clone / "dev", tmp_path / "dev")
    process = command(tmp_path, "token")
    printed, log = process.communicate(timeout=60)
    assert (process.returncode, printed) == (1, "")
    assert log == "There is no demo user yet. Run make run first.\n"


NOTE = (
    "make token is for the embedded database only, and DATABASE_URL names another database."
    " To get a token of your Better Auth, see docs/how-to/call-from-a-script.md.\n"
)


@pytest.mark.parametrize("place", [".env", "the environment"])
def test_make_token_says_that_another_database_needs_another_token(tmp_path: Path, place: str) -> None:
    shutil.copytree(ROOT / "dev", tmp_path / "dev", ignore=shutil.ignore_patterns("__pycache__"))
    url = "postgresql://somebody:s3cret@127.0.0.1/todo"
    if place == ".env":
        (tmp_path / ".env").write_text(f"DATABASE_URL={url}\n")
    variables = {} if place == ".env" else {"DATABASE_URL": url}
    process = command(tmp_path, "token", **variables)
    assert process.communicate(timeout=60) == ("", f"There is no demo user. {NOTE}")
    assert process.returncode == 1

    (tmp_path / ".local").mkdir()
    StandIn.prepare(tmp_path / ".local" / "better-auth.json", "http://127.0.0.1:8001", {"id": "demo"})
    process = command(tmp_path, "token", **variables)
    printed, log = process.communicate(timeout=60)
    assert (process.returncode, log) == (0, NOTE)
    assert printed.count(".") == 2
    assert printed.count("\n") == 1


def test_make_openapi_ignores_the_settings(tmp_path: Path) -> None:
    clone_to(tmp_path)
    (tmp_path / ".env").write_text("DATABASE_URL=nonsense\nDB_TIMEOUT=nonsense\n")
    process = command(tmp_path, "openapi", BETTER_AUTH_ID_TYPE="nonsense", DB_POOL_SIZE="nonsense")
    assert process.communicate(timeout=60) == ("", "")
    assert process.returncode == 0
    assert (tmp_path / "openapi.json").read_text() == (ROOT / "openapi.json").read_text()
