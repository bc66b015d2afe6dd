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
from tests.live import NO_TLS, free_port, wait_for
from tests.template.clone import clone_to, command

# This program builds, or creates Better Auth's tables. Its child process serves the pages, as with `next dev`.
NEXT = """
import json, os, subprocess, sys, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

sys.path.append(str(Path(__file__).parents[4]))
from dev.better_auth import StandIn, demo_user

MADE = Path("node_modules")  # what is in here is no source
FILE, ACCOUNTS = MADE / "stand-in.json", MADE / "accounts.json"


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        stand_in = StandIn.load(FILE)
        if self.path == "/api/auth/token" and "session=1" not in self.headers.get("Cookie", ""):
            return self.answer(401, {})
        bodies = {"/api/auth/jwks": stand_in.jwks(), "/api/auth/token": {"token": stand_in.token()}}
        self.answer(200, bodies.get(self.path, {}))

    def do_POST(self):
        account = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        accounts = json.loads(ACCOUNTS.read_text()) if ACCOUNTS.exists() else {}
        if self.headers["Origin"] != os.environ["BETTER_AUTH_URL"]:
            self.answer(403, {"code": "INVALID_ORIGIN"})
        elif self.path == "/api/auth/sign-up/email":
            is_new = account["email"] not in accounts
            ACCOUNTS.write_text(json.dumps({account["email"]: account["password"]} | accounts))
            self.answer(200 if is_new else 422, {"code": "USER_ALREADY_EXISTS"})
        elif self.path == "/api/auth/sign-in/email":
            self.answer(200 if accounts.get(account["email"]) == account["password"] else 401, {"code": "INVALID"})
        else:
            self.answer(200, {})

    def answer(self, status, body):
        self.send_response(status)
        if status == 200 and self.command == "POST":
            self.send_header("Set-Cookie", "session=1; Path=/; HttpOnly")
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())


match sys.argv[1:]:
    case ["build"]:
        Path(".next").mkdir(exist_ok=True)
        Path(".next/BUILD_ID").write_text(os.environ["API_URL"])
        (MADE / "built.json").write_text(json.dumps(dict(os.environ)))
        if Path("broken.ts").exists():
            sys.exit("Type error in broken.ts")
        if Path("slow.ts").exists():
            time.sleep(60)
    case ["serve", port]:
        ThreadingHTTPServer(("127.0.0.1", int(port)), Handler).serve_forever()
    case [("dev" | "start"), *_, port]:
        StandIn.prepare(FILE, os.environ["BETTER_AUTH_URL"], demo_user(os.environ["DATABASE_URL"]))
        (MADE / "started.json").write_text(json.dumps([os.getpid(), sys.argv[1:], dict(os.environ)]))
        subprocess.run([sys.executable, __file__, "serve", port])
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
API_URL=https://elsewhere.example
NEXT_PUBLIC_API_URL=https://elsewhere.example
DATABASE_MIGRATION_URL=not one yet
MIGRATE_ON_START=false
"""


BUILDING = "Building the app, once after each change. This takes half a minute ...\n"


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


def start_demo(clone: Path, web: int, api: int, **variables: str) -> subprocess.Popen[str]:
    """Start `make demo` with the replacement for Next.js."""
    path = f"{made_in(clone)}/.bin:{os.environ['PATH']}"
    return command(clone, "demo", PATH=path, WEB_PORT=str(web), PORT=str(api), **variables)


@contextmanager
def make_demo(clone: Path, web: int, api: int, **variables: str) -> Iterator[Run]:
    """Run `make demo`, and press Ctrl-C at the end of the block if the process still runs."""
    process = start_demo(clone, web, api, **variables)
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
        _, run.log = process.communicate(timeout=60)
    assert "Ctrl-C" in printed, run.log
    for port in (web, api):
        with socket() as gone:
            assert gone.connect_ex(("127.0.0.1", port)) != 0, "it still listens"


def made_in(clone: Path) -> Path:
    """Return the folder where the replacement for Next.js writes."""
    return clone / "examples" / "nextjs" / "node_modules"


def started(clone: Path) -> tuple[int, list[str], dict[str, str]]:
    """Return the process id, the arguments and the environment of Next.js."""
    pid, arguments, variables = json.loads((made_in(clone) / "started.json").read_text())
    return pid, arguments, variables


