"""Test `make demo` without Node. A Python program replaces Next.js."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from socket import create_server, socket
from urllib.parse import urlsplit

import httpx
import pytest

from dev.better_auth import StandIn
from tests.live import NO_TLS, free_port
from tests.template.clone import clone_to, command

# This program creates Better Auth's tables. Its child process serves / and the signing keys, as with `next dev`.
NEXT = """
import json, os, subprocess, sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[4]))
from dev.better_auth import StandIn, demo_user

origin = os.environ["BETTER_AUTH_URL"]
stand_in = StandIn.prepare(Path("stand-in.json"), origin, demo_user(os.environ["DATABASE_URL"]))
Path("api/auth").mkdir(parents=True, exist_ok=True)
Path("api/auth/jwks").write_text(json.dumps(stand_in.jwks()))
Path("started.json").write_text(json.dumps([os.getpid(), sys.argv[1:], dict(os.environ)]))
port = sys.argv[sys.argv.index("--port") + 1]
subprocess.run([sys.executable, "-m", "http.server", "--bind", "127.0.0.1", port])
"""

# The settings of a project with another Better Auth. Each of them would be wrong for the demo.
DOT_ENV = """
BETTER_AUTH_URL=https://elsewhere.example
BETTER_AUTH_JWKS_URL=https://elsewhere.example/jwks
BETTER_AUTH_ISSUER=https://elsewhere.example
BETTER_AUTH_AUDIENCE=https://elsewhere.example
BETTER_AUTH_USER_TABLE=neon_auth.user
BETTER_AUTH_ID_TYPE=uuid
BETTER_AUTH_COLUMN_CASE=snake
CORS_ORIGINS=https://elsewhere.example
DATABASE_MIGRATION_URL=not one yet
MIGRATE_ON_START=false
"""


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a clone with the `.env` of another project and a replacement for Next.js."""
    folder = tmp_path_factory.mktemp("a clone ")
    clone_to(folder)
    (folder / ".env").write_text(DOT_ENV)
    programs = folder / "examples" / "nextjs" / "node_modules" / ".bin"
    programs.mkdir(parents=True)
    (programs / "next").write_text(NEXT)
    (programs / "node").write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    (programs / "node").chmod(0o755)
    return folder


@dataclass
class Run:
    """Describe a run of `make demo`."""

    process: subprocess.Popen[str]
    printed: str
    log: str = ""
    """The standard error, which is complete when the process has ended."""


@contextmanager
def make_demo(clone: Path, web: int, api: int) -> Iterator[Run]:
    """Run `make demo`, and press Ctrl-C at the end of the block if the process still runs."""
    path = f"{clone}/examples/nextjs/node_modules/.bin:{os.environ['PATH']}"
    process = command(clone, "demo", PATH=path, WEB_PORT=str(web), PORT=str(api))
    assert process.stdout
    printed = ""
    for line in process.stdout:
        printed += line
        if "Ctrl-C" in line:
            break
    run = Run(process, printed)
    try:
        if "Ctrl-C" in printed:
            yield run
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGINT)
        _, run.log = process.communicate(timeout=20)
    assert "Ctrl-C" in printed, run.log
    for port in (web, api):
        with socket() as gone:
            assert gone.connect_ex(("127.0.0.1", port)) != 0, "it still listens"


def started(clone: Path) -> tuple[int, list[str], dict[str, str]]:
    """Return the process id, the arguments and the environment of Next.js."""
    pid, arguments, variables = json.loads((clone / "examples" / "nextjs" / "started.json").read_text())
    return pid, arguments, variables


def test_the_demo_runs_until_ctrl_c_or_until_a_program_ends(clone: Path) -> None:
    web, api = free_port(), free_port()
    with make_demo(clone, web, api) as run:
        assert f"http://localhost:{web}\n" in run.printed
        assert f"http://localhost:{api}/docs\n" in run.printed
        _, arguments, variables = started(clone)
        assert arguments == ["dev", "--hostname", "127.0.0.1", "--port", str(web)]
        assert urlsplit(variables["DATABASE_URL"]).path == "/demo"
        for name in ("API_URL", "NEXT_PUBLIC_API_URL"):
            assert variables[name] == f"http://localhost:{api}"
        kept = clone / ".local" / "better-auth-secret"
        assert kept.stat().st_mode & 0o777 == 0o600
        secret = variables["BETTER_AUTH_SECRET"]
        assert secret == kept.read_text()
        assert len(secret) == 64

        token = StandIn.load(clone / "examples" / "nextjs" / "stand-in.json").token()
        headers = {"Authorization": f"Bearer {token}", "Origin": f"http://localhost:{web}"}
        me = httpx.get(f"http://localhost:{api}/api/me", headers=headers, trust_env=False, verify=NO_TLS)
        assert me.json()["email"] == "demo@example.com"
        assert me.headers["Access-Control-Allow-Origin"] == f"http://localhost:{web}"
    assert run.process.returncode == 0
    assert run.log.startswith("Starting PostgreSQL ...\nStarting Next.js, which compiles the first page ...\n")
    assert "Traceback" not in run.log

    with make_demo(clone, web, api) as run:
        pid, _, variables = started(clone)
        assert variables["BETTER_AUTH_SECRET"] == secret, "another secret cannot decrypt the signing keys"
        os.kill(pid, signal.SIGKILL)
        run.process.wait(20)
    assert run.process.returncode == 1
    assert run.log.endswith("\nNext.js stopped unexpectedly with exit code -9.\n")


@pytest.mark.parametrize(
    ("taken", "advice"), [("WEB_PORT", "WEB_PORT=3010 make demo"), ("PORT", "PORT=8010 make demo")]
)
def test_a_port_in_use_is_reported(clone: Path, taken: str, advice: str) -> None:
    ports = {"WEB_PORT": free_port(), "PORT": free_port()}
    with closing(create_server(("127.0.0.1", ports[taken]))):
        process = command(clone, "demo", **{name: str(port) for name, port in ports.items()})
        printed, log = process.communicate(timeout=20)
    assert (process.returncode, printed) == (1, "")
    assert log == f"Port {ports[taken]} is taken. To use another port, run {advice}.\n"


def test_one_port_for_both_is_refused(clone: Path) -> None:
    process = command(clone, "demo", WEB_PORT="8123", PORT="8123")
    _, log = process.communicate(timeout=20)
    assert process.returncode == 2
    assert log == "WEB_PORT and PORT are both 8123. They must be different.\n"


def test_without_node_nothing_is_started(clone: Path, tmp_path: Path) -> None:
    process = command(clone, "demo", PATH=str(tmp_path), WEB_PORT=str(free_port()), PORT=str(free_port()))
    printed, log = process.communicate(timeout=20)
    assert (process.returncode, printed) == (1, "")
    assert log == "Node 22.18 or newer is required. There is no node on the PATH.\n"


def test_without_next_nothing_is_started(clone: Path, tmp_path: Path) -> None:
    shutil.copytree(clone / "dev", tmp_path / "dev")
    (tmp_path / "node").touch(mode=0o755)
    process = command(tmp_path, "demo", PATH=str(tmp_path), WEB_PORT=str(free_port()), PORT=str(free_port()))
    printed, log = process.communicate(timeout=20)
    assert (process.returncode, printed) == (1, "")
    assert log == "Next.js is not installed in examples/nextjs. Run make demo to install it.\n"
