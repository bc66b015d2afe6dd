"""List what is measured: the API and its peers, and how each is installed and started.

Packages that a peer needs in addition to the API's requirements are installed once. Each server reads
DATABASE_URL and BETTER_AUTH_URL from its environment, and has five connections to the database.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.routes import ROUTES, WITH_MORE
from benchmarks.servers import API, ROOT, UVICORN, Problem

_HERE = Path(__file__).resolve().parent
PACKAGES = ROOT / ".local" / "benchmarks"
"""Install the packages of the asynchronous peer and py-spy here, so that no server imports them by chance."""
_INSTALL_TIMEOUT = 900  # seconds
_VARIABLES = {"NODE_ENV": "production", "NEXT_TELEMETRY_DISABLED": "1"}
# Next.js loads its routes when it builds them. Nothing connects to these addresses.
_NOWHERE = {"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/nothing", "BETTER_AUTH_URL": "http://127.0.0.1:1"}


@dataclass(frozen=True)
class Step:
    """Describe a step before the start of a peer. It is repeated when its sources change."""

    command: tuple[str, ...]
    folder: Path
    sources: tuple[str, ...]
    stamp: Path

    def run(self) -> None:
        """Run the step, unless it is done.

        Raises:
            Problem: the step fails here.
        """
        sources = [path for pattern in self.sources for path in self.folder.glob(pattern)]
        if self.stamp.exists() and self.stamp.stat().st_mtime > max(path.stat().st_mtime for path in sources):
            return
        print(f"Running {Path(self.command[0]).name} in {self.folder.relative_to(ROOT)} (once) ...", file=sys.stderr)
        variables = {**os.environ, **_NOWHERE, **_VARIABLES}  # the environment may configure the registries
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
    """Describe an implementation of the API."""

    title: str
    command: tuple[str, ...] = ()
    routes: tuple[str, ...] = ROUTES
    targets: Mapping[str, float] = field(default_factory=dict)
    """Limit for each route the CPU per request of this API to this share of the peer's."""
    folder: Path | None = None
    """Run a peer in Node in this folder."""
    steps: tuple[Step, ...] = ()
    settings: Mapping[str, str] = field(default_factory=dict)
    """Further variables of its environment."""
    logs: bool = False
    """Whether it logs each request."""

    def prepare(self) -> None:
        """Install the packages of the peer.

        Raises:
            Problem: the peer cannot run here.
        """
        if self.folder and int(_node().partition(".")[0]) < 22:
            raise Problem("Node 22 or newer with npm is required.")
        for step in self.steps:
            step.run()

    def variables(self) -> dict[str, str]:
        """Return its environment without the addresses, which are the same for all servers."""
        packages = {"PYTHONPATH": f"{ROOT}:{PACKAGES}"} if self.steps and not self.folder else {}
        return {**_VARIABLES, **packages, **self.settings}

    def versions(self) -> dict[str, str]:
        """Return the versions of Node and of the packages, for a peer in Node."""
        if not self.folder:
            return {}
        packages: dict[str, str] = json.loads((self.folder / "package.json").read_text())["dependencies"]
        return {"Node": _node(), **packages}


def _node() -> str:
    """Return the version of Node, or 0 without Node or npm."""
    node = shutil.which("node") if shutil.which("npm") else None
    return subprocess.check_output([node, "-p", "process.versions.node"], text=True).strip() if node else "0"


def app(name: str) -> tuple[str, ...]:
    """Return the command that serves a peer with uvicorn, with a line of log for each request."""
    return (UVICORN, f"benchmarks.peers.{name}.main:app")


_QUIET = ("--log-level", "warning")  # LOG_LEVEL controls only the API's own log


def _npm(folder: Path) -> Step:
    stamp = folder / "node_modules" / ".installed"
    return Step(("npm", "ci", "--loglevel=error"), folder, ("package-lock.json",), stamp)


_PIP = (sys.executable, "-m", "pip", "install", "--quiet", "--upgrade", "--target", str(PACKAGES), "--requirement")
FURTHER_PACKAGES = Step((*_PIP, "requirements.txt"), _HERE, ("requirements.txt",), PACKAGES / ".installed")
"""Install `PACKAGES`."""
_HONO = _HERE / "peers" / "hono"
_NEXT = _HERE / "peers" / "nextjs"
_NEXT_SOURCES = ("package-lock.json", "next.config.js", "app/**/*.js", "lib/*.js")
_NEXT_BUILD = Step(("node_modules/.bin/next", "build"), _NEXT, _NEXT_SOURCES, _NEXT / ".next" / ".built")
_NEXT_START = ("node_modules/.bin/next", "start", "--hostname", "127.0.0.1")

_HONO_STEPS = (_npm(_HONO),)
_NEXT_STEPS = (_npm(_NEXT), _NEXT_BUILD)
_NODE = ("node", "server.js")


def _every(limit: float) -> dict[str, float]:
    """Return the same target for all routes."""
    return dict.fromkeys(ROUTES, limit)


_WITHOUT_BATCH = tuple(route for route in ROUTES if route != "batch")
_WITHOUT_SYNC = tuple(route for route in ROUTES if route not in WITH_MORE)
RAW, BARE = "raw", "bare"
PEERS = {
    "api": Peer("this API", API),
    BARE: Peer("FastAPI bare", (*app("bare"), *_QUIET), ("list", "get")),
    RAW: Peer("psycopg2 raw"),
    "usual": Peer("FastAPI, usual design", (*app("usual"), *_QUIET), _WITHOUT_BATCH, _every(1 / 3)),
    "sqlmodel_async": Peer(
        "FastAPI, usual, async", (*app("sqlmodel_async"), *_QUIET), _WITHOUT_BATCH, steps=(FURTHER_PACKAGES,)
    ),
    "hono": Peer("Hono", _NODE, ROUTES, _every(1.0), _HONO, _HONO_STEPS),
    "hono_remembers": Peer(
        "Hono, tokens remembered", _NODE, ROUTES, _every(2.0), _HONO, _HONO_STEPS, {"REMEMBER_TOKENS": "1"}
    ),
    "nextjs": Peer("Next.js route handlers", _NEXT_START, _WITHOUT_SYNC, _every(1 / 2), _NEXT, _NEXT_STEPS),
}
"""Map the names of `--peers` to what is measured. `RAW` is no server, and `BARE` returns constants."""
