"""Test what the routes of a copy answer to a query, and which of their answers are compressed."""

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from tests.conftest import Database
from tests.expect import expect_invalid
from tests.extended import DDL
from tests.issuer import Issuer
from tests.live import running, wait_until_ready


@pytest.fixture(scope="module")
def http(new_database: Callable[..., Database], issuer: Issuer) -> Iterator[httpx.Client]:
    """Open a client of the extended app."""
    database = new_database()
    database.add_user("somebody")
    with running("tests.extended:app", DATABASE_URL=database.api_url, BETTER_AUTH_URL=issuer.origin) as api:
        wait_until_ready(api)
        database.execute(DDL)
        with api.client(issuer.token("somebody")) as http:
            yield http


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("plain", ["nobody", None, None]),
        ("plain?from=me&flag=true&word=a&word=b", ["me", True, ["a", "b"]]),
        ("plain?flag=false", ["nobody", False, None]),
        ("words?words=a&words=b&flag=true", ["a", "b"]),
        ("open?flag=true&x=1&x=2", {"flag": True, "x": ["1", "2"]}),
    ],
)
def test_declared_parameters_are_read(http: httpx.Client, query: str, expected: Any) -> None:
    answer = http.get(f"/api/copy/{query}")
    assert (answer.status_code, answer.json()) == (200, expected)


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("plain?name=me", "name"),
        ("plain?flag=on", "flag"),
        ("plain?flag=1", "flag"),
        ("plain?from=a&from=b", "from"),
        ("plain?flag=true&flag=true", "flag"),
        ("words?word=a", "word"),
        ("words?flag=yes", "flag"),
        ("words?x=1", "x"),
        ("open?flag=1", "flag"),
        ("blocks?x=1", "x"),
    ],
)
def test_other_parameters_are_422(http: httpx.Client, query: str, name: str) -> None:
    expect_invalid(http.get(f"/api/copy/{query}"), ["query", name])


def test_the_errors_of_a_query_are_told_together(http: httpx.Client) -> None:
    expect_invalid(http.get("/api/copy/plain?x=1&flag=on"), ["query", "x"], ["query", "flag"])


@pytest.mark.parametrize("path", ["events?big=true", "picture"])
def test_streams_and_pictures_are_not_compressed(http: httpx.Client, path: str) -> None:
    answer = http.get(f"/api/copy/{path}", headers={"Accept-Encoding": "gzip"})
    assert answer.status_code == 200
    assert "content-encoding" not in answer.headers
    assert len(answer.content) >= 2000


def test_an_endpoint_may_set_how_its_answer_is_stored(http: httpx.Client) -> None:
    assert http.get("/api/copy/events").headers["cache-control"] == "no-cache"
    assert http.get("/api/copy/picture").headers["cache-control"] == "private, no-store"


def test_a_query_with_thousands_of_parameters_is_not_read(http: httpx.Client) -> None:
    (error,) = expect_invalid(http.get("/api/copy/words?" + "words=a&" * 2001), ["query"])
    assert error["msg"] == "Query should have at most 2000 parameters"
    assert len(http.get("/api/copy/words?" + "&".join(["words=a"] * 2000)).json()) == 2000
    anonymous = http.get("/api/copy/words?" + "words=a&" * 2001, headers={"Authorization": ""})
    assert anonymous.status_code == 401
