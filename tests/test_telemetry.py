"""Test the traces and metrics of OpenTelemetry: the test is the collector that receives them."""

import json
import re
from dataclasses import dataclass
from typing import Any

import pytest

from db.telemetry import summarize
from tests.collector import Collector, Span, attributes, collecting
from tests.conftest import Database, new_user_id
from tests.expect import expect_problem, expect_unauthorized
from tests.issuer import Issuer
from tests.live import running, wait_for, wait_until_ready

SERVER, CLIENT = 2, 3
ERROR = 2
PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@dataclass
class Exported:
    """Describe what the API exported, and logged."""

    collector: Collector
    database: str
    sent: list[str]
    log: list[dict[str, Any]]

    def request(self, name: str) -> Span:
        """Return the only span of a request."""
        (span,) = (span for span in self.collector.named(name) if span.kind == SERVER)
        return span

    def statements(self, request: str) -> list[Span]:
        """Return the spans of statements that are descendants of a request, in order."""
        by_id = {one.id: one for one in self.collector.spans}

        def root(span: Span) -> Span:
            return root(by_id[span.parent_id]) if span.parent_id in by_id else span

        return [span for span in self.collector.spans if span.kind == CLIENT and root(span).name == request]


def exporting(collector: Collector) -> dict[str, str]:
    return {"FASTAPI_OTEL_AUTO_CONFIGURE": "true", "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url}


@pytest.fixture(scope="module")
def exported(database: Database, issuer: Issuer) -> Exported:
    """Send requests to an API with a collector, and stop it, so that everything is exported."""
    user_id = new_user_id()
    database.add_user(user_id)
    token = issuer.token(user_id)
    with collecting() as collector:
        settings = {"DATABASE_URL": database.api_url, "BETTER_AUTH_URL": issuer.origin, "LOG_FORMAT": "json"}
        with running("tests.logging_app:app", **settings, **exporting(collector)) as api, api.client(token) as http:
            wait_until_ready(api)
            todo = http.post("/api/todos", json={"title": "a title"}, headers={"traceparent": PARENT}).json()
            assert http.get(f"/api/todos/{todo['id']}").status_code == 200
            assert http.patch(f"/api/todos/{todo['id']}?access_token={token}&{token}", json={}).status_code == 422
            assert http.delete("/api/tags/of%20a%2Fuser").json() == {"changed": 0}
            assert http.post("/logs/session?title=another%20title").json() == 2
            expect_problem(http.get("/logs/divide"), 500, "Internal Server Error")
            expect_problem(http.get("/logs/crash?text=a%20reason"), 500, "Internal Server Error")
            with api.client() as anonymous:
                expect_unauthorized(anonymous.get("/api/me"), "There is no token")
            log = wait_for(lambda: "GET /api/me 401" in (text := api.log.read_text()) and text)
    sent = [user_id, token, "a title", "another", "a reason", issuer.origin, "of a/user", "of%20a"]
    return Exported(collector, database.url, sent, [json.loads(line) for line in log.splitlines()])


def test_a_statement_is_a_span_of_its_request(exported: Exported) -> None:
    (insert,) = exported.statements("POST /api/todos")
    name = insert.attributes.pop("db.namespace")
    assert f"/{name}?" in exported.database
    assert (insert.name, insert.status, insert.events) == ("INSERT todo", 0, [])
    assert insert.attributes == {
        "db.system.name": "postgresql",
        "db.operation.name": "INSERT",
        "db.query.summary": "INSERT todo",
    }
    assert [span.name for span in exported.statements("GET /api/todos/{todo_id}")] == ["SELECT todo"]
    assert exported.statements("GET /api/me") == []


def test_each_statement_of_a_session_is_a_span(exported: Exported) -> None:
    statements = exported.statements("POST /logs/session")
    assert [span.name for span in statements] == ["INSERT todo", "SELECT todo", "COMMIT"]


def test_a_request_continues_the_trace_of_its_client(exported: Exported) -> None:
    request = exported.request("POST /api/todos")
    assert (request.trace_id, request.parent_id) == tuple(PARENT.split("-")[1:3])
    assert exported.statements(request.name)[0].trace_id == request.trace_id
    assert exported.request("GET /api/todos/{todo_id}").parent_id == ""


def test_a_statement_that_fails_has_the_code_of_its_error(exported: Exported) -> None:
    (division,) = exported.statements("GET /logs/divide")
    assert (division.name, division.status) == ("SELECT", ERROR)
    assert division.attributes["error.type"] == division.attributes["db.response.status_code"] == "22012"


@pytest.mark.parametrize(
    ("path", "kind", "function"),
    [("crash", "LookupError", "crash"), ("divide", "sqlalchemy.exc.DataError", "divide")],
    ids=["exception", "statement"],
)
def test_a_crash_is_recorded_in_its_request(exported: Exported, path: str, kind: str, function: str) -> None:
    request = exported.request(f"GET /logs/{path}")
    assert (request.status, request.attributes["http.response.status_code"]) == (ERROR, 500)
    ((event, details),) = request.events
    assert (event, details["exception.type"], details["exception.message"]) == ("exception", kind, "")
    assert f", in {function}\n" in details["exception.stacktrace"]
    assert exported.request("GET /api/me").events == []
    assert exported.request("GET /api/me").status == 0


def test_no_value_is_exported(exported: Exported) -> None:
    bodies = [body for received in exported.collector.bodies.values() for body in received]
    for value in exported.sent:
        assert not any(value.encode() in body for body in bodies), value
    assert not any("db.query.text" in span.attributes for span in exported.collector.spans)
    assert exported.request("PATCH /api/todos/{todo_id}").attributes["url.query"] == "access_token=REDACTED"
    assert exported.request("DELETE /api/tags/{name}").attributes["url.path"] == "/api/tags/{name:text}"
    assert exported.collector.bodies.keys() == {"/v1/traces", "/v1/metrics"}


def test_statements_and_waits_for_a_slot_have_metrics(exported: Exported) -> None:
    durations = exported.collector.metrics["db.client.operation.duration"]
    counts = {attributes(point)["db.query.summary"]: point.count for point in durations}
    assert counts == {"INSERT todo": 2, "SELECT todo": 2, "UPDATE todo": 1, "COMMIT": 1, "SELECT": 1}
    assert [attributes(point).get("error.type") for point in durations].count("22012") == 1
    assert all(0 < point.sum < 60 for point in durations)
    (waits,) = exported.collector.metrics["db.client.connection.wait_time"]
    assert waits.count == 5  # the statements of a transaction use one connection
    assert "db.client.connection.pool.name" in attributes(waits)


def test_the_lines_of_a_request_have_its_trace(exported: Exported) -> None:
    (line,) = (line for line in exported.log if line.get("route") == "/api/todos")
    request = exported.request("POST /api/todos")
    assert (line["trace_id"], line["span_id"]) == (request.trace_id, request.id)
    assert "trace_id" not in exported.log[0]


def test_a_statement_without_a_connection_is_an_error(issuer: Issuer) -> None:
    nowhere = {"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/nothing", "DB_TIMEOUT": "0.2"}
    with collecting() as collector:
        variables = {**nowhere, "BETTER_AUTH_URL": issuer.origin, **exporting(collector)}
        with running("tests.logging_app:app", **variables) as api, api.client() as http:
            assert http.get("/logs/elsewhere").status_code == 503
    (span,) = (span for span in collector.spans if span.kind == CLIENT)
    assert (span.name, span.status) == ("SELECT", ERROR)
    assert span.attributes["error.type"] == "psycopg2.OperationalError"
    assert (span.attributes["server.address"], span.attributes["server.port"]) == ("127.0.0.1", 1)
    assert collector.metrics["db.client.connection.wait_time"][0].count == 1


@pytest.mark.parametrize("app", ["logging_app", "without_sdk"])
def test_the_sdk_is_not_imported_when_telemetry_is_off(issuer: Issuer, app: str) -> None:
    variables = {"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/nothing", "BETTER_AUTH_URL": issuer.origin}
    with running(f"tests.{app}:app", **variables) as api, api.client() as http:
        assert http.get("/logs/sdk").json() is False
        assert "telemetry" not in api.log.read_text()


def test_the_api_runs_without_the_packages_when_it_is_on(issuer: Issuer) -> None:
    variables = {"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/nothing", "BETTER_AUTH_URL": issuer.origin}
    variables |= exporting(Collector("http://127.0.0.1:1"))
    with running("tests.without_sdk:app", **variables) as api, api.client() as http:
        assert http.get("/logs/sdk").json() is False
        assert re.search(r"WARNING fastapi: .* telemetry configuration failed", api.log.read_text())
        assert "Traceback" not in api.log.read_text()


@pytest.mark.parametrize(
    ("sql", "summary"),
    [
        ("SELECT id FROM todo WHERE title = %(title)s", "SELECT todo"),
        ('SELECT "user".id FROM "user"', 'SELECT "user"'),
        ("SELECT 1", "SELECT"),
        ("(SELECT 1 FROM todo) UNION SELECT 2", "SELECT todo"),
        ("/* FROM secret */ SELECT id FROM public.todo -- FROM secret", "SELECT public.todo"),
        ("SELECT 'it''s FROM secret', E'\\' FROM secret', $$ FROM secret $$", "SELECT"),
        ("SELECT id FROM todo FOR NO KEY UPDATE SKIP LOCKED", "SELECT todo"),
        ("INSERT INTO todo (id) SELECT 1 FROM tag ON CONFLICT DO UPDATE SET id = 2", "INSERT todo"),
        ("WITH one AS (SELECT id FROM tag FOR UPDATE) UPDATE todo SET id = 1 FROM one", "UPDATE todo"),
        ("WITH one AS (SELECT 1) SELECT * FROM one", "SELECT one"),
        ("delete from only todo", "DELETE todo"),
        ("SET LOCAL work_mem = '4MB'", "SET"),
        ("COMMIT", "COMMIT"),
        ("", "UNKNOWN"),
    ],
)
def test_a_summary_names_the_operation_and_the_table(sql: str, summary: str) -> None:
    assert summarize(sql) == (summary.partition(" ")[0], summary)
