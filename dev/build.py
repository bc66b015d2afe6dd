"""Build the app of examples/nextjs, unless it is built already.

`next build` writes to `.next`. A finished build gets a folder of its own, from which `next start` serves
it, so the builds of `make demo` and of the tests in a browser do not replace each other. An interrupted
build leaves nothing that is served.
"""

import fcntl
import hashlib
import json
import os
import secrets
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dev.processes import LOCAL, ROOT, Problem, running

EXAMPLE = ROOT / "examples" / "nextjs"
NEXT = "node_modules/.bin/next"

_STAMP = "stamp.json"
_KEPT = {"cache", "dev", "diagnostics", "lock", "trace", "types"}
"""What stays in `.next`: what `next build` itself keeps, and the types for an editor."""
_NOT_BUILT = {"node_modules", "tests", "next-env.d.ts", "tsconfig.tsbuildinfo", "README.md"}


@contextmanager
def reserved(name: str) -> Iterator[None]:
    """Keep other processes from the builds with this name until the block ends.

    Raises:
        Problem: another process uses them.
    """
    with _locked(f"next-{name}", "Another process serves this build of the app. Stop it first."):
        yield


def build(node: str, name: str, settings: Mapping[str, str]) -> bool:
    """Build the app for these settings, unless the last build of this name is the same. Return whether it was built.

    Raises:
        Problem: the build failed. Its output is on standard error.
    """
    with _locked("next-build"):
        stamp = {"sources": _hash_of_sources(), "variables": _variables(settings)}
        if _read_stamp(name) == stamp:
            return False
        print("Building the app, once after each change. This takes half a minute ...", file=sys.stderr, flush=True)
        _run_build(node, settings)
        _take(output_folder(name), stamp)
    return True


def output_folder(name: str) -> Path:
    """Return the folder of the builds with this name."""
    return EXAMPLE / f".next-{name}"


def last_variables(name: str) -> dict[str, str]:
    """Return the variables of the last build with this name. There are none before the first build."""
    variables: dict[str, str] = _read_stamp(name).get("variables", {})
    return variables


def _variables(settings: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that a build reads. The server reads all others when it starts."""
    names = [name for name in settings if name.startswith("NEXT_PUBLIC_") or name in ("API_URL", "BETTER_AUTH_URL")]
    return {name: settings[name] for name in sorted(names)}


def _hash_of_sources() -> str:
    """Return a hash of the names and contents of all files that a build may read, also of package-lock.json."""
    found = hashlib.sha256()
    for folder, folders, files in os.walk(EXAMPLE):
        folders[:] = sorted(name for name in folders if name not in _NOT_BUILT and not name.startswith(".next"))
        for path in (Path(folder, name) for name in sorted(files) if name not in _NOT_BUILT):
            content = path.read_bytes()
            found.update(f"{path.relative_to(EXAMPLE)}\0{len(content)}\0".encode() + content)
    return found.hexdigest()


def _read_stamp(name: str) -> dict[str, Any]:
    try:
        stamp: dict[str, Any] = json.loads((output_folder(name) / _STAMP).read_text())
    except (FileNotFoundError, ValueError):
        return {}
    return stamp


def _run_build(node: str, settings: Mapping[str, str]) -> None:
    # A build needs no database and no secret. With these values it cannot use yours by mistake.
    others = {"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/nothing", "BETTER_AUTH_SECRET": secrets.token_hex(32)}
    variables = {**settings, **others, "NODE_ENV": "production", "NEXT_TELEMETRY_DISABLED": "1"}
    for name in ("NEXT_DIST_DIR", "DEMO_PASSWORD"):
        variables.pop(name, None)
    # The types of `next dev` may name pages that are gone, and `next build` would check them.
    shutil.rmtree(EXAMPLE / ".next" / "dev" / "types", ignore_errors=True)
    command = (node, NEXT, "build")
    with tempfile.TemporaryFile("w+") as log, running("next build", command, EXAMPLE, variables, output=log) as program:
        if program.process.wait() != 0:
            log.seek(0)
            shutil.copyfileobj(log, sys.stderr)
            raise Problem("The app in examples/nextjs cannot be built. The output of next build is above.")


def _take(folder: Path, stamp: dict[str, Any]) -> None:
    """Move the output of `next build` to its folder, which has its name only when it is complete."""
    unfinished = folder.with_name(f"{folder.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir()
    for path in (EXAMPLE / ".next").iterdir():
        if path.name not in _KEPT:
            path.rename(unfinished / path.name)
    (unfinished / _STAMP).write_text(json.dumps(stamp, indent=2))
    shutil.rmtree(folder, ignore_errors=True)
    unfinished.rename(folder)


@contextmanager
def _locked(name: str, refusal: str | None = None) -> Iterator[None]:
    """Hold a lock until the block ends. If another process holds it, wait, or raise a Problem with the refusal."""
    LOCAL.mkdir(exist_ok=True)
    with (LOCAL / f"{name}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | (fcntl.LOCK_NB if refusal else 0))
        except BlockingIOError:
            raise Problem(refusal or "") from None
        yield
