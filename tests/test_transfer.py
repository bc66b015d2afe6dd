"""Test `python -m dev export` and `import`: what is copied, what is left out, and what happens when it fails."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any
from uuid import uuid4

import pytest

from tests.conftest import Person, new_user_id
from tests.issuer import Issuer
from tests.listener import Answer, answering
from tests.live import ROOT, Api, environment, free_port
from tests.replica import Replica, everything_of
from tests.todos import Todo, etags, live_of, trash_of, walk

PRIORITIES = ("none", "low", "medium", "high")
OWN = ("version", "user_id", "updated_at")
"""The fields that an import does not copy."""


@dataclass
class Done:
    """The result of a command."""

    exit_code: int
    output: bytes
    messages: list[str]

    def lines(self) -> list[Todo]:
        """Return the todos of an export."""
        assert not self.output or self.output.endswith(b"\n")
        return [json.loads(line) for line in self.output.split(b"\n")[:-1]]


def command(name: str, token: str, url: str) -> dict[str, Any]:
    """Return the arguments of `subprocess` for a command of a user."""
    return {
        "args": [sys.executable, "-m", "dev", name],
        "cwd": ROOT,
        "env": environment(TOKEN=token, API_URL=url),
        "stdout": subprocess.PIPE,
        "stderr": subprocess.PIPE,
    }


def run(name: str, token: str, url: str, file: bytes = b"") -> Done:
    """Run a command with a file as its input. Assert that no traceback is printed."""
    done = subprocess.run(**command(name, token, url), input=file, check=False, timeout=120)
    messages = done.stderr.decode()
    assert "Traceback" not in messages, messages
    return Done(done.returncode, done.stdout, messages.splitlines())


def export(person: Person, api: Api) -> bytes:
    """Return the export of a user's todos."""
    done = run("export", person.token, api.url)
    assert done.exit_code == 0, done.messages
    return done.output


def jsonl(*todos: object) -> bytes:
    """Return a file with a todo in each line."""
    return b"".join(json.dumps(todo).encode() + b"\n" for todo in todos)


def new(title: str = "Buy milk", **fields: Any) -> Todo:
    """Return a line of an import."""
    return {"id": str(uuid4()), "title": title, **fields}


def summary(created: int = 0, present: int = 0, trash: int = 0, failed: int = 0) -> str:
    """Return the last line of an import."""
    return (
        f"The import is complete. Todos created: {created:,}, present before: {present:,},"
        f" left out because they are in the trash: {trash:,}. Lines that failed: {failed:,}."
    )


def copied(todo: Todo) -> Todo:
    """Return the fields of a todo that an import copies."""
    return {name: value for name, value in todo.items() if name not in OWN}


def listed(person: Person, sort: str) -> list[Todo]:
    """Return what an import copies of all todos of a list, in its order."""
    return [copied(todo) for todo in walk(person.http, f"/api/todos?limit=500&sort={sort}")]


@dataclass
class Front:
    """A proxy before the API. The tests say what happens to a request, which they name by its number from 0."""

    url: str
    answers: dict[int, Answer] = field(default_factory=dict)
    """Answer instead of the API."""
    lost: set[int] = field(default_factory=set)
    """Close the connection after the API has answered."""
    tokens: dict[int, str] = field(default_factory=dict)
    """Replace the token."""
    bodies: list[bytes] = field(default_factory=list)
    """The body of each request."""
    times: list[float] = field(default_factory=list)
    """The time of each request."""


@pytest.fixture
def front(api: Api) -> Iterator[Front]:
    """Run the proxy."""
    with proxy(api) as front:
        yield front


@contextmanager
def proxy(api: Api) -> Iterator[Front]:
    """Forward requests to the API until the block ends."""

    def forward(request: BaseHTTPRequestHandler, body: bytes) -> Answer | None:
        number = len(front.bodies)
        front.bodies.append(body)
        front.times.append(time.monotonic())
        if number in front.answers:
            answered = front.answers[number]
        else:
            names = ("Authorization", "Content-Type")
            sent = {name: request.headers[name] for name in names if name in request.headers}
            if number in front.tokens:
                sent["Authorization"] = f"Bearer {front.tokens[number]}"
            answer = http.request(request.command, request.path, headers=sent, content=body)
            answered = answer.status_code, {"Content-Type": "application/json"}, answer.content
        return None if number in front.lost else answered

    with api.client() as http, answering(forward) as url:
        front = Front(url)
        yield front


# --- What is copied


