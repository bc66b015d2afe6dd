"""Test the OpenAPI document, which is a part of the contract."""

import json
import re
from typing import Any

import httpx
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from tests.conftest import Person
from tests.live import ROOT

OPERATIONS = {
    "list_todos": ("get", "/api/todos", "200 401 413 422 429 500 503"),
    "create_todo": ("post", "/api/todos", "201 401 413 415 422 429 500 503"),
    "get_todo": ("get", "/api/todos/{todo_id}", "200 401 404 413 422 429 500 503"),
    "update_todo": ("patch", "/api/todos/{todo_id}", "200 401 404 413 415 422 429 500 503"),
    "delete_todo": ("delete", "/api/todos/{todo_id}", "204 401 404 413 422 429 500 503"),
    "toggle_todo": ("post", "/api/todos/{todo_id}/toggle", "200 401 404 413 422 429 500 503"),
    "get_me": ("get", "/api/me", "200 401 413 422 429 500 503"),
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
            assert described["headers"]["X-Request-ID"] == {"$ref": "#/components/headers/X-Request-ID"}
            if status in ("429", "503"):
                assert "Retry-After" in described["headers"]
            if status == "401":
                assert "WWW-Authenticate" in described["headers"]


def test_every_operation_requires_a_bearer_token(document: dict[str, Any]) -> None:
    ((name, scheme),) = document["components"]["securitySchemes"].items()
    assert name == "BetterAuthJWT"
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
        assert not any("default" in field for field in schemas[name]["properties"].values())
    title = schemas["TodoUpdate"]["properties"]["title"]
    assert (title["type"], title["minLength"], title["maxLength"]) == ("string", 1, 200)
    assert "The default is `false`." in schemas["TodoCreate"]["properties"]["completed"]["description"]


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


def test_the_examples_that_the_docs_page_fills_in_are_accepted(document: dict[str, Any], owner: Person) -> None:
    (create,) = document["components"]["schemas"]["TodoCreate"]["examples"]
    (update,) = document["components"]["schemas"]["TodoUpdate"]["examples"]
    created = owner.create(**create)
    assert created == created | create
    updated = owner.http.patch(f"/api/todos/{created['id']}", json=update)
    assert updated.json() == created | update | {"updated_at": updated.json()["updated_at"]}


def test_the_document_is_valid_openapi_3_1(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1.")
    assert [str(error) for error in OpenAPIV31SpecValidator(document).iter_errors()] == []


def test_the_document_names_server_licence_and_tags(document: dict[str, Any]) -> None:
    assert document["info"]["license"] == {"name": "MIT", "identifier": "MIT"}
    assert [server["url"] for server in document["servers"]] == ["/"]
    tags = {tag["name"]: tag["description"] for tag in document["tags"]}
    assert {"todos", "me", "health"} <= tags.keys()
    assert all(re.fullmatch(r"[A-Z].*[.]", sentence) for sentence in tags.values())


def test_the_operations_without_a_token_are_these(document: dict[str, Any]) -> None:
    public = {
        operation["operationId"]: path
        for path, verbs in document["paths"].items()
        for operation in verbs.values()
        if operation["security"] == []
    }
    assert public.items() >= {("get_root", "/"), ("get_health", "/health"), ("get_readiness", "/ready")}


def test_parameters_are_never_null(document: dict[str, Any]) -> None:
    parameters = {one["name"]: one for one in document["paths"]["/api/todos"]["get"]["parameters"]}
    assert set(parameters) == {"completed", "limit", "cursor", "skip"}
    assert {name: one["schema"]["type"] for name, one in parameters.items()} == {
        "completed": "boolean",
        "limit": "integer",
        "cursor": "string",
        "skip": "integer",
    }
    assert '"null"' not in json.dumps(parameters)
    assert parameters["skip"]["schema"]["maximum"] == 10_000


def test_a_list_has_as_many_items_as_the_largest_limit(document: dict[str, Any]) -> None:
    answer = document["paths"]["/api/todos"]["get"]["responses"]["200"]
    assert answer["content"]["application/json"]["schema"]["maxItems"] == 500
    assert set(answer["headers"]) == {"Link", "X-Request-ID"}


def test_a_problem_has_a_uri_reference_as_its_type(document: dict[str, Any]) -> None:
    kind = document["components"]["schemas"]["ProblemDetails"]["properties"]["type"]
    assert (kind["type"], kind["format"]) == ("string", "uri-reference")
    assert not {"const", "enum"} & kind.keys()


def test_the_lines_of_a_failed_probe_are_described(document: dict[str, Any]) -> None:
    answer = document["paths"]["/ready"]["get"]["responses"]["503"]
    assert "Retry-After" in answer["headers"]
    (content,) = answer["content"].items()
    assert content == ("application/problem+json", {"schema": {"$ref": "#/components/schemas/ReadinessProblemDetails"}})
    schema = document["components"]["schemas"]["ReadinessProblemDetails"]
    assert set(schema["required"]) >= {"detail", "database", "schema", "signing_keys"}


TEXTS = ["", " ", "\t\n", "\0", " \0", "x", " x ", "x\0", "x\0y", " x\n", "\u3000", "☕", "a b", "\u00a0x"]


@pytest.mark.parametrize("name", ["title", "description"])
@pytest.mark.parametrize("text", TEXTS, ids=ascii)
def test_the_pattern_of_a_text_accepts_what_the_server_accepts(
    document: dict[str, Any], owner: Person, name: str, text: str
) -> None:
    schema = document["components"]["schemas"]["TodoCreate"]["properties"][name]
    schema = next(kind for kind in schema.get("anyOf", [schema]) if kind["type"] == "string")
    fits = len(text) >= schema.get("minLength", 0) and re.search(schema["pattern"], text) is not None
    answer = owner.http.post("/api/todos", json={"title": "x", name: text})
    assert answer.status_code == (201 if fits else 422)


def test_the_examples_of_parameters_are_accepted(document: dict[str, Any], owner: Person) -> None:
    parameters = document["paths"]["/api/todos"]["get"]["parameters"]
    query = {one["name"]: one["schema"]["examples"][0] for one in parameters}
    assert owner.http.get("/api/todos", params=query).status_code == 200
