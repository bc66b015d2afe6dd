"""Test the OpenAPI document, which is a part of the contract."""

import json
from typing import Any

import httpx
import pytest

from tests.conftest import Person
from tests.live import ROOT

OPERATIONS = {
    "list_todos": ("get", "/api/todos", "200 401 413 422 500 503"),
    "create_todo": ("post", "/api/todos", "201 401 413 415 422 500 503"),
    "get_todo": ("get", "/api/todos/{todo_id}", "200 401 404 413 422 500 503"),
    "update_todo": ("patch", "/api/todos/{todo_id}", "200 401 404 413 415 422 500 503"),
    "delete_todo": ("delete", "/api/todos/{todo_id}", "204 401 404 413 422 500 503"),
    "toggle_todo": ("post", "/api/todos/{todo_id}/toggle", "200 401 404 413 422 500 503"),
    "get_me": ("get", "/api/me", "200 401 413 500 503"),
}


@pytest.fixture
def document(anonymous: httpx.Client) -> dict[str, Any]:
    """Return the document as clients fetch it."""
    answer = anonymous.get("/openapi.json")
    assert answer.status_code == 200
    fetched: dict[str, Any] = answer.json()
    return fetched


def test_openapi_json_is_the_document(document: dict[str, Any]) -> None:
    assert json.loads((ROOT / "openapi.json").read_text()) == document, "openapi.json is outdated. Run make openapi."


def test_the_operations_are_these(document: dict[str, Any]) -> None:
    operations = {
        operation["operationId"]: (verb, path, " ".join(sorted(operation["responses"])))
        for path, verbs in document["paths"].items()
        if path.startswith("/api")
        for verb, operation in verbs.items()
    }
    assert OPERATIONS.items() <= operations.items()  # a copy has more


def test_every_error_is_described_once(document: dict[str, Any]) -> None:
    responses = document["components"]["responses"]
    for operation_id, (verb, path, _) in OPERATIONS.items():
        for status, answer in document["paths"][path][verb]["responses"].items():
            if status < "400":
                continue
            assert list(answer) == ["$ref"], (operation_id, status)
            described = responses[answer["$ref"].removeprefix("#/components/responses/")]
            assert list(described["content"]) == ["application/problem+json"]
            schema = described["content"]["application/problem+json"]["schema"]["$ref"]
            name = "ValidationProblemDetails" if status == "422" else "ProblemDetails"
            assert schema == f"#/components/schemas/{name}"
            if status == "503":
                assert "Retry-After" in described["headers"]
            if status == "401":
                assert "WWW-Authenticate" in described["headers"]


def test_every_operation_requires_a_bearer_token(document: dict[str, Any]) -> None:
    ((name, scheme),) = document["components"]["securitySchemes"].items()
    assert (scheme["type"], scheme["scheme"], scheme["bearerFormat"]) == ("http", "bearer", "JWT")
    for verb, path, _ in OPERATIONS.values():
        assert document["paths"][path][verb]["security"] == [{name: []}]


def test_read_schemas_require_every_field_and_create_only_the_title(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    for name in ("TodoRead", "UserRead", "ProblemDetails", "ValidationProblemDetails"):
        assert set(schemas[name]["required"]) == set(schemas[name]["properties"]), name
    assert schemas["TodoCreate"]["required"] == ["title"]
    assert "required" not in schemas["TodoUpdate"]
    for name in ("TodoCreate", "TodoUpdate"):
        assert schemas[name]["additionalProperties"] is False
    assert schemas["TodoUpdate"]["properties"]["title"] == {
        "type": "string",
        "minLength": 1,
        "maxLength": 200,
        "title": "Title",
    }


def test_the_schemas_of_the_contract_are_there(document: dict[str, Any]) -> None:
    assert set(document["components"]["schemas"]) >= {
        "InvalidField",
        "ProblemDetails",
        "TodoCreate",
        "TodoRead",
        "TodoUpdate",
        "UserRead",
        "ValidationProblemDetails",
    }


def test_the_docs_page_exists(anonymous: httpx.Client) -> None:
    answer = anonymous.get("/docs")
    assert answer.status_code == 200
    assert "SQLModel Todo API" in answer.text


def test_the_examples_that_the_docs_page_fills_in_are_accepted(document: dict[str, Any], owner: Person) -> None:
    (create,) = document["components"]["schemas"]["TodoCreate"]["examples"]
    (update,) = document["components"]["schemas"]["TodoUpdate"]["examples"]
    created = owner.create(**create)
    assert created == created | create
    updated = owner.http.patch(f"/api/todos/{created['id']}", json=update)
    assert updated.json() == created | update | {"updated_at": updated.json()["updated_at"]}
