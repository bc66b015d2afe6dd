"""Measure 512 clients at once, and two processes compared with one: `make bench-clients`."""

import sys
from argparse import Namespace
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http.client import HTTPException
from statistics import median, quantiles
from threading import Event, Thread

import psutil

from benchmarks import command, report
from benchmarks.limits import limited
from benchmarks.load import MIX, Load, check_wrk, drive
from benchmarks.servers import API, Client, Problem, Running
from benchmarks.stage import Stage, stage

FEW, MANY = 8, 512
WAIT_TARGET = 15
"""Limit how much longer than its fair share a client waits. The share is the p50 of few, times many / few."""
HEALTH_TARGET = 100  # milliseconds
_PAUSE = 0.05  # seconds between two requests of /health
SCALING_TARGET = 1.7
_SCALING_CLIENTS = 64
_SHARE = 0.25
"""Limit each process to this part of a core, so that cores stay free for the database and wrk."""
_CORES = 6
"""Set no limit with this many cores."""
_FREE = 0.1
"""Rate two processes only if this part of all cores was idle."""
_SCALING_NOTE = f"""\
One process, and two of `uvicorn --workers 2`, are measured in turn with {_SCALING_CLIENTS} clients. "Machine idle" is
the share of all cores that nothing used. If it is high, no process waited for a core."""
_LIMIT = f"""
The kernel limits each process to {_SHARE:.0%} of a core, because PostgreSQL and wrk need cores, too. The comparison
shows whether two processes hinder each other in the API and in PostgreSQL. It does not show what busy cores share: the
bandwidth of the memory, caches, and a clock that is slower when more of them work."""


@contextmanager
def watched(server: Running) -> Iterator[list[float]]:
    """Request /health while the block runs. The list gets the milliseconds, and `inf` for a failure."""
    times: list[float] = []
    stop = Event()

    def watch() -> None:
        client = Client(server.port)
        while not stop.wait(_PAUSE):
            try:
                times.append(client.ask("GET", "/health").milliseconds)
            except (Problem, OSError, HTTPException):
                times.append(float("inf"))

    thread = Thread(target=watch)
    thread.start()
    try:
        yield times
    finally:
        stop.set()
        thread.join()


def many_clients(stage: Stage, seconds: int) -> list[list[str]]:
    """Measure few clients, then many, and return the rows of the report."""
    with stage.serving(stage.database("clients")) as server:
        drive(stage, server, MIX, 3)
        few = drive(stage, server, MIX, seconds // 3, connections=FEW)
        with watched(server) as health:
            many = drive(stage, server, MIX, seconds, connections=MANY)
    if float("inf") in health:
        raise Problem(f"/health failed in {health.count(float('inf'))} of {len(health)} requests.")
    waited = many.p99 / (few.p50 * MANY / FEW)
    alive = quantiles(health, n=100)[98]
    fair = report.target(waited, WAIT_TARGET)
    healthy = report.target(alive, HEALTH_TARGET, " ms")
    return [
        [f"{FEW} clients", *few.cells(), ""],
        [f"{MANY} clients", *many.cells(), "no error, met"],
        [f"p99 of {MANY} / ({MANY // FEW} * p50 of {FEW})", "", "", "", f"{waited:.2f}", fair],
        [f"`/health` during {MANY} clients", "", "", f"{median(health):.1f}", f"{alive:.1f}", healthy],
    ]


@dataclass(frozen=True)
class Run:
    """Describe a run of one or two processes."""

    load: Load
    used: float
    """Cores that the API used."""
    idle: float
    """The share of all cores that nothing used."""


def run(stage: Stage, server: Running, seconds: int) -> Run:
    """Load a server, and measure how much of the machine is idle meanwhile."""
    before = psutil.cpu_times()
    load = drive(stage, server, MIX, seconds, connections=_SCALING_CLIENTS, threads=2)
    passed = [after - start for after, start in zip(psutil.cpu_times(), before, strict=True)]
    idle = passed[before._fields.index("idle")] / sum(passed)
    return Run(load, load.cpu * load.rate / 1000, idle)


def scaling(stage: Stage, seconds: int, rounds: int, *, limits: bool) -> str:
    """Measure one process and two in turn, and return a table.

    Args:
        stage: the users who send the requests.
        seconds: the duration of each load.
        rounds: how often each is measured.
        limits: whether each process gets only a part of a core.

    Raises:
        Problem: a request failed, or processes cannot be limited here.
    """
    pairs: list[tuple[Run, Run]] = []
    with ExitStack() as running:
        one = running.enter_context(stage.serving(stage.database("one")))
        two = running.enter_context(stage.serving(stage.database("two"), (*API, "--workers", "2")))
        if limits:
            workers = [one.process, *two.process.children(recursive=True)]
            running.enter_context(limited([worker.pid for worker in workers], _SHARE))
        for number in range(rounds + 1):
            pair = run(stage, one, seconds), run(stage, two, seconds)
            if number:  # the first round is the warm-up
                pairs.append(pair)
    rows = []
    for name, runs in zip(("one process", "two processes"), zip(*pairs, strict=True), strict=True):
        cpu, rate, used, idle = (
            median(values)
            for values in zip(*((run.load.cpu, run.load.rate, run.used, run.idle) for run in runs), strict=True)
        )
        rows.append([name, f"{cpu:.2f}", f"{rate:.0f}", f"{used:.2f}", f"{idle:.0%}", ""])
    costs = median(two.load.cpu / one.load.cpu for one, two in pairs)
    times = median(two.load.rate / one.load.rate for one, two in pairs)
    met = f"≥ {SCALING_TARGET} {'met' if times >= SCALING_TARGET else '**missed**'}"
    if median(two.idle for _, two in pairs) < _FREE:
        met = "not measurable, because no core was free"
    rows.append(["two / one", f"{costs:.2f}", f"{times:.2f}", "", "", met])
    return report.table(["", "CPU ms", "req/s", "cores used", "machine idle", "target"], rows)


def main(options: Namespace) -> None:
    """Run the benchmark, and write its report."""
    check_wrk()
    with stage() as set_up:
        rows = many_clients(set_up, options.seconds)
        print("Comparing one process with two ...", file=sys.stderr)
        limits = (psutil.cpu_count() or 1) < _CORES
        try:
            compared = scaling(set_up, options.seconds // 3, options.rounds, limits=limits)
        except Problem as problem:
            compared = f"Two processes were not compared with one. {problem}"
    note = (
        "wrk sends a mix of list, get, patch and toggle over connections that stay open.\n"
        f"{MANY} clients use one process for {options.seconds} s."
    )
    head = ["", "CPU ms", "req/s", "p50 ms", "p99 ms", "target"]
    parts = [note, report.table(head, rows), _SCALING_NOTE + (_LIMIT if limits else ""), compared]
    report.write("bench-clients", "Many clients", parts, options)


if __name__ == "__main__":
    command.run(main, command.options(__doc__, seconds=30, rounds=3))
