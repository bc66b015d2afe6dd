"""Who takes part: the API and its peers, how each is installed and started.

What a peer needs beside the API's requirements is installed once. Each reads DATABASE_URL and
BETTER_AUTH_URL from its environment, and has five connections to the database.
"""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from benchmarks.servers import API, ROOT, UVICORN, Problem

_HERE = Path(__file__).resolve().parent
_PACKAGES = ROOT / ".local" / "benchmarks"
"""asyncpg and greenlet: not in .venv, where SQLAlchemy would import greenlet for everybody."""
_INSTALL_TIMEOUT = 900  # seconds
_VARIABLES = {"NODE_ENV": "production", "NEXT_TELEMETRY_DISABLED": "1"}
# Next.js looks at its routes when it builds them; nothing connects to these.
_NOWHERE = {"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/nothing", "BETTER_AUTH_URL": "http://127.0.0.1:1"}


@dataclass(frozen=True)
class Step:
    """What has to be done before a peer can start, and again when its sources change."""

    command: tuple[str, ...]
    folder: Path
    sources: tuple[str, ...]
    stamp: Path

    def run(self) -> None:
        """Do it, unless it is done.

        Raises:
            Problem: it is not possible here.
        """
        sources = [path for pattern in self.sources for path in self.folder.glob(pattern)]
        if self.stamp.exists() and self.stamp.stat().st_mtime > max(path.stat().st_mtime for path in sources):
            return
        print(f"{self.folder.relative_to(ROOT)}: {Path(self.command[0]).name} ... (once)", file=sys.stderr)
        variables = {**os.environ, **_NOWHERE, **_VARIABLES}  # yours may say how to reach the registries
        try:
            subprocess.run(
                self.command,
                check=True,
                cwd=self.folder,
                env=variables,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=_INSTALL_TIMEOUT,
            )
        except subprocess.CalledProcessError as error:
            raise Problem("\n".join(error.stdout.strip().splitlines()[:12])) from None
        except (OSError, subprocess.TimeoutExpired) as error:
            raise Problem(str(error)) from None
        self.stamp.touch()


@dataclass(frozen=True)
class Peer:
    """One way to write the API."""

    title: str
    command: tuple[str, ...]
    target: float | None = None
    """What our CPU per request shall be at most, as a share of this one's."""
    folder: Path | None = None
    """That of a peer in Node, where it runs."""
    steps: tuple[Step, ...] = ()

    def prepare(self) -> None:
        """Install what it needs.

        Raises:
            Problem: it cannot run here.
        """
        if self.folder and int(_node().partition(".")[0]) < 20:
            raise Problem("Node 20 or newer, with npm, is not there.")
        for step in self.steps:
            step.run()

    def variables(self) -> dict[str, str]:
        """Give what its environment holds beside the addresses, which are the same for all."""
        return _VARIABLES | ({"PYTHONPATH": f"{ROOT}:{_PACKAGES}"} if self.steps and not self.folder else {})

    def versions(self) -> dict[str, str]:
        """Name what a peer in Node is made of."""
        if not self.folder:
            return {}
        packages: dict[str, str] = json.loads((self.folder / "package.json").read_text())["dependencies"]
        return {"Node": _node(), **packages}


def _node() -> str:
    """Give Node's version; 0 without Node, or without npm."""
    node = shutil.which("node") if shutil.which("npm") else None
    return subprocess.check_output([node, "-p", "process.versions.node"], text=True).strip() if node else "0"


def _uvicorn(name: str) -> tuple[str, ...]:
    # The API's own log is told by LOG_LEVEL; uvicorn's would write a line for each request.
    return (UVICORN, f"benchmarks.peers.{name}.main:app", "--log-level", "warning")


def _npm(folder: Path) -> Step:
    stamp = folder / "node_modules" / ".installed"
    return Step(("npm", "ci", "--loglevel=error"), folder, ("package-lock.json",), stamp)


_PIP = (sys.executable, "-m", "pip", "install", "--quiet", "--upgrade", "--target", str(_PACKAGES), "--requirement")
_ASYNCPG = Step((*_PIP, "requirements.txt"), _HERE, ("requirements.txt",), _PACKAGES / ".installed")
_HONO = _HERE / "peers" / "hono"
_NEXT = _HERE / "peers" / "nextjs"
_NEXT_SOURCES = ("package-lock.json", "next.config.js", "app/**/*.js", "lib/*.js")
_NEXT_BUILD = Step(("node_modules/.bin/next", "build"), _NEXT, _NEXT_SOURCES, _NEXT / ".next" / ".built")
_NEXT_START = ("node_modules/.bin/next", "start", "--hostname", "127.0.0.1")

PEERS = {
    "api": Peer("this API", API),
    "usual": Peer("FastAPI, usual design", _uvicorn("usual"), 1 / 3),
    "sqlmodel_async": Peer("FastAPI, usual, async", _uvicorn("sqlmodel_async"), steps=(_ASYNCPG,)),
    "hono": Peer("Hono", ("node", "server.js"), 1.25, _HONO, (_npm(_HONO),)),
    "nextjs": Peer("Next.js route handlers", _NEXT_START, 1 / 2, _NEXT, (_npm(_NEXT), _NEXT_BUILD)),
}
"""By name, as `--peers` takes it."""
