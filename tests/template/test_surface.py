"""The routes and schemas of this repository, and no others. A copy has more."""

from typing import Any

import httpx
import pytest
from openapi_schema_validator import OAS31Validator

from tests.test_openapi import OPERATIONS, SCHEMAS

MORE = {"Health", "Readiness", "ReadinessProblemDetails", "Root"}


@pytest.fixture
def document(anonymous: httpx.Client) -> dict[str, Any]:
    """Return the document as clients fetch it."""
    document: dict[str, Any] = anonymous.get("/openapi.json").json()
    return document


def test_there_are_no_other_operations_and_schemas(document: dict[str, Any]) -> None:
    paths = {path: verbs for path, verbs in document["paths"].items() if path.startswith("/api")}
    assert {operation["operationId"] for verbs in paths.values() for operation in verbs.values()} == set(OPERATIONS)
    assert set(document["components"]["schemas"]) == SCHEMAS | MORE


def test_every_parameter_has_a_description_and_an_example(document: dict[str, Any]) -> None:
    for verbs in document["paths"].values():
        for operation in verbs.values():
            for one in operation.get("parameters", ()):
                name = f"{operation['operationId']} {one['name']}"
                assert one["description"].endswith("."), name
                assert "example" in one or "examples" in one["schema"], name


def test_every_field_has_a_description_and_an_example_that_is_valid(document: dict[str, Any]) -> None:
    for name, schema in document["components"]["schemas"].items():
        for field, described in schema.get("properties", {}).items():
            assert described["description"].endswith("."), f"{name}.{field}"
            (example,) = described["examples"]
            check = OAS31Validator({**described, "components": document["components"]})
            assert [error.message for error in check.iter_errors(example)] == [], f"{name}.{field}"
        for example in schema.get("examples", ()):
            check = OAS31Validator({**schema, "components": document["components"]})
            assert [error.message for error in check.iter_errors(example)] == [], name
