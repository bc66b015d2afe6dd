"""A guard against getting slower, which counts and does not time; `make bench` times.

A budget is what was counted on Python 3.11 with the pinned versions, and a tenth more. Whoever goes
over one has made requests slower, or has a reason to raise it; whoever halves one may lower it.
"""

import json
import subprocess
import sys
from collections.abc import Callable

import pytest

from tests.conftest import Database
from tests.issuer import Issuer
from tests.live import environment

# Calls of functions in Python and C per request, and hops to a worker thread.
BUDGETS = {
    "health": (450, 0),
    "me": (1300, 1),
    "list": (2000, 1),
    "get": (1370, 1),
    "create": (1440, 1),
    "patch": (1520, 1),
    "toggle": (1400, 1),
}


@pytest.fixture(scope="module")
def costs(
    new_database: Callable[..., Database], issuer: Issuer, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, dict[str, float]]:
    """What requests cost in a process of their own."""
    database = new_database()
    database.add_user("somebody")
    counted = subprocess.run(
        [sys.executable, "-m", "tests.cost", issuer.token("somebody")],
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
    calls, hops = BUDGETS[request_]
    assert costs[request_]["hops"] == hops
    assert calls / 2 < costs[request_]["calls"] <= calls
