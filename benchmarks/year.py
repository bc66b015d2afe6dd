"""Live the days of some users with the functions of `crud`, as a process of `make bench-scale`.

The process reads commands from its standard input, one a line, and answers each with a line of JSON:

* `day`: each user creates, completes, reopens, changes and deletes todos. It returns the number of writes.
* `sweep MONTH LONGER`: the sweep of the trash, with these two times in the place of 30 and of 31 days ago.
* `wal COUNT`: each kind of write COUNT times. It returns the median of the bytes of WAL of each kind.
"""

import json
import sys
from argparse import ArgumentParser
from collections import defaultdict
from collections.abc import Callable
from random import Random
from statistics import median
from typing import Any

from sqlalchemy import create_engine, event, text
from sqlmodel import Session

from benchmarks.growing import DAY
from benchmarks.servers import Problem
from config import settings
from crud.sweep import sweep
from crud.todo import create_todo, delete_todo, toggle_todo, update_todo
from db.session import RequestSession
from models.todo import TRASH_DAYS, TodoCreate, TodoUpdate

_TITLES = ("Call {}", "Buy milk, and bread for {}", "Send the report of last week to {}", "Book a train to {}")
_NAMES = ("Ann", "the accountant", "the neighbours in the third floor", "Mr Hernández", "everybody in the team")
_DESCRIPTION = "Two litres, the bread from the bakery, and the papers that are on the table in the kitchen. "


class Life:
    """The todos of some users, and what they do with them."""

    def __init__(self, users: list[str], seed: int) -> None:
        self._random = Random(seed)  # noqa: S311  # it is not for a secret
        self._session = RequestSession()
        self._engine = create_engine(settings.database_url)
        self._users = users
        self._todos: dict[tuple[str, bool], list[Any]] = defaultdict(list)
        """Map a user, and whether the todos are completed, to the ids."""
        with Session(self._engine) as session:
            live = "SELECT user_id, completed, id FROM todo WHERE user_id = ANY (:users) AND deleted_at IS NULL"
            for user, completed, todo_id in session.connection().execute(text(live), {"users": users}):
                self._todos[str(user), completed].append(todo_id)

    def create(self, user: str) -> None:
        """Create an open todo."""
        self._todos[user, False].append(create_todo(self._session, user, self._content()).id)

    def complete(self, user: str) -> None:
        """Complete an open todo."""
        self._toggle(user, completed=True)

    def reopen(self, user: str) -> None:
        """Reopen a completed todo."""
        self._toggle(user, completed=False)

    def patch(self, user: str) -> None:
        """Change the title and the date of an open todo."""
        new = self._content()
        changes = TodoUpdate(title=new.title, due=new.due)
        if todos := self._todos[user, False]:
            update_todo(self._session, user, self._random.choice(todos), changes)

    def delete(self, user: str) -> None:
        """Move a completed todo to the trash."""
        if todos := self._todos[user, True]:
            delete_todo(self._session, user, self._take(todos))

    def live_a_day(self) -> int:
        """Do what all users do on a day, in a random order. Return the number of writes."""
        kinds: list[Callable[[str], None]] = [self.create, self.complete, self.reopen, self.complete, self.delete]
        events = [(kind, user) for user in self._users for kind in kinds]
        events += [(self.patch, user) for user in self._users if self._random.random() < DAY["patch"]]
        self._random.shuffle(events)
        for kind, user in events:
            kind(user)
        return len(events)

    def sweep(self, month: str, longer: str) -> int:
        """Purge what is in the trash since before `month`, and delete tombstones from before `longer`.

        Raises:
            Problem: the sweep does not compare with `now()` any more, so its time cannot be replaced.
        """
        times = {f"now() - interval '{TRASH_DAYS} days'": month, f"now() - interval '{TRASH_DAYS + 1} days'": longer}
        replaced = set()

        def replace(_c: Any, _u: Any, statement: str, parameters: Any, _x: Any, _m: Any) -> tuple[str, Any]:
            for written, time in times.items():
                if written in statement:
                    replaced.add(written)
                    statement = statement.replace(written, f"'{time}'::timestamptz")
            return statement, parameters

        event.listen(self._engine, "before_cursor_execute", replace, retval=True)
        try:
            with Session(self._engine) as session:
                session.connection().execute(text("SELECT set_config('bench.longer', :time, false)"), {"time": longer})
                session.commit()
                rows = 0
                while some := sweep(session):
                    rows += some
        finally:
            event.remove(self._engine, "before_cursor_execute", replace)
        if month not in ("", "-infinity") and len(replaced) < len(times):
            raise Problem("The statements of crud/sweep.py have other times. Adapt benchmarks/year.py.")
        return rows

    def wal(self, count: int) -> dict[str, float]:
        """Return the bytes of WAL that a write of each kind makes, the medians of `count` writes."""
        writes = {"create": self.create, "toggle": self.complete, "patch": self.patch, "delete": self.delete}
        found = {}
        with self._engine.connect() as connection:

            def place() -> int:
                return int(connection.execute(text("SELECT pg_current_wal_insert_lsn() - '0/0'")).scalar_one())

            for name, write in writes.items():
                sizes = []
                for _ in range(count):
                    user = self._random.choice(self._users)
                    before = place()
                    write(user)
                    sizes.append(place() - before)
                found[name] = median(sizes)
        return found

    def _toggle(self, user: str, *, completed: bool) -> None:
        if todos := self._todos[user, not completed]:
            todo_id = self._take(todos)
            toggle_todo(self._session, user, todo_id)
            self._todos[user, completed].append(todo_id)

    def _take(self, todos: list[Any]) -> Any:
        return todos.pop(self._random.randrange(len(todos)))

    def _content(self) -> TodoCreate:
        chance = self._random
        return TodoCreate(
            title=chance.choice(_TITLES).format(chance.choice(_NAMES)),
            description=_DESCRIPTION * chance.randint(1, 3) if chance.random() < 0.5 else None,
            due=f"2026-{chance.randint(1, 12):02}-{chance.randint(1, 28):02}" if chance.random() < 0.3 else None,
            tags=chance.sample(["home", "work", "later", "shopping"], chance.randint(1, 2))
            if chance.random() < 0.4
            else [],
        )


def main() -> None:
    """Answer commands until the standard input ends."""
    reader = ArgumentParser(description=__doc__)
    reader.add_argument("seed", type=int)
    reader.add_argument("users", nargs="+")
    options = reader.parse_args()
    life = Life(options.users, options.seed)
    answers: dict[str, Callable[..., object]] = {
        "day": life.live_a_day,
        "sweep": life.sweep,
        "wal": lambda count: life.wal(int(count)),
    }
    for line in sys.stdin:
        command, *arguments = line.rstrip("\n").split("\t")
        print(json.dumps(answers[command](*arguments)), flush=True)


if __name__ == "__main__":
    main()
