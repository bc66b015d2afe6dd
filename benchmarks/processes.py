"""Measure the connections and the memory of 50 processes of the API on a pooler: `make bench-processes`.

The pooler is the PgBouncer of the tests, in transaction mode, with TLS and SCRAM. The processes are started by
themselves, as 50 functions of a host would be, by `uvicorn --workers`, and by a fork after the import.
"""

import shutil
import sys
import tempfile
import time
from argparse import Namespace
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import mean

import psutil
import psycopg2

from benchmarks import command, report
from benchmarks.servers import API, Client, Problem, Running, environment, free_port, process
from benchmarks.stage import Stage, execute, stage
from tests.neon.servers import PgBouncer, Postgres, make_certificates, pgbouncer

POOL_SIZE = 2
_PASSWORD = "local"  # noqa: S105  # only this machine reaches the pooler
_STARTS_AT_ONCE = 4
_START_TIMEOUT = 240  # seconds for all processes; 30 are enough on a machine with nothing else to do
_SWEPT_AFTER = 6  # seconds after the start, when the jobs of the lifespan are done
_REQUESTS = 40  # of each process, while all are asked at once
_SERVED = 20_000
"""A process that read this many bytes after its start has answered requests: about 40."""
_LOAD_TIMEOUT = 20  # seconds, for processes of which the system selects one for each connection
_NOTE = """\
{processes} processes have DB_POOL_SIZE={size}, and one PgBouncer in transaction mode with TLS, as Neon's. "Idle" is
after their first statements. "Under load" is the most at once, while {size} clients for each process send requests.
Neon's smallest compute has 93 connections for the pooler.

The memory is from `/proc/<pid>/smaps_rollup`, the mean of the processes. RSS counts a shared page in each process. PSS
divides it among those that share it, so the sum is the memory that all need. USS counts only the pages of one process.
A forked process shares the pages that nobody writes to. Python writes to each object that it uses, to count the
references. `main.py` calls `gc.freeze()`, so that the garbage collector does not write to the others. The collector has
run once in each forked process. The last rows are without `gc.freeze()`."""


@dataclass(frozen=True)
class Memory:
    """Describe the memory of a process, in MB."""

    rss: float
    pss: float
    uss: float

    @classmethod
    def of(cls, process: int) -> "Memory":
        """Read the memory of a process."""
        lines = (line.split() for line in Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()[1:])
        pages = {line[0]: int(line[1]) * 1024 / 1_000_000 for line in lines}
        return cls(pages["Rss:"], pages["Pss:"], pages["Private_Clean:"] + pages["Private_Dirty:"])


@dataclass(frozen=True)
class Group:
    """Describe running processes of the API."""

    ports: list[int]
    workers: list[psutil.Process]
    parents: list[psutil.Process]
    """Those that answer no requests."""


@dataclass(frozen=True)
class Pooler:
    """Describe the pooler, and one of its databases."""

    pooler: PgBouncer
    stage: Stage
    database: str

    def connections(self) -> tuple[int, int]:
        """Return the number of connections of the API to the pooler, and of the pooler to PostgreSQL."""
        host, port = self.pooler.socket.parent, self.pooler.port
        console = psycopg2.connect(host=host, port=port, user="postgres", dbname="pgbouncer")
        console.autocommit = True
        with closing(console), console.cursor() as cursor:
            cursor.execute("SHOW CLIENTS")
            clients = sum(self.database in row for row in cursor)
        count = "SELECT count(*) FROM pg_stat_activity WHERE datname = %s"
        return clients, execute(self.stage.server.url("postgres"), count, (self.database,))[0][0]


@contextmanager
def alone(stage: Stage, url: str, processes: int) -> Iterator[Group]:
    """Run processes that were started by themselves."""
    with ExitStack() as running, ThreadPoolExecutor(_STARTS_AT_ONCE) as starts:

        def start(_: int) -> Running:
            return running.enter_context(stage.serving(url, DB_POOL_SIZE=str(POOL_SIZE)))

        started = list(starts.map(start, range(processes)))
        yield Group([one.port for one in started], [one.process for one in started], [])


@contextmanager
def spawned(stage: Stage, url: str, processes: int) -> Iterator[Group]:
    """Run the processes of `uvicorn --workers`, which start as new ones."""
    port = free_port()
    # uvicorn ends a process that does not answer it in 5 s. While all start, one may be slower.
    command = [*API, "--port", str(port), "--workers", str(processes), "--timeout-worker-healthcheck", "60"]
    with _family(stage, url, command, processes) as (workers, others):
        yield Group([port], workers, others)


@contextmanager
def forked(stage: Stage, url: str, processes: int, *options: str) -> Iterator[Group]:
    """Run processes that were forked after the import of the API."""
    ports = [free_port() for _ in range(processes)]
    command = [sys.executable, "-m", "benchmarks.prefork", *options, *map(str, ports)]
    with _family(stage, url, command, processes) as (workers, others):
        yield Group(ports, workers, others)


@contextmanager
def _family(
    stage: Stage, url: str, command: list[str], processes: int
) -> Iterator[tuple[list[psutil.Process], list[psutil.Process]]]:
    """Run a command that starts processes of the API. Yield these, and those that answer no requests."""
    variables = environment(DATABASE_URL=url, BETTER_AUTH_URL=stage.issuer.origin, DB_POOL_SIZE=str(POOL_SIZE))
    log = Path(tempfile.mkstemp(".log", dir=stage.folder)[1])
    with log.open("w") as output, process(command, stage.folder, variables, output) as started:
        parent = psutil.Process(started.pid)
        deadline = time.monotonic() + _START_TIMEOUT
        workers: list[psutil.Process] = []
        while len(workers) < processes:
            if started.poll() is not None or time.monotonic() > deadline:
                raise Problem(f"The processes do not start:\n{log.read_text()}")
            time.sleep(0.05)
            children = parent.children()
            # Python's multiprocessing has one that only cleans up after the others.
            workers = [child for child in children if not any("resource_tracker" in word for word in child.cmdline())]
        yield workers, [parent, *(child for child in children if child not in workers)]


