"""Test the limit for the length of a body, longer bodies, and wrong lengths."""

import socket
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, suppress
from urllib.parse import urlsplit

import pytest

from tests.conftest import Person
from tests.expect import expect_problem
from tests.live import Api

LIMIT = 64 * 1024


def in_chunks(content: bytes) -> Iterator[bytes]:
    """Yield a body whose length httpx does not know."""
    for start in range(0, len(content), 10_000):
        yield content[start : start + 10_000]


@pytest.mark.parametrize("framed", [bytes, in_chunks], ids=["Content-Length", "chunked"])
def test_a_body_may_have_64_kib_and_no_byte_more(
    owner: Person, framed: Callable[[bytes], bytes | Iterator[bytes]]
) -> None:
    largest = b'{"title": "x"}'.ljust(LIMIT)
    json = {"Content-Type": "application/json"}
    answer = owner.http.post("/api/todos", content=framed(largest), headers=json)
    assert answer.status_code == 201
    answer = owner.http.post("/api/todos", content=framed(largest + b" "), headers=json)
    expect_problem(answer, 413, "Content Too Large")
    assert answer.headers["connection"] == "close"
    assert len(owner.http.get("/api/todos").json()) == 1


def request(verb: str, path: str, *headers: str) -> bytes:
    """Return a request without its body."""
    return "\r\n".join([f"{verb} {path} HTTP/1.1", "Host: x", *headers, "", ""]).encode()


def talk(api: Api, pieces: Iterable[bytes], *, leave: bool = False) -> tuple[int, bytes]:
    """Send until the server stops reading. Return the status and the whole answer.

    Args:
        api: the server.
        pieces: the parts of the request.
        leave: whether to close the sending side afterwards, even if the server waits for more.
    """
    url = urlsplit(api.url)
    answer = b""
    with closing(socket.create_connection((url.hostname, url.port), 10)) as connection:
        with suppress(ConnectionError):
            for piece in pieces:
                connection.sendall(piece)
            if leave:
                connection.shutdown(socket.SHUT_WR)
        with suppress(ConnectionError):
            while chunk := connection.recv(LIMIT):
                answer += chunk
    return int(answer[9:12] or 0), answer


@pytest.mark.parametrize(
    ("framing", "piece"),
    [
        ("Content-Length: 52428800", b" " * LIMIT),
        ("Content-Length: 000000000000052428800", b" " * LIMIT),
        ("Transfer-Encoding: chunked", b"10000\r\n" + b" " * LIMIT + b"\r\n"),
    ],
    ids=["Content-Length", "with zeros", "chunked"],
)
@pytest.mark.parametrize(
    "target", ["POST /api/todos", "PATCH /api/todos/{id}", "POST /api/todos/{id}/toggle", "GET /health", "GET /nowhere"]
)
@pytest.mark.parametrize("signed_in", [True, False], ids=["signed in", "anonymous"])
def test_a_body_of_50_mb_is_refused_without_reading_it(
    api: Api, owner: Person, signed_in: bool, target: str, framing: str, piece: bytes
) -> None:
    todo = owner.create("as it was")
    verb, path = target.format(id=todo["id"]).split()
    who = [f"Authorization: Bearer {owner.token}"] if signed_in else []
    taken = 0

    def flood() -> Iterator[bytes]:
        nonlocal taken
        yield request(verb, path, "Content-Type: application/json", *who, framing)
        for _ in range(800):
            yield piece
            taken += len(piece)

    status, answer = talk(api, flood())
    assert status == 413
    assert b"connection: close" in answer
    assert b'"title":"Content Too Large"' in answer
    assert taken < 20_000_000, "at most the buffers of two sockets are filled"
    assert owner.http.get("/api/todos").json() == [todo]


TODO = b'{"title": "x"}'
CHUNKED = "Transfer-Encoding: chunked"
LIES = {
    "length and chunks": (["Content-Length: 24", CHUNKED], b"e\r\n" + TODO + b"\r\n0\r\n\r\n"),
    "chunks and length": ([CHUNKED, "Content-Length: 4"], b"0\r\n\r\n"),
    "unknown encoding": (["Transfer-Encoding: xchunked", "Content-Length: 14"], TODO),
    "two lengths": (["Content-Length: 14", "Content-Length: 5"], TODO),
    "a length in letters": (["Content-Length: fourteen"], TODO),
    "a negative length": (["Content-Length: -14"], TODO),
    "a length of 30 digits": (["Content-Length: " + "9" * 30], TODO),
    "less than the length": (["Content-Length: 60000"], TODO),
    "a chunk that is none": ([CHUNKED], b"e\r\n" + TODO + b"\r\nzz\r\n"),
    "no last chunk": ([CHUNKED], b"e\r\n" + TODO + b"\r\n"),
    "an endless chunk": ([CHUNKED], b"f" * 30 + b"\r\n" + TODO),
}


@pytest.mark.parametrize(("lengths", "body"), LIES.values(), ids=list(LIES))
def test_a_request_with_a_wrong_length_is_not_executed(
    api: Api, owner: Person, lengths: list[str], body: bytes
) -> None:
    todo = owner.create("as it was")
    who = f"Authorization: Bearer {owner.token}"
    lie = request("POST", "/api/todos", who, "Content-Type: application/json", *lengths)
    smuggled = request("DELETE", f"/api/todos/{todo['id']}", who)
    status, answer = talk(api, [lie + body + smuggled], leave=True)
    assert status in (0, 400, 413, 422), "0 means that the connection ended without an answer"
    assert answer.count(b"HTTP/1.1 ") <= 1
    assert owner.http.get("/api/todos").json() == [todo]
    assert "Traceback" not in api.log.read_text()
