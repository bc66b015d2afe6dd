"""Measure 512 clients at once, and two processes compared with one: `make bench-clients`."""

import sys
from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPException
from statistics import median, quantiles
from threading import Event, Thread

import psutil

from benchmarks import command, report
from benchmarks.load import MIX, check_wrk, drive
from benchmarks.servers import API, Client, Problem, Running
from benchmarks.stage import Stage, stage

FEW, MANY = 8, 512
WAIT_TARGET = 15
"""Limit how much longer than its fair share a client waits. The share is the p50 of few, times many / few."""
HEALTH_TARGET = 100  # milliseconds
_PAUSE = 0.05  # seconds between two requests of /health
_SCALING_CLIENTS = 64
_CORES = 6
"""Rate two processes only with this many cores. With fewer they share cores with the database and wrk."""


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


def scaling(stage: Stage, seconds: int, rounds: int) -> list[str]:
    """Measure one process and two in turn, and return a row of the report."""
    rates: list[float] = []
    costs: list[float] = []
    with (
        stage.serving(stage.database("one")) as one,
        stage.serving(stage.database("two"), (*API, "--workers", "2")) as two,
    ):
        for number in range(rounds + 1):
            by_one, by_two = (
                drive(stage, server, MIX, seconds, connections=_SCALING_CLIENTS, threads=2) for server in (one, two)
            )
            if number:  # the first round is the warm-up
                rates.append(by_two.rate / by_one.rate)
                costs.append(by_two.cpu / by_one.cpu)
    cores = psutil.cpu_count() or 1
    note = f"not measurable on {cores} cores with PostgreSQL and wrk" if cores < _CORES else ""
    return ["two processes / one", f"{median(costs):.2f}", f"{median(rates):.2f}", "", "", note]


def main(options: Namespace) -> None:
    """Run the benchmark, and write its report."""
    check_wrk()
    with stage() as set_up:
        rows = many_clients(set_up, options.seconds)
        print("Comparing one process with two ...", file=sys.stderr)
        rows.append(scaling(set_up, options.seconds // 6, options.rounds))
    note = (
        "wrk sends a mix of list, get, patch and toggle over connections that stay open.\n"
        f"{MANY} clients use one process for {options.seconds} s."
    )
    head = ["", "CPU ms", "req/s", "p50 ms", "p99 ms", "target"]
    report.write("bench-clients", "Many clients", [note, report.table(head, rows)], options)


if __name__ == "__main__":
    command.run(main, command.options(__doc__, seconds=30, rounds=3))
