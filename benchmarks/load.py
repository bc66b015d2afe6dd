"""Send requests of many users with wrk, and measure the CPU of the server."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.routes import FIRST_CHANGES, OF_A_TODO, request
from benchmarks.servers import Client, Problem, Running
from benchmarks.stage import Person, Stage

MIX = "mix"
"""Mix list, get, patch and toggle. None of them makes the lists longer."""
_MIXED = ("list", "get", "patch", "toggle")

_SCRIPT = Path(__file__).with_name("load.lua")


@dataclass(frozen=True)
class Load:
    """Describe the result of some seconds of load."""

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
        """Return the cells of a table, without the number of requests."""
        return [f"{self.cpu:.2f}", f"{self.rate:.0f}", f"{self.p50:.1f}", f"{self.p99:.1f}"]


def check_wrk() -> None:
    """Check that wrk is installed.

    Raises:
        Problem: it is not installed.
    """
    if not shutil.which("wrk"):
        raise Problem("wrk is not installed. On Debian and Ubuntu, run apt install wrk.")


def drive(stage: Stage, server: Running, route: str, seconds: int, *, connections: int = 8, threads: int = 1) -> Load:
    """Send requests to one route, each as soon as the answer to the one before arrives.

    Args:
        stage: the users who send the requests.
        server: the server that answers.
        route: one of `ROUTES`, or `MIX`. Those in `WITH_MORE` need `reset(url, more=True)`.
        seconds: the duration.
        connections: the number of connections.
        threads: the number of threads of wrk.

    Raises:
        Problem: a request failed, or its status was not 2xx.
    """
    requests_file = stage.folder / "requests"
    requests_file.write_text("".join(f"{line}\n" for person in stage.people for line in _lines(server, route, person)))
    command = ["wrk", f"-t{threads}", f"-c{connections}", f"-d{max(1, seconds)}s", "--timeout=30s"]
    command += [f"--script={_SCRIPT}", f"http://127.0.0.1:{server.port}", "--", str(requests_file)]
    before = server.cpu()
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    cpu = server.cpu() - before
    if done.returncode:
        raise Problem(f"wrk failed:\n{done.stdout}{done.stderr}")
    result = json.loads(done.stdout.splitlines()[-1])
    requests, errors = result["requests"], result["errors"]
    if not requests or any(errors.values()):
        raise Problem(f"Some of {requests} requests to {route} failed: {errors}\n{server.complaints()}")
    return Load(cpu * 1000 / requests, requests / result["seconds"], result["p50"], result["p99"], requests)


def _lines(server: Running, route: str, person: Person) -> Iterator[str]:
    """Return the requests of a user: method, path, token and bodies, with tabs between them."""
    since = ""
    if route == "changes":
        since = json.loads(Client(server.port, person.token).ask("GET", FIRST_CHANGES).text)["next"]
    routes = _MIXED if route == MIX else (route,)
    for todo in person.todos if set(routes) & set(OF_A_TODO) else person.todos[:1]:
        for one in routes:
            sent = request(one, person, todo, since)
            yield "\t".join((sent.method, sent.path, person.token, *map(json.dumps, sent.bodies)))