def test_the_demo_runs_until_ctrl_c_or_until_a_program_ends(clone: Path) -> None:
    web, api = free_port(), free_port()
    with make_demo(clone, web, api) as run:
        assert f"http://localhost:{web}\n" in run.printed
        assert f"http://localhost:{web}/docs\n" in run.printed
        assert (
            f'\nOpen http://localhost:{web} and click "Try the demo". Mails are in this terminal. Ctrl-C' in run.printed
        )
        _, arguments, variables = started(clone)
        assert arguments == ["start", "--hostname", "127.0.0.1", "--port", str(web)]
        assert variables["NEXT_DIST_DIR"] == ".next-demo"
        assert urlsplit(variables["DATABASE_URL"]).path == "/demo"
        assert variables["API_URL"] == f"http://localhost:{api}"
        assert "NEXT_PUBLIC_API_URL" not in variables, "browsers would call the API at another origin"
        assert variables["MAIL_URL"] == "log:"
        secret, password = variables["BETTER_AUTH_SECRET"], variables["DEMO_PASSWORD"]
        for value, name in ((secret, "better-auth-secret"), (password, "demo-password")):
            kept = clone / ".local" / name
            assert kept.stat().st_mode & 0o777 == 0o600
            assert value == kept.read_text()
            assert len(value) == 64
        assert variables["DEMO_EMAIL"] == "demo@example.com"

        token = StandIn.load(made_in(clone) / "stand-in.json").token()
        headers = {"Authorization": f"Bearer {token}", "Origin": f"http://localhost:{web}"}
        me = httpx.get(f"http://localhost:{api}/api/me", headers=headers, trust_env=False, verify=NO_TLS)
        assert me.json()["email"] == "demo@example.com"
        assert me.headers["Access-Control-Allow-Origin"] == f"http://localhost:{web}"
        with httpx.Client(base_url=f"http://localhost:{api}", headers=headers, trust_env=False, verify=NO_TLS) as http:
            todos = http.get("/api/todos").json()
            assert len(todos) == 50
            assert http.delete(f"/api/todos/{todos[0]['id']}").status_code == 204
            assert http.delete("/api/trash").status_code == 204
    assert run.process.returncode == 0
    assert run.log.startswith(f"{BUILDING}Starting PostgreSQL ...\nStarting Next.js ...\n")
    assert "Traceback" not in run.log
    built = json.loads((made_in(clone) / "built.json").read_text())
    assert "nobody@127.0.0.1:1" in built["DATABASE_URL"], "a build could use the database"
    assert secret not in built.values()
    assert "DEMO_PASSWORD" not in built

    with make_demo(clone, web, api) as run:
        pid, _, variables = started(clone)
        assert variables["BETTER_AUTH_SECRET"] == secret, "another secret cannot decrypt the signing keys"
        assert variables["DEMO_PASSWORD"] == password
        with httpx.Client(base_url=f"http://localhost:{api}", headers=headers, trust_env=False, verify=NO_TLS) as http:
            assert http.get("/api/todos").json() == todos[1:], "what was deleted came back"
        os.kill(pid, signal.SIGKILL)
        run.process.wait(60)
    assert run.process.returncode == 1
    assert run.log.startswith("Starting PostgreSQL ...\n"), "nothing has changed, and the app was built again"
    assert run.log.endswith("\nNext.js stopped unexpectedly with exit code -9.\n")


def test_next_dev_serves_the_sources_without_a_build(clone: Path) -> None:
    web, api = free_port(), free_port()
    mails = "smtp://user:password@localhost:587"
    with make_demo(clone, web, api, NEXT_DEV="true", MAIL_URL=mails) as run:
        _, arguments, variables = started(clone)
        assert arguments == ["dev", "--hostname", "127.0.0.1", "--port", str(web)]
        assert "NEXT_DIST_DIR" not in variables
        assert variables["MAIL_URL"] == mails
    assert run.process.returncode == 0
    assert run.log.startswith("Starting PostgreSQL ...\nStarting Next.js, which compiles the first page ...\n")


