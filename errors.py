"""Errors, and the one shape in which they leave: problem+json (RFC 9457).

`Problem` and its kinds are what the rest of the app raises; the handlers turn them, and what
FastAPI and Starlette raise by themselves, into answers.
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Literal

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.routing import Match

# RFC 9110's words, which http.HTTPStatus has from Python 3.13 on.
_TITLES = {413: "Content Too Large", 422: "Unprocessable Content"}


class Problem(Exception):
    """Something that has a status and a sentence for a person.

    Args:
        status: of HTTP.
        detail: the sentence; it may hold nothing that the client sent, and nothing secret.
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
    """401: no token, or one that proves nothing. The challenge is that of RFC 6750, section 3."""

    def __init__(self, detail: str, challenge: str = 'Bearer realm="todo", error="invalid_token"') -> None:
        super().__init__(401, detail, {"WWW-Authenticate": challenge})


class Unavailable(Problem):
    """503: not the caller's fault, and worth another try in two seconds."""

    def __init__(self, detail: str, **extensions: Any) -> None:
        super().__init__(503, detail, {"Retry-After": "2"}, **extensions)


class Invalid(Problem):
    """422: read, but not valid. `errors` says where and what, without what was sent."""

    def __init__(self, *errors: Mapping[str, Any]) -> None:
        super().__init__(422, "The request is not valid: see errors.", errors=errors)


async def problem_response(request: Request, problem: Problem) -> JSONResponse:
    """Write a problem, whoever raised it, as the answer to `request`."""
    content = {
        "type": "about:blank",
        "title": problem.title,
        "status": problem.status,
        "detail": problem.detail,
        "request_id": request.state.request_id,
        **problem.extensions,
    }
    return JSONResponse(content, problem.status, problem.headers, media_type="application/problem+json")


_DETAILS = {
    404: "There is nothing at this path.",
    405: "This path does not know this method: the header Allow names those that it knows.",
}


async def on_http_exception(request: Request, error: HTTPException) -> JSONResponse:
    """Answer what the framework raised."""
    if error.status_code == 400:
        # FastAPI's only 400: a body that breaks the JSON parser otherwise than by its syntax
        # (not UTF-8, nested too deep, a number of 5,000 digits).
        unreadable = {"loc": ["body"], "msg": "Body is not readable", "type": "json_unreadable"}
        return await problem_response(request, Invalid(unreadable))
    headers = error.headers
    if error.status_code == 405:
        # Starlette names the methods of the path's first route alone.
        asked = ({**request.scope, "method": method} for method in ("DELETE", "GET", "HEAD", "PATCH", "POST"))
        routes = request.app.routes
        known = (one["method"] for one in asked if any(route.matches(one)[0] is Match.FULL for route in routes))
        headers = {"Allow": ", ".join(known)}
    detail = _DETAILS.get(error.status_code, error.detail)
    return await problem_response(request, Problem(error.status_code, detail, headers))


MAX_ERRORS = 20
"""Things that a 422 tells at most: a small body can have thousands of unknown fields."""

# The messages of pydantic and FastAPI that repeat a part of what was sent.
_MESSAGES = {"uuid_parsing": "Input should be a valid UUID"}


async def on_validation_error(request: Request, error: RequestValidationError) -> JSONResponse:
    """Answer what pydantic refused, without the input that FastAPI's own handler would repeat."""
    errors = (
        {"loc": _told(item), "msg": _MESSAGES.get(item["type"], item["msg"]), "type": item["type"]}
        for item in error.errors()[:MAX_ERRORS]
    )
    return await problem_response(request, Invalid(*errors))


def _told(item: Mapping[str, Any]) -> list[str | int]:
    """Where it went wrong; the name of an unknown field only when it is a plain identifier."""
    path: list[str | int] = list(item["loc"])
    name = str(path[-1])
    plain = name.isascii() and name.isidentifier() and len(name) <= 64
    return path if plain or item["type"] != "extra_forbidden" else path[:-1]


class ProblemDetails(BaseModel):
    """What every error looks like (RFC 9457)."""

    type: Literal["about:blank"]
    title: str
    status: int
    detail: str = Field(description="A sentence for a person.")
    request_id: str


class InvalidField(BaseModel):
    """One thing that is wrong with a request."""

    loc: list[str | int]
    msg: str
    type: str


class ValidationProblemDetails(ProblemDetails):
    """A 422, which also says where."""

    errors: list[InvalidField]


def header(name: str, description: str) -> dict[str, Any]:
    """Describe a header of an answer, for the OpenAPI document."""
    return {"headers": {name: {"description": description, "schema": {"type": "string"}}}}


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Describe errors for the OpenAPI document: the `responses` of a router or a route."""
    errors: dict[int | str, dict[str, Any]] = {
        status: {"model": ProblemDetails, "description": Problem(status, "").title} for status in statuses
    }
    errors.get(401, {}).update(header("WWW-Authenticate", "Bearer, and why not (RFC 6750)."))
    errors.get(503, {}).update(header("Retry-After", "Seconds after which to try again."))
    errors.get(422, {}).update(model=ValidationProblemDetails)
    return errors


def name_media_type(openapi: dict[str, Any]) -> dict[str, Any]:
    """Say in an OpenAPI document that errors are problem+json; FastAPI knows one type a route."""
    operations = (operation for path in openapi["paths"].values() for operation in path.values())
    for answers in (operation["responses"] for operation in operations):
        for status, answer in answers.items():
            if status >= "400" and "application/json" in answer["content"]:
                body = answer["content"].pop("application/json")
                answer["content"]["application/problem+json"] = body
    return openapi
