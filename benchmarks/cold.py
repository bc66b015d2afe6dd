"""Measure the time from the start of a process to its first answer, and compare it with the imports.

`make bench-cold` runs this. Both run in turn on the same interpreter, and their .pyc files exist.
"""

import socket
import subprocess
import sys
import time
from argparse import Namespace
from contextlib import closing
from pathlib import Path
from statistics import median
from urllib.request import urlopen

import psutil
import psycopg2

from benchmarks import command, report
from benchmarks.servers import API, Problem, environment, free_port, process
from benchmarks.stage import Stage, stage

IMPORTS = "import fastapi, sqlmodel, psycopg2, jwt, cryptography.hazmat.primitives.asymmetric.ed25519"
TARGET = 1.25
_AND_TELL = "; import time; print(time.monotonic(), time.process_time())"
_TIMEOUT = 30  # seconds
_NOTE = """\
The values are medians of {} starts of each process, in turn. The .pyc files exist, the schema is up to date, and the
database and the key server are on this machine. The imports are
`{}`."""

Times = tuple[float, float]
"""Milliseconds of wall-clock time and of CPU time."""


def importing(folder: Path) -> Times:
    """Start a process that only imports, and return the time until the imports are done."""
    arguments = [sys.executable, "-c", IMPORTS + _AND_TELL]
    started = time.monotonic()  # this clock is the same in all processes
    done = subprocess.run(arguments, cwd=folder, env=environment(), capture_output=True, text=True, check=True)
    finished, cpu = map(float, done.stdout.split())
    return (finished - started) * 1000, cpu * 1000


def answering(stage: Stage, url: str) -> Times:
    """Start the API, request the todos until it returns them, and return the time.

    Raises:
        Problem: it does not return them in time.
    """
    port = free_port()
    token = stage.people[0].token
    request = f"GET /api/todos HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\r\n".encode()
    variables = environment(DATABASE_URL=url, BETTER_AUTH_URL=stage.issuer.origin)
    log = stage.folder / "cold.log"
    started = time.monotonic()
    with log.open("w") as output, process([*API, "--port", str(port)], stage.folder, variables, output) as server:
        while not _ok(port, request):
            if server.poll() is not None or time.monotonic() - started > _TIMEOUT:
                raise Problem(f"The API does not answer 200:\n{log.read_text()}")
            time.sleep(0.002)  # this leaves a core to the measured process
        finished = time.monotonic()
        cpu = psutil.Process(server.pid).cpu_times()
        return (finished - started) * 1000, (cpu.user + cpu.system) * 1000


def round_trips(stage: Stage, url: str) -> float:
    """Return the milliseconds that every process needs for a connection, two statements and the keys."""
    started = time.monotonic()
    with closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT attname FROM pg_attribute WHERE attrelid = to_regclass('todo')")
        cursor.execute("SELECT * FROM todo LIMIT 20")
    with urlopen(f"{stage.issuer.origin}/api/auth/jwks") as answer:  # noqa: S310  # this process serves it
        answer.read()
    return (time.monotonic() - started) * 1000


def _ok(port: int, request: bytes) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=_TIMEOUT) as connection:
            connection.sendall(request)
            return connection.recv(65536).startswith(b"HTTP/1.1 200 ")
    except ConnectionError:
        return False


def main(options: Namespace) -> None:
    """Run the benchmark, and write its report."""
    with stage() as set_up:
        url = set_up.database("cold")
        runs = [(importing(set_up.folder), answering(set_up, url)) for _ in range(options.runs + 1)]
        trips = median(round_trips(set_up, url) for _ in range(options.runs))
    del runs[0]  # the first run wrote the .pyc files
    floor, ours = ([median(kind) for kind in zip(*times, strict=True)] for times in zip(*runs, strict=True))
    ratio = median((ours[0] - trips) / floor[0] for floor, ours in runs)
    of_cpu = median(ours[1] / floor[1] for floor, ours in runs)
    rows = [
        ["until the imports are done", f"{floor[0]:.0f} ms", f"{floor[1]:.0f} ms", ""],
        ["until the first 200 on `/api/todos`", f"{ours[0]:.0f} ms", f"{ours[1]:.0f} ms", ""],
        ["of that, round trips to database and key server", f"{trips:.0f} ms", "", ""],
        ["ratio without these", f"{ratio:.2f}", f"{of_cpu:.2f}", report.target(ratio, TARGET)],
    ]
    note = _NOTE.format(options.runs, IMPORTS)
    report.write("bench-cold", "Cold start", [note, report.table(["", "time", "CPU", "target"], rows)], options)


if __name__ == "__main__":
    command.run(main, command.options(__doc__, runs=15))
