"""Measure whether a million todos make a request slower: `make bench-growth`.

The table has 2,000,000 todos. A user with 1,000,000 of them and a user with 100 are measured in turn.
"""

import json
import re
import sys
from argparse import Namespace
from collections import defaultdict
from statistics import median

from benchmarks import command, report
from benchmarks.servers import Client
from benchmarks.stage import Person, Stage, execute, stage

TARGET = 1.3
_FEW = 100
_PAGE = 20
# One user has half of the rows, and the others have few. Triggers are off, so that PostgreSQL does not
# check for each todo that its user exists. The rows are shuffled, because in a real table the todos of
# a user are not next to each other.
_FILL = """
    SET session_replication_role = replica;
    TRUNCATE todo;
    INSERT INTO "user" (id, name, email, "emailVerified")
    SELECT 'user-' || number, 'Somebody', 'more-' || number || '@example.com', true
    FROM generate_series(1, %(others)s) number;
    INSERT INTO todo (user_id, title, completed, created_at, version)
    SELECT user_id, 'Buy milk, and bread for day ' || day, mod(day, 3) = 0, now() - day * interval '1 minute',
           nextval('todo_version_seq')
    FROM (
        SELECT %(big)s AS user_id, day FROM generate_series(1, %(rows)s / 2) day
        UNION ALL
        SELECT %(small)s, day FROM generate_series(1, %(few)s) day
        UNION ALL
        SELECT 'user-' || number, day FROM generate_series(1, %(others)s) number, generate_series(1, %(few)s) day
    ) todos
    ORDER BY md5(user_id || day)
"""
_IDS = "SELECT id::text FROM todo WHERE user_id = %s ORDER BY random() LIMIT 1000"


def fill(stage: Stage, url: str, rows: int) -> list[Person]:
    """Fill the table. Return the user with many todos and the user with few, with some of their ids."""
    print(f"Filling a table with {rows:,} todos ...", file=sys.stderr)
    big, small = (person.id for person in stage.people[:2])
    others = (rows - rows // 2) // _FEW - 1
    execute(url, _FILL, {"big": big, "small": small, "rows": rows, "few": _FEW, "others": others})
    execute(url, "VACUUM ANALYZE")
    execute(url, "CHECKPOINT")
    return [Person(user, stage.token(user), [row[0] for row in execute(url, _IDS, (user,))]) for user in (big, small)]


class Asker:
    """Send each kind of request as one user."""

    def __init__(self, port: int, person: Person, count: int) -> None:
        self._client = Client(port, person.token)
        self._todos = person.todos
        # One request skips as many todos as the API allows. Its link leads to the next page.
        link = self._client.ask("GET", f"/api/todos?limit=1&skip={min(count // 2, 10_000)}").link
        (path,) = re.findall("<(.*)>", link)
        self._middle = path.replace("limit=1", f"limit={_PAGE}")
        # Two pages of changes end in the middle of what a user with few todos has.
        self._since = ""
        for _ in range(2):
            answer = self._client.ask("GET", f"/api/changes?limit={_PAGE}{self._since}")
            self._since = f"&since={json.loads(answer.text)['next']}"

    def ask(self, number: int) -> dict[str, float]:
        """Send each kind of request once, and return the milliseconds of each."""
        todo = f"/api/todos/{self._todos[number % len(self._todos)]}"
        answers = {
            "first page": self._client.ask("GET", f"/api/todos?limit={_PAGE}"),
            "page in the middle": self._client.ask("GET", self._middle),
            "page of changes": self._client.ask("GET", f"/api/changes?limit={_PAGE}{self._since}"),
            "get": self._client.ask("GET", todo),
            "create": self._client.ask("POST", "/api/todos", {"title": "Buy milk"}),
            "toggle": self._client.ask("POST", f"{todo}/toggle"),
        }
        return {name: answer.milliseconds for name, answer in answers.items()}


def measure(stage: Stage, rows: int, requests: int) -> list[dict[str, list[float]]]:
    """Return the times of the user with many todos and of the user with few."""
    url = stage.database("growth")
    people = fill(stage, url, rows)
    times: list[dict[str, list[float]]] = [defaultdict(list), defaultdict(list)]
    with stage.serving(url) as server:
        counts = (rows // 2, _FEW)
        askers = [Asker(server.port, person, count) for person, count in zip(people, counts, strict=True)]
        warm_up = requests // 10
        for number in range(warm_up + requests):
            # Each user is first in half of the rounds, because the second one uses caches that the first one filled.
            for who in (0, 1) if number % 2 else (1, 0):
                for name, milliseconds in askers[who].ask(number).items():
                    if number >= warm_up:
                        times[who][name].append(milliseconds)
    return times


def main(options: Namespace) -> None:
    """Run the benchmark, and write its report."""
    with stage() as set_up:
        many, few = measure(set_up, options.rows, options.requests)
    rows = []
    for name in many:
        big, small = median(many[name]), median(few[name])
        rows.append([name, f"{big:.2f}", f"{small:.2f}", f"{big / small:.2f}", report.target(big / small, TARGET)])
    head = ["p50 ms", f"{options.rows // 2:,} todos", f"{_FEW} todos", "ratio", "target"]
    note = (
        f"The table has {options.rows:,} rows, and a page has {_PAGE} todos.\n"
        f"Each user sends {options.requests} requests of each kind."
    )
    report.write("bench-growth", "Many todos", [note, report.table(head, rows)], options)


if __name__ == "__main__":
    command.run(main, command.options(__doc__, rows=2_000_000, requests=500))
