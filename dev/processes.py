"""The processes of `make run` and `make demo`: they start, answer, and end with the command."""

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
from typing import IO, NoReturn

from dotenv import dotenv_values

ROOT = Path(__file__).resolve().parent.parent
LOCAL = ROOT / ".local"
_STOP_TIMEOUT = 2  # seconds
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Problem(Exception):
    """Why a command cannot go on, for a person, and the exit code that says so."""

    def __init__(self, text: str, exit_code: int = 1) -> None:
        super().__init__(text)
        self.exit_code = exit_code


def stop_on_signals() -> None:
    """Have Ctrl-C and its like raise KeyboardInterrupt, once: what follows is the stopping."""
    for number in _SIGNALS:
        signal.signal(number, _interrupt)


def _interrupt(*_: object) -> NoReturn:
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_IGN)  # a second Ctrl-C must not interrupt the stopping
    raise KeyboardInterrupt


def read_settings() -> dict[str, str]:
    """Give what the environment says, and what `.env` does where the environment is silent."""
    return {name: value for name, value in dotenv_values(ROOT / ".env").items() if value is not None} | os.environ


def port_from(settings: Mapping[str, str], name: str, default: int) -> int:
    """Read a port.

    Raises:
        Problem: it is none.
    """
    text = settings.get(name) or str(default)
    # Not 65535: the stand-in of `make run` takes the next.
    if not (text.isdecimal() and 1 <= int(text) <= 65534):
        raise Problem(f"{name} must be a number from 1 to 65534, not {text!r}.", exit_code=2)
    return int(text)


def check_free(port: int, advice: str) -> None:
    """See that nobody listens on a port.

    Raises:
        Problem: somebody does; ends with the advice.
    """
    # By connecting: on macOS one can bind 127.0.0.1 under a server that listens everywhere.
    with suppress(OSError), socket.create_connection(("localhost", port), timeout=1):
        raise Problem(f"Port {port} is taken. {advice}")


@dataclass(frozen=True)
class Program:
    """A program that runs, or did until a moment ago."""

    name: str
    """As the subject of a sentence."""
    process: subprocess.Popen[bytes]

    def check(self) -> None:
        """See that it still runs.

        Raises:
            Problem: it does not, and nobody stopped it.
        """
        code = self.process.poll()
        if code is not None:
            raise Problem(f"{self.name} stopped by itself, with exit code {code}.")


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
    """Run a program until the block ends; whatever it started itself ends with it.

    Args:
        name: what it is called when something is wrong.
        command: the program and its arguments.
        folder: where it runs.
        environment: all that it is configured by.
        output: where its output goes, unless to standard error.
        patience: seconds that it has for stopping.
    """
    process = subprocess.Popen(
        command,
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=output or sys.stderr,
        stderr=output or sys.stderr,
        start_new_session=True,  # Ctrl-C would find it importing: it is stopped from here
    )
    try:
        yield Program(name, process)
    finally:
        _signal_all(process, signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            process.wait(patience)
        _signal_all(process, signal.SIGKILL)  # it, or those of its children that are left
        process.wait()


def _signal_all(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    # Nobody is left; on macOS, nobody but zombies.
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)


def api(port: int, environment: Mapping[str, str]) -> AbstractContextManager[Program]:
    """Run the API as in production: a process of its own, configured by the environment alone."""
    command = (sys.executable, "-m", "uvicorn", "main:app", "--log-level", "warning")
    address = ("--host", "127.0.0.1", "--port", str(port))
    return running("The API", (*command, *address), ROOT, environment)


def wait_until_ready(program: Program, port: int, path: str, seconds: float, *others: Program) -> None:
    """Wait until a program answers `GET path` with 200, or with where to go instead.

    Raises:
        Problem: it does not within so many seconds, or one of the programs stopped by itself.
    """
    said = ""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        for one in (program, *others):
            one.check()
        server = HTTPConnection("127.0.0.1", port, timeout=5)
        with closing(server), suppress(OSError, HTTPException):
            server.request("GET", path)
            answer = server.getresponse()
            said = f"{answer.status} {answer.reason}"
            if answer.status < 400:
                return
            if "json" in answer.getheader("Content-Type", ""):
                said = answer.read().decode(errors="replace")
        time.sleep(0.5 if said else 0.05)  # what it says does not change that fast
    raise Problem(f"{program.name} is not ready after {seconds:g} s. GET {path} says: {said or 'nothing'}")


def watch(*programs: Program) -> NoReturn:
    """Wait until one of the programs stops by itself.

    Raises:
        Problem: that is what it did.
    """
    while True:
        for program in programs:
            program.check()
        time.sleep(0.2)
