"""Measure whether a million todos make a request slower: `make bench-growth`.

The table has 2,000,000 todos. A user with 1,000,000 of them, a user with 100,000 and a user with 100 are
measured in turn. Requests that read an index are compared with the user with 100. Requests that test
filters on 5,000 todos, or count 10,000, are compared with the user with 100,000.
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
_SOME = 100_000
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
    INSERT INTO todo (user_id, title, completed, created_at, position, due, tags, version)
    SELECT user_id, 'Buy milk, and bread for day ' || day, mod(day, 3) = 0, now() - day * interval '1 minute',
           EXTRACT(epoch FROM now()) - day * 60,
           CASE mod(day, 4) WHEN 0 THEN (date '2026-01-01' + mod(day, 700)::integer)::text END,
           CASE mod(day, 5) WHEN 0 THEN ARRAY['home', 'tag ' || mod(day, 50)] ELSE '{}' END,
           nextval('todo_version_seq')
    FROM (
        SELECT %(big)s AS user_id, day FROM generate_series(1, %(rows)s / 2) day
        UNION ALL
        SELECT %(middle)s, day FROM generate_series(1, %(some)s) day
        UNION ALL
        SELECT %(small)s, day FROM generate_series(1, %(few)s) day
        UNION ALL
        SELECT 'user-' || number, day FROM generate_series(1, %(others)s) number, generate_series(1, %(few)s) day
    ) todos
    ORDER BY md5(user_id || day)
"""
_IDS = "SELECT id::text FROM todo WHERE user_id = %s ORDER BY random() LIMIT 1000"


def fill(stage: Stage, url: str, rows: int) -> list[Person]:
    """Fill the table. Return the users with many, with some and with few todos, and some of their ids."""
    print(f"Filling a table with {rows:,} todos ...", file=sys.stderr)
    big, middle, small = users = [person.id for person in stage.people[:3]]
    others = (rows - rows // 2 - _SOME) // _FEW - 1
    owners = {"big": big, "middle": middle, "small": small}
    execute(url, _FILL, {**owners, "rows": rows, "some": _SOME, "few": _FEW, "others": others})
    execute(url, "VACUUM ANALYZE")
    execute(url, "CHECKPOINT")
    return [Person(user, stage.token(user), [row[0] for row in execute(url, _IDS, (user,))]) for user in users]


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
        todo, other = (f"/api/todos/{self._todos[place % len(self._todos)]}" for place in (number, number + 7))
        other = other.rpartition("/")[2]
        answers = {
            "first page": self._client.ask("GET", f"/api/todos?limit={_PAGE}"),
            "page in the middle": self._client.ask("GET", self._middle),
            "page by due": self._client.ask("GET", f"/api/todos?limit={_PAGE}&sort=due"),
            "page of open, due from a date": self._client.ask(
                "GET", f"/api/todos?limit={_PAGE}&sort=due&completed=false&due_from=2026-06-01"
            ),
            "page by last change": self._client.ask("GET", f"/api/todos?limit={_PAGE}&sort=updated"),
            "page of changes": self._client.ask("GET", f"/api/changes?limit={_PAGE}{self._since}"),
            "get": self._client.ask("GET", todo),
            "create": self._client.ask("POST", "/api/todos", {"title": "Buy milk"}),
            "toggle": self._client.ask("POST", f"{todo}/toggle"),
            "move to the top": self._client.ask("POST", f"{todo}/move", {"after": None}),
            "move below another": self._client.ask("POST", f"{todo}/move", {"after": other}),
        }
        return {name: answer.milliseconds for name, answer in answers.items()}

    def ask_bounded(self) -> dict[str, float]:
        """Send each kind of request that reads more than a page once, and return the milliseconds of each."""
        answers = {
            "filter by a tag that no todo has": self._client.ask("GET", f"/api/todos?limit={_PAGE}&tag=none"),
            "search for a word in no todo": self._client.ask("GET", f"/api/todos?limit={_PAGE}&q=butter"),
            "search for two words, one in all todos": self._client.ask(
                "GET", f"/api/todos?limit={_PAGE}&q=milk%20butter"
            ),
            "counts": self._client.ask("GET", "/api/counts?today=2026-11-28"),
        }
        return {name: answer.milliseconds for name, answer in answers.items()}


Times = dict[str, list[float]]


def measure(stage: Stage, rows: int, requests: int) -> list[tuple[Times, Times]]:
    """Return for each user the times of requests that read an index, and of those that read more."""
    url = stage.database("growth")
    people = fill(stage, url, rows)
    times: list[tuple[Times, Times]] = [(defaultdict(list), defaultdict(list)) for _ in people]
    with stage.serving(url) as server:
        counts = (rows // 2, _SOME, _FEW)
        askers = [Asker(server.port, person, count) for person, count in zip(people, counts, strict=True)]
        warm_up = requests // 10
        for number in range(warm_up + requests):
            # Each user is first in a third of the rounds, because the next one uses caches that the first one filled.
            for who in sorted(range(len(askers)), key=lambda one: (one + number) % len(askers)):
                both = askers[who].ask(number), askers[who].ask_bounded()
                if number >= warm_up:
                    for kept, measured in zip(times[who], both, strict=True):
                        for name, milliseconds in measured.items():
                            kept[name].append(milliseconds)
    return times


def _table(many: Times, fewer: Times, counts: tuple[int, int]) -> str:
    rows = []
    for name in many:
        big, small = median(many[name]), median(fewer[name])
        rows.append([name, f"{big:.2f}", f"{small:.2f}", f"{big / small:.2f}", report.target(big / small, TARGET)])
    return report.table(["p50 ms", *(f"{count:,} todos" for count in counts), "ratio", "target"], rows)


def main(options: Namespace) -> None:
    """Run the benchmark, and write its report."""
    with stage() as set_up:
        many, some, few = measure(set_up, options.rows, options.requests)
    note = (
        f"The table has {options.rows:,} rows, and a page has {_PAGE} todos.\n"
        f"Each user sends {options.requests} requests of each kind.\n"
        f"The requests of the second table test filters on 5,000 todos, or count 10,000."
    )
    tables = [_table(many[0], few[0], (options.rows // 2, _FEW)), _table(many[1], some[1], (options.rows // 2, _SOME))]
    report.write("bench-growth", "Many todos", [note, *tables], options)


if __name__ == "__main__":
    command.run(main, command.options(__doc__, rows=2_000_000, requests=500))
