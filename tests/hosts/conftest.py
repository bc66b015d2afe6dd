"""Start what a host needs: a database behind a network that can fail, a user, and the hosts' Python."""

import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from dev.postgres import Server
from tests.conftest import Database, new_user_id
from tests.faults import Faults
from tests.hosts.bare import VENV, passable
from tests.issuer import Issuer
from tests.live import NO_TLS
from tests.wire import Wire


@dataclass(frozen=True)
class Backend:
    """Describe the servers that an API on a host uses in one test."""

    database: Database
    wire: Wire
    link: Faults
    issuer: Issuer
    user_id: str

    @property
    def variables(self) -> dict[str, str]:
        """Return the settings that a deployment needs."""
        url = self.wire.url(self.database.name, "todo_api").replace(f":{self.wire.port}/", f":{self.link.port}/")
        return {"DATABASE_URL": url, "BETTER_AUTH_URL": self.issuer.origin}

    def client(self, url: str, transport: httpx.BaseTransport | None = None) -> httpx.Client:
        """Open a client whose token is valid for longer than every freeze."""
        token = self.issuer.token(self.user_id, exp=int(time.time()) + 86400)
        headers = {"Authorization": f"Bearer {token}"}
        return httpx.Client(
            base_url=url, headers=headers, transport=transport, timeout=30, trust_env=False, verify=NO_TLS
        )

    def end_connections(self) -> None:
        """End the API's connections, as a Neon compute does when it suspends."""
        others = "datname = current_database() AND pid <> pg_backend_pid()"
        assert self.database.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {others}")

    def lose_connections(self) -> None:
        """Lose the API's connections without closing them."""
        self.link.forget()


@pytest.fixture
def backend(server: Server, new_database: Callable[..., Database], issuer: Issuer) -> Iterator[Backend]:
    """Create the backend of one test."""
    database, user_id = new_database(), new_user_id()
    database.add_user(user_id)
    with Wire(server.socket_dir).open() as wire, Faults(wire.port).serving() as link:
        yield Backend(database, wire, link, issuer, user_id)


@pytest.fixture(scope="session")
def python() -> Iterator[str]:
    """Return the Python of the hosts. Fail if a package is missing."""
    # It also fails if there are other packages. They would hide that requirements.txt lacks a package.
    asked = (
        "import sys, mangum, vercel_runtime, importlib.util as have\n"
        "print(sys.base_prefix if not have.find_spec('pytest') else sys.exit('pytest is installed'))"
    )
    python = VENV / "bin" / "python"
    try:
        found = subprocess.run([python, "-c", asked], cwd="/", capture_output=True, text=True, check=False)
    except OSError as error:
        pytest.fail(f"There is no {python}. Run make test-hosts to create it. ({error})")
    if found.returncode:
        pytest.fail(f"{VENV} has missing or additional packages. Remove it and run make test-hosts.\n{found.stderr}")
    with passable(VENV, Path(found.stdout.strip())):
        yield str(python)