def ask(stage: Stage, port: int, number: int) -> None:
    """Send a list, a get, a toggle and a create of one user, each over a new connection."""
    person = stage.people[number % len(stage.people)]
    todo = f"/api/todos/{person.todos[number % len(person.todos)]}"
    routes = ("GET", "/api/todos", None), ("GET", todo, None), ("POST", f"{todo}/toggle", None)
    for method, path, body in (*routes, ("POST", "/api/todos", {"title": "Buy milk"})):
        Client(port, person.token).ask(method, path, body)


def load(stage: Stage, group: Group, pooler: Pooler) -> tuple[int, tuple[int, int]]:
    """Send requests until each process has answered some.

    Returns:
        The number of processes that answered, and the most connections at once.
    """
    read = {worker: worker.io_counters().read_chars for worker in group.workers}
    most = (0, 0)
    deadline = time.monotonic() + _LOAD_TIMEOUT

    def served() -> int:
        return sum(worker.io_counters().read_chars - before > _SERVED for worker, before in read.items())

    def send(place: int) -> None:
        port = group.ports[place % len(group.ports)]
        rounds = 0
        while rounds < _REQUESTS // 4 or (len(group.ports) == 1 and not is_enough and time.monotonic() < deadline):
            ask(stage, port, place + rounds)
            rounds += 1

    is_enough = False
    number = POOL_SIZE * len(group.workers)
    with ThreadPoolExecutor(number) as clients:
        sending = [clients.submit(send, place) for place in range(number)]
        while not all(one.done() for one in sending):
            now = pooler.connections()
            most = max(most[0], now[0]), max(most[1], now[1])
            is_enough = is_enough or served() == len(group.workers)
            time.sleep(0.05)
    for one in sending:
        one.result()
    return served(), most


def measure(
    stage: Stage, pooler: Pooler, kind: str, start: Callable[[], AbstractContextManager[Group]]
) -> tuple[list[str], list[list[str]]]:
    """Measure processes of one kind. Return a row with their connections, and rows with their memory."""
    print(f"Starting processes {kind} ...", file=sys.stderr)
    rows = []

    def note(group: Group, when: str) -> None:
        memory = [Memory.of(worker.pid) for worker in group.workers]
        means = [mean(getattr(one, name) for one in memory) for name in ("rss", "pss", "uss")]
        total = sum(one.pss for one in memory) + sum(Memory.of(parent.pid).pss for parent in group.parents)
        rows.append([kind, when, *(f"{value:.1f}" for value in means), f"{total:.0f}"])

    with start() as group:
        deadline = time.monotonic() + _START_TIMEOUT
        while pooler.connections()[0] < len(group.workers):  # each one inspects the schema when it starts
            if time.monotonic() > deadline:
                raise Problem(f"Only {pooler.connections()[0]} processes {kind} have a connection to the pooler.")
            time.sleep(0.2)
        time.sleep(_SWEPT_AFTER)
        idle = pooler.connections()
        note(group, "idle")
        answered, busy = load(stage, group, pooler)
        note(group, f"{answered} have answered requests")
    return [kind, *map(str, (idle[0], busy[0], idle[1], busy[1]))], rows


def main(options: Namespace) -> None:
    """Run the benchmark, and write its report."""
    if not shutil.which("pgbouncer", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin"):
        raise Problem("PgBouncer is not installed. On Debian and Ubuntu, run apt install pgbouncer.")
    if not Path("/proc/self/smaps_rollup").exists():
        raise Problem("The memory that processes share can be read only on Linux.")
    number = options.processes
    with stage() as set_up, ExitStack() as running:
        folders = [Path(running.enter_context(tempfile.TemporaryDirectory(prefix="todo-pooler-"))) for _ in range(2)]
        server, certificates = Postgres(set_up.server.socket_dir, 5432), make_certificates(folders[0])
        pooler = running.enter_context(pgbouncer(folders[1], server, certificates, {"postgres": _PASSWORD}))
        kinds: dict[str, Callable[[str], AbstractContextManager[Group]]] = {
            "by themselves": lambda url: alone(set_up, url, number),
            "`uvicorn --workers`": lambda url: spawned(set_up, url, number),
            "forked after the import": lambda url: forked(set_up, url, number),
            "forked, without `gc.freeze()`": lambda url: forked(set_up, url, number, "--unfreeze"),
        }
        measured = []
        for name, (kind, start) in zip("abcd", kinds.items(), strict=True):
            set_up.database(name)
            url = f"postgresql://postgres:{_PASSWORD}@127.0.0.1:{pooler.port}/{name}?sslmode=require"
            measured.append(measure(set_up, Pooler(pooler, set_up, name), kind, partial(start, url)))
    head = ["connections", "pooler, idle", "pooler, under load", "PostgreSQL, idle", "PostgreSQL, under load"]
    connections = report.table(head, [row for row, _ in measured])
    head = ["MB", "", "RSS", "PSS", "USS", "all processes, PSS"]
    memory = report.table(head, [row for _, rows in measured for row in rows])
    note = _NOTE.format(size=POOL_SIZE, **vars(options))
    report.write("bench-processes", f"{number} processes", [note, connections, memory], options)


if __name__ == "__main__":
    command.run(main, command.options(__doc__, processes=50))
