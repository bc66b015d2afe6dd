"""Measure what a request costs PostgreSQL: CPU of the backends, and the time until a message is answered."""

import itertools
import json
import re
import sys
from collections import defaultdict
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from statistics import median
from time import monotonic
from typing import Any

import psutil

from benchmarks.growing import configured
from benchmarks.servers import Client, Problem, Running
from benchmarks.stage import Stage, execute

_LOGGED = 100  # requests of each kind whose time PostgreSQL logs
_BACKENDS = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
_DURATION = re.compile(r"duration: ([\d.]+) ms")


@dataclass(frozen=True)
class Cost:
    """Describe what a request of one kind costs, in milliseconds."""

    database: float
    """CPU of the backends of PostgreSQL."""
    api: float
    """CPU of the API."""
    answer: float
    """Time from the message to the answer, in PostgreSQL."""


class _Requests:
    """Send requests of each kind as several users in turn, one after the other."""

    def __init__(self, stage: Stage, url: str, server: Running) -> None:
        self._people = itertools.cycle([(Client(server.port, person.token), person.id) for person in stage.people[:20]])
        self._todos: dict[str, Any] = {}
        self._since: dict[str, str] = {}
        ids = "SELECT user_id, array_agg(id::text) FROM todo WHERE deleted_at IS NULL GROUP BY 1"
        lists = dict(execute(url, ids))
        for client, user in itertools.islice(self._people, 20):
            self._todos[user] = itertools.cycle(lists[user])
            self._changes(client, user)
        self.kinds: dict[str, Callable[[Client, str], object]] = {
            "list": lambda client, _: client.ask("GET", "/api/todos?completed=false&limit=20"),
            "get": lambda client, user: client.ask("GET", self._path(user)),
            "changes": self._changes,
            "toggle": lambda client, user: client.ask("POST", f"{self._path(user)}/toggle"),
            "patch": lambda client, user: client.ask("PATCH", self._path(user), {"title": f"Buy milk {monotonic()}"}),
            "create": lambda client, _: client.ask("POST", "/api/todos", {"title": "Buy milk, and bread"}),
        }

    def send(self, kind: str) -> None:
        """Send a request of a kind as the next user."""
        client, user = next(self._people)
        try:
            self.kinds[kind](client, user)
        except (OSError, HTTPException):  # uvicorn closes connections that were idle for 5 s
            self.kinds[kind](client, user)

    def _path(self, user: str) -> str:
        return f"/api/todos/{next(self._todos[user])}"

    def _changes(self, client: Client, user: str) -> None:
        """Ask what has changed since the last time, as a client does that syncs."""
        answer = client.ask("GET", f"/api/changes?limit=500{self._since.get(user, '')}")
        self._since[user] = f"&since={json.loads(answer.text)['next']}"


KINDS = ("list", "get", "changes", "toggle", "patch", "create")
"""List the kinds of requests that are measured."""


def measure(stage: Stage, urls: list[str], seconds: float, rounds: int) -> list[dict[str, Cost]]:
    """Measure each kind of request on some databases in turn, and return the medians of the rounds for each."""
    found: list[dict[str, list[tuple[float, float]]]] = [defaultdict(list) for _ in urls]
    with ExitStack() as running:
        servers = [running.enter_context(stage.serving(url)) for url in urls]
        requests = [_Requests(stage, url, server) for url, server in zip(urls, servers, strict=True)]
        for number in range(rounds + 1):
            for kind in KINDS:
                for place, url in enumerate(urls):
                    cost = _round(url, servers[place], requests[place], kind, seconds)
                    if number:  # the first round is the warm-up
                        found[place][kind].append(cost)
            print(f"requests: {number}/{rounds}", file=sys.stderr)
        answers = [_answers(stage, one) for one in requests]
    return [
        {
            kind: Cost(median(one for one, _ in costs[kind]), median(one for _, one in costs[kind]), times[kind])
            for kind in KINDS
        }
        for costs, times in zip(found, answers, strict=True)
    ]


def _round(url: str, server: Running, requests: _Requests, kind: str, seconds: float) -> tuple[float, float]:
    """Send requests for some seconds. Return the milliseconds of CPU per request, of the backends and of the API."""
    backends = [psutil.Process(pid) for (pid,) in execute(url, _BACKENDS)]
    if not backends:
        raise Problem("The API has no connection to its database.")

    def used() -> tuple[float, float]:
        times = [backend.cpu_times() for backend in backends]
        return sum(time.user + time.system for time in times), server.cpu()

    before, sent, end = used(), 0, monotonic() + seconds
    while monotonic() < end:
        requests.send(kind)
        sent += 1
    database, api = (now - then for now, then in zip(used(), before, strict=True))
    return database / sent * 1000, api / sent * 1000


def _answers(stage: Stage, requests: _Requests) -> dict[str, float]:
    """Return for each kind the median of the milliseconds that PostgreSQL logs for a message."""
    ((folder,),) = execute(stage.server.url("postgres"), "SHOW data_directory")
    found = {}
    with (Path(folder).parent / "server.log").open(errors="replace") as log:
        for kind in KINDS:
            with configured(stage, log_min_duration_statement="0", log_statement="none"):
                log.seek(0, 2)
                for _ in range(_LOGGED):
                    requests.send(kind)
            # The messages of this benchmark that end the logging are far from the median.
            found[kind] = median(float(time) for time in _DURATION.findall(log.read()))
    return found
