"""Start the servers that every benchmark needs: a PostgreSQL with todos, and an issuer of tokens."""

import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import time
from typing import Any

import psycopg2
from psycopg2 import sql

from benchmarks.servers import API, ROOT, Running, environment, serving
from dev.postgres import Server, postgres
from tests.issuer import Issuer

USERS = 200
TODOS = 20
"""Create this many todos for each user. A page has more, so a list returns all of them."""
MORE = 80
"""Create this many older todos for each user, for the routes that need 100."""

_TEMPLATE = "template"
_BETTER_AUTH = ROOT / "dev" / "better-auth.sql"
# The todos of a user are a minute apart, so that their order is unique. Every second one has a description.
# Their versions are the same for all users, so that the changes after one version are the same number.
_FILL = """
    INSERT INTO "user" (id, name, email, "emailVerified")
    SELECT md5(number::text), 'Somebody', 'user-' || number || '@example.com', true
    FROM generate_series(1, %(users)s) number;
    INSERT INTO todo (user_id, title, description, created_at, position, version)
    SELECT md5(number::text), 'Buy milk, and bread for day ' || day,
           CASE mod(day, 2) WHEN 0 THEN 'Two litres; the bread from the bakery, not from the shop.' END,
           now() - day * interval '1 minute', EXTRACT(epoch FROM now()) - day * 60, 1 + %(all)s - day
    FROM generate_series(1, %(users)s) number, generate_series(1, %(all)s) day;
    SELECT setval('todo_version_seq', %(all)s);
    CREATE TABLE seed_more AS TABLE todo;
    CREATE TABLE seed AS SELECT * FROM todo WHERE version > %(more)s;
"""
_PEOPLE = """
    SELECT user_id, array_agg(id::text ORDER BY version) FILTER (WHERE version > %(more)s),
           array_agg(id::text ORDER BY version) FILTER (WHERE version <= %(more)s)
    FROM seed_more GROUP BY 1 ORDER BY 1
"""


@dataclass(frozen=True)
class Person:
    """Describe a user with a token and the ids of their todos."""

    id: str
    token: str
    todos: list[str]
    more: list[str] = field(default_factory=list)
    """The ids of their older todos, which are there after `reset(url, more=True)`."""


@dataclass
class Stage:
    """Describe a running PostgreSQL, a running issuer, and the users that both know."""

    server: Server
    issuer: Issuer
    folder: Path
    """Write files into this folder. It has no `.env` whose settings would be read, and it is deleted at the end."""
    people: list[Person]

    def database(self, name: str) -> str:
        """Create a database with the users and their todos, and return its URL."""
        names = map(sql.Identifier, (name, _TEMPLATE))
        execute(self.server.url("postgres"), sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(*names))
        return self.server.url(name)

    def token(self, user_id: str) -> str:
        """Return a token that is valid for longer than a benchmark."""
        return self.issuer.token(user_id, exp=int(time()) + 86_400)

    @contextmanager
    def serving(
        self, url: str, command: Sequence[str] = API, folder: Path | None = None, **variables: str
    ) -> Iterator[Running]:
        """Run the API, or another command, on a database."""
        variables |= {"DATABASE_URL": url, "BETTER_AUTH_URL": self.issuer.origin}
        log = Path(tempfile.mkstemp(".log", dir=self.folder)[1])
        with serving(command, folder or self.folder, log, **variables) as running:
            yield running


def execute(url: str, statement: str | sql.Composable, parameters: Any = None) -> list[tuple[Any, ...]]:
    """Run SQL in its own transaction, and return its rows, if it has any."""
    with closing(psycopg2.connect(url)) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(statement, parameters)
            return cursor.fetchall() if cursor.description else []


def reset(url: str, *, more: bool = False) -> None:
    """Restore the original todos of a database, `TODOS` or `TODOS` + `MORE` for each user."""
    execute(url, f"TRUNCATE todo; INSERT INTO todo TABLE {'seed_more' if more else 'seed'}")
    execute(url, "VACUUM ANALYZE todo")


@contextmanager
def stage() -> Iterator[Stage]:
    """Start the servers, and stop them when the block ends."""
    with (
        tempfile.TemporaryDirectory(prefix="todo-bench-") as folder,
        postgres(Path(folder) / "postgres") as server,
        Issuer().serving() as issuer,
    ):
        issuer.add_key("first")
        stage = Stage(server, issuer, Path(folder), [])
        server.create_database(_TEMPLATE)
        url = server.url(_TEMPLATE)
        execute(url, _BETTER_AUTH.read_text())
        # The API creates its tables. Every peer uses the same tables with the same indexes.
        variables = environment(DATABASE_URL=url, BETTER_AUTH_URL=issuer.origin)
        subprocess.run([sys.executable, "-m", "db"], cwd=folder, env=variables, check=True, stdout=subprocess.DEVNULL)
        execute(url, _FILL, {"users": USERS, "all": TODOS + MORE, "more": MORE})
        reset(url)
        people = execute(url, _PEOPLE, {"more": MORE})
        stage.people = [Person(user, stage.token(user), todos, more) for user, todos, more in people]
        yield stage
