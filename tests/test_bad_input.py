"""Test that no input causes a 5xx, is repeated in an answer, or breaks a later request."""

import json
import random
from base64 import urlsafe_b64encode
from collections.abc import Iterator

import httpx
import pytest

from tests.conftest import Person
from tests.expect import expect_invalid, expect_problem
from tests.live import Api

MARK = "ZmarkZ"
"""Send this text in requests. No answer may contain it."""
SOME_ID = "7c1a6f1e-6d0b-4f9c-8f0e-1d2c3b4a5968"
JSON = {"Content-Type": "application/json"}


@pytest.fixture(autouse=True)
def _nothing_crashes(api: Api) -> Iterator[None]:
    before = len(api.log.read_text())
    yield
    log = api.log.read_text()[before:]
    assert "Traceback" not in log
    assert " 500 " not in log


UNREADABLE = {
    "empty": b"",
    "truncated": b'{"title": "ZmarkZ',
    "not JSON": b"title=ZmarkZ",
    "two values": b'{"title": "ZmarkZ"} {}',
    "control character": b'{"title": "ZmarkZ\n"}',
    "NUL around it": b'\0{"title": "ZmarkZ"}\0',
    "half an escape": rb'{"title": "ZmarkZ\u12"}',
    "not UTF-8": b'{"title": "ZmarkZ\xff"}',
    "Latin-1": '{"title": "Käse"}'.encode("latin-1"),
    "number of 5,000 digits": b'{"title": ' + b"9" * 5_000 + b"}",
    "[ 50,000 deep": b"[" * 50_000,
    "[] 30,000 deep": b"[" * 30_000 + b"]" * 30_000,
    "{ 10,000 deep": b'{"a":' * 10_000,
}

NO_TODO = {
    "": {"null": b"null", "list": b"[]", "text": b'"ZmarkZ"', "number": b"1", "NaN": b"NaN"},
    "title": {
        "NUL": rb'{"title": "ZmarkZ\u0000"}',
        "lone surrogate": rb'{"title": "ZmarkZ\ud800"}',
        "surrogate in UTF-8": b'{"title": "ZmarkZ\xed\xa0\x80"}',
        "surrogates in a list": rb'{"title": ["ZmarkZ\ud800"]}',
        "surrogates in an object": rb'{"title": {"\ud800": {"ZmarkZ": "\udfff"}}}',
        "NaN": b'{"title": NaN}',
        "1e999": b'{"title": 1e999}',
        "nested": b'{"title": ' + b"[" * 900 + b"]" * 900 + b"}",
        "twice": rb'{"title": "x", "title": "ZmarkZ\u0000"}',
    },
    "description": {
        "NUL": rb'{"title": "x", "description": "\u0000ZmarkZ"}',
        "lone surrogate": rb'{"title": "x", "description": "\udfffZmarkZ"}',
    },
    "completed": {
        "NaN": b'{"title": "x", "completed": NaN}',
        "-Infinity": b'{"title": "x", "completed": -Infinity}',
        "4,000 digits": b'{"title": "x", "completed": ' + b"9" * 4_000 + b"}",
        "word": b'{"title": "x", "completed": "ZmarkZ"}',
        "off": b'{"title": "x", "completed": "off"}',
        "true as text": b'{"title": "x", "completed": "true"}',
        "1 as text": b'{"title": "x", "completed": "1"}',
        "1": b'{"title": "x", "completed": 1}',
        "0.0": b'{"title": "x", "completed": 0.0}',
    },
    "due": {
        "NUL": rb'{"title": "x", "due": "2026-11-24\u0000ZmarkZ"}',
        "lone surrogate": rb'{"title": "x", "due": "\ud800ZmarkZ"}',
        "4,000 digits": b'{"title": "x", "due": ' + b"9" * 4_000 + b"}",
        "4,000 digits as text": b'{"title": "x", "due": "' + b"9" * 4_000 + b'"}',
        "1e999": b'{"title": "x", "due": 1e999}',
    },
    "priority": {
        "word": b'{"title": "x", "priority": "ZmarkZ"}',
        "lone surrogate": rb'{"title": "x", "priority": "\ud800ZmarkZ"}',
        "NaN": b'{"title": "x", "priority": NaN}',
        "nested": b'{"title": "x", "priority": ' + b"[" * 900 + b"]" * 900 + b"}",
    },
    "tags": {
        "text": b'{"title": "x", "tags": "ZmarkZ"}',
        "an object": b'{"title": "x", "tags": {"ZmarkZ": 1}}',
        "30,000 of them": b'{"title": "x", "tags": [' + b"1," * 29_999 + b"1]}",
        "twice": b'{"title": "x", "tags": ["ZmarkZ", "ZmarkZ"]}',
    },
}


