"""Measure the resident memory of a process after 10,000 and after 200,000 requests: `make bench-memory`."""

import sys
from argparse import Namespace

from benchmarks import command, report
from benchmarks.load import MIX, check_wrk, drive
from benchmarks.stage import stage

GROWTH_TARGET = 10  # MB
TARGET = 130  # MB
_FIRST = 10_000  # requests
_SLICE = 5  # seconds, because wrk has no option for a number of requests


def main(options: Namespace) -> None:
    """Run the benchmark, and write its report."""
    check_wrk()
    measured: list[tuple[int, float]] = []
    with stage() as set_up, set_up.serving(set_up.database("memory")) as server:
        requests = 0
        for mark in (min(_FIRST, options.requests // 2), options.requests):
            while requests < mark:
                requests += drive(set_up, server, MIX, _SLICE).requests
                print(f"{requests:,} requests: {server.memory():.1f} MB", file=sys.stderr)
            measured.append((requests, server.memory()))
    (first, before), (last, after) = measured
    rows = [
        [f"after {first:,} requests", f"{before:.1f} MB", ""],
        [f"after {last:,} requests", f"{after:.1f} MB", report.target(after, TARGET, " MB")],
        ["growth", f"{after - before:.1f} MB", report.target(after - before, GROWTH_TARGET, " MB")],
    ]
    note = "The table has the resident memory of one process under a mix of list, get, patch and toggle."
    report.write("bench-memory", "Memory", [note, report.table(["", "resident", "target"], rows)], options)


if __name__ == "__main__":
    command.run(main, command.options(__doc__, requests=200_000))
