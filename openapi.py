"""What the OpenAPI document says beyond what FastAPI writes: the same for all routes, also for those of a copy."""

import sys
from typing import Annotated, Any

from fastapi import FastAPI
from pydantic import BaseModel, TypeAdapter

from errors import MAX_ERRORS, Problem
from models.about import about
from models.invalid import InvalidField

_PREFIX = "#/components/"
_DESCRIPTIONS = {
    401: "There is no token, or it is not valid.",
    404: "There is nothing of that id that belongs to you.",
    409: "The request conflicts with what is stored already.",
    410: "What the request names is gone for good.",
    412: "The todo has another version than the request names.",
    413: "The body is too large.",
    415: "The body is not JSON.",
    422: "The request is not valid.",
    429: "You have sent too many requests. Try again later.",
    500: "The server has a bug.",
    503: "The database or Better Auth is not available. Try again.",
}
_HEADERS = {
    401: ("WWW-Authenticate", "Bearer, and why the token was refused (RFC 6750)."),
    429: ("Retry-After", "Seconds after which to try again."),
    503: ("Retry-After", "Seconds after which to try again."),
}
_REQUEST_ID = {"X-Request-ID": {"$ref": f"{_PREFIX}headers/X-Request-ID"}}


def header(name: str, description: str) -> dict[str, Any]:
    """Return the description of a header of an answer."""
    return {"headers": {name: {"description": description, "schema": {"type": "string"}}}}


