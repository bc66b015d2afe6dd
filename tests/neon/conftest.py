"""A Neon project: PostgreSQL, its pooler, the proxy before it, and a network between it and the API."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlencode

import httpx
import pytest

from tests.conftest import Database, new_user_id
from tests.faults import Faults
from tests.issuer import Issuer
from tests.live import Api, running
from tests.neon.front import Front
from tests.neon.servers import REGION, Certificates, PgBouncer, Postgres, make_certificates, pgbouncer, postgres

PASSWORD = "p@ss/w0rd%"  # of a server that nobody reaches
ENDPOINT = "ep-cool-name-123456"


@dataclass(frozen=True)
class Neon:
    """A database of its own on the shared servers, and its own way to it: network, proxy, pooler."""

    database: Database
    name: str
    server: Postgres
    pooler: PgBouncer
    front: Front
    faults: Faults
    issuer: Issuer
    user_id: str

    def url(
        self,
        scheme: str = "postgresql",
        password: str = PASSWORD,
        endpoint: str = f"{ENDPOINT}-pooler",
        database: str = "",
        port: int = 0,
        **more: str,
    ) -> str:
        """Give the URL that Neon's console shows, with an address and a port added so that it leads here."""
        query = {"sslmode": "require", "channel_binding": "require", **more, "hostaddr": "127.0.0.1"}
        where = f"{endpoint}.{REGION}:{port or self.faults.port}/{database or self.name}"
        return f"{scheme}://todo_api:{quote(password, safe='')}@{where}?{urlencode(query, quote_via=quote)}"

    @property
    def direct_url(self) -> str:
        """The URL without the pooler, which leads to PostgreSQL itself."""
        return self.url(endpoint=ENDPOINT, port=self.server.port)

    def running(self, **variables: str) -> AbstractContextManager[Api]:
        """Run an API on it, with `variables`."""
        return running(**{**self.variables, **variables})

    @property
    def variables(self) -> dict[str, str]:
        """The settings that a deployment has to have."""
        return {"DATABASE_URL": self.url(), "BETTER_AUTH_URL": self.issuer.origin}

    def client(self, api: Api) -> httpx.Client:
        """Open a client of the database's only user."""
        return api.client(self.issuer.token(self.user_id))

    def wait_until_it_works(self, api: Api) -> None:
        """Wait until the tables are there, and nobody in the API looks for them any more."""
        with self.client(api) as http:
            assert http.get("/api/todos").status_code == 200, api.log.read_text()


@pytest.fixture(scope="session")
def certificates() -> Iterator[Certificates]:
    """What the servers prove themselves with."""
    with tempfile.TemporaryDirectory(prefix="todo-tls-") as folder:
        yield make_certificates(Path(folder))


@pytest.fixture(scope="session")
def server(certificates: Certificates) -> Iterator[Postgres]:
    """The system's PostgreSQL, as a server reached over a network is set up."""
    with tempfile.TemporaryDirectory(prefix="todo-neon-") as folder, postgres(Path(folder), certificates) as server:
        Database(server.url("postgres")).execute(f"CREATE ROLE todo_api LOGIN PASSWORD '{PASSWORD}'")
        yield server


@pytest.fixture(scope="session")
def pooler(server: Postgres, certificates: Certificates) -> Iterator[PgBouncer]:
    """A pooler with ten connections to the server, for each database."""
    with (
        tempfile.TemporaryDirectory(prefix="todo-pooler-") as folder,
        pgbouncer(Path(folder), server, certificates, {"todo_api": PASSWORD}, pool_size=10) as pooler,
    ):
        yield pooler


@pytest.fixture(scope="module")
def new_neon(
    server: Postgres,
    pooler: PgBouncer,
    certificates: Certificates,
    new_database: Callable[..., Database],
    issuer: Issuer,
) -> Iterator[Callable[..., Neon]]:
    """Make a project, with Better Auth's tables and one user in it or empty."""
    with ExitStack() as stack:

        def make(*, better_auth: bool = True) -> Neon:
            database, user_id = new_database(better_auth=better_auth), new_user_id()
            name = database.url.partition("?")[0].rpartition("/")[2]
            # Its connections go with it, which the server has not many of.
            drop = f"DROP DATABASE {name} WITH (FORCE)"
            stack.callback(Database(server.url("postgres")).execute, drop)
            if better_auth:
                database.add_user(user_id)
            front = stack.enter_context(Front(ENDPOINT, {"todo_api": PASSWORD}, pooler.socket, certificates).serving())
            faults = stack.enter_context(Faults(front.port).serving())
            return Neon(database, name, server, pooler, front, faults, issuer, user_id)

        yield make


@pytest.fixture(scope="module")
def neon(new_neon: Callable[..., Neon]) -> Neon:
    """The project that the tests of a module share."""
    return new_neon()


@pytest.fixture
def faults(neon: Neon) -> Iterator[Faults]:
    """Its network, which is a good one again after the test."""
    yield neon.faults
    neon.faults.heal()


@pytest.fixture(scope="module")
def database(neon: Neon) -> Database:
    """Its database, in which `owner` and `stranger` sign up."""
    return neon.database


@pytest.fixture(scope="module")
def api(neon: Neon) -> Iterator[Api]:
    """An API on it, with the usual settings."""
    with neon.running() as api:
        neon.wait_until_it_works(api)
        yield api
