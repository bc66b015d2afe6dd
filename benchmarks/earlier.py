"""Prepare an earlier commit of this API for a comparison: `make bench ARGS="--before HEAD~1"`."""

import subprocess
from io import BytesIO
from pathlib import Path
from tarfile import open as open_tar

from benchmarks.lineup import PACKAGES, Peer
from benchmarks.servers import API, ROOT, Problem

_TARGETS = {"get": 0.85, "list": 0.9, "create": 0.9, "patch": 0.9, "toggle": 0.9}
# The API does not use these. Tests and tools search the repository for such files.
_LEFT_OUT = [f":(exclude){path}" for path in ("benchmarks", "dev", "docs", "examples", "tests", "requirements*")]
_MIGRATIONS = Path("db", "migrations", "versions")


def earlier(commit: str) -> Peer:
    """Extract a commit into a folder that Git ignores, and return its API. It runs with the installed packages.

    Raises:
        Problem: there is no such commit, or it has other migrations. Every peer uses the tables of this API.
    """
    try:
        name = _git("rev-parse", "--short", "--verify", f"{commit}^{{commit}}").decode().strip()
    except Problem:
        raise Problem(f"{commit} is no commit of this repository.") from None
    folder = PACKAGES / "commits" / name
    with open_tar(fileobj=BytesIO(_git("archive", name, "--", ".", *_LEFT_OUT))) as archive:
        archive.extractall(folder, filter="data")
    if _migrations(folder) != _migrations(ROOT):
        raise Problem(f"{name} has other migrations than this API, so it cannot use the same tables.")
    return Peer(f"this API at {name}", API, targets=_TARGETS, settings={"PYTHONPATH": str(folder)})


def _git(*arguments: str) -> bytes:
    done = subprocess.run(["git", "-C", str(ROOT), *arguments], check=False, capture_output=True)  # noqa: S607  # in PATH
    if done.returncode:
        raise Problem(done.stderr.decode())
    return done.stdout


def _migrations(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in (folder / _MIGRATIONS).glob("*.py")}
