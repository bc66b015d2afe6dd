"""What the tests stand on: a PostgreSQL, an issuer, a live API, and people with tokens."""

import os
import secrets
import string
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psycopg2
import pytest

from dev.postgres import Server, postgres
from tests.issuer import ALGORITHMS, Issuer
from tests.live import ROOT, Api, running, wait_until_ready
from tests.wire import Wire

# The app's modules read the settings when they are imported: a test that does so never sees yours.
# Nothing connects to these; the API itself runs in processes with settings of their own.
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
    """A user of Better Auth with a token, and a client that sends it."""

    id: str
    token: str
    http: httpx.Client

    def create(self, title: str = "Buy milk", **fields: Any) -> dict[str, Any]:
        """Make a todo."""
        answer = self.http.post("/api/todos", json={"title": title, **fields})
        assert answer.status_code == 201, answer.text
        todo: dict[str, Any] = answer.json()
        return todo


class Database:
    """One database of the test server, asked beside the API."""

    def __init__(self, url: str) -> None:
        self.url = url
        """As the owner of Better Auth's tables."""
        self.api_url = url.replace("postgres@", "todo_api@", 1)
        """As the API, which may do no more than it needs."""

    def execute(self, statement: str, parameters: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        """Run SQL in a transaction of its own, and give its rows, if it has any."""
        with closing(psycopg2.connect(self.url)) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(statement, parameters or None)
                return cursor.fetchall() if cursor.description else []

    def add_user(self, user_id: str) -> None:
        """Sign somebody up."""
        self.execute(
            'INSERT INTO "user" (id, name, email, "emailVerified") VALUES (%s, %s, %s, true)',
            (user_id, "Somebody", f"{user_id.lower()}@example.com"),
        )


def new_user_id() -> str:
    """Make an id as Better Auth does: 32 letters and digits."""
    return "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(32))


# What the API needs of Better Auth's tables, and where it makes its own. README.md says the same.
GRANTS = """
    GRANT USAGE, CREATE ON SCHEMA public TO todo_api;
    GRANT SELECT, REFERENCES ON "user" TO todo_api;
"""
# The same, where Better Auth makes its tables later.
LATER = """
    GRANT USAGE, CREATE ON SCHEMA public TO todo_api;
    ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT, REFERENCES ON TABLES TO todo_api;
"""


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """A PostgreSQL of the tests' own."""
    with tempfile.TemporaryDirectory() as folder, postgres(Path(folder) / "data") as server:
        Database(server.url("postgres")).execute("CREATE ROLE todo_api LOGIN")
        yield server


@pytest.fixture(scope="session")
def new_database(server: Server) -> Callable[..., Database]:
    """Make an empty database, or one with Better Auth's tables in it."""
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
    """The database of `api`.

    Better Auth's tables are the same at the end of all tests as they were at the beginning.
    """
    database = new_database()
    before = better_auths_tables(database)
    yield database
    assert better_auths_tables(database) == before


def better_auths_tables(database: Database) -> list[tuple[Any, ...]]:
    """Describe all that belongs to the tables that are not ours: columns, constraints, indexes, triggers."""
    return database.execute("""
        SELECT c.relname, c.relowner, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
               pg_get_expr(d.adbin, d.adrelid), a.attidentity,
               ARRAY(SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = c.oid ORDER BY 1),
               ARRAY(SELECT pg_get_indexdef(indexrelid) FROM pg_index WHERE indrelid = c.oid ORDER BY 1),
               ARRAY(SELECT tgname FROM pg_trigger WHERE tgrelid = c.oid AND NOT tgisinternal)
        FROM pg_class c
        JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
        LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND c.relname NOT LIKE 'todo%'
        ORDER BY c.relname, a.attnum""")


@pytest.fixture(scope="session")
def issuer() -> Iterator[Issuer]:
    """The issuer that `api` trusts, with a key of each kind: the first and one per algorithm."""
    with Issuer().serving() as issuer:
        issuer.add_key("first")
        for algorithm in ALGORITHMS:
            issuer.add_key(algorithm, algorithm)
        yield issuer


@pytest.fixture(scope="session")
def wire(server: Server) -> Iterator[Wire]:
    """What `api` says to PostgreSQL."""
    with Wire(server.socket_dir).open() as wire:
        yield wire


@pytest.fixture(scope="session")
def api(database: Database, issuer: Issuer, wire: Wire) -> Iterator[Api]:
    """The API that most tests share; each brings its own users."""
    name = database.url.partition("?")[0].rpartition("/")[2]
    with running(DATABASE_URL=wire.url(name, "todo_api"), BETTER_AUTH_URL=issuer.origin) as api:
        wait_until_ready(api)
        yield api


@pytest.fixture
def new_person(api: Api, database: Database, issuer: Issuer) -> Iterator[Callable[[], Person]]:
    """Sign somebody up and in."""
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
def owner(new_person: Callable[[], Person]) -> Person:
    """Whose todos a test is about."""
    return new_person()


@pytest.fixture
def stranger(new_person: Callable[[], Person]) -> Person:
    """Somebody else who is signed in."""
    return new_person()


@pytest.fixture
def anonymous(api: Api) -> Iterator[httpx.Client]:
    """Somebody without a token."""
    with api.client() as client:
        yield client
