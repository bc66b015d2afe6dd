"""Test that every error has one format, also a crash, and that a browser on another origin can read it."""

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from tests.conftest import Database
from tests.expect import expect_problem
from tests.issuer import Issuer
from tests.live import Api, running, wait_until_ready

ORIGIN = "http://localhost:3000"
EXPOSED = {"ETag", "Link", "Location", "X-Request-ID", "Retry-After"}
SOME_TODO = "/api/todos/7c1a6f1e-6d0b-4f9c-8f0e-1d2c3b4a5968"

# A working API cannot cause this error of PostgreSQL, so the API treats it as a bug of its own.
BUG = """
CREATE FUNCTION crash() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.title = 'crash' THEN RAISE division_by_zero USING MESSAGE = 'a secret of the database'; END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER crash BEFORE INSERT ON todo FOR EACH ROW EXECUTE FUNCTION crash();
"""


@pytest.fixture(scope="module")
def crashing(new_database: Callable[..., Database], issuer: Issuer) -> Iterator[Api]:
    """Run an API whose database raises an unexpected error for one title."""
    database = new_database()
    database.add_user("somebody")
    with running(DATABASE_URL=database.api_url, BETTER_AUTH_URL=issuer.origin) as api:
        wait_until_ready(api)
        database.execute(BUG)
        yield api


@pytest.fixture
def http(crashing: Api, issuer: Issuer) -> Iterator[httpx.Client]:
    """Open a client of a signed-in user whose requests come from a page of another origin."""
    with crashing.client(issuer.token("somebody")) as http:
        http.headers.update({"Origin": ORIGIN, "X-Request-ID": "mine"})
        yield http


Call = tuple[str, str, dict[str, Any]]

FORM = {"data": {"title": "x"}}
ERRORS: dict[str, tuple[Call, int, str, dict[str, str]]] = {
    "no path": (("GET", "/nowhere", {}), 404, "Not Found", {}),
    "no path below": (("POST", f"{SOME_TODO}/more", {}), 404, "Not Found", {}),
    "no todo": (("GET", SOME_TODO, {}), 404, "Not Found", {}),
    "no method": (("PUT", "/api/todos", {}), 405, "Method Not Allowed", {"allow": "DELETE, GET, HEAD, PATCH, POST"}),
    "no method on one": (
        *(("POST", SOME_TODO, {}), 405, "Method Not Allowed"),
        {"allow": "DELETE, GET, HEAD, PATCH, PUT"},
    ),
    "no method without a token": (("DELETE", "/health", {}), 405, "Method Not Allowed", {"allow": "GET, HEAD"}),
    "no preflight": (("OPTIONS", "/api/me", {}), 405, "Method Not Allowed", {"allow": "GET, HEAD"}),
    "no token": (
        ("GET", "/api/me", {"headers": {"Authorization": ""}}),
        401,
        "Unauthorized",
        {"www-authenticate": 'Bearer realm="todo"'},
    ),
    "too large": (
        ("POST", "/api/todos", {"content": b" " * (64 * 1024 + 1)}),
        413,
        "Content Too Large",
        {"connection": "close"},
    ),
    "a form": (("POST", "/api/todos", FORM), 415, "Unsupported Media Type", {}),
    "no title": (("POST", "/api/todos", {"json": {}}), 422, "Unprocessable Content", {}),
    "no id": (("GET", "/api/todos/1", {}), 422, "Unprocessable Content", {}),
    "no limit": (("GET", "/api/todos?limit=x", {}), 422, "Unprocessable Content", {}),
    "a crash": (("POST", "/api/todos", {"json": {"title": "crash"}}), 500, "Internal Server Error", {}),
}


def expect_readable(answer: httpx.Response) -> None:
    """Assert that a page of `ORIGIN` may read an answer and the headers that it needs."""
    assert answer.headers["access-control-allow-origin"] == ORIGIN
    assert answer.headers["access-control-allow-credentials"] == "true"
    assert set(answer.headers["access-control-expose-headers"].split(", ")) == EXPOSED
    assert "Origin" in answer.headers["vary"].split(", ")


