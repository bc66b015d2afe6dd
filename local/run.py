"""The commands behind `make run` and `make token`."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager, suppress
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import NoReturn
from urllib.parse import urlsplit

from dotenv import dotenv_values

from local.better_auth import StandIn, demo_user, serve
from local.postgres import postgres

_ROOT = Path(__file__).resolve().parent.parent
_LOCAL = _ROOT / ".local"
_STAND_IN = _LOCAL / "better-auth.json"
_READY_TIMEOUT = 20  # seconds
_STOP_TIMEOUT = 2  # seconds
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

# Without comments among the lines to paste: zsh takes none at its prompt.
_WELCOME = """
The API runs on {api} with a demo user; in a browser: {api}/docs
Paste into another terminal:

export TOKEN={token}
curl -s {api}/api/todos -H "Authorization: Bearer $TOKEN" \
-H "Content-Type: application/json" -d '{{"title": "Buy milk"}}' -w '\\n'
curl -s {api}/api/todos -H "Authorization: Bearer $TOKEN" -w '\\n'
ID=$(curl -s "{api}/api/todos?limit=1" -H "Authorization: Bearer $TOKEN" \
| sed -E 's/.*"id":"([^"]+)".*/\\1/')
curl -s -X POST {api}/api/todos/$ID/toggle -H "Authorization: Bearer $TOKEN" -w '\\n'
curl -s -X DELETE {api}/api/todos/$ID -H "Authorization: Bearer $TOKEN" -w '%{{http_code}}\\n'

The token is good for an hour; `make token` prints a fresh one. Ctrl-C stops everything."""


class Problem(Exception):
    """Why a command cannot go on, for a person, and the exit code that says so."""

    def __init__(self, text: str, exit_code: int = 1) -> None:
        super().__init__(text)
        self.exit_code = exit_code


def token() -> None:
    """Print a fresh token of the stand-in that runs or ran last.

    Raises:
        Problem: none ever ran.
    """
    try:
        print(StandIn.load(_STAND_IN).token())
    except FileNotFoundError:
        raise Problem("There is no demo user yet: make run first.") from None


def run() -> None:
    """Run the API until it is told to stop: on what the environment names, or all embedded.

    Raises:
        KeyboardInterrupt: a signal came, and everything is stopped.
        Problem, PostgresError, OSError: something is missing, taken or broken.
    """
    for number in _SIGNALS:
        signal.signal(number, _interrupt)
    settings = {**dotenv_values(_ROOT / ".env"), **os.environ}
    port = _port(settings.get("PORT") or "8000")
    database, better_auth = settings.get("DATABASE_URL"), settings.get("BETTER_AUTH_URL")
    if database and better_auth:
        _run_on(database, better_auth, port)
    elif database or better_auth:
        given, missing = ("DATABASE_URL", "BETTER_AUTH_URL")[:: 1 if database else -1]
        raise Problem(f"{given} is set and {missing} is not: set both, or neither.", exit_code=2)
    else:
        _run_embedded(port)


def _run_on(database: str, better_auth: str, port: int) -> NoReturn:
    _check_free(port)
    # With a second @ in the URL, what looks like the host may be part of a password.
    host = urlsplit(database).hostname if database.count("@") < 2 else None
    with _api(port, os.environ) as process:
        print(f"The API starts on http://localhost:{port}. Ctrl-C stops it.")
        print(f"Database: {host or 'DATABASE_URL'}. Better Auth: {better_auth}", flush=True)
        _wait(process)


def _run_embedded(port: int) -> NoReturn:
    _check_free(port)
    _check_free(port + 1)
    origin = f"http://127.0.0.1:{port + 1}"
    with ExitStack() as running:
        server = running.enter_context(postgres(_LOCAL / "postgres"))
        server.create_database("todo")
        url = server.url("todo")
        stand_in = StandIn.prepare(_STAND_IN, origin, demo_user(url))
        running.enter_context(serve(stand_in))
        # The last two may be set for a database that is not this one.
        settings = {"DATABASE_URL": url, "BETTER_AUTH_URL": origin}
        settings |= {"DATABASE_MIGRATION_URL": url, "MIGRATE_ON_START": "true"}
        process = running.enter_context(_api(port, {**os.environ, **settings}))
        _wait_until_ready(process, port)
        api = f"http://localhost:{port}"
        print(_WELCOME.format(api=api, token=stand_in.token()), flush=True)
        _wait(process)


@contextmanager
def _api(port: int, environment: Mapping[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """Run the API as in production: a process of its own, configured by the environment alone."""
    command = (sys.executable, "-m", "uvicorn", "main:app", "--log-level", "warning")
    process = subprocess.Popen(
        [*command, "--host", "127.0.0.1", "--port", str(port)],
        cwd=_ROOT,
        env=environment,
        start_new_session=True,  # Ctrl-C would find it importing: it is stopped from here
    )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(_STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_until_ready(process: subprocess.Popen[bytes], port: int) -> None:
    said = ""
    deadline = time.monotonic() + _READY_TIMEOUT
    while time.monotonic() < deadline:
        if process.poll() is not None:
            _wait(process)
        api = HTTPConnection("127.0.0.1", port, timeout=5)
        with closing(api), suppress(OSError, HTTPException):
            api.request("GET", "/ready")
            answer = api.getresponse()
            said = answer.read().decode(errors="replace")
            if answer.status == 200:
                return
        time.sleep(0.5 if said else 0.05)  # what it says does not change that fast
    raise Problem(f"The API is not ready after {_READY_TIMEOUT} s. GET /ready says: {said}")


def _wait(process: subprocess.Popen[bytes]) -> NoReturn:
    raise Problem(f"The API stopped by itself, with exit code {process.wait()}.")


def _port(text: str) -> int:
    # Not 65535: the stand-in takes the next.
    if not (text.isdecimal() and 1 <= int(text) <= 65534):
        raise Problem(f"PORT must be a number from 1 to 65534, not {text!r}.", exit_code=2)
    return int(text)


def _check_free(port: int) -> None:
    # By connecting: on macOS one can bind 127.0.0.1 under a server that listens everywhere.
    with suppress(OSError), socket.create_connection(("localhost", port), timeout=1):
        raise Problem(f"Port {port} is taken. To use 8010 and 8011: PORT=8010 make run")


def _interrupt(*_: object) -> NoReturn:
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_IGN)  # a second Ctrl-C must not interrupt the stopping
    raise KeyboardInterrupt
