"""Measure where the CPU time of a request goes, layer by layer: `make bench-profile`.

py-spy samples the stack of the server while wrk loads it. The sampler slows the server down, so the
CPU per request is measured without it, in turn, and the shares of the samples divide it.
"""

import os
import subprocess
import sys
from argparse import Namespace
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median
from time import monotonic, sleep

from benchmarks import command, layers, report
from benchmarks.lineup import FURTHER_PACKAGES, PACKAGES
from benchmarks.load import Load, check_wrk, drive
from benchmarks.servers import ROOT, Problem, Running
from benchmarks.stage import Stage, reset, stage

ROUTES = ("list", "get", "create", "toggle")
_SAMPLER = PACKAGES / "bin" / "py-spy"
_RATE = 200  # samples per second; with more, the server would be stopped for much of the time
_BEFORE, _AFTER = 1, 3  # seconds of load before the samples, and enough for the start of py-spy
_WARM_UP = 3  # seconds
_WAITED = 0.05
"""Warn if the server waits for its core for more than this share of the time. py-spy counts this as use."""
_NOTE = """\
A cell has microseconds of CPU per request, and the share. A sample counts for the layer of its innermost frame that
belongs to one. Frames of libraries that several layers use, such as asyncio and pydantic, belong to none, so a sample
in them counts for their caller. The lines that call psycopg2 belong to the driver, and uvloop's own code, which has no
frame, counts for the server.

The columns add up to the CPU per request that was measured without the sampler, the median of {rounds} runs of
{seconds} s. In as many runs, in turn, py-spy sampled the stack of the server's thread {rate} times a second. Each route
has {fewest:,} samples or more. The server is one process with the default LOG_LEVEL and five connections to PostgreSQL
over its Unix socket, and wrk uses 8 connections. PostgreSQL, wrk and py-spy use the other cores. The server waited for
its core for {waited:.1f} % of the time."""

Profile = tuple[dict[str, list[Load]], dict[str, Counter[str]], float]
"""The loads of each route without the sampler, the samples of its layers, and the share of time without a core."""


def prepare() -> None:
    """Install py-spy, and check that it can sample here.

    Raises:
        Problem: it cannot.
    """
    if not hasattr(os, "sched_setaffinity") or len(os.sched_getaffinity(0)) < 2:
        raise Problem("The profile needs Linux with two cores or more: one for the server, the others for the rest.")
    FURTHER_PACKAGES.run()
    if not _SAMPLER.exists():
        raise Problem(f"py-spy has no program for this machine. {_SAMPLER.relative_to(ROOT)} does not exist.")


def sample(stage: Stage, server: Running, route: str, seconds: int) -> Counter[str]:
    """Load the server, sample its stack meanwhile, and return the samples of each layer.

    Raises:
        Problem: py-spy failed, or the load ended before the samples.
    """
    output = stage.folder / "samples"
    py_spy = [str(_SAMPLER), "record", "--pid", str(server.process.pid), "--duration", str(seconds)]
    py_spy += ["--rate", str(_RATE), "--threads", "--format", "raw", "--output", str(output)]
    with ThreadPoolExecutor(1) as pool:
        load = pool.submit(drive, stage, server, route, _BEFORE + seconds + _AFTER)
        sleep(_BEFORE)
        done = subprocess.run(py_spy, check=False, capture_output=True, text=True)
        is_late = load.done()
        load.result()
    if done.returncode:
        raise Problem(
            "py-spy cannot sample the server. As root it can; otherwise kernel.yama.ptrace_scope must be 0, and a "
            f"container needs the capability SYS_PTRACE.\n{done.stdout}{done.stderr}"
        )
    if is_late:
        raise Problem("py-spy took longer than the load. The machine is too busy.")
    return layers.count(layers.stacks(output.read_text().splitlines()))


def waited(server: Running) -> float:
    """Return the seconds for which the server's main thread was ready to run and had no core."""
    return int(Path(f"/proc/{server.process.pid}/schedstat").read_text().split()[1]) / 1e9


def measure(stage: Stage, options: Namespace) -> Profile:
    """Measure the routes in turn, without the sampler and with it."""
    loads: dict[str, list[Load]] = defaultdict(list)
    samples: dict[str, Counter[str]] = defaultdict(Counter)
    core, *others = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, others)  # wrk and py-spy inherit this
    url = stage.database("profile")
    with stage.serving(url, LOG_LEVEL="info") as server:
        for thread in server.process.threads():
            os.sched_setaffinity(thread.id, [core])
        began, before = monotonic(), waited(server)
        for number in range(options.rounds + 1):
            for route in ROUTES:
                reset(url)
                if not number:
                    drive(stage, server, route, _WARM_UP)
                    continue
                loads[route].append(load := drive(stage, server, route, options.seconds))
                reset(url)
                samples[route] += sample(stage, server, route, options.seconds)
                print(f"{number}/{options.rounds} {route:6} {load.cpu:.3f} ms", file=sys.stderr)
        share = (waited(server) - before) / (monotonic() - began)
    return loads, samples, share


def table(loads: dict[str, list[Load]], samples: dict[str, Counter[str]]) -> str:
    """Return a Markdown table with a row for each layer and a column for each route."""
    totals = {route: round(median(load.cpu for load in loads[route]) * 1000) for route in ROUTES}
    parts = {route: layers.share_out(totals[route], samples[route]) for route in ROUTES}
    rows = [
        [layer, *(f"{parts[route][layer]} ({samples[route][layer] / samples[route].total():.0%})" for route in ROUTES)]
        for layer in layers.LAYERS
    ]
    rows.append(["**measured CPU**", *(f"**{totals[route]}**" for route in ROUTES)])
    rows = [[*row, layers.LAYERS.get(row[0], "")] for row in rows]
    return report.table(["µs per request", *ROUTES, "what it is"], rows)


def main(options: Namespace) -> None:
    """Run the benchmark, and write its report."""
    check_wrk()
    prepare()
    with stage() as set_up:
        loads, samples, share = measure(set_up, options)
    if share > _WAITED:
        print(f"Other programs used the server's core, for {share:.0%} of the time. Repeat it.", file=sys.stderr)
    fewest = min(one.total() for one in samples.values())
    note = _NOTE.format(rate=_RATE, fewest=fewest, waited=share * 100, **vars(options))
    report.write("bench-profile", "Where the time goes", [note, table(loads, samples)], options)


if __name__ == "__main__":
    command.run(main, command.options(__doc__, rounds=3, seconds=6))