@pytest.mark.parametrize("verb", ["POST", "PATCH"])
@pytest.mark.parametrize(
    ("field", "content"),
    [
        *(pytest.param(None, content, id=name) for name, content in UNREADABLE.items()),
        *(
            pytest.param(field, content, id=f"{field or 'todo'} {name}")
            for field, contents in NO_TODO.items()
            for name, content in contents.items()
        ),
    ],
)
def test_a_body_that_is_no_todo_is_422_and_changes_nothing(
    owner: Person, verb: str, field: str | None, content: bytes
) -> None:
    todo = owner.create("as it was")
    path = "/api/todos" if verb == "POST" else f"/api/todos/{todo['id']}"
    answer = owner.http.request(verb, path, content=content, headers=JSON)
    (error,) = expect_problem(answer, 422, "Unprocessable Content")["errors"]
    if field is None:
        assert error["loc"][0] == "body"
    else:
        assert error["loc"] == ["body", field] if field else ["body"]
    assert MARK not in answer.text
    assert owner.http.get("/api/todos").json() == [todo]


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("titel", True),
        ("a" * 64, True),
        ("a" * 65, False),
        ("", False),
        ("two words", False),
        ("<b>", False),
        ("1st", False),
        ("größe", False),
        (r"line\n", False),
        (r"\u0000", False),
        (r"\ud800", False),
    ],
)
def test_the_name_of_an_unknown_field_is_reported_if_it_is_plain(owner: Person, name: str, told: bool) -> None:
    body = f'{{"title": "x", "{name}": "{MARK}"}}'
    answer = owner.http.post("/api/todos", content=body.encode(), headers=JSON)
    expect_invalid(answer, ["body", name] if told else ["body"])
    assert MARK not in answer.text
    assert told or not name or name not in answer.text


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-be", "utf-32"])
def test_json_in_another_encoding_is_read_or_refused(owner: Person, encoding: str) -> None:
    body = '{"title": "Käse"}'.encode(encoding)
    answer = owner.http.post("/api/todos", content=body, headers=JSON)
    assert answer.status_code in (201, 422)
    assert [todo["title"] for todo in owner.http.get("/api/todos").json()] in (["Käse"], [])


