"""Whether a million todos make a request slower: `make bench-growth`.

One user with 1,000,000 todos beside one with 100, in a table of 2,000,000, asked in turn.
"""

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
# Half of the rows are one user's, and the others have few. Without triggers, that is, without asking for
# each todo whether its user exists; shuffled, because the todos of a user do not lie side by side.
_FILL = """
    SET session_replication_role = replica;
    TRUNCATE todo;
    INSERT INTO "user" (id, name, email, "emailVerified")
    SELECT 'user-' || number, 'Somebody', 'more-' || number || '@example.com', true
    FROM generate_series(1, %(others)s) number;
    INSERT INTO todo (user_id, title, completed, created_at)
    SELECT user_id, 'Buy milk, and bread for day ' || day, mod(day, 3) = 0, now() - day * interval '1 minute'
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
    """Fill the table, and give the users with many and with few todos, and with some ids of theirs."""
    print(f"Filling a table with {rows:,} todos ...", file=sys.stderr)
    big, small = (person.id for person in stage.people[:2])
    others = (rows - rows // 2) // _FEW - 1
    execute(url, _FILL, {"big": big, "small": small, "rows": rows, "few": _FEW, "others": others})
    execute(url, "VACUUM ANALYZE")
    execute(url, "CHECKPOINT")
    return [Person(user, stage.token(user), [row[0] for row in execute(url, _IDS, (user,))]) for user in (big, small)]


class Asker:
    """A user who asks for everything in turn."""

    def __init__(self, port: int, person: Person, count: int) -> None:
        self._client = Client(port, person.token)
        self._todos = person.todos
        # Skip to the middle, once, and keep the link to the page after it.
        link = self._client.ask("GET", f"/api/todos?limit=1&skip={count // 2}").link
        (path,) = re.findall("<(.*)>", link)
        self._middle = path.replace("limit=1", f"limit={_PAGE}")

    def ask(self, number: int) -> dict[str, float]:
        """Ask for each thing once, and give the milliseconds that each took."""
        todo = f"/api/todos/{self._todos[number % len(self._todos)]}"
        answers = {
            "first page": self._client.ask("GET", f"/api/todos?limit={_PAGE}"),
            "page in the middle": self._client.ask("GET", self._middle),
            "get": self._client.ask("GET", todo),
            "create": self._client.ask("POST", "/api/todos", {"title": "Buy milk"}),
            "toggle": self._client.ask("POST", f"{todo}/toggle"),
        }
        return {name: answer.milliseconds for name, answer in answers.items()}


def measure(stage: Stage, rows: int, requests: int) -> list[dict[str, list[float]]]:
    """Give the times of the user with many and of the one with few todos."""
    url = stage.database("growth")
    people = fill(stage, url, rows)
    times: list[dict[str, list[float]]] = [defaultdict(list), defaultdict(list)]
    with stage.serving(url) as server:
        counts = (rows // 2, _FEW)
        askers = [Asker(server.port, person, count) for person, count in zip(people, counts, strict=True)]
        warm_up = requests // 10
        for number in range(warm_up + requests):
            # Each comes first half of the time: the second finds the caches as the first left them.
            for who in (0, 1) if number % 2 else (1, 0):
                for name, milliseconds in askers[who].ask(number).items():
                    if number >= warm_up:
                        times[who][name].append(milliseconds)
    return times


def main(options: Namespace) -> None:
    """Measure, and report."""
    with stage() as set_up:
        many, few = measure(set_up, options.rows, options.requests)
    rows = []
    for name in many:
        big, small = median(many[name]), median(few[name])
        rows.append([name, f"{big:.2f}", f"{small:.2f}", f"{big / small:.2f}", report.target(big / small, TARGET)])
    head = ["p50 ms", f"{options.rows // 2:,} todos", f"{_FEW} todos", "ratio", "target"]
    note = f"A table of {options.rows:,} rows; pages of {_PAGE}; {options.requests} requests of each kind by each user."
    report.write("bench-growth", "Many todos", [note, report.table(head, rows)], options)


if __name__ == "__main__":
    command.run(main, command.options(__doc__, rows=2_000_000, requests=500))
