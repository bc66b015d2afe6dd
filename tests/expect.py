"""Assert the rules of the contract for answers of a kind."""

import re
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx


def expect_problem(answer: httpx.Response, status: int, title: str, kind: str = "about:blank") -> dict[str, Any]:
    """Assert that an answer is a problem (RFC 9457) with this status and type, and return the problem."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem: dict[str, Any] = answer.json()
    assert problem["type"] == kind
    assert problem["title"] == title
    assert problem["status"] == status
    assert problem["request_id"] == answer.headers["x-request-id"]
    assert re.fullmatch(r"[A-Z].*[.]", problem["detail"]), "detail is a sentence"
    return problem


def expect_unauthorized(answer: httpx.Response, detail: str) -> None:
    """Assert that an answer is a 401 whose detail contains a text."""
    problem = expect_problem(answer, 401, "Unauthorized")
    assert detail in problem["detail"]
    assert answer.headers["www-authenticate"].startswith('Bearer realm="todo"')
    assert set(problem) == {"type", "title", "status", "detail", "request_id"}


def expect_not_found(answer: httpx.Response) -> None:
    """Assert that an answer is a 404 for a todo."""
    problem = expect_problem(answer, 404, "Not Found")
    assert problem["detail"] == "Todo not found."


def expect_invalid(answer: httpx.Response, *locations: list[Any]) -> list[dict[str, Any]]:
    """Assert that an answer is a 422 with errors at these locations only, and return the errors."""
    problem = expect_problem(answer, 422, "Unprocessable Content")
    errors: list[dict[str, Any]] = problem["errors"]
    assert all(set(error) == {"loc", "msg", "type"} for error in errors)
    assert [error["loc"] for error in errors] == list(locations)
    return errors


def expect_invalid_header(answer: httpx.Response, name: str) -> None:
    """Assert that an answer is a 422 with one error, which is at this header."""
    (error,) = expect_problem(answer, 422, "Unprocessable Content")["errors"]
    assert set(error) == {"loc", "msg", "type"}
    where, header = error["loc"]
    assert (where, header.lower()) == ("header", name.lower())


def expect_mismatch(answer: httpx.Response, current: dict[str, Any]) -> None:
    """Assert that an answer is a 412 with the todo as it is."""
    problem = expect_problem(answer, 412, "Precondition Failed", "/problems/version-mismatch")
    assert set(problem) == {"type", "title", "status", "detail", "request_id", "current"}
    assert problem["current"] == current


def expect_unavailable(answer: httpx.Response, detail: str) -> dict[str, Any]:
    """Assert that an answer is a 503 whose detail contains a text, and return the problem."""
    problem = expect_problem(answer, 503, "Service Unavailable")
    assert detail in problem["detail"]
    assert 1 <= int(answer.headers["retry-after"]) <= 60
    return problem


def again(ask: Callable[[], httpx.Response]) -> Iterator[httpx.Response]:
    """Repeat a request for 30 seconds, and yield each answer. A server needs time to find a lost one."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        yield ask()
        time.sleep(0.02)
