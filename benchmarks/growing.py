"""Fill a table of todos, let its users live a year of short days, and measure what the table becomes."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

import psutil

from benchmarks.servers import Problem, environment
from benchmarks.stage import Stage, execute

TODOS = 100
"""Todos of a user that are not in the trash. The year keeps this number."""
OPEN = 20
"""Open ones of them."""
DAY = {"create": 1.0, "toggle": 3.0, "patch": 0.5, "delete": 1.0}
"""List the writes of a user on one day. Two of the toggles complete a todo, and one reopens a todo."""
_MONTH, _LONGER = 30, 31  # days until a todo in the trash is purged, and until its tombstone is deleted
# Half of the todos have a description, 30 % are due, and 40 % have tags. Triggers are off, so that PostgreSQL
# does not check for each todo that its user exists. The rows are shuffled, because in a real table the
# todos of a user are not next to each other.
_FILL = """
    SET session_replication_role = replica;
    TRUNCATE todo;
    INSERT INTO "user" (id, name, email, "emailVerified")
    SELECT md5(number::text), 'Somebody', 'user-' || number || '@example.com', true
    FROM generate_series(1, %(users)s) number
    ON CONFLICT DO NOTHING;
    INSERT INTO todo (user_id, title, description, completed, completed_at, created_at, position, due, tags, version)
    SELECT md5(number::text),
           (ARRAY['Call Ann', 'Buy milk, and bread for everybody in the team', 'Book a train to the accountant',
                  'Send the report of last week to Mr Hernández'])[1 + mod(day + number, 4)],
           CASE mod(day, 2) WHEN 0 THEN repeat('Two litres, the bread from the bakery, and the papers that are on the'
                                               ' table in the kitchen. ', 1 + mod(day / 2, 3)) END,
           day > %(open)s,
           CASE WHEN day > %(open)s THEN now() - (day - 1) * interval '1 day' END,
           now() - day * interval '1 day',
           EXTRACT(epoch FROM now()) - day * 86400 + number / 1e6,
           CASE WHEN mod(day, 10) < 3 THEN (date '2026-01-01' + mod(day * 7 + number, 365))::text END,
           CASE mod(day, 5) WHEN 0 THEN ARRAY['home'] WHEN 1 THEN ARRAY['work', 'later'] ELSE '{}' END,
           nextval('todo_version_seq')
    FROM generate_series(1, %(users)s) number, generate_series(1, %(todos)s) day
    ORDER BY md5(number || ' ' || day)
"""
_SIZES = """
    SELECT 'table', pg_relation_size('todo') UNION ALL
    SELECT 'TOAST', pg_total_relation_size(reltoastrelid) FROM pg_class WHERE oid = 'todo'::regclass UNION ALL
    SELECT * FROM (SELECT indexrelid::regclass::text, pg_relation_size(indexrelid) FROM pg_index
                   WHERE indrelid = 'todo'::regclass ORDER BY 1) indexes
"""
_COUNTS = """
    SELECT n_tup_upd, n_tup_hot_upd, n_dead_tup, autovacuum_count, pg_current_wal_insert_lsn() - '0/0'
    FROM pg_stat_user_tables WHERE relname = 'todo'
"""
_ROWS = """
    SELECT count(*) FILTER (WHERE deleted_at IS NULL),
           count(*) FILTER (WHERE deleted_at IS NOT NULL AND purged_at IS NULL), count(purged_at)
    FROM todo
