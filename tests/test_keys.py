"""Test when the API fetches Better Auth's key set, and when it does not."""

from collections.abc import Iterator

import httpx
import pytest

from tests.conftest import Database
from tests.expect import again, expect_unauthorized, expect_unavailable
from tests.issuer import Issuer
from tests.live import running, wait_for


def ask(http: httpx.Client, token: str) -> httpx.Response:
    return http.get("/api/todos", headers={"Authorization": f"Bearer {token}"})


@pytest.fixture
def rotating(database: Database) -> Iterator[tuple[Issuer, httpx.Client]]:
    """Start an issuer without a key, and an API that trusts it. Return the issuer and a client of the API."""
    with (
        Issuer().serving() as issuer,
        running(DATABASE_URL=database.api_url, BETTER_AUTH_URL=issuer.origin) as api,
        api.client() as http,
    ):
        yield issuer, http


def test_requests_are_503_until_there_is_a_key_set(rotating: tuple[Issuer, httpx.Client]) -> None:
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
    wait_for(lambda: http.get("/ready").json()["signing_keys"] == "ok")  # a report is a second old at most


def test_a_new_key_is_accepted_at_once_also_under_a_known_kid(rotating: tuple[Issuer, httpx.Client]) -> None:
    issuer, http = rotating
    for kid in ("1", "2", "3"):
        issuer.add_key(kid)
        assert ask(http, issuer.token("somebody", kid=kid)).status_code == 200
    before = issuer.token("somebody", kid="1")
    # Better Auth reuses a kid when its database is made anew with serial ids.
    issuer.add_key("1")
    assert ask(http, issuer.token("somebody", kid="1")).status_code == 200
    issuer.add_key("1", "ES256")
    assert ask(http, issuer.token("somebody", kid="1")).status_code == 200
    expect_unauthorized(ask(http, before), "algorithm does not fit the key")
    assert issuer.fetches <= 6


def test_a_key_set_stays_valid_when_a_fetch_fails(rotating: tuple[Issuer, httpx.Client]) -> None:
    issuer, http = rotating
    issuer.add_key("first")
    good, made_up = issuer.token("somebody"), issuer.token("somebody", headers={"kid": "made-up"})
    assert ask(http, good).status_code == 200
    issuer.answer, fetches = (500, b"{}"), issuer.fetches
    for _ in range(5):
        expect_unavailable(ask(http, made_up), "key is not known yet")
        assert ask(http, good).status_code == 200
    assert issuer.fetches == fetches + 2


def test_made_up_keys_cause_few_fetches_and_then_503(rotating: tuple[Issuer, httpx.Client]) -> None:
    issuer, http = rotating
    issuer.add_key("first")
    good = issuer.token("somebody")
    assert ask(http, good).status_code == 200
    made_up = [issuer.token("somebody", headers={"kid": f"made-up-{number}"}) for number in range(50)]
    for token in made_up[:2]:
        expect_unauthorized(ask(http, token), "unknown key")
    for token in made_up[2:]:
        expect_unavailable(ask(http, token), "key is not known yet")
    forged = f"{good.rpartition('.')[0]}.{made_up[0].rpartition('.')[2]}"
    expect_unauthorized(ask(http, forged), "signature is wrong")
    assert ask(http, good).status_code == 200
    assert issuer.fetches == 3
