"""Start, check and stop the programs of `make run` and `make demo`."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import IO, NoReturn, Protocol

from dotenv import dotenv_values

ROOT = Path(__file__).resolve().parent.parent
LOCAL = ROOT / ".local"
_STOP_TIMEOUT = 2  # seconds
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Problem(Exception):
    """Report why a command cannot continue, with a message for a person and an exit code."""

    def __init__(self, text: str, exit_code: int = 1) -> None:
        super().__init__(text)
        self.exit_code = exit_code


def stop_on_signals() -> None:
    """Make the first SIGINT (Ctrl-C), SIGTERM or SIGHUP raise KeyboardInterrupt, and ignore later ones."""
    for number in _SIGNALS:
        signal.signal(number, _interrupt)


def _interrupt(*_: object) -> NoReturn:
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_IGN)  # a second Ctrl-C must not interrupt the cleanup
    raise KeyboardInterrupt


def read_settings() -> dict[str, str]:
    """Return the environment, and the variables of `.env` that the environment does not have."""
    values = dotenv_values(ROOT / ".env", interpolate=False)  # as config.py reads it
    return {name: value for name, value in values.items() if value is not None} | os.environ


def port_from(settings: Mapping[str, str], name: str, default: int) -> int:
    """Return the port in a setting.

    Raises:
        Problem: the value is not a port.
    """
    text = settings.get(name) or str(default)
    # 65535 is refused, because the stand-in of `make run` uses the next port.
    if not (text.isdecimal() and 1 <= int(text) <= 65534):
        raise Problem(f"{name} must be a number from 1 to 65534, not {text!r}.", exit_code=2)
    return int(text)


def check_free(port: int, advice: str) -> None:
    """Check that no program listens on a port.

    Raises:
        Problem: a program listens on it. The message ends with the advice.
    """
    # This connects and does not bind, because on macOS a program can bind 127.0.0.1 while another
    # program listens on all addresses.
    with suppress(OSError), socket.create_connection(("localhost", port), timeout=1):
        raise Problem(f"Port {port} is taken. {advice}")


@dataclass(frozen=True)
class Program:
    """Describe a program that was started."""

    name: str
    """Name the program in messages, as the subject of a sentence."""
    process: subprocess.Popen[bytes]

    def check(self) -> None:
        """Check that the program still runs.

        Raises:
            Problem: it stopped by itself.
        """
        code = self.process.poll()
        if code is not None:
            raise Problem(f"{self.name} stopped unexpectedly with exit code {code}.")


@contextmanager
def running(
    name: str,
    command: Sequence[str],
    folder: Path,
    environment: Mapping[str, str],
    *,
    output: IO[str] | None = None,
    patience: float = _STOP_TIMEOUT,
) -> Iterator[Program]:
    """Run a program until the block ends. Its child processes end with it.

    Args:
        name: its name in messages.
        command: the program and its arguments.
        folder: its working directory.
        environment: all of its environment variables.
        output: the file for its output. Without one, the output goes to standard error.
        patience: the seconds that it has to stop.
    """
    process = subprocess.Popen(
        command,
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=output or sys.stderr,
        stderr=output or sys.stderr,
        start_new_session=True,  # Ctrl-C must not interrupt its imports, so `finally` stops it
    )
    try:
        yield Program(name, process)
    finally:
        try:
            _signal_all(process, signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                process.wait(patience)
        finally:  # Ctrl-C may come while the API is stopped because of a changed file
            _signal_all(process, signal.SIGKILL)  # this also ends child processes that still run
            process.wait()


def _signal_all(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    # The error means that no process is left. On macOS there may be zombies.
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)


def api(port: int, environment: Mapping[str, str]) -> AbstractContextManager[Program]:
    """Run the API as in production, in its own process and configured only by the environment."""
    command = (sys.executable, "-m", "uvicorn", "main:app", "--log-level", "warning")
    address = ("--host", "127.0.0.1", "--port", str(port))
    return running("The API", (*command, *address), ROOT, environment)


def wait_until_ready(program: Program, port: int, path: str, seconds: float, *others: Program) -> None:
    """Wait until a program answers `GET path` with 200 or a redirect.

    Raises:
        Problem: it does not within `seconds`, or one of the programs stopped by itself.
    """
    said = ""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        for one in (program, *others):
            one.check()
        server = HTTPConnection("127.0.0.1", port, timeout=30)  # a first page is compiled
        with closing(server), suppress(OSError, HTTPException):
            server.request("GET", path)
            answer = server.getresponse()
            said = f"{answer.status} {answer.reason}"
            if answer.status < 400:
                return
            if "json" in answer.getheader("Content-Type", ""):
                said = answer.read().decode(errors="replace")
        time.sleep(0.5 if said else 0.05)  # a program that answers needs longer to change its answer
    raise Problem(f"{program.name} is not ready after {seconds:g} s. The last answer to GET {path}: {said or 'none'}")


class Checked(Protocol):
    """Something that runs, and that can be checked."""

    def check(self) -> None:
        """Check that it still runs, or raise a `Problem`."""


def watch(*programs: Checked) -> NoReturn:
    """Check programs until one of them stops by itself.

    Raises:
        Problem: a program stopped.
    """
    while True:
        for program in programs:
            program.check()
        time.sleep(0.2)
