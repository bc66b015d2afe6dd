"""Start the servers to measure as in production, stop them with the block, and send requests to them."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import IO

import psutil

ROOT = Path(__file__).resolve().parent.parent
UVICORN = str(Path(sys.executable).with_name("uvicorn"))
API = (UVICORN, "main:app")
"""Start the API with the production command of README.md, without the address."""

_START_TIMEOUT = 30  # seconds
_STOP_TIMEOUT = 5  # seconds


class Problem(Exception):
    """Report why a benchmark cannot continue. The message is for a person."""


@dataclass(frozen=True)
class Answer:
    """Describe the answer of a server."""

    status: int
    text: str
    link: str
    milliseconds: float


class Client:
    """Send requests over one connection, with or without a token."""

    def __init__(self, port: int, token: str = "") -> None:
        self._connection = HTTPConnection("127.0.0.1", port, timeout=30)
        self._headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}

    def ask(self, method: str, path: str, body: object = None, *, expected: Sequence[int] = (200, 201)) -> Answer:
        """Send a request.

        Raises:
            Problem: the answer has an unexpected status.
            OSError, HTTPException: there is no answer.
        """
        sent = None if body is None else json.dumps(body)
        started = time.perf_counter()
        try:
            self._connection.request(method, path, sent, self._headers)
            response = self._connection.getresponse()
            text = response.read().decode()
        except (OSError, HTTPException):
            self._connection.close()  # the next request opens a new one
            raise
        answer = Answer(response.status, text, response.getheader("Link", ""), (time.perf_counter() - started) * 1000)
        if answer.status not in expected:
            raise Problem(f"{method} {path} with {sent} returned {answer.status} instead of {expected}: {text}")
        return answer


@dataclass(frozen=True)
class Running:
    """Describe a running server."""

    port: int
    process: psutil.Process
    log: Path

    def cpu(self) -> float:
        """Return the CPU seconds, user and system, of all threads of the server and its child processes."""
        times = [process.cpu_times() for process in self._family()]
        return sum(time.user + time.system for time in times)

    def memory(self) -> float:
        """Return the resident memory in MB."""
        return sum(process.memory_info().rss for process in self._family()) / 1_000_000

    def complaints(self) -> str:
        """Return the last lines of its output."""
        return "\n".join(self.log.read_text().splitlines()[-20:])

    def _family(self) -> list[psutil.Process]:
        return [self.process, *self.process.children(recursive=True)]

    def listens(self) -> bool:
        """Return whether it answers a request, with any status."""
        with suppress(OSError, HTTPException):
            Client(self.port).ask("GET", "/api/todos", expected=range(600))
            return True
        return False


def environment(**variables: str) -> dict[str, str]:
    """Return an environment that configures only `variables`."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
    return {**kept, "PYTHONPATH": str(ROOT), "LOG_LEVEL": "warning", **variables}


def free_port() -> int:
    """Return a port that no program listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


@contextmanager
def process(
    command: Sequence[str], folder: Path, variables: Mapping[str, str], output: IO[str]
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a command in `folder` until the block ends. Its child processes end with it."""
    # The command has its own session, so that Ctrl-C reaches only the benchmark, which then ends it.
    with subprocess.Popen(
        command, cwd=folder, env=variables, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
    ) as started:
        try:
            yield started
        finally:
            with suppress(ProcessLookupError, subprocess.TimeoutExpired):
                os.killpg(started.pid, signal.SIGTERM)
                started.wait(_STOP_TIMEOUT)
            with suppress(ProcessLookupError):
                os.killpg(started.pid, signal.SIGKILL)  # this also ends child processes that still run


@contextmanager
def serving(command: Sequence[str], folder: Path, log: Path, **variables: str) -> Iterator[Running]:
    """Run a server in `folder` until the block ends. It listens on 127.0.0.1.

    Args:
        command: the command without the port. `--port` and a number are added.
        folder: its working directory.
        log: the file for its output.
        variables: the variables that configure it.

    Raises:
        Problem: the server does not start.
    """
    port = free_port()
    with (
        log.open("w") as output,
        process([*command, "--port", str(port)], folder, environment(**variables), output) as started,
    ):
        running = Running(port, psutil.Process(started.pid), log)
        deadline = time.monotonic() + _START_TIMEOUT
        while not running.listens():
            if started.poll() is not None or time.monotonic() > deadline:
                raise Problem(f"{' '.join(command)} does not start:\n{running.complaints()}")
            time.sleep(0.05)
        yield running
