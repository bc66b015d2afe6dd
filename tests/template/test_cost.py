"""Test that requests do not get slower. These tests count function calls. `make bench` measures times.

A budget is the number that was counted on Python 3.11 with the pinned versions, plus a tenth. A
change that exceeds a budget makes requests slower. Raise the budget only if the change needs it.
"""

import json
import subprocess
import sys
from collections.abc import Callable

import pytest

from tests.conftest import Database
from tests.issuer import Issuer
from tests.live import environment

BUDGETS = {"health": 465, "me": 800, "list": 1190, "get": 870, "create": 1000, "patch": 1050, "toggle": 930}
"""Allow this many calls of functions in Python and C per request."""


@pytest.fixture(scope="module")
def costs(
    new_database: Callable[..., Database], issuer: Issuer, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, dict[str, float]]:
    """Count the cost of requests in a separate process."""
    database = new_database()
    database.add_user("somebody")
    counted = subprocess.run(
        [sys.executable, "-m", "tests.template.cost", issuer.token("somebody")],
        cwd=tmp_path_factory.mktemp("cost"),
        env=environment(DATABASE_URL=database.api_url, BETTER_AUTH_URL=issuer.origin, LOG_LEVEL="warning"),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    ).stdout
    costs: dict[str, dict[str, float]] = json.loads(counted)
    return costs


@pytest.mark.parametrize("request_", BUDGETS)
def test_a_request_stays_within_its_budget(costs: dict[str, dict[str, float]], request_: str) -> None:
    assert BUDGETS[request_] / 2 < costs[request_]["calls"] <= BUDGETS[request_]


@pytest.mark.parametrize("request_", BUDGETS)
def test_a_request_stays_in_the_thread_of_the_event_loop(costs: dict[str, dict[str, float]], request_: str) -> None:
    assert costs[request_]["hops"] == 0


def test_connecting_uses_a_worker_thread_because_name_lookup_blocks(costs: dict[str, dict[str, float]]) -> None:
    assert costs["connecting"]["hops"] == 1
