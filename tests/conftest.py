"""Start what the tests need: a PostgreSQL, an issuer, a live API, and users with tokens."""

import os
import secrets
import string
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import jwt
import psycopg2
import pytest
from sqlalchemy import make_url

from dev.postgres import Server, postgres
from tests.issuer import ALGORITHMS, Issuer
from tests.live import ROOT, Api, environment, running, wait_until_ready
from tests.wire import Wire

# The app's modules read the settings when they are imported. With these values a test that imports
# them does not read the settings of the project. Nothing connects to these addresses, because the API
# runs in other processes with other settings.
os.environ |= {
    "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/nothing",
    "BETTER_AUTH_URL": "http://127.0.0.1:1",
    "BETTER_AUTH_USER_TABLE": "user",
    "BETTER_AUTH_ID_TYPE": "text",
    "BETTER_AUTH_COLUMN_CASE": "camel",
}

BETTER_AUTH_SQL = (ROOT / "dev" / "better-auth.sql").read_text()


@dataclass(frozen=True)
class Person:
    """Describe a user of Better Auth with a token, and a client that sends it."""

    id: str
    token: str
    http: httpx.Client

    def create(self, title: str = "Buy milk", **fields: Any) -> dict[str, Any]:
        """Create a todo, and return it."""
        answer = self.http.post("/api/todos", json={"title": title, **fields})
        assert answer.status_code == 201, answer.text
        todo: dict[str, Any] = answer.json()
        return todo

    def find(self, todo_id: str) -> dict[str, Any]:
        """Return a todo as it is now, in the trash or not."""
        answer = self.http.get(f"/api/todos/{todo_id}")
        found = [answer.json()] if answer.status_code == 200 else self.http.get("/api/trash?limit=500").json()
        (todo,) = (one for one in found if one["id"] == todo_id)
        return dict(todo)

    def trash(self, todo: dict[str, Any]) -> dict[str, Any]:
        """Move a todo into the trash, and return it."""
        answer = self.http.delete(f"/api/todos/{todo['id']}")
        assert answer.status_code == 204, answer.text
        return self.find(todo["id"])

    def purge(self, todo: dict[str, Any]) -> None:
        """Move a todo into the trash, and delete it for good."""
        self.trash(todo)
        answer = self.http.delete(f"/api/trash/{todo['id']}")
        assert answer.status_code == 204, answer.text