def headers(*parts: dict[str, Any]) -> dict[str, Any]:
    """Return the description of several headers of an answer, each from `header`."""
    return {"headers": {name: text for part in parts for name, text in part["headers"].items()}}


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the `responses` of a route that answers these errors beside those that every route has."""
    return {status: {"description": _describe(status)} for status in statuses}


class ProblemDetails(BaseModel):
    """An error (RFC 9457)."""

    type: Annotated[
        str,
        about(
            "The kind of the problem: about:blank, or a path that is documented.",
            "about:blank",
            json_schema_extra={"format": "uri-reference"},
        ),
    ]
    title: Annotated[str, about("The phrase of the status.", "Not Found")]
    status: Annotated[int, about("The status of the answer.", 404)]
    detail: Annotated[str, about("A sentence for a person.", "Todo not found.")]
    request_id: Annotated[str, about("The header X-Request-ID of the answer.", "4bf92f3577b34da6a3ce929d0e0e4736")]


class ValidationProblemDetails(ProblemDetails):
    """An error that lists the fields that are not valid."""

    errors: Annotated[
        list[InvalidField],
        about(
            "The fields that are not valid.",
            [{"loc": ["body", "title"], "msg": "Field required", "type": "missing"}],
            max_length=MAX_ERRORS,
        ),
    ]


class DocumentedAPI(FastAPI):
    """FastAPI, whose OpenAPI document describes errors as problem+json, each once."""

    def openapi(self) -> dict[str, Any]:
        """Return the OpenAPI document."""
        if not self.openapi_schema:
            document = super().openapi()
            operations = [(path, one) for path, verbs in document["paths"].items() for one in verbs.values()]
            for _, operation in operations:
                _complete(operation)
            _document_errors(document, operations)
            self._describe_tags(document, {tag for _, operation in operations for tag in operation.get("tags", ())})
        return super().openapi()

    def _describe_tags(self, document: dict[str, Any], used: set[str]) -> None:
        """Describe each tag with the first line of the module of its routes, unless `openapi_tags` does."""
        tags = {tag["name"]: tag for tag in document.get("tags", ())}
        for route in self.routes:
            module = sys.modules.get(getattr(getattr(route, "endpoint", None), "__module__", ""))
            if text := (getattr(module, "__doc__", "") or "").strip():
                for name in getattr(route, "tags", ()):
                    tags.setdefault(name, {"name": name, "description": text.splitlines()[0]})
        document["tags"] = [tag for name, tag in tags.items() if name in used]


def _complete(operation: dict[str, Any]) -> None:
    """Describe what FastAPI does not: whether a token is necessary, ids in paths, and how long lists are."""
    operation.setdefault("security", [])
    limit = None
    for parameter in operation.get("parameters", ()):
        schema = parameter["schema"]
        _remove_null(schema)
        if parameter["in"] == "path":
            words = parameter["name"].removesuffix("_id").replace("_", " ")
            parameter.setdefault("description", f"The id of the {words}.")
            if schema.get("format") == "uuid":
                schema.setdefault("examples", ["7c1a6f1e-6d0b-4f9c-8f0e-1d2c3b4a5968"])
        if parameter["name"] == "limit":
            limit = schema.get("maximum")
    for status, answer in operation["responses"].items():
        if status < "400":
            answer["headers"] = answer.get("headers", {}) | _REQUEST_ID
            for content in answer.get("content", {}).values():
                if content.get("schema", {}).get("type") == "array" and limit:
                    content["schema"].setdefault("maxItems", limit)


def _remove_null(schema: dict[str, Any]) -> None:
    """Remove null from the schema of a parameter: a client omits a parameter, and cannot send null."""
    kinds = [kind for kind in schema.get("anyOf", ()) if kind != {"type": "null"}]
    if kinds:
        schema["anyOf"] = kinds
    if len(kinds) == 1:
        del schema["anyOf"]
        schema |= kinds[0] | schema


def _document_errors(document: dict[str, Any], operations: list[tuple[str, dict[str, Any]]]) -> None:
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
    for path, operation in operations:
        declared = operation["responses"]
        own = {int(status): _own(int(status), it) for status, it in declared.items() if _has_model(status, it)}
        shared = _statuses(path, operation) - own.keys()
        used |= shared
        errors = own | {status: {"$ref": f"{_PREFIX}responses/{_name(status)}"} for status in shared}
        successes = {status: it for status, it in sorted(declared.items()) if status < "400"}
        operation["responses"] = successes | {str(status): errors[status] for status in sorted(errors)}
    components["responses"] = {_name(status): _response(status) for status in sorted(used)}
    components["headers"] = {
        "X-Request-ID": {
            "description": "The id of the request: the one that the client sent, or a new one. The log has it.",
            "schema": {"type": "string", "maxLength": 64},
            "example": "4bf92f3577b34da6a3ce929d0e0e4736",
        }
    }


def _statuses(path: str, operation: dict[str, Any]) -> set[int]:
    """Return the errors that an operation may answer: those it declares, and those of its kind."""
    statuses = {int(status) for status in operation["responses"] if "400" <= status < "600"} | {413, 500}
    if operation["security"]:
        statuses |= {401, 422, 429, 503}
        if "{" in path:
            statuses.add(404)
        if "requestBody" in operation:
            statuses.add(415)
    return statuses


def _has_model(status: str, answer: dict[str, Any]) -> bool:
    """Return whether a route declares a model for an error. FastAPI declares its own for 422."""
    return "400" <= status < "600" and bool(answer.get("content")) and "HTTPValidationError" not in str(answer)


def _own(status: int, answer: dict[str, Any]) -> dict[str, Any]:
    """Return the description of an error for which a route declares a model with more members."""
    (content,) = answer["content"].values()
    return _response(status) | {"description": answer["description"], "content": {_PROBLEM: content}}


def _describe(status: int) -> str:
    return _DESCRIPTIONS.get(status) or f"{Problem(status, '').title}."


def _name(status: int) -> str:
    return Problem(status, "").title.replace(" ", "")


_PROBLEM = "application/problem+json"


def _response(status: int) -> dict[str, Any]:
    model = ValidationProblemDetails if status == 422 else ProblemDetails
    content = {_PROBLEM: {"schema": {"$ref": f"{_PREFIX}schemas/{model.__name__}"}}}
    headers = header(*_HEADERS[status])["headers"] if status in _HEADERS else {}
    return {"description": _describe(status), "content": content, "headers": headers | _REQUEST_ID}
