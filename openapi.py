"""What the OpenAPI document says of errors: the same for all routes, so each refers to one place."""

from typing import Any

from fastapi import FastAPI
from pydantic import TypeAdapter

from errors import Problem, ProblemDetails, ValidationProblemDetails

_PREFIX = "#/components/"
_DESCRIPTIONS = {
    401: "There is no token, or it is not valid.",
    404: "There is nothing of that id that belongs to you.",
    409: "The request conflicts with what is stored already.",
    413: "The body is too large.",
    415: "The body is not JSON.",
    422: "The request is not valid.",
    500: "The server has a bug.",
    503: "The database or Better Auth is not available. Try again.",
}
_HEADERS = {
    401: ("WWW-Authenticate", "Bearer, and why the token was refused (RFC 6750)."),
    503: ("Retry-After", "Seconds after which to try again."),
}


def header(name: str, description: str) -> dict[str, Any]:
    """Return the description of a header of an answer."""
    return {"headers": {name: {"description": description, "schema": {"type": "string"}}}}


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the `responses` of a route that answers these errors beside those that every route has."""
    return {status: {"description": _describe(status)} for status in statuses}


class DocumentedAPI(FastAPI):
    """FastAPI, whose OpenAPI document describes errors as problem+json, each once."""

    def openapi(self) -> dict[str, Any]:
        """Return the OpenAPI document."""
        if not self.openapi_schema:
            _document_errors(super().openapi())
        return super().openapi()


def _document_errors(document: dict[str, Any]) -> None:
    components = document.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    for model in (ProblemDetails, ValidationProblemDetails):
        schema = TypeAdapter(model).json_schema(ref_template=f"{_PREFIX}schemas/{{model}}")
        schemas |= schema.pop("$defs", {})
        schemas[model.__name__] = schema
    components["schemas"] = dict(sorted(schemas.items()))
    used = set()
    for path, operations in document["paths"].items():
        for operation in operations.values():
            statuses = _statuses(path, operation)
            used |= statuses
            answers = {status: answer for status, answer in operation["responses"].items() if status < "400"}
            refs = {str(status): {"$ref": f"{_PREFIX}responses/{_name(status)}"} for status in sorted(statuses)}
            operation["responses"] = answers | refs
    components["responses"] = {_name(status): _response(status) for status in sorted(used)}


def _statuses(path: str, operation: dict[str, Any]) -> set[int]:
    """Return the errors that an operation may answer: those it declares, and those of its kind."""
    statuses = {int(status) for status in operation["responses"] if status >= "400"}
    if "security" in operation:
        statuses |= {401, 413, 500, 503}
        if "{" in path:
            statuses.add(404)
        if "requestBody" in operation:
            statuses.add(415)
    return statuses


def _describe(status: int) -> str:
    return _DESCRIPTIONS.get(status) or f"{Problem(status, '').title}."


def _name(status: int) -> str:
    return Problem(status, "").title.replace(" ", "")


def _response(status: int) -> dict[str, Any]:
    model = ValidationProblemDetails if status == 422 else ProblemDetails
    content = {"application/problem+json": {"schema": {"$ref": f"{_PREFIX}schemas/{model.__name__}"}}}
    headers = header(*_HEADERS[status]) if status in _HEADERS else {}
    return {"description": _describe(status), "content": content, **headers}
