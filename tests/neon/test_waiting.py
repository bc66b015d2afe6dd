"""Test that each request waits for the database only for a time, and that other requests do not wait."""

import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median

import httpx
import pytest

from tests.expect import expect_unavailable
from tests.live import Api, environment, wait_for
from tests.neon.conftest import Neon
from tests.neon.troubles import Trouble, compute_away, hanging, pooler_full, refused, table_locked

CLIENTS = 60
TIMEOUT = 2.0
"""Set DB_TIMEOUT to this many seconds."""


@pytest.fixture(scope="module")
def api(neon: Neon) -> Iterator[Api]:
    with neon.running(DB_TIMEOUT=str(TIMEOUT), DB_POOL_SIZE="5") as api:
        neon.wait_until_it_works(api)
        yield api


@pytest.fixture(scope="module")
def patient(neon: Neon) -> Iterator[Api]:
    """Run an API whose requests wait for longer, because a busy machine may need seconds to notice the end."""
    with neon.running(DB_TIMEOUT="10", DB_POOL_SIZE="5") as api:
        neon.wait_until_it_works(api)
        yield api


@pytest.fixture
def http(neon: Neon, api: Api) -> Iterator[httpx.Client]:
    with neon.client(api) as http:
        yield http


@pytest.mark.parametrize("trouble", [refused, hanging, compute_away, table_locked, pooler_full])
@pytest.mark.parametrize("connected", [True, False], ids=["connected", "not connected"])
def test_sixty_requests_wait_within_db_timeout_and_health_does_not(
    neon: Neon, http: httpx.Client, trouble: Trouble, connected: bool
) -> None:
    if not connected:
        neon.faults.reset()
    with trouble(neon), ThreadPoolExecutor(CLIENTS) as pool:
        answers = [pool.submit(http.get, "/api/todos") for _ in range(CLIENTS)]
        health = []
        while not all(answer.done() for answer in answers):
            health.append(http.get("/health"))
            time.sleep(0.01)
        for answer in answers:
            expect_unavailable(answer.result(), "The database ")
            assert answer.result().elapsed.total_seconds() < TIMEOUT + 4
    assert {answer.status_code for answer in health} == {200}
    assert median(answer.elapsed.total_seconds() for answer in health) < TIMEOUT / 2
    assert http.get("/api/todos").status_code == 200
    wait_for(lambda: neon.faults.open <= 5)


@pytest.mark.parametrize("trouble", [refused, compute_away])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_an_outage_of_a_second_causes_no_error(neon: Neon, patient: Api, trouble: Trouble, method: str) -> None:
    with neon.client(patient) as http, ThreadPoolExecutor(1) as pool:
        with trouble(neon):
            answer = pool.submit(http.request, method, "/api/todos", json={"title": "x"})
            time.sleep(1)
            assert not answer.done()
        assert answer.result().is_success


def test_abandoned_statements_end_behind_the_pooler(neon: Neon, http: httpx.Client) -> None:
    with table_locked(neon), ThreadPoolExecutor(20) as pool:
        most = 0
        for _ in range(2):
            answers = [pool.submit(http.get, "/api/todos") for _ in range(20)]
            while not all(answer.done() for answer in answers):
                most = max(most, busy(neon))
        assert 0 < most <= 5 + 1
        wait_for(lambda: busy(neon) == 0, 8)


CANCEL = """
import asyncio
import sys

from pydantic import BaseModel
from sqlalchemy import bindparam, func, select

from db.greenlets import run_in_greenlet
from db.session import RequestSession
from db.statement import Statement


class Slept(BaseModel):
    slept: str


SLEEP = Statement(Slept, select(func.pg_sleep(bindparam("seconds")).label("slept")))


async def main():
    asleep = asyncio.create_task(run_in_greenlet(SLEEP.all, RequestSession(), seconds=60))
    await asyncio.to_thread(sys.stdin.readline)
    asleep.cancel()
    await asyncio.wait({asleep})
    print(asleep.cancelled(), flush=True)


asyncio.run(main())
"""


def test_a_cancelled_request_ends_its_statement_through_the_pooler(neon: Neon, api: Api, tmp_path: Path) -> None:
    assert api.process.poll() is None  # the schema exists
    with subprocess.Popen(
        [sys.executable, "-c", CANCEL],
        cwd=tmp_path,
        env=environment(**neon.variables, DB_TIMEOUT="60"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        wait_for(lambda: busy(neon) == 1)
        assert process.stdin
        assert process.stdout
        print("cancel", file=process.stdin, flush=True)
        assert process.stdout.readline() == "True\n"
        wait_for(lambda: busy(neon) == 0, 8)


def busy(neon: Neon) -> int:
    """Count the statements of the API that the server executes."""
    ((count,),) = neon.database.execute(
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE datname = current_database() AND usename = 'todo_api' AND state = 'active'"
    )
    return int(count)