NO_JSON = [
    *(None, "", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/plain"),
    *("application/jsonp", "application/json, text/plain", "application/\xff"),
]


@pytest.mark.parametrize(
    ("verb", "path", "content_type"),
    [
        *(("POST", "/api/todos", content_type) for content_type in NO_JSON),
        *(("PATCH", f"/api/todos/{SOME_ID}", content_type) for content_type in NO_JSON),
        ("PUT", f"/api/todos/{SOME_ID}", "text/plain"),
        ("PATCH", "/api/todos?completed=false", "application/x-www-form-urlencoded"),
    ],
)
def test_a_body_without_a_json_content_type_is_415(
    owner: Person, verb: str, path: str, content_type: str | None
) -> None:
    todo = owner.create("as it was")
    headers = [] if content_type is None else [(b"Content-Type", content_type.encode("latin-1"))]
    path = path.replace(SOME_ID, todo["id"])
    answer = owner.http.request(verb, path, content=b'{"title": "ZmarkZ"}', headers=headers)
    problem = expect_problem(answer, 415, "Unsupported Media Type")
    assert "Content-Type: application/json" in problem["detail"]
    assert owner.http.get("/api/todos").json() == [todo]


@pytest.mark.parametrize(
    "content_type", ["application/json; charset=utf-8", "Application/JSON", "application/vnd.api+json"]
)
def test_json_has_several_content_types(owner: Person, content_type: str) -> None:
    headers = {"Content-Type": content_type}
    answer = owner.http.post("/api/todos", content=b'{"title": "x"}', headers=headers)
    assert answer.status_code == 201, answer.text


def cursor(*values: object) -> str:
    """Return a cursor as the API writes it, with any values."""
    text = json.dumps(values, separators=(",", ":"), default=str)
    return urlsafe_b64encode(text.encode()).decode().rstrip("=")


NO_ID = "00000000-0000-0000-0000-000000000000"
LOWEST = cursor("position", "-" + "9" * 40, NO_ID, {}, 0)

QUERIES = {
    "limit": ["0", "501", "-1", "x", "", "1.5", "NaN", "9" * 5_000, "%00", "%FF", "%E2%98%95"],
    "skip": ["-1", "x", "10001", str(2**31 + 7), str(2**63), str(10**30), "9" * 5_000, "%00", "1e3"],
    "completed": ["maybe", "2", "1", "0", "on", "TRUE", "False", "", "%00", "null", "%ED%A0%80"],
    "cursor": [
        *("", "x", "%00", "%E2%98%95", "****", "%2B%2F" * 16),
        *("A" * 31, "A" * 33, "A" * 10_000, "%5B" * 20_000, LOWEST[:-4], LOWEST + "="),
        *(cursor("newest", "1970-01-01T00:00:00Z", NO_ID), cursor("trash", "1970-01-01T00:00:00Z", NO_ID)),
        *(cursor("position"), cursor("position", 5, NO_ID, {}, 0), cursor("position", "5", NO_ID), cursor({})),
        *(cursor("position", text, NO_ID, {}, 0) for text in ("1e3", "NaN", "Infinity", "", "1" * 61, "5\0", None)),
        *(cursor("position", "5", one, {}, 0) for one in ("x", None, 1, NO_ID[:-1])),
        *(cursor("position", "5", NO_ID, {}, skip) for skip in (-1, 10_001, "0", 2**63, None)),
        *(cursor("position", "5", NO_ID, None, 0), cursor("position", "5", NO_ID, [], 0)),
        *(cursor("position", "5", NO_ID, {"q": "\0"}, 0), cursor("position", "5", NO_ID, {"completed": 1}, 0)),
        *(cursor("position", "5", NO_ID, {"tag": [""]}, 0), cursor("position", "5", NO_ID, {"x": 1}, 0)),
        *(cursor("position", "5", NO_ID, {"due_from": "2026-02-30"}, 0), cursor("position", "5", NO_ID, {}, 0, 1)),
        *(cursor("due", due, NO_ID, {}, 0) for due in ("2026-02-30", "~", "", 0)),
        *(cursor("updated", version, NO_ID, {}, 0) for version in (-1, 2**63, "1", 1.5, None)),
    ],
}


@pytest.mark.parametrize(
    ("name", "value"),
    [(name, value) for name, values in QUERIES.items() for value in values],
    ids=lambda value: value[:24],
)
def test_an_invalid_query_is_422(owner: Person, name: str, value: str) -> None:
    answer = owner.http.get(f"/api/todos?{name}={value}")
    expect_invalid(answer, ["query", name])
    assert len(value) < 6 or value not in answer.text


ONE = f"/api/todos/{SOME_ID}"


@pytest.mark.parametrize(
    ("verb", "path"),
    [
        ("GET", "/api/todos"),
        ("HEAD", "/api/todos"),
        ("POST", "/api/todos"),
        ("GET", ONE),
        ("PATCH", ONE),
        ("DELETE", ONE),
        ("POST", f"{ONE}/toggle"),
        ("GET", "/api/me"),
    ],
)
@pytest.mark.parametrize(
    ("name", "told"),
    [("complete", True), ("access_token", True), ("", False), ("two%20words", False), ("a" * 65, False)],
    ids=["complete", "access_token", "empty", "two words", "long"],
)
def test_an_unknown_parameter_is_422_and_not_repeated(
    anonymous: httpx.Client, owner: Person, verb: str, path: str, name: str, told: bool
) -> None:
    todo = owner.create("as it was")
    url = f"{path.replace(SOME_ID, todo['id'])}?{name}={MARK}"
    assert anonymous.request(verb, url, json={}).status_code == 401
    answer = owner.http.request(verb, url, json={"title": "changed"})
    assert answer.status_code == 422
    assert MARK not in answer.text + str(answer.headers)
    if verb != "HEAD":
        expect_invalid(answer, ["query", name] if told else ["query"])
    assert owner.http.get("/api/todos").json() == [todo]


def test_a_parameter_that_is_sent_twice_is_422(owner: Person) -> None:
    expect_invalid(owner.http.get("/api/todos?limit=1&limit=2"), ["query", "limit"])


def test_a_cursor_from_before_the_first_todo_is_valid(owner: Person) -> None:
    owner.create()
    answer = owner.http.get("/api/todos", params={"cursor": LOWEST})
    assert (answer.status_code, answer.json()) == (200, [])


def test_skip_and_cursor_together_are_refused(owner: Person) -> None:
    answer = owner.http.get("/api/todos", params={"cursor": LOWEST, "skip": 1})
    expect_invalid(answer, ["query", "skip"])


@pytest.mark.parametrize(
    "target",
    [
        *("/..", "//api/todos", "/api//todos", "/api/todos/", "/api/todos//toggle", "*", "/%00"),
        *("/api/todos/..", "/api/todos/../../etc/passwd", "/api/todos/%2e%2e%2f", "/%ff%fe"),
        *("/api/todos/%00", "/api/todos/%ff", "/api/todos/%ED%A0%80", "/api/todos/%0d%0aA:%20b"),
        *(f"/api/todos/{{{SOME_ID}}}", f"/api/todos/urn:uuid:{SOME_ID}", f"/api/{SOME_ID.upper()}"),
        *("/api/todos/" + MARK * 5_000, f"/{MARK}?{MARK}", f"http://elsewhere.example/{MARK}"),
    ],
    ids=lambda target: target[:24],
)
def test_an_unknown_path_is_404_or_422(owner: Person, target: str) -> None:
    answer = owner.http.get("/", extensions={"target": target.encode()})
    assert answer.status_code in (404, 422)
    expect_problem(answer, answer.status_code, answer.json()["title"])
    assert MARK not in answer.text + str(answer.headers)


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("a", True),
        ("b0e1f0c4-4c9c-4a49-9b0e-1f0c44c9c4a4", True),
        ("web:01.Az_9", True),
        ("x" * 64, True),
        ("x" * 65, False),
        ("", False),
        ("two words", False),
        ('"<script>', False),
        ("größe", False),
    ],
)
def test_a_request_id_is_kept_if_it_is_valid(anonymous: httpx.Client, sent: str, kept: bool) -> None:
    answer = anonymous.get("/api/todos", headers=[(b"X-Request-ID", sent.encode())])
    problem = expect_problem(answer, 401, "Unauthorized")
    assert (problem["request_id"] == sent) is kept
    assert kept or len(problem["request_id"]) == 32


