"""Run a Better Auth and an API, which most of these tests share."""

from collections.abc import Callable, Iterator

import pytest

from tests.better_auth.live import BetterAuth, better_auth
from tests.conftest import Database
from tests.live import Api, free_port, running


@pytest.fixture(scope="session")
def database(new_database: Callable[..., Database]) -> Database:
    """Create the database of both. Better Auth creates its tables itself."""
    return new_database(better_auth=False)


@pytest.fixture(scope="session")
def auth(database: Database) -> Iterator[BetterAuth]:
    """Run a Better Auth with its defaults."""
    with better_auth(database, free_port()) as auth:
        yield auth


@pytest.fixture(scope="session")
def api(database: Database, auth: BetterAuth) -> Iterator[Api]:
    """Run the API that trusts `auth`."""
    with running(DATABASE_URL=database.api_url, BETTER_AUTH_URL=auth.origin) as api:
        yield api
