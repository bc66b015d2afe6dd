"""Run the API of `make run` and `make demo`, and start it again after a change of its code or after a crash.

The API is the only program that starts again. The database and the stand-in for Better Auth continue,
so tokens stay valid. uvicorn's own `--reload` would search all of `.venv` for changes, four times a second.
"""

import os
import socket
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from dev.processes import ROOT, Problem, Program, api

# These folders contain no code of the API.
_OTHERS = {"benchmarks", "dev", "docs", "examples", "node_modules", "tests"}
_MAX_CRASHES = 3
_CRASH_WINDOW = 600  # seconds; older crashes are not counted
_PAUSE = 1  # second between a crash and the next start

Sources = dict[str, tuple[int, int]]
"""The modification time and the size of each source file of the API."""


def sources(root: Path = ROOT) -> Sources:
    """Return the Python files that the API may import, without installed packages and hidden folders."""
    found: Sources = {}
    for folder, folders, files in os.walk(root):
        folders[:] = [name for name in folders if _may_have_code(folder, name)]
        for name in files:
            path = os.path.join(folder, name)  # noqa: PTH118  # pathlib takes three times as long
            if name.endswith(".py"):
                with suppress(FileNotFoundError):  # an editor may replace the file now
                    stat = os.stat(path)  # noqa: PTH116  # see above
                    found[path] = stat.st_mtime_ns, stat.st_size
    return found


def _may_have_code(folder: str, name: str) -> bool:
    if name == "versions" and folder.endswith("migrations"):
        return False  # somebody should read a new migration before it runs
    is_environment = os.path.exists(f"{folder}/{name}/pyvenv.cfg")  # noqa: PTH110  # see above
    return not name.startswith((".", "__")) and name not in _OTHERS and not is_environment


class ReloadingAPI:
    """The API, which starts again when a source file changes, and after a crash."""

    def __init__(self, port: int, environment: Mapping[str, str]) -> None:
        self._port, self._environment = port, environment
        self._program: Program | None = None
        self._running = ExitStack()
        self._sources = self._seen = sources()
        self._answers = self._has_answered = False
        self._crashes: list[float] = []

    def start(self) -> Program:
        """Start the API, and do not wait until it answers."""
        self._sources = self._seen = sources()
        self._answers = False
        self._program = self._running.enter_context(api(self._port, self._environment))
        return self._program

    def stop(self) -> None:
        """Stop the API if it runs, and do not start it again."""
        self._program = None
        self._running.close()

    def check(self) -> None:
        """Start the API again if it crashed, or if its code changed. Call this a few times a second.

        Raises:
            Problem: the first start failed, or it crashed too often.
        """
        if name := self._changed():
            _say(f"{name} changed. The API starts again.")
            self.stop()
            self.start()
        elif self._program and (code := self._program.process.poll()) is not None:
            self._restart(self._program, code)
        elif self._program and not self._answers:
            self._answers = _listens(self._port)
            self._has_answered |= self._answers

    def _changed(self) -> str | None:
        """Return the name of a changed file, when no more files change."""
        before, self._seen = self._seen, sources()
        if self._seen == self._sources or self._seen != before:
            return None
        changed = min(path for path, _ in self._seen.items() ^ self._sources.items())
        return os.path.relpath(changed, ROOT)

    def _restart(self, program: Program, code: int) -> None:
        is_failed_start = code > 0 and not self._answers  # a negative code is a signal, which ended it
        if is_failed_start and not self._has_answered:
            program.check()  # this raises
        self.stop()
        if is_failed_start:
            _say(f"The API stopped with exit code {code}. It starts again when you save a correction.")
            return
        now = time.monotonic()
        self._crashes = [*(crash for crash in self._crashes if now - crash < _CRASH_WINDOW), now]
        if len(self._crashes) > _MAX_CRASHES:
            raise Problem(f"The API stopped unexpectedly with exit code {code}, {len(self._crashes)} times.")
        _say(f"The API stopped unexpectedly with exit code {code}. It starts again.")
        time.sleep(_PAUSE)
        self.start()


@contextmanager
def reloading_api(port: int, environment: Mapping[str, str]) -> Iterator[ReloadingAPI]:
    """Return the API, which the caller starts. Stop it when the block ends."""
    server = ReloadingAPI(port, environment)
    try:
        yield server
    finally:
        server.stop()


def _listens(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=0.1):
        return True
    return False


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
