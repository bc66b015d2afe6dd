"""Define the errors that the app raises, and answer them as problem+json (RFC 9457).

Raise a `Problem`, or one of its kinds, anywhere. The handlers answer it, and what FastAPI and
Starlette raise by themselves.
"""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, TypeVar

from fastapi import Request, WebSocket
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection
from starlette.routing import Match

# RFC 9110's words, which http.HTTPStatus has from Python 3.13 on.
_TITLES = {413: "Content Too Large", 422: "Unprocessable Content"}


class Problem(Exception):
    """An error that is reported to the client.

    Args:
        status: the status code of HTTP.
        detail: a sentence for a person, without anything that the client sent, or that is secret.
        headers: headers of the answer.
        extensions: further members of the JSON object (RFC 9457, section 3.2).
    """

    def __init__(self, status: int, detail: str, headers: Mapping[str, str] | None = None, **extensions: Any) -> None:
        super().__init__(detail)
        self.status = status
        self.title = _TITLES.get(status, HTTPStatus(status).phrase)
        self.detail = detail
        self.headers = headers
        self.extensions = extensions


class Unauthorized(Problem):
    """401: there is no token, or it is not valid. The challenge follows RFC 6750, section 3."""

    def __init__(self, detail: str, challenge: str = 'Bearer realm="todo", error="invalid_token"') -> None:
        super().__init__(401, detail, {"WWW-Authenticate": challenge})


class NotFound(Problem):
    """404: the user has nothing of that id. What belongs to somebody else is not found either."""

    def __init__(self, name: str) -> None:
        super().__init__(404, f"{name} not found.")


class Conflict(Problem):
    """409: the request conflicts with what is stored already."""

    def __init__(self, detail: str, **extensions: Any) -> None:
        super().__init__(409, detail, **extensions)


class VersionMismatch(Problem):
    """412: the todo has another version than the client has seen.

    Args:
        current: the todo as it is now.
    """

    def __init__(self, current: BaseModel) -> None:
        detail = "The todo has another version than the request names, or it exists already. See current."
        super().__init__(412, detail, type="/problems/version-mismatch", current=current.model_dump(mode="json"))


class KeyReused(Problem):
    """422: an Idempotency-Key was sent with another body before."""

    def __init__(self) -> None:
        detail = "This Idempotency-Key was sent with another body before. Use a new key for each todo."
        super().__init__(422, detail, type="/problems/idempotency-key-reused", errors=[])


class KeyGone(Problem):
    """410: the todo that an Idempotency-Key made is gone for good."""

    def __init__(self) -> None:
        detail = "The todo that this Idempotency-Key made is gone for good. Use a new key to make another."
        super().__init__(410, detail, type="/problems/idempotency-key-gone")


class ChangesExpired(Problem):
    """410: what has changed since a token is not known any more."""

    def __init__(self) -> None:
        detail = "The token is too old, or of another database. Ask without since, and replace what you have."
        super().__init__(410, detail, type="/problems/changes-expired")


class Unavailable(Problem):
    """503: it is not the client's fault, and the request may succeed after `retry_after` seconds."""

    def __init__(self, detail: str, retry_after: int = 2, /, **extensions: Any) -> None:
        super().__init__(503, detail, {"Retry-After": str(retry_after)}, **extensions)
        self.retry_after = retry_after


class UserGone(Unauthorized):
    """401: Better Auth deleted the user after it had signed the token."""

    def __init__(self) -> None:
        super().__init__("The user that the token names no longer exists.")


class Invalid(Problem):
    """422: the request can be read and is not valid. `errors` names the fields, not their values."""

    def __init__(self, *errors: Mapping[str, Any]) -> None:
        super().__init__(422, "The request is not valid. See errors.", errors=errors)


T = TypeVar("T")


def found(item: T | None, name: str) -> T:
    """Return the item.

    Raises:
        NotFound: there is none.
    """
    if item is None:
        raise NotFound(name)
    return item