"""
_TOMBSTONE_TIME = "coalesce(nullif(current_setting('bench.longer', true), '')::timestamptz, '-infinity')"

Sizes = dict[str, int]
"""Map the table, its TOAST table and each index to bytes."""


@dataclass(frozen=True)
class Year:
    """Describe what a year has done to a table."""

    filled: Sizes
    lived: Sizes
    rebuilt: Sizes
    days: int
    seconds: float
    """Seconds of a day."""
    writes: int
    updates: int
    hot: int
    dead: int
    """Dead rows at the end."""
    vacuums: int
    wal: int
    """Bytes of WAL of all writes, vacuums and sweeps."""
    cpu: float
    """CPU seconds of all processes of PostgreSQL, also of vacuums."""
    rows: tuple[int, int, int]
    """Rows that are live, in the trash, and tombstones, at the end."""
    wal_of: dict[str, float]
    """Bytes of WAL of a write of each kind, without the images of pages after a checkpoint."""


def fill(url: str, users: int) -> Sizes:
    """Replace the todos of a database by `TODOS` for each user, and return the sizes."""
    execute(url, _FILL, {"users": users, "todos": TODOS, "open": OPEN})
    execute(url, "VACUUM ANALYZE todo")
    return sizes(url)


def sizes(url: str) -> Sizes:
    """Return the size of the table, of its TOAST table and of each index."""
    return dict(execute(url, _SIZES))


def cpu_of_postgres(stage: Stage) -> float:
    """Return the CPU seconds of all processes of PostgreSQL, also of those that have ended."""
    ((folder,),) = execute(stage.server.url("postgres"), "SHOW data_directory")
    with open(os.path.join(folder, "postmaster.pid")) as file:  # noqa: PTH118, PTH123  # as PostgreSQL names it
        postmaster = psutil.Process(int(file.readline()))
    times = [process.cpu_times() for process in [postmaster, *postmaster.children()]]
    ended = times[0].children_user + times[0].children_system
    return float(ended + sum(time.user + time.system for time in times))


@contextmanager
def configured(stage: Stage, **settings: str) -> Iterator[None]:
    """Change settings of PostgreSQL until the block ends."""
    url = stage.server.url("postgres")
    for name, value in settings.items():
        execute(url, f"ALTER SYSTEM SET {name} = {value}")
    execute(url, "SELECT pg_reload_conf()")
    try:
        yield
    finally:
        for name in settings:
            execute(url, f"ALTER SYSTEM RESET {name}")
        execute(url, "SELECT pg_reload_conf()")


class _Workers:
    """Processes of `benchmarks.year`, each with a share of the users."""

    def __init__(self, stage: Stage, url: str, users: Sequence[str], count: int, running: ExitStack) -> None:
        variables = environment(DATABASE_URL=url, BETTER_AUTH_URL=stage.issuer.origin)
        self._processes = []
        for number in range(min(count, len(users))):
            command = [sys.executable, "-m", "benchmarks.year", str(number), *users[number::count]]
            process = subprocess.Popen(
                command, cwd=stage.folder, env=variables, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )
            self._processes.append(running.enter_context(process))
            running.callback(process.kill)

    def ask(self, *command: str, some: slice = slice(None)) -> list[Any]:
        """Send a command to all processes, or some, and return their answers.

        Raises:
            Problem: a process ended.
        """
        chosen = self._processes[some]
        for process in chosen:
            assert process.stdin  # noqa: S101  # it has a pipe
            process.stdin.write("\t".join(command) + "\n")
            process.stdin.flush()
        answers = []
        for process in chosen:
            assert process.stdout  # noqa: S101  # as above
            if not (line := process.stdout.readline()):
                raise Problem("A process of benchmarks.year ended. Its traceback is above.")
            answers.append(json.loads(line))
        return answers


def live(stage: Stage, url: str, users: int, days: int, workers: int) -> Year:
    """Let users live some days, with a sweep of the trash each day, and return what the table became."""
    filled = fill(url, users)
    _use_short_days(url)
    with ExitStack() as running:
        people = [person for (person,) in execute(url, "SELECT DISTINCT user_id FROM todo ORDER BY 1")]
        processes = _Workers(stage, url, people, workers, running)
        # A day of some hundred milliseconds needs a vacuum that starts at once, and that does not pause.
        with configured(stage, autovacuum_naptime="1", autovacuum_vacuum_cost_delay="0", synchronous_commit="off"):
            processes.ask("sweep", "-infinity", "-infinity")  # returns when the processes have started
            before, cpu = execute(url, _COUNTS)[0], cpu_of_postgres(stage)
            starts: list[datetime] = []
            writes = 0
            for day in range(days):
                starts.append(_now(url))
                writes += sum(processes.ask("day"))
                past = [str(starts[day - ago]) if day >= ago else "-infinity" for ago in (_MONTH, _LONGER)]
                processes.ask("sweep", *past, some=slice(1))
                if day % 30 == 29:
                    print(f"day {day + 1} of {days}", file=sys.stderr)
            seconds = (_now(url) - starts[0]).total_seconds() / days
            after, cpu = execute(url, _COUNTS)[0], cpu_of_postgres(stage) - cpu
        lived, rows = sizes(url), execute(url, _ROWS)[0]
        with configured(stage, autovacuum="off", full_page_writes="off"):
            execute(url, "CHECKPOINT")
            (wal_of,) = processes.ask("wal", "50", some=slice(1))
    updates, hot, _, vacuums, wal = (int(now - then) for now, then in zip(after, before, strict=True))
    execute(url, "VACUUM FULL ANALYZE todo")
    dead = int(after[2])
    return Year(filled, lived, sizes(url), days, seconds, writes, updates, hot, dead, vacuums, wal, cpu, rows, wal_of)


def _now(url: str) -> datetime:
    ((now,),) = execute(url, "SELECT clock_timestamp()")
    return cast(datetime, now)


def _use_short_days(url: str) -> None:
    """Let the trigger of a DELETE compare with the time that the sweep sets.

    Raises:
        Problem: the function has no such time.
    """
    ((function,),) = execute(url, "SELECT pg_get_functiondef('todo_add_tombstone'::regproc)")
    changed = function.replace("now() - interval '31 days'", _TOMBSTONE_TIME)
    if changed == function:
        raise Problem("The function todo_add_tombstone has another time. Adapt benchmarks/growing.py.")
    execute(url, changed)
