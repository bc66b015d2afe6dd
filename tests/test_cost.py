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

# Calls of functions in Python and C per request.
BUDGETS = {"health": 450, "me": 950, "list": 1500, "get": 1020, "create": 1100, "patch": 1200, "toggle": 1060}


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
    assert BUDGETS[request_] / 2 < costs[request_]["calls"] <= BUDGETS[request_]


@pytest.mark.parametrize("request_", BUDGETS)
def test_a_request_does_not_leave_the_thread_of_the_event_loop(
    costs: dict[str, dict[str, float]], request_: str
) -> None:
    assert costs[request_]["hops"] == 0


def test_connecting_does_because_looking_up_a_name_blocks(costs: dict[str, dict[str, float]]) -> None:
    assert costs["connecting"]["hops"] == 1
