"""Derive from measured costs what some numbers of users need: requests, compute, connections, storage.

The limits of Neon are from its documentation of February 2026.
"""

from dataclasses import dataclass

from benchmarks.backends import Cost
from benchmarks.growing import DAY, Year

USERS = (1_000, 100_000, 10_000_000)
READS = {"list": 5.0, "get": 2.0, "changes": 10.0}
"""List the reads of a user on an average day. `DAY` has the writes."""
PEAK = 5
"""Divide the requests of the busiest minute by the average."""
BUSY = 0.5
"""The share of its CPU that a compute, or a process of the API, may use at the peak."""
ROUND_TRIP = 2.0  # milliseconds between a function and a compute in the same region, with the pooler
POOL_SIZE = 5
"""The default of DB_POOL_SIZE."""

_UP_TO_8 = {0.25: 104, 0.5: 209, 1: 419, 2: 839, 3: 1258, 4: 1678, 5: 2098, 6: 2517, 7: 2937, 8: 3357}
COMPUTES = _UP_TO_8 | dict.fromkeys((*range(9, 17), *range(18, 57, 2)), 4000)
"""Map the sizes of a compute, in CU, to max_connections. A CU is a vCPU with 4 GB of memory."""
POOL_SHARE = 0.9
"""The share of max_connections that the pooler uses for one role and database."""
POOLER_CLIENTS = 10_000

_SAME = {"delete": "toggle"}  # both are an UPDATE of one todo
_GB = 1_000_000_000


@dataclass(frozen=True)
class Need:
    """Describe what a number of users needs."""

    users: int
    average: float
    """Requests a second on average."""
    peak: float
    """Requests a second in the busiest minute."""
    cpu: float
    """CPU of PostgreSQL in the busiest minute, in cores."""
    compute: float | None
    """The smallest compute, in CU; none if the largest one is too small."""
    in_use: float
    """Connections in use in the busiest minute."""
    processes: int
    """Processes of the API in the busiest minute, each with one core."""
    storage: float
    """GB of `todo` with its indexes."""
    wal: float
    """GB of WAL a day."""

    def cells(self) -> list[str]:
        """Return the cells of a column of the table."""
        size = self.compute
        memory = f"{self.storage / (4 * size):.1f}" if size else "-"
        clients = self.processes * POOL_SIZE
        return [
            f"{self.users:,}",
            f"{self.average:,.1f}",
            f"{self.peak:,.1f}",
            f"{self.cpu:,.3f}",
            f"{size:g} CU" if size else f"more than {max(COMPUTES)} CU",
            f"{self.in_use:,.1f} of {int(POOL_SHARE * COMPUTES[size]):,}" if size else f"{self.in_use:,.1f}",
            f"{self.processes:,}",
            f"{clients:,} of {POOLER_CLIENTS:,}",
            f"{self.storage:,.2f} GB",
            memory,
            f"{self.wal:,.2f} GB",
        ]


HEAD = (
    "users",
    "requests a second, average",
    f"requests a second, busiest minute ({PEAK} times the average)",
    "CPU of PostgreSQL in that minute, cores",
    f"smallest compute that uses at most {BUSY:.0%} of its CPU",
    "connections in use, of the pool of that compute",
    f"processes of the API, each at most {BUSY:.0%} busy",
    f"their connections to the pooler, {POOL_SIZE} each",
    "table and indexes, after a year",
    "the same, divided by the memory of the compute",
    "WAL a day",
)


def requests_a_second(costs: dict[str, Cost], mix: dict[str, float] | None = None) -> float:
    """Return the requests a second that one CU answers if it uses all of its CPU."""
    mix = mix or DAY | READS
    return 1000 * sum(mix.values()) / _sum(costs, "database", mix)


def need(users: int, costs: dict[str, Cost], year: Year) -> Need:
    """Return what a number of users needs."""
    mix = DAY | READS
    days = users / 86_400
    average = days * sum(mix.values())
    writes = sum(DAY.values())
    lived = year.writes / writes / year.days  # the users of the year
    # The CPU of the year has that of vacuums and of other processes, which a request does not wait for.
    of_writes = max(_sum(costs, "database", DAY), writes * year.cpu * 1000 / year.writes)
    cpu = PEAK * days * (_sum(costs, "database", READS) + of_writes) / 1000
    answers = PEAK * days * (_sum(costs, "answer", mix) + ROUND_TRIP * sum(mix.values())) / 1000
    api = PEAK * days * _sum(costs, "api", mix) / 1000
    return Need(
        users,
        average,
        PEAK * average,
        cpu,
        next((size for size in COMPUTES if size * BUSY >= cpu), None),
        answers,
        max(1, round(api / BUSY + 0.5)),
        users * sum(year.lived.values()) / lived / _GB,
        users * writes * year.wal / year.writes / _GB,
    )


def _sum(costs: dict[str, Cost], field: str, mix: dict[str, float]) -> float:
    """Return the sum of a field of the costs of a day."""
    return sum(number * float(getattr(costs[_SAME.get(kind, kind)], field)) for kind, number in mix.items())
