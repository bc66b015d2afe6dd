"""Load: wrk asks as many different people would, and what the server needed for it is counted."""

import json
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from benchmarks.servers import Problem, Running
from benchmarks.stage import Stage

ROUTES = ("list", "get", "create", "patch", "toggle")
MIX = "mix"
"""All of them but create, which would make the lists longer."""

_SCRIPT = Path(__file__).with_name("load.lua")


@dataclass(frozen=True)
class Load:
    """What came of some seconds of load."""

    cpu: float
    """Milliseconds of CPU that the server used per request."""
    rate: float
    """Requests per second."""
    p50: float
    """Milliseconds."""
    p99: float
    """Milliseconds."""
    requests: int

    def cells(self) -> list[str]:
        """Give all but the last for a table."""
        return [f"{self.cpu:.2f}", f"{self.rate:.0f}", f"{self.p50:.1f}", f"{self.p99:.1f}"]


def check_wrk() -> None:
    """See that wrk is there.

    Raises:
        Problem: it is not.
    """
    if not shutil.which("wrk"):
        raise Problem("wrk, which makes the load, is missing. On Debian and Ubuntu: apt install wrk")


def drive(stage: Stage, server: Running, route: str, seconds: int, *, connections: int = 8, threads: int = 1) -> Load:
    """Ask for one route as fast as the answers come.

    Args:
        stage: who asks.
        server: whom.
        route: one of `ROUTES`, or `MIX`.
        seconds: how long.
        connections: how many, all the time.
        threads: of wrk.

    Raises:
        Problem: a request failed, or was not answered 2xx.
    """
    people = stage.folder / "people"
    people.write_text("".join(f"{' '.join((person.token, *person.todos))}\n" for person in stage.people))
    command = ["wrk", f"-t{threads}", f"-c{connections}", f"-d{max(1, seconds)}s", "--timeout=30s"]
    command += [f"--script={_SCRIPT}", f"http://127.0.0.1:{server.port}", "--", route, str(people)]
    before = server.cpu()
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    cpu = server.cpu() - before
    if done.returncode:
        raise Problem(f"wrk failed:\n{done.stdout}{done.stderr}")
    result = json.loads(done.stdout.splitlines()[-1])
    requests, errors = result["requests"], result["errors"]
    if not requests or any(errors.values()):
        raise Problem(f"{route}: of {requests} requests some failed: {errors}\n{server.complaints()}")
    return Load(cpu * 1000 / requests, requests / result["seconds"], result["p50"], result["p99"], requests)
