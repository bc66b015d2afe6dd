"""The keys that tokens are checked against: fetched in time, kept, and not fetched too often."""

from collections.abc import Iterator

import httpx
import pytest

from tests.conftest import Database
from tests.expect import again, expect_unauthorized, expect_unavailable
from tests.issuer import Issuer
from tests.live import running


def ask(http: httpx.Client, token: str) -> httpx.Response:
    return http.get("/api/todos", headers={"Authorization": f"Bearer {token}"})


@pytest.fixture
def rotating(database: Database) -> Iterator[tuple[Issuer, httpx.Client]]:
    """An issuer of the test's own, without a key yet, and a client of an API that trusts it."""
    with (
        Issuer().serving() as issuer,
        running(DATABASE_URL=database.api_url, BETTER_AUTH_URL=issuer.origin) as api,
        api.client() as http,
    ):
        yield issuer, http


def test_as_long_as_there_was_no_key_set_it_is_503_and_then_it_heals(rotating: tuple[Issuer, httpx.Client]) -> None:
    issuer, http = rotating
    issuer.add_key("first")
    good = issuer.token("somebody")
    issuer.answer = 200, b"<html>"
    report = expect_unavailable(http.get("/ready"), "BETTER_AUTH_JWKS_URL")
    assert "BETTER_AUTH_JWKS_URL" in report["signing_keys"]
    assert (report["database"], report["schema"]) == ("ok", "ok")
    expect_unavailable(ask(http, good), "signing keys")
    expect_unauthorized(http.get("/api/todos"), "There is no token")

    issuer.answer, fetches = (200, b'{"keys": []}'), issuer.fetches
    for answer in again(lambda: ask(http, good)):
        expect_unavailable(answer, "signing keys")
        if issuer.fetches > fetches:
            break
    issuer.answer = None
    assert any(answer.status_code == 200 for answer in again(lambda: ask(http, good)))
    assert http.get("/ready").json()["signing_keys"] == "ok"


def test_a_new_key_is_good_the_moment_it_is_published(rotating: tuple[Issuer, httpx.Client]) -> None:
    issuer, http = rotating
    for kid in ("1", "2", "3"):
        issuer.add_key(kid)
        assert ask(http, issuer.token("somebody", kid=kid)).status_code == 200
    before = issuer.token("somebody", kid="1")
    issuer.add_key("1")  # with serial ids, a recreated database uses the names again
    assert ask(http, issuer.token("somebody", kid="1")).status_code == 200
    expect_unauthorized(ask(http, before), "signature is wrong")
    assert issuer.fetches <= 5


def test_a_key_set_is_kept_when_it_cannot_be_fetched_again(rotating: tuple[Issuer, httpx.Client]) -> None:
    issuer, http = rotating
    issuer.add_key("first")
    good, made_up = issuer.token("somebody"), issuer.token("somebody", headers={"kid": "made-up"})
    assert ask(http, good).status_code == 200
    issuer.answer, fetches = (500, b"{}"), issuer.fetches
    expect_unauthorized(ask(http, made_up), "unknown key")
    assert issuer.fetches > fetches
    assert ask(http, good).status_code == 200


def test_made_up_keys_cause_few_fetches(anonymous: httpx.Client, issuer: Issuer) -> None:
    fetches = issuer.fetches
    for number in range(50):
        made_up = issuer.token("somebody", headers={"kid": f"made-up-{number}"})
        expect_unauthorized(ask(anonymous, made_up), "unknown key")
    assert issuer.fetches - fetches <= 3
