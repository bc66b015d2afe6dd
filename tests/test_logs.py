"""Test the log: its two formats, and the id of the request in each line."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from websockets.sync.client import connect

from tests.conftest import Database, Person
from tests.expect import expect_unavailable
from tests.issuer import Issuer
from tests.live import Api, launch, running, stop, wait_for, wait_until_ready

TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
# A busy machine may stop any endpoint for so long. The endpoint `blocks` stops by itself.
BUSY = re.compile(r"(?!blocks )\w+ blocked all requests for ")
AWAY = {"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/nothing", "DB_TIMEOUT": "0.2"}


@pytest.fixture(scope="module")
def text(issuer: Issuer) -> Iterator[Api]:
    """Run an API that logs text, and whose database is away."""
    with running("tests.logging_app:app", BETTER_AUTH_URL=issuer.origin, **AWAY) as api:
        yield api


@pytest.fixture(scope="module")
def objects(issuer: Issuer) -> Iterator[Api]:
    """Run an API that logs JSON, and whose database is away."""
    variables = {"BETTER_AUTH_URL": issuer.origin, "LOG_FORMAT": "json"}
    with running("tests.logging_app:app", **variables, **AWAY) as api:
        yield api


def lines(api: Api, request_id: str, count: int = 1) -> list[dict[str, Any]]:
    """Return the objects with the id, as soon as there are `count`. Every line has to be an object."""

    def find() -> list[dict[str, Any]]:
        logged = [json.loads(line) for line in api.log.read_text().splitlines()]
        found = [one for one in logged if one["request_id"] == request_id and not BUSY.match(one["message"])]
        return found if len(found) >= count else []

    found: list[dict[str, Any]] = wait_for(find, log=api.log)
    return found


def get(api: Api, path: str, request_id: str, token: str | None = None, **arguments: Any) -> httpx.Response:
    with api.client(token) as http:
        return http.get(path, headers={"X-Request-ID": request_id}, **arguments)


def test_json_describes_a_request_by_its_route(api: Api, database: Database, issuer: Issuer, owner: Person) -> None:
    todo = owner.create()
    variables = {"DATABASE_URL": database.api_url, "BETTER_AUTH_URL": issuer.origin, "LOG_FORMAT": "json"}
    with running(**variables) as api:
        wait_until_ready(api)
        assert get(api, f"/api/todos/{todo['id']}", "found", owner.token).status_code == 200
        assert get(api, "/nothing/here", "not-found").status_code == 404
        (found,), (not_found,) = lines(api, "found"), lines(api, "not-found")
    time = datetime.fromisoformat(found.pop("time"))
    assert abs((datetime.now(UTC) - time).total_seconds()) < 60
    milliseconds = found.pop("milliseconds")
    assert 0 < milliseconds < 10_000
    assert found == {
        "level": "INFO",
        "logger": "todo",
        "message": f"GET /api/todos/{todo['id']} 200 {milliseconds:.1f}ms",
        "request_id": "found",
        "method": "GET",
        "route": "/api/todos/{todo_id}",
        "status": 200,
    }
    assert (not_found["route"], not_found["status"]) == (None, 404)
    assert owner.id not in api.url + json.dumps([found, not_found])


def test_a_route_has_the_prefix_of_its_router(objects: Api) -> None:
    assert get(objects, "/logs/blocks/x", "prefix").status_code == 200
    assert [line["route"] for line in lines(objects, "prefix", 3) if "route" in line] == ["/logs/blocks/{name}"]


def test_lines_outside_of_a_request_have_no_id(text: Api, objects: Api) -> None:
    started = next(line for line in text.log.read_text().splitlines() if "startup complete" in line)
    assert re.fullmatch(rf"{TIME} INFO uvicorn\.error: Application startup complete\. \[-\]", started)
    first = json.loads(objects.log.read_text().splitlines()[0])
    assert re.fullmatch(TIME, first.pop("time"))
    assert first.pop("message").startswith("Started server process")
    assert first == {"level": "INFO", "logger": "uvicorn.error", "request_id": None}


@pytest.mark.parametrize(
    ("path", "messages"),
    [
        ("/logs/thread", {"in a thread"}),
        ("/logs/task", {"in a task", "in a thread of a task"}),
        ("/logs/later", {"in the background"}),
        ("/logs/blocks/x", {"name: x", "blocks blocked all requests for"}),
        ("/logs/crash?text=x", {"crash"}),
    ],
    ids=["thread", "task", "background", "blocked", "crash"],
)
def test_each_line_of_a_request_has_its_id(text: Api, objects: Api, path: str, messages: set[str]) -> None:
    request_id = f"of{path.partition('?')[0].replace('/', '-')}"
    for api in (text, objects):
        get(api, path, request_id)
    found = {line["message"] for line in lines(objects, request_id, len(messages) + 1)}
    written = wait_for(
        lambda: (
            len(marked := re.findall(rf"^{TIME} (.*) \[{request_id}\]$", text.log.read_text(), re.MULTILINE))
            > len(messages)
            and marked
        )
    )
    for message in [*messages, f"GET {path.partition('?')[0]} "]:
        assert any(one.startswith(message) for one in found), found
        assert any(f": {message}" in line for line in written), written


def test_the_line_of_a_503_has_its_id(text: Api, objects: Api, issuer: Issuer) -> None:
    def ask(api: Api) -> str:
        # The cause is logged when the database is tried again, which happens once a second.
        expect_unavailable(get(api, "/api/todos", "away", issuer.token("somebody")), "The database cannot")
        return api.log.read_text()

    cause = r"The database cannot be reached, or does not answer in time\. Connection refused"
    wait_for(lambda: re.search(rf"^{TIME} WARNING todo\.db: {cause} \[away\]$", ask(text), re.MULTILINE))
    wait_for(lambda: re.search(rf'"todo\.db", "message": "{cause}", "request_id": "away"', ask(objects)))
    # A request's own line is written after its answer.
    wait_for(lambda: {line["status"] for line in lines(objects, "away") if line["logger"] == "todo"} == {503})


def test_a_socket_has_an_id(objects: Api) -> None:
    address = objects.url.replace("http://", "ws://")
    with connect(f"{address}/logs/socket", additional_headers={"X-Request-ID": "socket"}, proxy=None) as socket:
        assert list(socket) == []
    assert "in a socket" in [line["message"] for line in lines(objects, "socket", 2)]


FORGED = "\n2026-11-24T00:00:00.000Z ERROR todo: forged\r\x1b[2K\u2028\x85\u202e\u200b"


def test_a_tag_in_a_path_is_not_logged(text: Api, objects: Api, issuer: Issuer) -> None:
    for api in (text, objects):
        get(api, "/api/tags/of%20a%2Fuser", "a-tag", issuer.token("somebody"))
        with api.client(issuer.token("somebody")) as http:
            http.delete("/api/tags/of%20a%2Fuser", headers={"X-Request-ID": "a-tag"})
    (_, line) = lines(objects, "a-tag", 2)
    assert (line["route"], line["method"]) == ("/api/tags/{name:text}", "DELETE")
    assert line["message"].startswith("DELETE /api/tags/{name:text} ")
    wait_for(lambda: "DELETE /api/tags/{name:text} " in text.log.read_text())
    assert not any("user" in api.log.read_text().replace("user_id", "") for api in (text, objects))


PREFLIGHT = {"Origin": "http://localhost:3000", "Access-Control-Request-Method": "PATCH"}
UNROUTED: dict[str, tuple[str, dict[str, str], bytes, int]] = {
    "preflight": ("OPTIONS", PREFLIGHT, b"", 200),
    "large body": ("PATCH", {"Content-Type": "application/json"}, b"x" * 70_000, 413),
}


@pytest.mark.parametrize(("verb", "headers", "body", "status"), UNROUTED.values(), ids=UNROUTED)
def test_a_tag_is_not_logged_when_no_route_was_reached(
    objects: Api, verb: str, headers: dict[str, str], body: bytes, status: int
) -> None:
    request_id = f"unrouted-{status}"
    with objects.client() as http:
        path, sent = "/api/tags/private%2Fname", {**headers, "X-Request-ID": request_id}
        assert http.request(verb, path, headers=sent, content=body).status_code == status
    (line,) = lines(objects, request_id)
    assert (line["route"], line["method"], line["status"]) == ("/api/tags/{name:text}", verb, status)
    assert "private" not in objects.log.read_text()


@pytest.mark.parametrize("path", ["/logs/crash?text=", "/logs/blocks/"], ids=["exception", "message"])
def test_nobody_can_forge_a_line(text: Api, objects: Api, path: str) -> None:
    request_id = f"forged-{path[6:11]}"
    for api in (text, objects):
        get(api, path + quote(FORGED), request_id)
    assert any(FORGED in str(value) for line in lines(objects, request_id, 2) for value in line.values())
    wait_for(lambda: re.search(rf" GET /logs/\S+ \d+ \S+ \[{request_id}\]$", text.log.read_text(), re.MULTILINE))
    logged = text.log.read_bytes().decode().split("\n")
    assert any("ERROR todo: forged" in line for line in logged)
    assert not any(re.search(r"[\x00-\x1f\x7f-\x9f\u2028\u202e\u200b]", line) for line in logged)
    genuine = rf"{TIME} [A-Z]+ [\w.]+: .* \[[\w.:-]+\]"
    assert [line for line in logged if not re.fullmatch(rf"{genuine}|  .*|", line)] == []


def test_json_has_the_fields_of_extra_and_never_fails(objects: Api) -> None:
    assert get(objects, "/logs/extra", "extra").status_code == 200
    simple, strange, _ = lines(objects, "extra", 3)
    assert (simple["count"], simple["who"], simple["level"]) == (3, {"name": "Ann"}, "WARNING")
    assert (strange["message"], strange["cycle"], strange["infinite"]) == ("strange", "[[...]]", "inf")
    assert strange["object"] == "<Unprintable>"


def test_json_has_an_exception_in_one_field(objects: Api) -> None:
    get(objects, "/logs/crash?text=reason", "crashed")
    crash, answer = lines(objects, "crashed", 2)
    assert crash["exception"].startswith("Traceback (most recent call last):\n")
    assert crash["exception"].endswith("\nLookupError: reason")
    assert answer["status"] == 500
    assert "exception" not in answer


def test_the_traceback_of_a_crash_names_the_endpoint_in_a_thread(objects: Api) -> None:
    assert get(objects, "/logs/crash-in-thread", "in-thread").status_code == 500
    crash, _ = lines(objects, "in-thread", 2)
    assert ", in crash_in_thread\n" in crash["exception"]


def test_an_unknown_format_is_refused(tmp_path: Path, issuer: Issuer) -> None:
    api = launch(0, tmp_path, BETTER_AUTH_URL=issuer.origin, LOG_FORMAT="xml", **AWAY)
    try:
        assert api.process.wait(60) != 0
        assert "LOG_FORMAT must be 'text' or 'json'." in api.log.read_text()
    finally:
        stop(api)