def test_a_demo_user_with_another_password_is_reported(clone: Path) -> None:
    web, api = free_port(), free_port()
    accounts = made_in(clone) / "accounts.json"
    before = accounts.read_text() if accounts.exists() else "{}"
    accounts.write_text('{"demo@example.com": "another one"}')
    with make_demo(clone, web, api, NEXT_DEV="true") as run:
        assert f"\nOpen http://localhost:{web} and sign up. Mails are in this terminal. Ctrl-C" in run.printed
    accounts.write_text(before)
    assert run.process.returncode == 0
    said = [line for line in run.log.splitlines() if line.startswith("The demo user demo@example.com can neither sign")]
    assert [line.count("422 ") + line.count("401 ") for line in said] == [2]


def test_an_interrupted_build_is_not_served(clone: Path) -> None:
    web, api = free_port(), free_port()
    example = made_in(clone).parent
    (example / "slow.ts").touch()
    (made_in(clone) / "built.json").unlink(missing_ok=True)
    process = start_demo(clone, web, api)
    wait_for((made_in(clone) / "built.json").exists, 60)
    os.killpg(process.pid, signal.SIGINT)
    printed, log = process.communicate(timeout=60)
    assert (process.returncode, printed, log) == (0, "", BUILDING)
    (example / "slow.ts").unlink()
    with make_demo(clone, web, api) as run:
        assert (example / ".next-demo" / "BUILD_ID").read_text() == f"http://localhost:{api}"
    assert run.log.startswith(BUILDING)


def test_a_failed_build_is_reported_with_its_output(clone: Path) -> None:
    (made_in(clone).parent / "broken.ts").touch()
    process = start_demo(clone, free_port(), free_port())
    printed, log = process.communicate(timeout=60)
    (made_in(clone).parent / "broken.ts").unlink()
    assert (process.returncode, printed) == (1, "")
    reason = "The app in examples/nextjs cannot be built. The output of next build is above.\n"
    assert log == f"{BUILDING}Type error in broken.ts\n{reason}"


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"NEXT_DEV": "yes"}, "NEXT_DEV must be true or false, not 'yes'.\n"),
        ({"DEMO_EMAIL": "demo@example.com"}, "DEMO_EMAIL is set and DEMO_PASSWORD is not. Set both or neither.\n"),
        ({"DEMO_PASSWORD": "a password"}, "DEMO_PASSWORD is set and DEMO_EMAIL is not. Set both or neither.\n"),
    ],
)
def test_a_setting_that_is_wrong_is_reported(clone: Path, variables: dict[str, str], said: str) -> None:
    process = start_demo(clone, free_port(), free_port(), **variables)
    printed, log = process.communicate(timeout=60)
    assert (process.returncode, printed, log) == (2, "", said)


@pytest.mark.parametrize(
    ("taken", "advice"), [("WEB_PORT", "WEB_PORT=3010 make demo"), ("PORT", "PORT=8010 make demo")]
)
def test_a_port_in_use_is_reported(clone: Path, taken: str, advice: str) -> None:
    ports = {"WEB_PORT": free_port(), "PORT": free_port()}
    with closing(create_server(("127.0.0.1", ports[taken]))):
        process = command(clone, "demo", **{name: str(port) for name, port in ports.items()})
        printed, log = process.communicate(timeout=60)
    assert (process.returncode, printed) == (1, "")
    assert log == f"Port {ports[taken]} is taken. To use another port, run {advice}.\n"


def test_one_port_for_both_is_refused(clone: Path) -> None:
    process = command(clone, "demo", WEB_PORT="8123", PORT="8123")
    _, log = process.communicate(timeout=60)
    assert process.returncode == 2
    assert log == "WEB_PORT and PORT are both 8123. They must be different.\n"


def test_without_node_nothing_is_started(clone: Path, tmp_path: Path) -> None:
    process = command(clone, "demo", PATH=str(tmp_path), WEB_PORT=str(free_port()), PORT=str(free_port()))
    printed, log = process.communicate(timeout=60)
    assert (process.returncode, printed) == (1, "")
    assert log == "Node 22.18 or newer is required. There is no node on the PATH.\n"


def test_without_next_nothing_is_started(clone: Path, tmp_path: Path) -> None:
    shutil.copytree(clone / "dev", tmp_path / "dev")
    (tmp_path / "node").touch(mode=0o755)
    process = command(tmp_path, "demo", PATH=str(tmp_path), WEB_PORT=str(free_port()), PORT=str(free_port()))
    printed, log = process.communicate(timeout=60)
    assert (process.returncode, printed) == (1, "")
    assert log == "Next.js is not installed in examples/nextjs. Run make demo to install it.\n"