def test_an_export_has_every_todo_as_the_api_returns_it(owner: Person, stranger: Person, api: Api) -> None:
    assert run("export", owner.token, api.url).messages == [
        "The export is complete. Todos: 0, of them in the trash: 0."
    ]
    stranger.create("of somebody else")
    owner.create("two\u2028lines", description='with\nlines, "quotes" and 🥛', tags=["a", "ü"], due="2026-11-24")
    owner.trash(owner.create("in the trash"))
    owner.purge(owner.create("gone for good"))
    done = run("export", owner.token, api.url)
    assert done.exit_code == 0
    assert {todo["id"]: todo for todo in done.lines()} == everything_of(owner.http)
    assert done.output == b"".join(
        json.dumps(todo, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
        for todo in owner.http.get("/api/changes").json()["todos"]
    )
    assert done.messages == ["The export is complete. Todos: 2, of them in the trash: 1."]


def test_10_000_todos_are_copied_into_another_account(owner: Person, stranger: Person, api: Api) -> None:
    for batch in range(20):
        put = [
            new(
                f"Todo {batch} {number}",
                description="x" * number or None,
                completed=number % 3 == 0,
                due=(None, "2026-11-24", f"2026-11-{1 + number % 30:02}T09:{number % 60:02}")[number % 3],
                priority=PRIORITIES[number % 4],
                tags=[f"tag {tag}" for tag in range(number % 4)],
                created_at=f"2026-01-{1 + batch:02}T00:{number // 60:02}:{number % 60:02}.{number:06}Z",
                **({"completed_at": "2026-11-01T00:00:00Z"} if number % 6 == 0 else {}),
            )
            for number in range(500)
        ]
        results = owner.http.post("/api/batch", json={"put": put}).json()["results"]
        assert {result["status"] for result in results} == {201}
    oldest, newest = owner.http.get("/api/todos?skip=9999").json()[-1], owner.http.get("/api/todos?limit=1").json()[0]
    for todo, after in ((oldest, None), (newest, oldest["id"])):
        assert owner.http.post(f"/api/todos/{todo['id']}/move", json={"after": after}).status_code == 200
    start = time.monotonic()
    file = export(owner, api)
    middle = time.monotonic()
    done = run("import", stranger.token, api.url, file)
    end = time.monotonic()
    assert (done.exit_code, done.messages[-1]) == (0, summary(created=10_000)), done.messages
    assert middle - start < 30, "the export must take less than 30 s"
    assert end - middle < 30, "the import must take less than 30 s"
    by_hand = listed(owner, "position")
    assert len(by_hand) == 10_000
    assert by_hand[0]["id"] == oldest["id"]
    assert listed(stranger, "position") == by_hand
    assert listed(stranger, "due") == listed(owner, "due")
    before = etags(stranger)
    done = run("import", stranger.token, api.url, file)
    assert (done.exit_code, done.messages[-1]) == (0, summary(present=10_000))
    assert etags(stranger) == before, "the same file twice changes nothing"


def test_an_import_leaves_out_the_trash(owner: Person, stranger: Person, api: Api) -> None:
    kept = owner.create("kept")
    for title in ("one", "two"):
        owner.trash(owner.create(title))
    done = run("import", stranger.token, api.url, export(owner, api))
    assert (done.exit_code, done.output, done.messages) == (0, b"", [summary(created=1, trash=2)])
    assert [copied(todo) for todo in live_of(stranger)] == [copied(kept)]
    assert trash_of(stranger) == []


def test_the_last_line_of_a_todo_is_imported(owner: Person, api: Api) -> None:
    changed, deleted = new("old"), new("deleted")
    file = jsonl(changed, deleted, {**changed, "id": changed["id"].upper(), "title": "new"})
    file += jsonl({**deleted, "deleted_at": "2026-11-24T08:00:00Z"})
    for counts in ({"created": 1, "trash": 1}, {"present": 1, "trash": 1}):
        assert run("import", owner.token, api.url, file).messages == [summary(**counts)]
        assert [(todo["id"], todo["title"]) for todo in live_of(owner)] == [(changed["id"], "new")]


def test_a_line_of_an_older_export_may_lack_fields(owner: Person, api: Api) -> None:
    todo = new()
    done = run("import", owner.token, api.url, b"\xef\xbb\xbf" + jsonl(todo).replace(b"\n", b"\r\n") + b"\n \n")
    assert (done.exit_code, done.messages) == (0, [summary(created=1)])
    (stored,) = live_of(owner)
    assert (stored["id"], stored["due"], stored["priority"], stored["tags"]) == (todo["id"], None, "none", [])


def test_requests_are_smaller_than_a_mebibyte(owner: Person, front: Front) -> None:
    long: Todo = {
        "title": "牛" * 200,
        "description": "乳" * 2000,
        "tags": [f"{tag:02}{'酪' * 48}" for tag in range(20)],
    }
    todos = [new(**long) for _ in range(120)] + [new("small") for _ in range(700)]
    done = run("import", owner.token, front.url, jsonl(*todos))
    assert (done.exit_code, done.messages) == (0, [summary(created=820)])
    assert len(front.bodies) > 2
    assert max(map(len, front.bodies)) < 2**20
    assert max(len(json.loads(body)["put"]) for body in front.bodies) == 500
    front.bodies.clear()
    assert len(run("export", owner.token, front.url).lines()) == 820
    assert len(front.bodies) == 5


# --- Lines that fail


def test_a_line_that_fails_is_reported_and_the_others_imported(owner: Person, api: Api) -> None:
    other, twin, moved = (owner.create(title) for title in ("of another content", "the same", "moved"))
    good = [new("good"), new("also good", priority="high")]
    lines: list[tuple[bytes, str]] = [
        (jsonl(good[0]), ""),
        (b"{\n", "This is not the JSON of a todo with an id."),
        (jsonl({**other, "title": "changed"}), "The todo exists with other content. It was not changed."),
        (jsonl({**moved, "position": "5"}), "The todo exists with other content. It was not changed."),
        (jsonl(twin), ""),
        (jsonl(new("")), "title: String should have at least 1 character."),
        (jsonl(new(priority="urgent")), "priority: Input should be 'none', 'low', 'medium' or 'high'."),
        (jsonl(new("\ud800")), "title: Input should be a valid string, unable to parse raw data as a unicode string."),
        (jsonl(new(description=float("nan"))), "description: Input should be a valid string."),
        (jsonl(new(colour="red")), "colour: Extra inputs are not permitted."),
        (jsonl({"title": "without an id"}), "This is not the JSON of a todo with an id."),
        (jsonl(new() | {"id": 7}), "This is not the JSON of a todo with an id."),
        (jsonl([1]), "This is not the JSON of a todo with an id."),
        (b"\xff\xfe\n", "This is not the JSON of a todo with an id."),
        (b"[" * 100_000 + b"\n", "This is not the JSON of a todo with an id."),
        (jsonl(new(description="x" * 2**20)), "The todo is too large."),
        (jsonl(good[1]), ""),
    ]
    done = run("import", owner.token, api.url, b"".join(line for line, _ in lines))
    expected = {f"Line {number}: {reason}" for number, (_, reason) in enumerate(lines, 1) if reason}
    assert set(done.messages[:-1]) == expected
    assert done.exit_code == 1
    assert done.messages[-1] == summary(created=2, present=1, failed=len(expected))
    stored = {todo["title"]: todo for todo in live_of(owner)}
    assert stored.keys() == {"of another content", "the same", "moved", "good", "also good"}
    assert [stored[todo["title"]] for todo in (other, twin, moved)] == [other, twin, moved]


def test_a_todo_in_the_trash_of_the_account_stays_there(owner: Person, api: Api) -> None:
    same, other = owner.create("same"), owner.create("other")
    file = jsonl(same, {**other, "title": "changed"})
    for todo in (same, other):
        owner.trash(todo)
    before = trash_of(owner)
    done = run("import", owner.token, api.url, file)
    assert (done.exit_code, done.messages) == (
        1,
        ["Line 2: The todo exists with other content. It was not changed.", summary(present=1, failed=1)],
    )
    assert (live_of(owner), trash_of(owner)) == ([], before)


# --- Failures of the API and of the network


def test_429_and_503_are_sent_again_after_the_time_they_name(owner: Person, stranger: Person, front: Front) -> None:
    todo = owner.create()
    busy = (json.dumps({"detail": "The database is away."}).encode(), b"<h1>Too many</h1>")
    for number, (status, body) in enumerate(zip((503, 429), busy, strict=True)):
        front.answers[number] = (status, {"Retry-After": str(1 + number)}, body)
    done = run("export", owner.token, front.url)
    retries = [
        "The database is away. The request is sent again in 1 s.",
        "Too Many Requests. The request is sent again in 2 s.",
    ]
    assert (done.exit_code, done.lines()) == (0, [todo])
    assert done.messages[:-1] == retries
    assert front.times[1] - front.times[0] >= 1
    assert front.times[2] - front.times[1] >= 2
    front.answers = {3 + number: answer for number, answer in front.answers.items()}
    done = run("import", stranger.token, front.url, jsonl(todo))
    assert (done.exit_code, done.messages) == (0, [*retries, summary(created=1)])


def test_an_outage_that_lasts_ends_the_command(owner: Person, front: Front) -> None:
    front.answers = dict.fromkeys(range(11), (503, {"Retry-After": "0"}, b'{"detail": "The database is away."}'))
    done = run("export", owner.token, front.url)
    assert (done.exit_code, done.output, len(front.bodies)) == (1, b"", 10)
    assert done.messages == [
        *["The database is away. The request is sent again in 0 s."] * 9,
        "The database is away. The request was sent 10 times. Run the command again later.",
    ]


def test_a_lost_answer_is_requested_again(owner: Person, stranger: Person, front: Front) -> None:
    todos = [owner.create(), owner.create()]
    front.lost = {0, 2}
    done = run("export", owner.token, front.url)
    assert (done.exit_code, done.lines()) == (0, todos)
    assert done.messages[0] == "The connection was lost. The request is sent again in 1 s."
    done = run("import", stranger.token, front.url, done.output)
    assert (done.exit_code, done.messages[-1]) == (0, summary(present=2)), "the first try has created them"
    assert len(live_of(stranger)) == 2


def test_an_import_that_was_interrupted_can_be_repeated(owner: Person, issuer: Issuer, front: Front, api: Api) -> None:
    file = jsonl(*(new(f"Todo {number}") for number in range(700)))
    front.tokens[1] = issuer.token(owner.id, exp=int(time.time()) - 60)
    done = run("import", owner.token, front.url, file)
    assert (done.exit_code, done.output) == (1, b"")
    (message,) = done.messages
    assert message.startswith("The API refused the token. ")
    assert "expired" in message
    assert message.endswith(" Run the command again with a new TOKEN.")
    assert len(everything_of(owner.http)) == 500
    done = run("import", owner.token, api.url, file)
    assert (done.exit_code, done.messages) == (0, [summary(created=200, present=500)])


def test_an_export_ends_when_its_token_expires(owner: Person, issuer: Issuer, front: Front) -> None:
    for number in range(3):
        put = [new(f"Todo {number}") for _ in range(100)]
        assert owner.http.post("/api/batch", json={"put": put}).status_code == 200
    front.tokens[1] = issuer.token(owner.id, exp=int(time.time()) - 60)
    done = run("export", owner.token, front.url)
    assert (done.exit_code, len(done.lines())) == (1, 200)
    (message,) = done.messages
    assert message.startswith("The API refused the token. ")
    assert "expired" in message


@pytest.mark.parametrize("name", ["export", "import"])
def test_a_wrong_token_or_address_is_one_sentence(name: str, api: Api, issuer: Issuer, front: Front) -> None:
    file, token, away = jsonl(new()), issuer.token(new_user_id()), f"http://127.0.0.1:{free_port()}"
    front.answers = {
        0: (200, {}, b"<!doctype html>"),
        1: (200, {}, b"[]"),
        2: (404, {}, json.dumps({"detail": "Not here."}).encode()),
        3: (502, {}, b"<h1>Bad gateway</h1>"),
    }
    path = {"export": "changes", "import": "batch"}[name]
    cases = [
        ("", api.url, 2, "TOKEN is not set. Set it to a JWT of the user. make token prints one of the demo user."),
        ("ü", api.url, 2, "TOKEN is not a JWT, because it has characters that no JWT has."),
        ("a\nb", api.url, 2, "TOKEN is not a JWT, because it has characters that no JWT has."),
        ("abc", api.url, 1, "The API refused the token. "),
        (token, away, 1, f"The API at {away} cannot be reached: "),
        (token, "localhost:8000", 1, "The API at localhost:8000"),
        (token, "http://a b:x", 2, "API_URL must be the address of the API, not 'http://a b:x'."),
        (token, front.url, 1, f"{front.url}/api/{path} does not answer as the API does. Check API_URL."),
        (token, front.url, 1, f"{front.url}/api/{path} does not answer as the API does. Check API_URL."),
        (token, front.url, 1, "The API answered 404. Not here."),
        (token, front.url, 1, "The API answered 502. Bad Gateway."),
    ]
    for sent, url, exit_code, begin in cases:
        done = run(name, sent, url, file)
        assert (done.exit_code, done.output) == (exit_code, b""), (begin, done)
        (message,) = done.messages
        assert message.startswith(begin)


def test_a_reader_that_ends_early_is_one_sentence(owner: Person, api: Api) -> None:
    put = [new("x" * 200, description="x" * 2000) for _ in range(400)]
    assert owner.http.post("/api/batch", json={"put": put}).status_code == 200
    with subprocess.Popen(**command("export", owner.token, api.url)) as process:
        assert process.stdout
        assert process.stderr
        assert json.loads(process.stdout.readline())["title"] == "x" * 200
        process.stdout.close()
        messages = process.stderr.read().decode()
        assert process.wait(30) == 1
    assert messages == "The export is not complete, because its output was closed.\n"


def test_a_todo_that_changes_during_an_export_is_there_as_it_is(owner: Person, stranger: Person, api: Api) -> None:
    todo = owner.create("before")
    replica = Replica(owner.http)
    first = replica.pull()["todos"]
    owner.http.patch(f"/api/todos/{todo['id']}", json={"title": "after"})
    second = replica.pull()["todos"]
    done = run("import", stranger.token, api.url, jsonl(*first, *second))
    assert (done.exit_code, done.messages) == (0, [summary(created=1)])
    assert [one["title"] for one in live_of(stranger)] == ["after"]