GOOD = b'{"title": "Buy milk", "completed": false, "due": "2026-11-24", "priority": "low", "tags": ["a", "b"]}'
NAMES = ['"title"', '"description"', '"completed"', '"due"', '"priority"', '"tags"', '"user_id"', f'"{MARK} "']
NAMES += [r'"\ud800"', "1"]
VALUES = ["null", "true", "1", "NaN", "1e999", "9" * 400, "[[[", "{}", f'"{MARK}"', '"x"', '""']
VALUES += ['"2026-11-24"', '"high"', '["a"]', '["a", "a"]', r'["\u0000"]', f'["{MARK}", 1]']
VALUES += [r'"\u0000"', r'"\udc00\ud800"', '"é☕"', '"' + "y" * 2_001 + '"']
PARTS = ["api", "todos", "me", "toggle", "health", "", "..", "%00", "%ff", "%2f", SOME_ID, MARK]
TYPES = [*["application/json"] * 5, "application/json;", "application/x+json", "text/plain", "\xff"]


def any_body(chance: random.Random) -> bytes:
    match chance.randrange(3):
        case 0:
            body = bytearray(GOOD)
            body[chance.randrange(len(body))] = chance.randrange(256)
            return bytes(body)
        case 1:
            members = (f"{chance.choice(NAMES)}: {chance.choice(VALUES)}" for _ in range(2))
            return f"{{{', '.join(members)}}}".encode()
        case _:
            return "".join(chance.choices([*NAMES, *VALUES, *'{}[]:,"\\'], k=8)).encode()


def any_request(chance: random.Random, todo_id: str) -> tuple[str, str]:
    names = chance.choices(list(QUERIES), k=chance.randrange(3))
    query = "&".join(f"{name}={chance.choice(QUERIES[name])}" for name in names)
    path = "/".join(["", *chance.choices([*PARTS, todo_id], k=chance.randrange(1, 5))])
    one = f"/api/todos/{todo_id}"
    verb = chance.choice(["GET", "POST", "PATCH", "DELETE", "PUT", "OPTIONS", "HEAD"])
    usual = [("GET", "/api/todos"), *[("POST", "/api/todos"), ("PATCH", one)] * 3]
    verb, path = chance.choice([*usual, ("POST", f"{one}/toggle"), ("DELETE", one), (verb, path)])
    return verb, f"{path}?{query}"


def test_nothing_that_a_client_sends_causes_a_5xx(owner: Person) -> None:
    todo = owner.create()
    chance = random.Random(0)
    for _ in range(500):
        answer = owner.http.request(
            *any_request(chance, todo["id"]),
            content=any_body(chance),
            headers=[(b"Content-Type", chance.choice(TYPES).encode("latin-1"))],
        )
        assert answer.status_code < 500
        if answer.status_code >= 400 and answer.request.method != "HEAD":
            expect_problem(answer, answer.status_code, answer.json()["title"])
            assert MARK not in answer.text
        if answer.status_code == 204:
            todo = owner.create()
    owner.create("it still works")
