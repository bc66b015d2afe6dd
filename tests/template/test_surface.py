"""The routes and schemas of this repository, and no others. A copy has more."""

from collections.abc import Iterator
from typing import Any

import httpx

from tests.test_openapi import OPERATIONS

SCHEMAS = {"InvalidField", "ProblemDetails", "TodoCreate", "TodoRead", "TodoUpdate", "UserRead"}
SCHEMAS |= {"Health", "Readiness", "ReadinessProblemDetails", "Root"}


def test_there_are_no_other_operations_and_schemas(anonymous: httpx.Client) -> None:
    document = anonymous.get("/openapi.json").json()
    paths = {path: verbs for path, verbs in document["paths"].items() if path.startswith("/api")}
    assert {operation["operationId"] for verbs in paths.values() for operation in verbs.values()} == set(OPERATIONS)
    assert set(document["components"]["schemas"]) == SCHEMAS | {"ValidationProblemDetails"}


def undescribed(document: dict[str, Any]) -> Iterator[str]:
    """Yield the fields and parameters without a description or without an example."""
    for path, verbs in document["paths"].items():
        for operation in verbs.values():
            for one in operation.get("parameters", ()):
                if not one.get("description") or not ("example" in one or "examples" in one["schema"]):
                    yield f"{operation['operationId']} {path} {one['name']}"
    for name, schema in document["components"]["schemas"].items():
        for field, one in schema["properties"].items():
            if not one.get("description") or "examples" not in one:
                yield f"{name}.{field}"


def test_every_field_and_parameter_has_a_description_and_an_example(anonymous: httpx.Client) -> None:
    assert list(undescribed(anonymous.get("/openapi.json").json())) == []
