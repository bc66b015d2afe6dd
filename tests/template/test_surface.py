"""The routes and schemas of this repository, and no others. A copy has more."""

import httpx

from tests.test_openapi import OPERATIONS

SCHEMAS = {"InvalidField", "ProblemDetails", "TodoCreate", "TodoRead", "TodoUpdate", "UserRead"}


def test_there_are_no_other_operations_and_schemas(anonymous: httpx.Client) -> None:
    document = anonymous.get("/openapi.json").json()
    paths = {path: verbs for path, verbs in document["paths"].items() if path.startswith("/api")}
    assert {operation["operationId"] for verbs in paths.values() for operation in verbs.values()} == set(OPERATIONS)
    assert set(document["components"]["schemas"]) == SCHEMAS | {"ValidationProblemDetails"}
