"""Test RATE_LIMIT: who is limited, what counts, and that Retry-After is true."""

import random
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import httpx
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from auth import rate_limit
from auth.rate_limit import RateLimit
from tests.conftest import Database, Person
from tests.expect import expect_problem
from tests.extended import DDL
from tests.issuer import Issuer
from tests.live import Api, running, wait_until_ready

LIMIT = 5
SECOND = 1_000_000_000


@pytest.fixture(scope="module")
def database(new_database: Callable[..., Database]) -> Database:
    return new_database()


@pytest.fixture(scope="module")
def api(database: Database, issuer: Issuer) -> Iterator[Api]:
    """Run a copy of the app with a limit."""
    variables = {"DATABASE_URL": database.api_url, "BETTER_AUTH_URL": issuer.origin, "RATE_LIMIT": str(LIMIT)}
    with running("tests.extended:app", **variables) as api:
        wait_until_ready(api)
        database.execute(DDL)
        yield api


def expect_limited(answer: httpx.Response) -> None:
    """Assert that an answer is a 429 that names the time to wait."""
    problem = expect_problem(answer, 429, "Too Many Requests")
    seconds = int(answer.headers["retry-after"])
    assert 1 <= seconds <= 60 / LIMIT
    assert problem["detail"] == f"You have sent too many requests. Try again in {seconds} s."
    assert set(problem) == {"type", "title", "status", "detail", "request_id"}
    assert answer.headers["access-control-allow-origin"] == "http://localhost:3000"


def test_a_user_over_the_limit_is_429_and_nobody_else(api: Api, owner: Person, stranger: Person) -> None:
    owner.http.headers["Origin"] = "http://localhost:3000"
    for _ in range(LIMIT):
        assert owner.http.get("/api/todos").status_code == 200
    for _ in range(3):
        expect_limited(owner.http.get("/api/todos"))
    assert stranger.http.get("/api/todos").status_code == 200
    with api.client() as anonymous:
        for _ in range(2 * LIMIT):
            assert anonymous.get("/health").status_code == 200
            assert anonymous.get("/api/todos").status_code == 401
    assert owner.http.get("/health").status_code == 200


COUNTED: dict[str, tuple[int, str, str, dict[str, Any]]] = {
    "valid": (200, "GET", "/api/me", {}),
    "another method": (201, "POST", "/api/todos", {"json": {"title": "x"}}),
    "not found": (404, "GET", f"/api/todos/{uuid4()}", {}),
    "not JSON": (422, "POST", "/api/todos", {"content": "{", "headers": {"Content-Type": "application/json"}}),
    "not valid": (422, "POST", "/api/todos", {"json": {}}),
    "another type": (415, "POST", "/api/todos", {"content": "title=x"}),
    "a parameter that is not valid": (422, "GET", "/api/todos?limit=x", {}),
    "a route without CurrentUser": (200, "GET", "/api/copy/prices", {}),
    "a route of a plain router": (200, "GET", "/plain/elsewhere?service=", {}),
}


@pytest.mark.parametrize(("status", "method", "path", "options"), COUNTED.values(), ids=COUNTED)
def test_each_request_with_a_token_counts_once(
    owner: Person, status: int, method: str, path: str, options: dict[str, Any]
) -> None:
    owner.http.headers["Origin"] = "http://localhost:3000"
    for _ in range(LIMIT - 1):
        assert owner.http.request(method, path, **options).status_code == status
    assert owner.http.get("/api/todos").status_code == 200
    expect_limited(owner.http.request(method, path, **options))


def test_a_handshake_of_a_websocket_counts_and_messages_do_not(api: Api, owner: Person) -> None:
    url, headers = api.url.replace("http", "ws") + "/socket", {"Authorization": f"Bearer {owner.token}"}
    for number in range(LIMIT):
        with connect(url, additional_headers=headers, proxy=None) as socket:
            for title in ("one", "two") if number == 0 else ():
                socket.send(title)
                assert socket.recv() == title.upper()
            socket.send("bye")
    with pytest.raises(InvalidStatus) as refused, connect(url, additional_headers=headers, proxy=None):
        pass
    assert refused.value.response.status_code == 403
    owner.http.headers["Origin"] = "http://localhost:3000"
    expect_limited(owner.http.get("/api/todos"))


class Clock:
    """Replace the monotonic clock."""

    def __init__(self) -> None:
        self.now = 10**15

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(rate_limit, "monotonic_ns", clock)
    return clock


@pytest.mark.parametrize("a_minute", [1, 7, 60, 1001, 1_000_000])
def test_retry_after_is_true_and_no_longer_than_needed(clock: Clock, a_minute: int) -> None:
    limit, steps, accepted, started = RateLimit(a_minute), random.Random(a_minute), 0, clock.now
    assert [limit.wait_seconds("somebody") for _ in range(a_minute + 1)][:-1] == [0] * a_minute
    for _ in range(1000):
        clock.now += steps.randrange(2 * 60 * SECOND // a_minute)
        seconds = limit.wait_seconds("somebody")
        accepted += not seconds
        if seconds:
            clock.now += (seconds - 1) * SECOND
            assert seconds == 1 or limit.wait_seconds("somebody") == 1
            clock.now += SECOND
            assert limit.wait_seconds("somebody") == 0
            accepted += 1
    assert accepted * 60 * SECOND <= (clock.now - started) * a_minute * 1.001 + 60 * SECOND


def test_a_freeze_only_lengthens_the_wait(clock: Clock) -> None:
    limit = RateLimit(1)
    assert [limit.wait_seconds("somebody") for _ in range(2)] == [0, 60]
    # Hours pass on the wall clock, and the monotonic clock stood still.
    assert limit.wait_seconds("somebody") == 60
    clock.now += 60 * SECOND
    assert limit.wait_seconds("somebody") == 0


def test_users_are_forgotten_when_their_allowance_is_whole(clock: Clock) -> None:
    limit = RateLimit(1)
    for number in range(10_000):
        assert limit.wait_seconds(f"user {number}") == 0
    clock.now += 60 * SECOND
    for number in range(10_000):
        assert limit.wait_seconds(f"another {number}") == 0
        clock.now += SECOND
    assert len(limit._whole_at) == 60


class Yielding(str):
    """Let another thread run wherever a dictionary looks for this key."""

    __slots__ = ()

    def __hash__(self) -> int:
        time.sleep(0)
        return super().__hash__()


@pytest.mark.usefixtures("clock")
def test_threads_together_are_accepted_no_more_often() -> None:
    limit = RateLimit(100)
    with ThreadPoolExecutor(8) as pool:
        waits = list(pool.map(lambda _: limit.wait_seconds(Yielding("somebody")), range(800)))
    assert waits.count(0) == 100
