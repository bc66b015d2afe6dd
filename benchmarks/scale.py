"""Measure what docs/scale.md needs: storage, a year of changes, CPU of PostgreSQL: `make bench-scale`.

It takes about 8 minutes on two free cores. The numbers of users are options. The section of the page also
has what follows from the measured values, so that no figure is copied by hand.
"""

import re
from argparse import Namespace
from collections.abc import Sequence
from time import perf_counter

from benchmarks import backends, capacity, command, report
from benchmarks.backends import Cost
from benchmarks.growing import DAY, OPEN, TODOS, Sizes, Year, fill, live
from benchmarks.servers import ROOT
from benchmarks.stage import Stage, execute, stage

PAGE = ROOT / "docs" / "scale.md"
_MB = 1_000_000


def partition_sql() -> str:
    """Return the statements of `partition.sql` in docs/scale.md."""
    (found,) = re.findall(r"^```sql\n-- partition\.sql\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    return str(found)


def partition(url: str) -> float:
    """Partition the table as docs/scale.md does, and return the seconds."""
    started = perf_counter()
    execute(url, partition_sql())
    return perf_counter() - started


def storage(sizes: Sizes, rows: int) -> list[str]:
    """Return a table of the sizes."""
    body = [[name, f"{size / _MB:,.1f} MB", f"{size / rows:,.0f}"] for name, size in sizes.items()]
    total = sum(sizes.values())
    body.append(["total", f"{total / _MB:,.1f} MB", f"{total / rows:,.0f}"])
    return [
        f"{rows:,} todos, {TODOS} of each user, in a random order. Half of them have a description of 93 to 279\n"
        "characters, 30 % are due, and 40 % have tags.",
        report.table(["", "size", "bytes a todo"], body),
        f"1,000 users with {TODOS} todos need {total / rows * TODOS * 1000 / _MB:,.0f} MB.",
    ]


def growth(year: Year, users: int) -> list[str]:
    """Return a table of the sizes before and after the year, and what else the year did."""
    rows = []
    for name in (*year.lived, "total"):
        filled, lived, rebuilt = (
            sum(sizes.values()) if name == "total" else sizes[name] for sizes in (year.filled, year.lived, year.rebuilt)
        )
        rows.append([name, *(f"{size / _MB:,.2f} MB" for size in (filled, lived, rebuilt)), f"{lived / rebuilt:.2f}"])
    live, trash, gone = year.rows
    wal = [[kind, f"{size:,.0f}"] for kind, size in year.wal_of.items()]
    wal.append(["average of the year, with images of pages, vacuums and sweeps", f"{year.wal / year.writes:,.0f}"])
    changes = ", ".join(f"{number:g} {kind}" for kind, number in DAY.items())
    return [
        f"{users} users with {TODOS} todos each, {OPEN} of them open, live {year.days} days of {year.seconds:.2f} s.\n"
        f"On a day each of them writes: {changes}. Each day ends with the sweep, whose 30 days are 30 of these days.\n"
        "Autovacuum has its default thresholds. It starts each second and does not pause, because the days are\n"
        "short. It is later here than in real time, where it starts each minute of a day of 24 hours. It is not\n"
        "slowed down, as a vacuum of a table that is larger than the memory would be.",
        report.table(["", "filled", "after the year", "rebuilt by VACUUM FULL", "factor"], rows),
        f"The year had {year.writes:,} writes. Of {year.updates:,} updates, {year.hot:,} were HOT"
        f" ({year.hot / max(1, year.updates):.1%}).\n"
        f"Autovacuum ran {year.vacuums} times. At the end the table had {live:,} todos, {trash:,} in the trash,\n"
        f"{gone:,} tombstones and {year.dead:,} dead rows. All processes of PostgreSQL, with vacuums, used\n"
        f"{year.cpu / year.writes * 1000:.2f} ms of CPU for a write.",
        report.table(["a write", "bytes of WAL"], wal),
    ]


def requests(costs: dict[str, Cost], partitioned: dict[str, Cost], seconds: float) -> list[str]:
    """Return a table of the cost of each kind of request."""
    rows = [
        [
            kind,
            f"{cost.database:.3f}",
            f"{1000 / cost.database:,.0f}",
            f"{cost.answer:.3f}",
            f"{cost.api:.2f}",
            f"{partitioned[kind].database / cost.database:.2f}",
        ]
        for kind, cost in costs.items()
    ]
    head = ["", "CPU ms of PostgreSQL", "requests a second and CU", "answered in ms", "CPU ms of the API"]
    return [
        "One client sends requests one after the other, and all todos are in memory. The CPU is that of the backends.\n"
        "A CU counts as one core of this machine, with nothing else to do. *Answered* is the time from the message to\n"
        "its answer in PostgreSQL, without the network. The last column is the CPU of PostgreSQL with 16 partitions,\n"
        "divided by the first.",
        report.table([*head, "partitioned"], rows),
        f"16 partitions of 1,000,000 todos took {seconds:,.0f} s.",
    ]


def needs(costs: dict[str, Cost], year: Year) -> list[str]:
    """Return the table of what some numbers of users need."""
    columns = [capacity.need(users, costs, year).cells() for users in capacity.USERS]
    rows = [list(row) for row in zip(capacity.HEAD, *columns, strict=True)]
    mix = ", ".join(f"{number:g} {kind}" for kind, number in (capacity.READS | DAY).items())
    per_cu = capacity.requests_a_second(costs)
    return [
        f"A user sends on an average day: {mix}. A `delete` counts as a `toggle`. One CU answers {per_cu:,.0f} such\n"
        f"requests a second if it uses all of its CPU. A connection is in use for the time of the answer and a round\n"
        f"trip of {capacity.ROUND_TRIP:g} ms.",
        report.table(rows[0], rows[1:]),
    ]


def measure(set_up: Stage, options: Namespace) -> Sequence[str]:
    """Measure everything, and return the parts of the section."""
    url = set_up.database("storage")
    sizes = fill(url, options.todos // TODOS)
    seconds = partition(url) * 1_000_000 / options.todos
    execute(set_up.server.url("postgres"), "DROP DATABASE storage")
    lived = set_up.database("year")
    year = live(set_up, lived, options.users, options.days, options.workers)
    plain, split = set_up.database("plain"), set_up.database("split")
    for one in (plain, split):
        fill(one, max(len(set_up.people), options.users))
    partition(split)
    execute(split, "ANALYZE todo")
    costs, partitioned = backends.measure(set_up, [plain, split], options.seconds, options.rounds)
    headings = ("### What users need", "### Storage", "### A year of changes", "### Requests")
    tables = (
        needs(costs, year),
        storage(sizes, options.todos),
        growth(year, options.users),
        requests(costs, partitioned, seconds),
    )
    return [part for heading, parts in zip(headings, tables, strict=True) for part in (heading, *parts)]


def main(options: Namespace) -> None:
    """Run the benchmark, and write its report."""
    with stage() as set_up:
        parts = measure(set_up, options)
        ((version,),) = execute(set_up.server.url("postgres"), "SHOW server_version")
    report.write(
        "bench-scale", "Measured, and derived", parts, options, versions={"PostgreSQL": version}, document=PAGE
    )


if __name__ == "__main__":
    numbers = {"todos": 1_000_000, "users": 100, "days": 365, "workers": 2, "seconds": 2, "rounds": 3}
    command.run(main, command.options(__doc__, **numbers))
