"""What becomes of it when 512 clients ask at once, and whether two processes do more: `make bench-clients`."""

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
"""How much longer than its fair share somebody may wait: p99 of many, by p50 of few times many by few."""
HEALTH_TARGET = 100  # milliseconds
_PAUSE = 0.05  # seconds between two looks at the health
_SCALING_CLIENTS = 64
_CORES = 6
"""From so many cores on, two processes, the database and wrk are not in each other's way."""


@contextmanager
def watched(server: Running) -> Iterator[list[float]]:
    """Ask for /health while the block runs; the list fills with milliseconds, and with `inf` for a failure."""
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
    """Ask as few and then as many, and give the rows of the report."""
    with stage.serving(stage.database("clients")) as server:
        drive(stage, server, MIX, 3)
        few = drive(stage, server, MIX, seconds // 3, connections=FEW)
        with watched(server) as health:
            many = drive(stage, server, MIX, seconds, connections=MANY)
    if float("inf") in health:
        raise Problem(f"/health failed {health.count(float('inf'))} times of {len(health)}.")
    waited = many.p99 / (few.p50 * MANY / FEW)
    alive = quantiles(health, n=100)[98]
    fair = report.target(waited, WAIT_TARGET)
    healthy = report.target(alive, HEALTH_TARGET, " ms")
    return [
        [f"{FEW} clients", *few.cells(), ""],
        [f"{MANY} clients", *many.cells(), "no error: met"],
        [f"p99 of {MANY}, by {MANY // FEW} times the p50 of {FEW}", "", "", "", f"{waited:.2f}", fair],
        ["`/health` meanwhile", "", "", f"{median(health):.1f}", f"{alive:.1f}", healthy],
    ]


def scaling(stage: Stage, seconds: int, rounds: int) -> list[str]:
    """Compare one process with two, in turn, and give a row of the report."""
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
            if number:  # the first warms up
                rates.append(by_two.rate / by_one.rate)
                costs.append(by_two.cpu / by_one.cpu)
    cores = psutil.cpu_count() or 1
    note = f"says little: {cores} cores for two processes, PostgreSQL and wrk" if cores < _CORES else ""
    return ["two processes, by one", f"{median(costs):.2f}", f"{median(rates):.2f}", "", "", note]


def main(options: Namespace) -> None:
    """Measure, and report."""
    check_wrk()
    with stage() as set_up:
        rows = many_clients(set_up, options.seconds)
        print("One process and two ...", file=sys.stderr)
        rows.append(scaling(set_up, options.seconds // 6, options.rounds))
    note = f"wrk, keep-alive, list, get, patch and toggle mixed; {MANY} clients for {options.seconds} s on one process."
    head = ["", "CPU ms", "req/s", "p50 ms", "p99 ms", "target"]
    report.write("bench-clients", "Many clients", [note, report.table(head, rows)], options)


if __name__ == "__main__":
    command.run(main, command.options(__doc__, seconds=30, rounds=3))
