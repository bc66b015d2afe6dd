"""Test that the API starts during an outage, and needs no restart after it."""

import re
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from tests.expect import again, expect_unavailable
from tests.live import wait_for
from tests.neon.conftest import Neon
from tests.neon.troubles import Trouble, better_auth_later, hanging, refused

TIMEOUT = 10.0
"""Set DB_TIMEOUT to this many seconds."""


@pytest.mark.parametrize(
    ("trouble", "reason"),
    [(refused, "The database "), (hanging, "The database "), (better_auth_later, "Better Auth's migrations")],
)
def test_the_start_does_not_wait_for_a_database_that_comes_later(
    new_neon: Callable[..., Neon], trouble: Trouble, reason: str
) -> None:
    neon = new_neon(better_auth=trouble is not better_auth_later)
    with ExitStack() as stack, ThreadPoolExecutor(2) as pool:
        with trouble(neon):
            launched = time.monotonic()
            api = stack.enter_context(neon.running(DB_TIMEOUT=str(TIMEOUT)))  # this waits only for /health
            assert time.monotonic() - launched < TIMEOUT
            http = stack.enter_context(neon.client(api))
            todos, ready = pool.map(http.get, ["/api/todos", "/ready"])
            expect_unavailable(todos, reason)
            report = expect_unavailable(ready, "")
            assert reason in report["database"] + report["schema"]
            assert http.get("/health").status_code == 200
        assert any(answer.status_code == 200 for answer in again(lambda: http.get("/api/todos")))
        wait_for(lambda: http.get("/ready").status_code == 200)  # a report is a second old at most
        assert "Traceback" not in api.log.read_text()


def test_a_sweep_without_a_database_is_a_warning(new_neon: Callable[..., Neon]) -> None:
    neon = new_neon()
    with neon.running(DB_TIMEOUT=str(TIMEOUT)) as api:
        neon.wait_until_it_works(api)  # the sweep begins some seconds after this
        with refused(neon):
            warned = wait_for(
                lambda: re.findall(r"WARNING todo.db: (.*) \[-\]$", api.log.read_text(), re.MULTILINE), 20
            )
        assert warned[0].startswith("The database cannot be reached")
        wait_for(lambda: "WARNING todo.db: a job at the start was not done: The database" in api.log.read_text())
        assert "Traceback" not in api.log.read_text()
        with neon.client(api) as http:
            assert any(answer.status_code == 200 for answer in again(lambda: http.get("/api/todos")))
