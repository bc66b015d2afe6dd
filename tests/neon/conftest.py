"""Start a project as at Neon: PostgreSQL, its pooler, a proxy, and a network between it and the API."""

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
from tests.live import Api, running, wait_for
from tests.neon.front import Front
from tests.neon.servers import REGION, Certificates, PgBouncer, Postgres, make_certificates, pgbouncer, postgres

PASSWORD = "p@ss/w0rd%"  # only this machine can reach the server
ENDPOINT = "ep-cool-name-123456"


@dataclass(frozen=True)
class Neon:
    """Describe a project with its own database on the shared servers, its own proxy and its own network."""

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
        """Return the URL that Neon's console shows, with the address and the port of this machine."""
        query = {"sslmode": "require", "channel_binding": "require", **more, "hostaddr": "127.0.0.1"}
        where = f"{endpoint}.{REGION}:{port or self.faults.port}/{database or self.name}"
        return f"{scheme}://todo_api:{quote(password, safe='')}@{where}?{urlencode(query, quote_via=quote)}"

    @property
    def direct_url(self) -> str:
        """Return the URL of PostgreSQL without the pooler."""
        return self.url(endpoint=ENDPOINT, port=self.server.port)

    def running(self, **variables: str) -> AbstractContextManager[Api]:
        """Run an API on the project with `variables`."""
        return running(**{**self.variables, **variables})

    @property
    def variables(self) -> dict[str, str]:
        """Return the settings that a deployment needs."""
        return {"DATABASE_URL": self.url(), "BETTER_AUTH_URL": self.issuer.origin}

    def client(self, api: Api) -> httpx.Client:
        """Open a client of the only user in the database."""
        return api.client(self.issuer.token(self.user_id))

    def wait_until_it_works(self, api: Api) -> None:
        """Wait until the tables exist and the API has checked them."""
        with self.client(api) as http:
            assert http.get("/api/todos").status_code == 200, api.log.read_text()


@pytest.fixture(scope="session")
def certificates() -> Iterator[Certificates]:
    """Create the certificates of the servers."""
    with tempfile.TemporaryDirectory(prefix="todo-tls-") as folder:
        yield make_certificates(Path(folder))


@pytest.fixture(scope="session")
def server(certificates: Certificates) -> Iterator[Postgres]:
    """Run the system's PostgreSQL with the configuration of a server in a network."""
    with tempfile.TemporaryDirectory(prefix="todo-neon-") as folder, postgres(Path(folder), certificates) as server:
        Database(server.url("postgres")).execute(f"CREATE ROLE todo_api LOGIN PASSWORD '{PASSWORD}'")
        yield server


@pytest.fixture(scope="session")
def pooler(server: Postgres, certificates: Certificates) -> Iterator[PgBouncer]:
    """Run a pooler with ten connections to the server for each database."""
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
    """Return a function that creates a project, empty or with Better Auth's tables and one user."""
    with ExitStack() as stack:

        def make(*, better_auth: bool = True) -> Neon:
            database, user_id = new_database(better_auth=better_auth), new_user_id()
            # This also ends the pooler's connections to it, because the server allows only some.
            drop = f"DROP DATABASE {database.name} WITH (FORCE)"
            stack.callback(Database(server.url("postgres")).execute, drop)
            if better_auth:
                database.add_user(user_id)
            front = stack.enter_context(Front(ENDPOINT, {"todo_api": PASSWORD}, pooler.socket, certificates).serving())
            faults = stack.enter_context(Faults(front.port).serving())
            return Neon(database, database.name, server, pooler, front, faults, issuer, user_id)

        yield make


@pytest.fixture(scope="module")
def neon(new_neon: Callable[..., Neon]) -> Neon:
    """Create the project that the tests of a module share."""
    return new_neon()


@pytest.fixture
def faults(neon: Neon) -> Iterator[Faults]:
    """Return the network of the project, and stop all faults after the test."""
    yield neon.faults
    neon.faults.heal()


@pytest.fixture(scope="module")
def database(neon: Neon) -> Database:
    """Return the database of the project, in which `owner` and `stranger` sign up."""
    return neon.database


@pytest.fixture(scope="module")
def api(neon: Neon) -> Iterator[Api]:
    """Run an API on the project with the default settings. Its sweep, which needs a connection, is done."""
    swept = neon.front.sweeps
    with neon.running() as api:
        neon.wait_until_it_works(api)
        wait_for(lambda: neon.front.sweeps == swept + 2)
        yield api
