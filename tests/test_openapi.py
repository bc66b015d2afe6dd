"""Test the OpenAPI document, which is a part of the contract."""

import json
import re
from typing import Any

import httpx
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from tests.conftest import Person
from tests.expect import expect_invalid
from tests.live import ROOT
from tests.todos import FIELDS

OPERATIONS = {
    "list_todos": ("get", "/api/todos", "200 304 401 413 422 429 500 503"),
    "create_todo": ("post", "/api/todos", "200 201 401 410 413 415 422 429 500 503"),
    "update_todos": ("patch", "/api/todos", "200 401 409 413 415 422 429 500 503"),
    "delete_todos": ("delete", "/api/todos", "200 401 409 413 422 429 500 503"),
    "get_todo": ("get", "/api/todos/{todo_id}", "200 304 401 404 413 422 429 500 503"),
    "put_todo": ("put", "/api/todos/{todo_id}", "200 201 401 404 412 413 415 422 429 500 503"),
    "update_todo": ("patch", "/api/todos/{todo_id}", "200 401 404 412 413 415 422 429 500 503"),
    "delete_todo": ("delete", "/api/todos/{todo_id}", "204 401 404 412 413 422 429 500 503"),
    "toggle_todo": ("post", "/api/todos/{todo_id}/toggle", "200 401 404 412 413 422 429 500 503"),
    "move_todo": ("post", "/api/todos/{todo_id}/move", "200 401 404 409 412 413 415 422 429 500 503"),
    "list_trash": ("get", "/api/trash", "200 304 401 413 422 429 500 503"),
    "empty_trash": ("delete", "/api/trash", "204 401 413 422 429 500 503"),
    "restore_todo": ("post", "/api/trash/{todo_id}/restore", "200 401 404 412 413 422 429 500 503"),
    "purge_todo": ("delete", "/api/trash/{todo_id}", "204 401 404 412 413 422 429 500 503"),
    "list_tags": ("get", "/api/tags", "200 304 401 413 422 429 500 503"),
    "rename_tag": ("patch", "/api/tags/{name}", "200 401 404 413 415 422 429 500 503"),
    "delete_tag": ("delete", "/api/tags/{name}", "200 401 404 413 422 429 500 503"),
    "get_counts": ("get", "/api/counts", "200 304 401 413 422 429 500 503"),
    "list_changes": ("get", "/api/changes", "200 401 410 413 422 429 500 503"),
    "apply_batch": ("post", "/api/batch", "200 401 413 415 422 429 500 503"),
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
            if status < "400" or status == "412":
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


def test_a_version_mismatch_is_described_with_the_current_todo(document: dict[str, Any]) -> None:
    assert "PreconditionFailed" not in document["components"]["responses"], "no operation refers to it"
    for operation_id, (verb, path, statuses) in OPERATIONS.items():
        if "412" not in statuses:
            continue
        answer = document["paths"][path][verb]["responses"]["412"]
        schema = {"schema": {"$ref": "#/components/schemas/VersionMismatchDetails"}}
        assert answer["content"] == {"application/problem+json": schema}, operation_id
        assert answer["headers"] == {"X-Request-ID": {"$ref": "#/components/headers/X-Request-ID"}}, operation_id
    details = document["components"]["schemas"]["VersionMismatchDetails"]
    assert details["properties"]["current"]["$ref"] == "#/components/schemas/TodoRead"


TAGGED = ["create_todo", "put_todo", "update_todo", "delete_todo", "toggle_todo", "move_todo", "restore_todo"]


@pytest.mark.parametrize("operation_id", ["list_todos", "get_todo", "list_trash", "list_tags", "get_counts", *TAGGED])
def test_an_answer_with_a_version_is_described_with_its_etag(document: dict[str, Any], operation_id: str) -> None:
    verb, path, statuses = OPERATIONS[operation_id]
    for status in re.findall(r"[23]\d\d", statuses):
        answer = document["paths"][path][verb]["responses"][status]
        assert "ETag" in answer["headers"], status
        assert ("content" in answer) is (status not in ("204", "304")), status
        if status == "201":
            assert "Location" in answer["headers"]


CONDITIONS = {
    "list_todos": {"If-None-Match": 'W/"7"'},
    "create_todo": {"Idempotency-Key": "0c5f1f3e-8a51-4a86-9b43-0f6d3d5f8f10"},
    "get_todo": {"If-None-Match": 'W/"7"'},
    "put_todo": {"If-Match": 'W/"7"', "If-None-Match": "*"},
    "update_todo": {"If-Match": 'W/"7"'},
    "delete_todo": {"If-Match": 'W/"7"'},
    "toggle_todo": {"If-Match": 'W/"7"'},
    "move_todo": {"If-Match": 'W/"7"'},
    "list_trash": {"If-None-Match": 'W/"7"'},
    "list_tags": {"If-None-Match": 'W/"7"'},
    "get_counts": {"If-None-Match": 'W/"7"'},
    "restore_todo": {"If-Match": 'W/"7"'},
    "purge_todo": {"If-Match": 'W/"7"'},
}


def test_headers_of_requests_are_texts_with_an_example(document: dict[str, Any]) -> None:
    described: dict[str, dict[str, str]] = {}
    for operation_id, (verb, path, _) in OPERATIONS.items():
        for parameter in document["paths"][path][verb].get("parameters", ()):
            if parameter["in"] == "header":
                assert (parameter["required"], parameter["schema"]["type"]) == (False, "string")
                (example,) = parameter["schema"]["examples"]
                described.setdefault(operation_id, {})[parameter["name"]] = example
    assert described == CONDITIONS


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


SCHEMAS = {
    *("Batch", "BatchResult", "BatchResults", "Changed", "Changes"),
    *("CountsRead", "Priority", "TagRead", "TagRename", "TodoMove"),
    *("TodoCreate", "TodoDelete", "TodoPut", "TodoRead", "TodoUpdate", "UserRead"),
    *("InvalidField", "ProblemDetails", "ValidationProblemDetails", "VersionMismatchDetails"),
}


def test_the_schemas_of_the_contract_are_there(document: dict[str, Any]) -> None:
    assert set(document["components"]["schemas"]) >= SCHEMAS


def test_every_schema_is_part_of_a_request_or_an_answer(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    text = json.dumps([document["paths"], document["components"]["responses"]])
    met: set[str] = set()
    while new := set(re.findall(r"#/components/schemas/(\w+)", text)) - met:
        met |= new
        text = json.dumps([schemas[name] for name in new])
    assert set(schemas) == met


def test_every_field_is_described_with_an_example(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    fields = [(name, field) for name in sorted(SCHEMAS) for field in schemas[name].get("properties", {}).items()]
    assert [(name, field) for name, (field, schema) in fields if not schema.get("description", "").endswith(".")] == []
    assert [(name, field) for name, (field, schema) in fields if not schema.get("examples")] == []


def test_the_fields_of_a_todo_have_their_types(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    assert list(schemas["TodoRead"]["properties"]) == FIELDS
    assert schemas["Priority"]["enum"] == ["none", "low", "medium", "high"]
    for name in ("TodoCreate", "TodoUpdate", "TodoPut", "TodoRead"):
        fields = schemas[name]["properties"]
        assert [kind["type"] for kind in fields["due"]["anyOf"]] == ["string", "null"], name
        assert fields["priority"]["$ref"] == "#/components/schemas/Priority", name
        tags = fields["tags"]
        assert (tags["type"], tags["items"]["type"], tags["maxItems"]) == ("array", "string", 20), name
        if name != "TodoRead":
            assert (tags["items"]["minLength"], tags["items"]["maxLength"]) == (1, 50), name
    assert schemas["TodoRead"]["properties"]["position"]["type"] == "string"
    assert "position" not in schemas["TodoCreate"]["properties"]
    assert schemas["TodoMove"]["required"] == ["after"]


DUES = {
    **dict.fromkeys(("2026-11-24", "2026-11-24T00:00", "2026-11-24T23:59", "0001-01-01", "9999-12-31"), True),
    **dict.fromkeys(("", "2026-11-24T24:00", "2026-11-24T09:00:00", "2026-11-24T09:00Z", "2026-11-24 09:00"), False),
    **dict.fromkeys(("2026-11-24\n", " 2026-11-24", "\uff12026-11-24", "2026-11-24T9:00", "20261124", "today"), False),
}


@pytest.mark.parametrize(("due", "fits"), DUES.items(), ids=ascii)
def test_the_pattern_of_due_accepts_what_the_server_accepts(
    document: dict[str, Any], owner: Person, due: str, fits: bool
) -> None:
    schema, _ = document["components"]["schemas"]["TodoCreate"]["properties"]["due"]["anyOf"]
    pattern = schema["pattern"].replace("$", r"\Z")  # as ECMA 262 has it
    assert (re.search(pattern, due) is not None) is fits
    answer = owner.http.post("/api/todos", json={"title": "x", "due": due})
    assert answer.status_code == (201 if fits else 422)


def test_a_batch_has_items_with_ids_and_results_without_null(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    for name, item in (("put", "TodoPut"), ("delete", "TodoDelete")):
        described = schemas["Batch"]["properties"][name]
        assert (described["type"], described["maxItems"]) == ("array", 500)
        assert described["items"] == {"$ref": f"#/components/schemas/{item}"}
        assert schemas[item]["additionalProperties"] is False
    assert (schemas["TodoPut"]["required"], schemas["TodoDelete"]["required"]) == (["title", "id"], ["id"])
    result = schemas["BatchResult"]
    assert result["required"] == ["id", "status", "version"]
    assert result["properties"]["current"]["$ref"] == "#/components/schemas/TodoRead"
    errors = result["properties"]["errors"]
    assert (errors["items"], errors["maxItems"]) == ({"$ref": "#/components/schemas/InvalidField"}, 20)


def test_a_version_has_64_bits(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    whole = schemas["TodoRead"]["properties"]["version"]
    assert (whole["type"], whole["format"]) == ("integer", "int64")
    for name, field in (("TodoPut", "base"), ("TodoDelete", "base"), ("BatchResult", "version")):
        kinds = [{"type": "integer", "format": "int64"}, {"type": "null"}]
        assert schemas[name]["properties"][field]["anyOf"] == kinds


def test_the_examples_that_the_docs_page_fills_in_are_accepted(document: dict[str, Any], owner: Person) -> None:
    (create,) = document["components"]["schemas"]["TodoCreate"]["examples"]
    (update,) = document["components"]["schemas"]["TodoUpdate"]["examples"]
    created = owner.create(**create)
    assert created == created | create
    updated = owner.http.patch(f"/api/todos/{created['id']}", json=update)
    assert updated.status_code == 200
    assert updated.json().items() >= update.items()
    fields = document["components"]["schemas"]["Batch"]["properties"]
    for name, status in (("put", 201), ("delete", 412)):
        (items,) = fields[name]["examples"]
        batch = owner.http.post("/api/batch", json={name: items})
        assert batch.status_code == 200, name
        assert [result["status"] for result in batch.json()["results"]] == [status], name


def test_the_document_is_valid_openapi_3_1(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1.")
    assert [str(error) for error in OpenAPIV31SpecValidator(document).iter_errors()] == []


def test_the_document_names_server_licence_and_tags(document: dict[str, Any]) -> None:
    assert document["info"]["license"] == {"name": "MIT", "identifier": "MIT"}
    assert [server["url"] for server in document["servers"]] == ["/"]
    tags = {tag["name"]: tag["description"] for tag in document["tags"]}
    assert {"todos", "trash", "sync", "me", "health"} <= tags.keys()
    assert all(re.fullmatch(r"[A-Z].*[.]", sentence) for sentence in tags.values())


def test_the_operations_without_a_token_are_these(document: dict[str, Any]) -> None:
    public = {
        operation["operationId"]: path
        for path, verbs in document["paths"].items()
        for operation in verbs.values()
        if operation["security"] == []
    }
    assert public.items() >= {("get_root", "/"), ("get_health", "/health"), ("get_readiness", "/ready")}


FILTERS = {
    "completed": "boolean",
    "tag": "array",
    "priority": "array",
    "due_before": "string",
    "due_from": "string",
    "q": "string",
}
QUERIES = {
    "list_todos": FILTERS | {"sort": "string", "limit": "integer", "cursor": "string", "skip": "integer"},
    "update_todos": FILTERS | {"id": "array", "max": "integer"},
    "delete_todos": FILTERS | {"id": "array", "max": "integer"},
    "get_counts": {"today": "string"},
    "list_trash": {"limit": "integer", "cursor": "string"},
    "list_changes": {"since": "string", "limit": "integer"},
}


def test_parameters_are_never_null(document: dict[str, Any]) -> None:
    queries: dict[str, dict[str, str]] = {}
    for operation_id, (verb, path, _) in OPERATIONS.items():
        for parameter in document["paths"][path][verb].get("parameters", ()):
            assert '"null"' not in json.dumps(parameter), operation_id
            assert parameter["description"].endswith("."), operation_id
            if parameter["in"] == "query":
                queries.setdefault(operation_id, {})[parameter["name"]] = parameter["schema"]["type"]
    assert queries == QUERIES


def test_a_skip_and_a_change_of_several_todos_have_a_maximum(document: dict[str, Any]) -> None:
    limits = [("get", "skip", 10_000), ("patch", "max", 10_000), ("delete", "max", 10_000), ("get", "limit", 500)]
    for verb, name, maximum in limits:
        parameters = {one["name"]: one["schema"] for one in document["paths"]["/api/todos"][verb]["parameters"]}
        assert parameters[name]["maximum"] == maximum, (verb, name)


@pytest.mark.parametrize("path", ["/api/todos", "/api/trash"])
def test_a_list_has_as_many_items_as_the_largest_limit(document: dict[str, Any], path: str) -> None:
    answer = document["paths"][path]["get"]["responses"]["200"]
    assert answer["content"]["application/json"]["schema"]["maxItems"] == 500
    assert set(answer["headers"]) == {"ETag", "Link", "X-Request-ID"}


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


EXAMPLES = {
    "list_todos": (None, 200),
    "create_todo": ({"title": "Buy milk"}, 201),
    "update_todos": ({"completed": True}, 200),
    "delete_todos": (None, 200),
    "get_todo": (None, 404),
    "update_todo": ({"completed": True}, 404),
    "delete_todo": (None, 404),
    "toggle_todo": (None, 404),
    "move_todo": ({"after": None}, 404),
    "list_trash": (None, 200),
    "rename_tag": ({"name": "household"}, 200),
    "delete_tag": (None, 200),
    "get_counts": (None, 200),
    "restore_todo": (None, 404),
    "purge_todo": (None, 404),
}


@pytest.mark.parametrize(("operation_id", "body", "status"), [(one, *sent) for one, sent in EXAMPLES.items()])
def test_the_examples_of_parameters_are_accepted(
    document: dict[str, Any], owner: Person, operation_id: str, body: dict[str, object] | None, status: int
) -> None:
    verb, path, _ = OPERATIONS[operation_id]
    sent: dict[str, dict[str, Any]] = {"path": {}, "query": {}, "header": {}}
    for parameter in document["paths"][path][verb]["parameters"]:
        sent[parameter["in"]][parameter["name"]] = parameter["schema"]["examples"][0]
    url = path.format(**sent["path"])
    answer = owner.http.request(verb, url, params=sent["query"], headers=sent["header"], json=body)
    assert answer.status_code == status, answer.text


@pytest.mark.parametrize("condition", ["If-Match", "If-None-Match"])
def test_the_examples_of_a_put_are_accepted(document: dict[str, Any], owner: Person, condition: str) -> None:
    verb, path, _ = OPERATIONS["put_todo"]  # the two headers exclude each other
    examples = {one["name"]: one["schema"]["examples"][0] for one in document["paths"][path][verb]["parameters"]}
    url = path.format(todo_id=examples["todo_id"])
    answer = owner.http.put(url, json={"title": "Buy milk"}, headers={condition: examples[condition]})
    assert answer.status_code == (404 if condition == "If-Match" else 201)


def test_the_example_of_a_token_of_changes_is_one_of_another_user(document: dict[str, Any], owner: Person) -> None:
    (since, _) = document["paths"]["/api/changes"]["get"]["parameters"]
    answer = owner.http.get("/api/changes", params={"since": since["schema"]["examples"][0]})
    (error,) = expect_invalid(answer, ["query", "since"])
    assert error["type"] == "token_invalid"
