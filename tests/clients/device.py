"""A device with the sync client of examples/nextjs."""

import json
import subprocess
from pathlib import Path
from typing import Any

from tests.conftest import Person
from tests.live import environment


class Device:
    """Use the client in a process of its own."""

    per_batch = 500
    largest_per_batch = 69  # 900 kB
    trashes_unsent = True

    def __init__(self, folder: Path, origin: str, person: Person, state: Path) -> None:
        self._folder = folder
        self._variables = {"API_URL": origin, "TOKEN": person.token, "USER_ID": person.id, "STATE": str(state)}
        self._start()

    def todos(self) -> dict[str, Any]:
        todos: dict[str, Any] = self.do("list")
        return todos

    def edit(self, todo_id: str, changes: dict[str, Any] | None) -> None:
        self.do("edit", id=todo_id, changes=changes)

    def sync(self) -> bool:
        return self.do("sync") is True

    def order(self) -> list[str]:
        ids: list[str] = self.do("order")
        return ids

    def between(self, above: str | None, below: str | None) -> str | None:
        position: str | None = self.do("between", above=above, below=below)
        return position

    def refused(self) -> dict[str, str]:
        refused: dict[str, str] = self.do("refused")
        return refused

    def trash(self) -> dict[str, Any]:
        """Return the todos in the trash, by id."""
        todos: dict[str, Any] = self.do("trash")
        return todos

    def notices(self) -> list[dict[str, Any]]:
        """Return the messages for the user."""
        notices: list[dict[str, Any]] = self.do("notices")
        return notices

    def restart(self) -> None:
        self.stop()
        self._start()

    def do(self, command: str, **arguments: Any) -> Any:
        """Run a command of offline_device.ts, and return its answer.

        Raises:
            EOFError: the process was killed.
        """
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps({"do": command, **arguments}) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise EOFError
        return json.loads(line)

    def kill(self) -> None:
        """End the process without warning, as a phone does. This may be called from another thread."""
        self._process.kill()

    def stop(self) -> None:
        """End the process."""
        self.kill()
        self._process.communicate()

    def _start(self) -> None:
        self._process = subprocess.Popen(
            ["node", "offline_device.ts"],
            cwd=self._folder,
            env=environment(**self._variables),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