@pytest.mark.parametrize(("call", "status", "title", "headers"), ERRORS.values(), ids=list(ERRORS))
def test_every_error_has_the_same_format_and_is_readable_from_a_page(
    http: httpx.Client, call: Call, status: int, title: str, headers: dict[str, str]
) -> None:
    verb, path, arguments = call
    answer = http.request(verb, path, **arguments)
    problem = expect_problem(answer, status, title)
    members = {"type", "title", "status", "detail", "request_id"}
    assert set(problem) == (members | {"errors"} if status == 422 else members)
    assert problem["request_id"] == "mine"
    told = {name: answer.headers[name] for name in headers}
    told |= {"allow": ", ".join(sorted(told["allow"].split(", ")))} if "allow" in told else {}
    assert told == headers
    expect_readable(answer)


@pytest.mark.parametrize("call", [call for call, *_ in ERRORS.values()], ids=list(ERRORS))
@pytest.mark.parametrize("origin", ["http://localhost:3001", "null"])
def test_a_page_of_an_unknown_origin_cannot_read_an_error(http: httpx.Client, call: Call, origin: str) -> None:
    verb, path, arguments = call
    http.headers["Origin"] = origin
    answer = http.request(verb, path, **arguments)
    assert answer.status_code >= 400
    assert "access-control-allow-origin" not in answer.headers
    assert answer.headers["x-request-id"] == "mine"


def test_every_success_is_readable_from_a_page(http: httpx.Client) -> None:
    created = http.post("/api/todos", json={"title": "x"})
    one = created.headers["location"]
    answers = [created, *(http.get(path) for path in ("/", "/health", "/ready", "/api/me", one))]
    answers += [http.post(f"{one}/toggle"), http.get("/openapi.json"), http.delete(one)]
    for answer in answers:
        assert answer.status_code < 300, answer.url
        assert answer.headers["x-request-id"] == "mine"
        expect_readable(answer)


def test_a_crash_is_described_in_the_log_and_nowhere_else(crashing: Api, http: httpx.Client) -> None:
    http.headers["X-Request-ID"] = "the-crash"
    answer = http.post("/api/todos", json={"title": "crash"})
    problem = expect_problem(answer, 500, "Internal Server Error")
    assert "request_id" in problem["detail"]
    for secret in ("a secret", "division", "INSERT", "psycopg2", "Traceback", ".py", "crash()"):
        assert secret not in answer.text
    log = crashing.log.read_text()
    assert "Traceback" in log
    assert "a secret of the database" in log
    assert "the-crash" in log
    assert http.post("/api/todos", json={"title": "no crash"}).status_code == 201


ALLOWED = [
    "authorization",
    "content-type",
    "if-match",
    "if-none-match",
    "idempotency-key",
    "x-request-id",
    "traceparent",
]


def preflight(http: httpx.Client, origin: str, method: str, *headers: str) -> httpx.Response:
    asked = {"Access-Control-Request-Method": method, "Origin": origin}
    if headers:
        asked["Access-Control-Request-Headers"] = ",".join(headers)
    return http.options("/api/todos", headers=asked)


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"])
def test_a_preflight_for_an_allowed_request_succeeds(http: httpx.Client, method: str) -> None:
    answer = preflight(http, ORIGIN, method, *ALLOWED)
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == ORIGIN
    assert answer.headers["access-control-allow-credentials"] == "true"
    assert method in answer.headers["access-control-allow-methods"].split(", ")
    allowed = answer.headers["access-control-allow-headers"].lower().split(", ")
    assert set(ALLOWED) <= set(allowed)
    assert answer.headers["access-control-max-age"] == "7200"
    assert answer.headers["x-request-id"] == "mine"


@pytest.mark.parametrize(
    ("origin", "method", "header"),
    [
        ("https://evil.example", "GET", "authorization"),
        ("null", "GET", "authorization"),
        (ORIGIN, "TRACE", "authorization"),
        (ORIGIN, "GET", "x-evil"),
    ],
    ids=["origin", "no origin", "method", "header"],
)
def test_a_preflight_for_a_forbidden_request_is_400(http: httpx.Client, origin: str, method: str, header: str) -> None:
    answer = preflight(http, origin, method, header)
    problem = expect_problem(answer, 400, "Bad Request")
    assert problem["request_id"] == "mine"
    assert "evil" not in answer.text
    allowed = answer.headers.get("access-control-allow-origin")
    assert allowed == (ORIGIN if origin == ORIGIN else None)