_CLOSE_CODES = {401: 1008, 429: 1013, 503: 1013}


async def problem_response(request: HTTPConnection, problem: Problem) -> JSONResponse:
    """Answer a request with a problem; close a WebSocket (RFC 6455, section 7.4)."""
    if isinstance(request, WebSocket):
        await request.close(_CLOSE_CODES.get(problem.status, 1011), problem.detail)
    content = {
        "type": "about:blank",
        "title": problem.title,
        "status": problem.status,
        "detail": problem.detail,
        "request_id": getattr(request.state, "request_id", ""),
        **problem.extensions,
    }
    return JSONResponse(content, problem.status, problem.headers, media_type="application/problem+json")


_DETAILS = {
    404: "There is nothing at this path.",
    405: "This path does not support this method. The header Allow lists those that it supports.",
}


def is_unreadable_body(error: HTTPException) -> bool:
    """Return whether FastAPI 0.165 failed to read a body otherwise than by the syntax of its JSON.

    The body is not UTF-8, is nested too deep, or has a number of 5,000 digits.
    """
    return error.status_code == 400 and error.detail == "There was an error parsing the body"


async def on_http_exception(request: Request, error: HTTPException) -> Response:
    """Answer an HTTPException, the framework's or an endpoint's."""
    if error.status_code == 304:  # it has no body (RFC 9110, section 15.4.5)
        return Response(status_code=304, headers=error.headers)
    if is_unreadable_body(error):
        unreadable = {"loc": ["body"], "msg": "Body is not readable", "type": "json_unreadable"}
        return await problem_response(request, Invalid(unreadable))
    headers = error.headers
    if error.status_code == 405:
        # Starlette names only the methods of the path's first route.
        asked = ({**request.scope, "method": method} for method in ("DELETE", "GET", "HEAD", "PATCH", "POST", "PUT"))
        routes = request.app.routes
        known = (one["method"] for one in asked if any(route.matches(one)[0] is Match.FULL for route in routes))
        headers = {"Allow": ", ".join(known)}
    detail: Any = error.detail  # FastAPI permits any JSON
    is_frameworks = detail == HTTPStatus(error.status_code).phrase
    if is_frameworks:
        detail = _DETAILS.get(error.status_code, detail)
    problem = Problem(error.status_code, detail, headers)
    if not isinstance(detail, str):  # `detail` of a problem is a sentence
        problem.detail, problem.extensions = f"{problem.title}.", {"data": detail}
    return await problem_response(request, problem)


async def on_crash(request: Request, error: Exception) -> JSONResponse:
    """Answer an exception of a middleware outside of `Guard`, which answers all others."""
    if not isinstance(error, Problem):
        error = Problem(500, CRASH)
    return await problem_response(request, error)


CRASH = "Something went wrong on our side. The log has the cause, by request_id."
MAX_ERRORS = 20
"""The most errors that a 422 lists: a small body can have thousands of unknown fields."""

# Messages of pydantic and FastAPI that would repeat a part of what was sent.
_MESSAGES = {"uuid_parsing": "Input should be a valid UUID"}


async def on_validation_error(request: Request, error: RequestValidationError) -> JSONResponse:
    """Answer a request that is not valid, without the input that FastAPI's own handler repeats."""
    return await problem_response(request, Invalid(*described(error.errors())))


def described(errors: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return pydantic's errors without the input."""
    return [
        {"loc": _location(item), "msg": _MESSAGES.get(item["type"], item["msg"]), "type": item["type"]}
        for item in errors[:MAX_ERRORS]
    ]


def _location(item: Mapping[str, Any]) -> list[str | int]:
    """Return the path to a field; the name of an unknown one only if it is a plain identifier."""
    path: list[str | int] = list(item["loc"])
    name = str(path[-1]) if path else ""
    plain = name.isascii() and name.isidentifier() and len(name) <= 64
    return path if plain or item["type"] != "extra_forbidden" else path[:-1]
