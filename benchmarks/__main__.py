"""Measure the CPU per request of the API and its peers, and requests to a distant database: `make bench`.

All servers run at the same time and are measured in turn, in several rounds. Other load on the
machine therefore affects all of them. A ratio is the median of the ratios of the rounds.
"""

import sys
from argparse import Namespace
from collections import defaultdict
from contextlib import ExitStack
from statistics import median

from benchmarks import agree, command, report, roundtrips
from benchmarks.lineup import PEERS
from benchmarks.load import ROUTES, Load, check_wrk, drive
from benchmarks.servers import Problem, Running
from benchmarks.stage import Stage, reset, stage

_WARM_UP = 4  # seconds for each route of each peer before the measured rounds
_NOTE = """\
wrk uses 8 connections. Each route of each server is measured in {rounds} rounds of {seconds} s, and the values are
medians. Each server is one process with LOG_LEVEL=warning and five connections to the same PostgreSQL over its Unix
socket. The EdDSA tokens are those of 200 users with 20 todos. This API remembers verified tokens, and the others verify
a token each time. CPU is the milliseconds per request, user and system, of the server with its threads and child
processes. The CPU of the database and of wrk is not included, but they share the machine. The ratio is the CPU of this
API divided by the CPU of the other server."""

Results = dict[tuple[str, str], list[Load]]
"""Map a route and a peer to the loads of the rounds."""


def start(stage: Stage, names: list[str], running: ExitStack) -> dict[str, tuple[Running, str]]:
    """Start the peers that can run here, and report why the others cannot.

    Returns:
        The server of each peer, and the URL of its database.
    """
    started = {}
    for name in names:
        peer = PEERS[name]
        try:
            peer.prepare()
        except Problem as problem:
            print(f"{name} is skipped. {problem}", file=sys.stderr)
            continue
        url = stage.database(name)
        server = running.enter_context(stage.serving(url, peer.command, peer.folder, **peer.variables()))
        try:
            agree.check(server, stage)
        except Problem as problem:
            raise Problem(f"{name}: {problem}\n{server.complaints()}") from None
        started[name] = server, url
    return started


def compare(stage: Stage, options: Namespace) -> tuple[Results, list[str]]:
    """Measure the peers. Return the results and the names of the peers that ran."""
    results: Results = defaultdict(list)
    with ExitStack() as running:
        started = start(stage, options.peers, running)
        if not started:
            raise Problem("None of the peers can run here.")
        names = list(started)
        for number in range(options.rounds + 1):
            for route in options.routes:
                for name in names:
                    server, url = started[name]
                    reset(url)
                    load = drive(stage, server, route, options.seconds if number else _WARM_UP)
                    if number:
                        results[route, name].append(load)
                        print(f"{number}/{options.rounds} {route:6} {name:14} {load.cpu:.3f} ms", file=sys.stderr)
            names = names[1:] + names[:1]  # the first peer is the last one in the next round
    return results, list(started)


def tables(results: Results, names: list[str], routes: list[str]) -> list[str]:
    """Return a Markdown table for each route."""
    parts = []
    for route in routes:
        rows = []
        for name in names:
            loads = results[route, name]
            middle = Load(*(median(vars(load)[field] for load in loads) for field in Load.__annotations__))
            ratio = ""
            target = ""
            if name != "api" and "api" in names:
                times = median(ours.cpu / its.cpu for ours, its in zip(results[route, "api"], loads, strict=True))
                ratio = f"{times:.2f}"
                limit = PEERS[name].target
                target = report.target(times, limit) if limit else ""
            rows.append([PEERS[name].title, *middle.cells(), ratio, target])
        parts.append(report.table([route, "CPU ms", "req/s", "p50 ms", "p99 ms", "ratio", "target"], rows))
    return parts


def main(options: Namespace) -> None:
    """Run the benchmark, and write its report."""
    check_wrk()
    with stage() as set_up:
        results, names = compare(set_up, options)
        far = roundtrips.measure(set_up) if {"api", "usual"} <= set(names) else None
    versions: dict[str, str] = {}
    for name in names:
        versions |= PEERS[name].versions()
    parts = [_NOTE.format(**vars(options)), *tables(results, names, options.routes)]
    report.write("bench", "CPU per request", parts, options, **versions)
    if far:
        report.write("bench-roundtrips", "A database far away", far, options)


if __name__ == "__main__":
    reader = command.options(__doc__, rounds=5, seconds=4)
    reader.add_argument("--routes", nargs="+", choices=ROUTES, default=list(ROUTES))
    reader.add_argument("--peers", nargs="+", choices=PEERS, default=list(PEERS))
    command.run(main, reader)
