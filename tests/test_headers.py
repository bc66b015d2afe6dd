"""Test the headers that every answer has, HEAD, and the compression of bodies."""

import gzip
import re
from collections.abc import Iterator

import httpx
import pytest

from tests.conftest import Person
from tests.live import Api

SOME_TODO = "/api/todos/7c1a6f1e-6d0b-4f9c-8f0e-1d2c3b4a5968"
PRIVATE = "private, no-store"


def see(answer: httpx.Response) -> dict[str, str]:
    """Return the headers of an answer that do not change from request to request."""
    return {name: value for name, value in answer.headers.items() if name not in ("date", "x-request-id")}


@pytest.fixture
def long_list(owner: Person) -> Person:
    """Create a user whose list of todos is longer than 1 KB."""
    for number in range(5):
        owner.create(f"todo {number}", description="long " * 100)
    return owner


@pytest.mark.parametrize("path", ["/", "/health", "/ready", "/docs", "/api/me", "/api/todos", "/api/todos?limit=1"])
def test_head_has_the_headers_of_get_and_no_body(long_list: Person, path: str) -> None:
    get, head = long_list.http.get(path), long_list.http.head(path)
    assert (head.status_code, head.content) == (200, b"")
    assert see(head) == see(get)
    assert head.headers["x-request-id"]


@pytest.mark.parametrize(
    ("path", "status"), [("/api/me?x=1", 422), (SOME_TODO, 404), ("/nowhere", 404), (f"{SOME_TODO}/toggle", 405)]
)
def test_head_has_the_status_of_get_for_errors(owner: Person, path: str, status: int) -> None:
    get, head = owner.http.get(path), owner.http.head(path)
    assert (head.status_code, head.content, get.status_code) == (status, b"", status)
    assert see(head) == see(get)


def test_head_without_a_token_is_401(anonymous: httpx.Client) -> None:
    answer = anonymous.head("/api/todos")
    assert (answer.status_code, answer.content) == (401, b"")
    assert answer.headers["www-authenticate"] == 'Bearer realm="todo"'


ANSWERS = {
    "a list": ("GET", "/api/todos", {}, 200),
    "a todo that is not there": ("GET", SOME_TODO, {}, 404),
    "a new todo": ("POST", "/api/todos", {"json": {"title": "x"}}, 201),
    "an invalid body": ("POST", "/api/todos", {"json": {}}, 422),
    "a form": ("POST", "/api/todos", {"data": {"title": "x"}}, 415),
    "a large body": ("POST", "/api/todos", {"content": b" " * (64 * 1024 + 1)}, 413),
    "no token": ("GET", "/api/me", {"headers": {"Authorization": ""}}, 401),
    "no method": ("PUT", "/api/todos", {}, 405),
    "no path": ("GET", "/api/nowhere", {}, 404),
    "no prefix": ("GET", "/api", {}, 404),
    "a preflight": (
        "OPTIONS",
        "/api/todos",
        {"headers": {"Origin": "http://localhost:3000", "Access-Control-Request-Method": "PUT"}},
        200,
    ),
    "a forbidden preflight": (
        "OPTIONS",
        "/api/todos",
        {"headers": {"Origin": "http://evil.example", "Access-Control-Request-Method": "PUT"}},
        400,
    ),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_nothing_below_api_is_stored_or_sniffed(owner: Person, name: str) -> None:
    verb, path, arguments, status = ANSWERS[name]
    answer = owner.http.request(verb, path, **arguments)  # type: ignore[arg-type]  # the table has several types
    assert answer.status_code == status
    assert answer.headers["cache-control"] == PRIVATE
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    "path", ["/", "/health", "/ready", "/docs", "/docs/swagger-ui.css", "/openapi.json", "/x", "/apis"]
)
def test_what_is_public_is_not_sniffed_and_may_be_stored(anonymous: httpx.Client, path: str) -> None:
    answer = anonymous.get(path)
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers.get("cache-control") != PRIVATE


@pytest.fixture
def raw(api: Api, long_list: Person) -> Iterator[httpx.Client]:
    """Open a client that sends no Accept-Encoding of its own."""
    with api.client(long_list.token) as client:
        del client.headers["accept-encoding"]
        yield client


@pytest.mark.parametrize(
    "accepted", ["gzip", "br, gzip", "gzip;q=0.5", "deflate,GZIP ; q=1", "gzip, deflate, br, zstd"]
)
def test_a_long_body_is_compressed_for_who_accepts_it(raw: httpx.Client, accepted: str) -> None:
    with raw.stream("GET", "/api/todos", headers={"Accept-Encoding": accepted}) as answer:
        sent = b"".join(answer.iter_raw())
    assert answer.headers["content-encoding"] == "gzip"
    assert answer.headers["vary"] == "Accept-Encoding, Origin"
    assert int(answer.headers["content-length"]) == len(sent)
    assert gzip.decompress(sent) == raw.get("/api/todos").content
    assert len(sent) < 1024


@pytest.mark.parametrize("accepted", ["", "br", "gzip;q=0", "br, gzip; q=0.0", "xgzip", "identity"])
def test_a_long_body_is_not_compressed_for_others(raw: httpx.Client, accepted: str) -> None:
    answer = raw.get("/api/todos", headers={"Accept-Encoding": accepted} if accepted else {})
    assert "content-encoding" not in answer.headers
    assert answer.headers["vary"] == "Accept-Encoding, Origin"
    assert int(answer.headers["content-length"]) == len(answer.content) > 1024


def test_a_short_body_is_not_compressed(owner: Person) -> None:
    owner.create()
    answer = owner.http.get("/api/todos", headers={"Accept-Encoding": "gzip"})
    assert "content-encoding" not in answer.headers
    assert answer.headers["vary"] == "Origin"


def test_the_docs_page_needs_no_other_server(anonymous: httpx.Client) -> None:
    page = anonymous.get("/docs")
    assert page.status_code == 200
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "<title>SQLModel Todo API</title>" in page.text
    assert "default-src 'none'; script-src 'self' 'sha256-" in page.headers["content-security-policy"]
    assert "://" not in page.text
    types = {".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8", ".png": "image/png"}
    files = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert len(files) == 3
    for file in files:
        answer = anonymous.get(f"/{file}")
        assert answer.status_code == 200
        assert answer.headers["content-type"] == types[file[file.rindex(".") :]]
        assert answer.headers["cache-control"] == "public, max-age=86400"
        assert len(answer.content) > 500
        assert answer.headers.get("content-encoding") == (None if file.endswith("png") else "gzip")
        refusing = anonymous.get(f"/{file}", headers={"Accept-Encoding": "gzip;q=0"})
        assert "content-encoding" not in refusing.headers
        assert anonymous.get(f"/{file}", headers={"Accept-Encoding": "identity"}).content == answer.content
    assert anonymous.get(re.findall(r'url: "([^"]+)"', page.text)[0]).json()["info"]["title"] == "SQLModel Todo API"


@pytest.mark.parametrize("path", ["/redoc", "/docs/", "/docs/main.py", "/docs/..%2Fmain.py", "/docs/oauth2-redirect"])
def test_the_docs_have_no_other_paths(anonymous: httpx.Client, path: str) -> None:
    assert anonymous.get(path).status_code == 404
