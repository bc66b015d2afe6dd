"""Run APIs of their own on a database of its own, for tests that change what other tests need."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import httpx

from tests.conftest import Database
from tests.issuer import Issuer
from tests.live import Api, running, wait_until_ready


@dataclass(frozen=True)
class Project:
    """Describe a database with the user `somebody`, APIs on it, and a client of the first."""

    database: Database
    apis: list[Api]
    token: str
    http: httpx.Client
    user_id: str = "somebody"

    def client(self, number: int = 0) -> httpx.Client:
        """Open another client of the user, of one of the APIs."""
        return self.apis[number % len(self.apis)].client(self.token)


@contextmanager
def running_project(
    new_database: Callable[..., Database], issuer: Issuer, apis: int = 1, **variables: str
) -> Iterator[Project]:
    """Run a project until the block ends."""
    database = new_database()
    database.add_user(Project.user_id)
    variables = {"DATABASE_URL": database.api_url, "BETTER_AUTH_URL": issuer.origin, **variables}
    with ExitStack() as stack:
        started = [stack.enter_context(running(**variables)) for _ in range(apis)]
        for api in started:
            wait_until_ready(api)
        token = issuer.token(Project.user_id)
        yield Project(database, started, token, stack.enter_context(started[0].client(token)))