class Database:
    """Access a database of the test server without the API."""

    def __init__(self, url: str) -> None:
        self.url = url
        """Connect as the owner of Better Auth's tables."""
        self.name = url.partition("?")[0].rpartition("/")[2]
        self.api_url = url.replace("postgres@", "todo_api@", 1)
        """Connect as the API, which has only the rights that it needs."""

    def execute(self, statement: str, parameters: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        """Run SQL in its own transaction, and return its rows, if it has any."""
        with closing(psycopg2.connect(self.url)) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(statement, parameters or None)
                return cursor.fetchall() if cursor.description else []

    def waiting(self, condition: str = "true") -> int:
        """Count the connections that wait for a lock."""
        ((count,),) = self.execute(
            "SELECT count(*) FROM pg_stat_activity"
            f" WHERE datname = current_database() AND wait_event_type = 'Lock' AND {condition}"
        )
        return int(count)

    def run(self, *command: str, **settings: str) -> str:
        """Run Python with a command as the API's role, and return its output."""
        done = subprocess.run(
            [sys.executable, *command],
            cwd=ROOT,
            env=environment(**{"DATABASE_URL": self.api_url, "BETTER_AUTH_URL": "http://127.0.0.1:1"} | settings),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout
        return done.stdout

    def add_user(self, user_id: str) -> None:
        """Insert a user into Better Auth's table."""
        self.execute(
            'INSERT INTO "user" (id, name, email, "emailVerified") VALUES (%s, %s, %s, true)',
            (user_id, "Somebody", f"{user_id.lower()}@example.com"),
        )


def migrate(database: Database) -> None:
    """Bring the schema of a database up to date, as the owner of Better Auth's tables."""
    from db.migrations import upgrade  # noqa: PLC0415  # it reads the settings above

    upgrade(make_url(database.url).set(drivername="postgresql+psycopg2"))


def new_user_id() -> str:
    """Return a new id of 32 letters and digits, as Better Auth does."""
    return "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(32))


# The API needs these rights for Better Auth's tables and for its own. docs/better-auth.md has the same
# statements.
GRANTS = """
    GRANT USAGE, CREATE ON SCHEMA public TO todo_api;
    GRANT SELECT, REFERENCES ON "user" TO todo_api;
"""
# These statements are for a database in which Better Auth creates its tables later.
LATER = """
    GRANT USAGE, CREATE ON SCHEMA public TO todo_api;
    ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT, REFERENCES ON TABLES TO todo_api;
"""


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """Run a PostgreSQL for the tests."""
    with tempfile.TemporaryDirectory() as folder, postgres(Path(folder) / "data") as server:
        Database(server.url("postgres")).execute("CREATE ROLE todo_api LOGIN")
        yield server


@pytest.fixture(scope="session")
def new_database(server: Server) -> Callable[..., Database]:
    """Return a function that creates a database, empty or with Better Auth's tables."""
    numbers = iter(range(1000))

    def make(*, better_auth: bool = True) -> Database:
        name = f"test_{next(numbers)}"
        server.create_database(name)
        database = Database(server.url(name))
        database.execute(BETTER_AUTH_SQL + GRANTS if better_auth else LATER)
        return database

    return make


@pytest.fixture(scope="session")
def database(new_database: Callable[..., Database]) -> Iterator[Database]:
    """Create the database of `api`, and check after all tests that Better Auth's tables are unchanged."""
    database = new_database()
    before = better_auths_tables(database)
    yield database
    assert better_auths_tables(database) == before


def better_auths_tables(database: Database) -> list[tuple[Any, ...]]:
    """Return columns, constraints, indexes and triggers of all tables that do not belong to the API."""
    return database.execute("""
        SELECT c.relname, c.relowner, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
               pg_get_expr(d.adbin, d.adrelid), a.attidentity,
               ARRAY(SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = c.oid ORDER BY 1),
               ARRAY(SELECT pg_get_indexdef(indexrelid) FROM pg_index WHERE indrelid = c.oid ORDER BY 1),
               ARRAY(SELECT tgname FROM pg_trigger WHERE tgrelid = c.oid AND NOT tgisinternal)
        FROM pg_class c
        JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
        LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r'
              AND c.relname IN ('user', 'session', 'account', 'verification', 'jwks')
        ORDER BY c.relname, a.attnum""")


@pytest.fixture(scope="session")
def issuer() -> Iterator[Issuer]:
    """Run the issuer that `api` trusts. It has the key "first" and one key for each algorithm."""
    with Issuer().serving() as issuer:
        issuer.add_key("first")
        for algorithm in ALGORITHMS:
            issuer.add_key(algorithm, algorithm)
        yield issuer


@pytest.fixture(scope="session")
def wire(server: Server) -> Iterator[Wire]:
    """Record the messages of `api` to PostgreSQL."""
    with Wire(server.socket_dir).open() as wire:
        yield wire


@pytest.fixture(scope="session")
def api(database: Database, issuer: Issuer, wire: Wire) -> Iterator[Api]:
    """Run the API that most tests share. Each test has its own users."""
    with running(DATABASE_URL=wire.url(database.name, "todo_api"), BETTER_AUTH_URL=issuer.origin) as api:
        wait_until_ready(api)
        yield api


@contextmanager
def creating_people(api: Api, database: Database, issuer: Issuer) -> Iterator[Callable[[], Person]]:
    """Yield a function that creates a user with a token."""
    people = []

    def make() -> Person:
        user_id = new_user_id()
        database.add_user(user_id)
        token = issuer.token(user_id)
        people.append(Person(user_id, token, api.client(token)))
        return people[-1]

    yield make
    for person in people:
        person.http.close()


@pytest.fixture
def new_person(api: Api, database: Database, issuer: Issuer) -> Iterator[Callable[[], Person]]:
    """Return a function that creates a user with a token."""
    with creating_people(api, database, issuer) as make:
        yield make


@pytest.fixture(scope="module")
def people(api: Api, database: Database, issuer: Issuer) -> Iterator[Callable[[], Person]]:
    """Return a function that creates a user whom the tests of a module share."""
    with creating_people(api, database, issuer) as make:
        yield make


@pytest.fixture
def owner(new_person: Callable[[], Person]) -> Person:
    """Create the user whose todos are tested."""
    return new_person()


@pytest.fixture
def stranger(new_person: Callable[[], Person]) -> Person:
    """Create another user with a token."""
    return new_person()


@pytest.fixture
def anonymous(api: Api) -> Iterator[httpx.Client]:
    """Open a client without a token."""
    with api.client() as client:
        yield client


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Record the token of each check of a signature."""
    seen: list[str] = []
    decode = jwt.decode

    def counting(token: str, *arguments: Any, **options: Any) -> dict[str, Any]:
        seen.append(token)
        return decode(token, *arguments, **options)

    monkeypatch.setattr(jwt, "decode", counting)
    return seen
