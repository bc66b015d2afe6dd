"""The OpenAPI document, as the second contract."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.clone import clone_to, command
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
    """The document as clients fetch it."""
    answer = anonymous.get("/openapi.json")
    assert answer.status_code == 200
    fetched: dict[str, Any] = answer.json()
    return fetched


def test_openapi_json_is_the_document(document: dict[str, Any]) -> None:
    assert json.loads((ROOT / "openapi.json").read_text()) == document, "openapi.json is an old one: make openapi"


def test_make_openapi_writes_the_same_whatever_the_settings_are(tmp_path: Path) -> None:
    clone_to(tmp_path)
    (tmp_path / ".env").write_text("DATABASE_URL=nonsense\nDB_TIMEOUT=nonsense\n")
    process = command(tmp_path, "openapi", BETTER_AUTH_ID_TYPE="nonsense", DB_POOL_SIZE="nonsense")
    assert process.communicate(timeout=20) == ("", "")
    assert process.returncode == 0
    assert (tmp_path / "openapi.json").read_text() == (ROOT / "openapi.json").read_text()


def test_the_operations_are_these(document: dict[str, Any]) -> None:
    operations = {
        operation["operationId"]: (verb, path, " ".join(sorted(operation["responses"])))
        for path, verbs in document["paths"].items()
        if path.startswith("/api")
        for verb, operation in verbs.items()
    }
    assert operations == OPERATIONS


def test_every_error_has_its_schema(document: dict[str, Any]) -> None:
    for operation_id, (verb, path, _) in OPERATIONS.items():
        for status, answer in document["paths"][path][verb]["responses"].items():
            if status < "400":
                continue
            assert list(answer["content"]) == ["application/problem+json"], (operation_id, status)
            schema = answer["content"]["application/problem+json"]["schema"]["$ref"]
            name = "ValidationProblemDetails" if status == "422" else "ProblemDetails"
            assert schema == f"#/components/schemas/{name}"
            if status == "503":
                assert "Retry-After" in answer["headers"]
            if status == "401":
                assert "WWW-Authenticate" in answer["headers"]


def test_authorize_takes_a_bearer_token(document: dict[str, Any]) -> None:
    ((name, scheme),) = document["components"]["securitySchemes"].items()
    assert (scheme["type"], scheme["scheme"], scheme["bearerFormat"]) == ("http", "bearer", "JWT")
    for verb, path, _ in OPERATIONS.values():
        assert document["paths"][path][verb]["security"] == [{name: []}]


def test_what_is_read_has_every_field_and_what_is_written_says_what_may_be_left_out(document: dict[str, Any]) -> None:
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


def test_the_schemas_are_those_of_the_contract_and_no_other(document: dict[str, Any]) -> None:
    assert set(document["components"]["schemas"]) == {
        "InvalidField",
        "ProblemDetails",
        "TodoCreate",
        "TodoRead",
        "TodoUpdate",
        "UserRead",
        "ValidationProblemDetails",
    }


def test_the_docs_page_is_there(anonymous: httpx.Client) -> None:
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
