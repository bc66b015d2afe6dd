"""Follow a page of `docs/how-to/` in a copy of the project, as a reader does.

A code block in Python creates the file that its first line names. A `diff` block changes the file
that its first line names. The lines after `@@ class Todo` replace the first equal lines below the
line that begins with `class Todo`. A `console` block runs its commands.
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

from tests.conftest import Database
from tests.issuer import Issuer
from tests.live import ROOT, Api, environment, running

PAGES = ROOT / "docs" / "how-to"

_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_FILE = re.compile(r"# ([\w./-]+\.\w+)")
_GENERATED = re.compile(r"tests/|openapi\.json$|db/migrations/versions/")


def blocks(page: str) -> list[tuple[str, str]]:
    """Return the language and the text of each code block of a page."""
    return _BLOCK.findall((PAGES / page).read_text())


def patch(text: str, changes: str) -> str:
    """Return a file's text after the changes of a `diff` block.

    Raises:
        ValueError: The file has no such lines.
    """
    lines = text.splitlines()
    for anchor, hunk in re.findall(r"^(?:@@ ?(.*)\n)?((?:[ +-].*\n|\n)+)", changes, re.MULTILINE):
        changed = hunk.splitlines()
        old = [line[1:] for line in changed if not line.startswith("+")]
        new = [line[1:] for line in changed if not line.startswith("-")]
        below = (number for number, line in enumerate(lines) if re.match(rf"{re.escape(anchor)}(?!\w)", line))
        begin = next(below, len(lines)) if anchor else 0
        equal = (number for number in range(begin, len(lines)) if lines[number : number + len(old)] == old)
        if (place := next(equal, None)) is None:
            raise ValueError("The file does not have these lines:\n" + "\n".join([anchor, *old]))
        lines[place : place + len(old)] = new
    return "\n".join([*lines, ""])


@dataclass
class Copy:
    """A copy of the project, and its database."""

    root: Path
    database: Database
    issuer: Issuer
    variables: dict[str, str] = field(default_factory=dict)
    """More settings for commands and for the API."""

    def __post_init__(self) -> None:
        listed = ("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
        for name in subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0"):
            if name and (ROOT / name).is_file():
                (self.root / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, self.root / name)
        # The programs of the original. `make` installs them again if the last file is older than the requirements.
        (self.root / ".venv").mkdir()
        for path in Path(sys.prefix).iterdir():
            if path.name != ".installed":
                (self.root / ".venv" / path.name).symlink_to(path)
        (self.root / ".venv" / ".installed").touch()
        self._original = self._contents()

    def follow(self, page: str) -> Iterator[str]:
        """Do what a page shows, from top to bottom, and yield each command before it runs."""
        for language, text in blocks(page):
            first, _, rest = text.partition("\n")
            named = _FILE.fullmatch(first)
            if language == "console":
                for command in re.findall(r"^\$ (.*)", text, re.MULTILINE):
                    yield command
                    self.run(command)
            elif language == "diff" and named:
                path = self.root / named[1]
                path.write_text(patch(path.read_text(), rest))
            elif language == "python" and named:
                path = self.root / named[1]
                assert not path.exists(), path
                path.write_text(rest)
            else:  # a line of the log, or an example of what not to do
                assert language == "text" or first == "# Wrong", f"{page}: {first}"

    def run(self, command: str) -> str:
        """Run a command of a shell, and return what it printed."""
        done = subprocess.run(
            command,
            shell=True,
            cwd=self.root,
            env=self._environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}"
        return done.stdout

    def serve(self, app: str = "main:app", **variables: str) -> AbstractContextManager[Api]:
        """Run the API of the copy."""
        return running(app, **self._settings(), PYTHONPATH=str(self.root), **variables)

    def changed(self) -> set[str]:
        """Return the files that differ from the original, without tests and generated files."""
        contents = self._contents()
        names = {name for name, _ in contents.items() ^ self._original.items()}
        return {name for name in names if not _GENERATED.match(name)}

    def _contents(self) -> dict[str, str]:
        """Return a hash of each file."""
        hashes = {}
        for folder, folders, files in os.walk(self.root):
            folders[:] = [name for name in folders if not name.startswith(".") and name != "__pycache__"]
            for name in files:
                path = Path(folder) / name
                hashes[str(path.relative_to(self.root))] = hashlib.sha256(path.read_bytes()).hexdigest()
        return hashes

    def _settings(self) -> dict[str, str]:
        return {"DATABASE_URL": self.database.api_url, "BETTER_AUTH_URL": self.issuer.origin, **self.variables}

    def _environment(self) -> dict[str, str]:
        return environment(PYTHONPATH="", **self._settings())
