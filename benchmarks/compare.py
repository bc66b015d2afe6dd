"""Measure several peers in turn, and make a table for each route.

All servers run at the same time and are measured in turn, in several rounds. Other load on the
machine therefore affects all of them. A ratio is the median of the ratios of the rounds.
"""

import sys
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from statistics import median

from benchmarks import agree, report, statements
from benchmarks.lineup import BARE, RAW, Peer
from benchmarks.load import Load, drive
from benchmarks.routes import WITH_MORE
from benchmarks.servers import Problem
from benchmarks.stage import Stage, reset

WARM_UP = 3  # seconds for each route of each peer before the measured rounds
_OVERHEAD = 0.6  # seconds to restore the todos and to start wrk

Results = dict[tuple[str, str], list[Load]]
"""Map a route and a peer to the loads of the rounds."""
_Measure = Callable[[str, int], Load]
"""Measure a route for some seconds."""


def compare(
    stage: Stage, peers: Mapping[str, Peer], routes: Sequence[str], *, rounds: int, seconds: int, prefix: str = ""
) -> Results:
    """Measure the peers that can run here, and report why the others cannot.

    Args:
        stage: the database and the users.
        peers: the peers by their names.
        routes: the routes to measure, of which each peer has some.
        rounds: the number of measured rounds.
        seconds: the duration of a route of a peer in a round.
        prefix: begins the names of the databases.

    Raises:
        Problem: no peer can run, or a request failed.
    """
    results: Results = defaultdict(list)
    with ExitStack() as running:
        started: dict[str, tuple[str, _Measure]] = {}
        for name, peer in peers.items():
            try:
                peer.prepare()
            except Problem as problem:
                print(f"{name} is skipped. {problem}", file=sys.stderr)
                continue
            url = stage.database(prefix + name)
            started[name] = url, _start(stage, name, peer, url, running)
        if not started:
            raise Problem("None of the peers can run here.")
        count = sum(route in peers[name].routes for route in routes for name in started)
        total = count * (WARM_UP + rounds * seconds + (rounds + 1) * _OVERHEAD)
        print(f"Measuring {count} combinations takes about {total / 60:.0f} minutes ...", file=sys.stderr)
        names = list(started)
        for number in range(rounds + 1):
            for route in routes:
                for name in names:
                    if route not in peers[name].routes:
                        continue
                    url, measure = started[name]
                    reset(url, more=route in WITH_MORE)
                    load = measure(route, seconds if number else WARM_UP)
                    if number:
                        results[route, name].append(load)
                        print(f"{number}/{rounds} {route:7} {name:14} {load.cpu:.3f} ms", file=sys.stderr)
            names = names[1:] + names[:1]  # the first peer is the last one in the next round
    return results


def _start(stage: Stage, name: str, peer: Peer, url: str, running: ExitStack) -> _Measure:
    """Start a peer on its database, and check that it answers as the others do."""
    if name == RAW:
        return partial(statements.drive, stage, url, statements.record(stage, peer.routes))
    server = running.enter_context(stage.serving(url, peer.command, peer.folder, **peer.variables()))
    try:
        if name == BARE:
            agree.check_shape(server)
        else:
            agree.check(server, stage, peer.routes)
        if ("/api/todos" in server.complaints()) is not peer.logs:
            raise Problem("The server logs requests." if not peer.logs else "The server logs no requests.")
    except Problem as problem:
        raise Problem(f"{name}: {problem}\n{server.complaints()}") from None
    return partial(drive, stage, server)


def tables(results: Results, peers: Mapping[str, Peer], routes: Sequence[str]) -> list[str]:
    """Return a Markdown table for each route."""
    parts = []
    for route in routes:
        rows = []
        for name, peer in peers.items():
            if not (loads := results.get((route, name))):
                continue
            middle = Load(*(median(vars(load)[field] for load in loads) for field in Load.__annotations__))
            ratio = target = ""
            if name != "api" and (ours := results.get((route, "api"))):
                times = median(our.cpu / its.cpu for our, its in zip(ours, loads, strict=True))
                ratio = f"{times:.2f}"
                target = report.target(times, peer.targets[route]) if route in peer.targets else ""
            rows.append([peer.title, *middle.cells(), ratio, target])
        if rows:
            parts.append(report.table([route, "CPU ms", "req/s", "p50 ms", "p99 ms", "ratio", "target"], rows))
    return parts
