"""Test /api/changes: pages, tokens, what each write reports, and that a walk misses nothing."""

import json
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any
from uuid import uuid4

import httpx
import psycopg2
import pytest

from models.changes import Place
from tests.conftest import Database, Person
from tests.expect import expect_invalid, expect_problem, expect_unauthorized
from tests.issuer import Issuer
from tests.project import Project, running_project
from tests.replica import Replica, everything_of, gone_of, todos_of

Write = Callable[[httpx.Client, str], httpx.Response]


def expect_expired(answer: httpx.Response) -> None:
    """Assert that an answer is the 410 that asks to begin without `since`."""
    problem = expect_problem(answer, 410, "Gone", "/problems/changes-expired")
    assert "since" in problem["detail"]


def test_changes_need_a_token(anonymous: httpx.Client) -> None:
    expect_unauthorized(anonymous.get("/api/changes"), "There is no token")
    assert anonymous.head("/api/changes").status_code == 401


def test_a_user_without_todos_has_a_token_and_no_changes(owner: Person) -> None:
    answer = owner.http.get("/api/changes")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "private, no-store"
    page = answer.json()
    assert list(page) == ["todos", "gone", "next", "more"]
    assert (page["todos"], page["gone"], page["more"]) == ([], [], False)
    todo = owner.create()
    page = owner.http.get("/api/changes", params={"since": page["next"]}).json()
    assert (page["todos"], page["gone"], page["more"]) == ([todo], [], False)


def test_the_first_walk_lists_all_todos_in_order_of_their_versions(owner: Person) -> None:
    todos = [owner.create(f"todo {number}") for number in range(3)]
    todos[0] = owner.http.post(f"/api/todos/{todos[0]['id']}/toggle").json()
    page = owner.http.get("/api/changes").json()
    assert page["todos"] == [todos[1], todos[2], todos[0]]
    assert (page["gone"], page["more"]) == ([], False)


def test_only_own_todos_are_listed(owner: Person, stranger: Person) -> None:
    shared = str(uuid4())
    for person in (owner, stranger):
        assert person.http.put(f"/api/todos/{shared}", json={"title": person.id}).status_code == 201
    theirs = Replica(stranger.http)
    theirs.walk()
    owner.create("mine")
    owner.purge(owner.create("purged"))
    (page,) = theirs.walk()
    assert (page["todos"], page["gone"]) == ([], [])
    assert {todo["user_id"] for todo in theirs.todos.values()} == {stranger.id}
    assert theirs.todos[shared]["title"] == stranger.id


def test_pages_have_next_and_more(owner: Person) -> None:
    todos = [owner.create(f"todo {number}") for number in range(7)]
    pages = Replica(owner.http).walk(3)
    assert [len(page["todos"]) for page in pages] == [3, 3, 1]
    assert [page["more"] for page in pages] == [True, True, False]
    assert todos_of(pages) == todos


def test_a_page_that_is_exactly_full_is_the_last(owner: Person) -> None:
    for number in range(4):
        owner.create(f"todo {number}")
    assert [page["more"] for page in Replica(owner.http).walk(2)] == [True, False]


def test_a_page_has_100_changes_unless_asked_otherwise(owner: Person, database: Database) -> None:
    database.execute(
        "INSERT INTO todo (user_id, title) SELECT %s, 'todo ' || n FROM generate_series(1, 501) n", (owner.id,)
    )
    assert len(owner.http.get("/api/changes").json()["todos"]) == 100
    assert len(owner.http.get("/api/changes?limit=500").json()["todos"]) == 500
    pages = Replica(owner.http).walk(500)
    assert [len(page["todos"]) for page in pages] == [500, 1]
    assert len({todo["id"] for todo in todos_of(pages)}) == 501


@pytest.mark.parametrize("query", ["limit=0", "limit=501", "limit=-1", "limit=x", "limit=", "limit=1&limit=2"])
def test_a_limit_that_is_not_valid_is_refused(owner: Person, query: str) -> None:
    expect_invalid(owner.http.get(f"/api/changes?{query}"), ["query", "limit"])


def test_an_unknown_parameter_is_refused(owner: Person) -> None:
    expect_invalid(owner.http.get("/api/changes?completed=true"), ["query", "completed"])


def test_limit_counts_todos_and_gone_ones_together(owner: Person) -> None:
    todos = [owner.create(f"todo {number}") for number in range(6)]
    replica = Replica(owner.http)
    replica.walk()
    for number, todo in enumerate(todos):
        if number % 2:
            owner.purge(todo)
        else:
            owner.http.post(f"/api/todos/{todo['id']}/toggle")
    pages = replica.walk(4)
    assert [len(page["todos"]) + len(page["gone"]) for page in pages] == [4, 2]
    assert [page["more"] for page in pages] == [True, False]
    assert {todo["id"] for todo in todos_of(pages)} == {todo["id"] for todo in todos[::2]}
    assert sorted(gone_of(pages)) == sorted(todo["id"] for todo in todos[1::2])
    assert replica.todos == everything_of(owner.http)


def test_nothing_is_reported_twice_when_nothing_changed(owner: Person) -> None:
    owner.create()
    owner.purge(owner.create())
    replica = Replica(owner.http)
    replica.walk()
    for _ in range(3):
        page = replica.pull()
        assert (page["todos"], page["gone"], page["more"]) == ([], [], False)


# Each write changes one todo, whose id it receives. The todo is open and live, unless TRASHED has the name.
WRITES: dict[str, Write] = {
    "PUT": lambda http, todo: http.put(f"/api/todos/{todo}", json={"title": "put"}),
    "PATCH": lambda http, todo: http.patch(f"/api/todos/{todo}", json={"title": "patched"}),
    "toggle": lambda http, todo: http.post(f"/api/todos/{todo}/toggle"),
    "DELETE": lambda http, todo: http.delete(f"/api/todos/{todo}"),
    "bulk PATCH by id": lambda http, todo: http.patch(f"/api/todos?id={todo}", json={"completed": True}),
    "bulk DELETE by id": lambda http, todo: http.delete(f"/api/todos?id={todo}"),
    "batch put": lambda http, todo: http.post("/api/batch", json={"put": [{"id": todo, "title": "batched"}]}),
    "batch delete": lambda http, todo: http.post("/api/batch", json={"delete": [{"id": todo}]}),
    "restore": lambda http, todo: http.post(f"/api/trash/{todo}/restore"),
    "PUT on the trash": lambda http, todo: http.put(f"/api/todos/{todo}", json={"title": "back"}),
    "batch put on the trash": lambda http, todo: http.post("/api/batch", json={"put": [{"id": todo, "title": "x"}]}),
}
TRASHED = ("restore", "PUT on the trash", "batch put on the trash")


@pytest.mark.parametrize("kind", WRITES)
def test_the_todo_of_a_write_is_reported_and_no_other(owner: Person, kind: str) -> None:
    other, todo = owner.create("other"), owner.create()
    trashed = owner.create("other in the trash")
    owner.trash(trashed)
    if kind in TRASHED:
        owner.trash(todo)
    replica = Replica(owner.http)
    replica.walk()
    before = replica.todos[todo["id"]]
    assert WRITES[kind](owner.http, todo["id"]).is_success
    (page,) = replica.walk()
    (reported,) = page["todos"]
    assert (reported["id"], page["gone"]) == (todo["id"], [])
    assert reported["version"] > max(before["version"], other["version"])
    assert reported != before | {"version": reported["version"]}
    assert replica.todos == everything_of(owner.http)


NEW: dict[str, Write] = {
    "POST": lambda http, _: http.post("/api/todos", json={"title": "new"}),
    "POST with a key": lambda http, todo: http.post(
        "/api/todos", json={"title": "new"}, headers={"Idempotency-Key": todo}
    ),
    "PUT": lambda http, todo: http.put(f"/api/todos/{todo}", json={"title": "new"}),
    "batch": lambda http, todo: http.post("/api/batch", json={"put": [{"id": todo, "title": "new"}]}),
}


@pytest.mark.parametrize("kind", NEW)
def test_a_new_todo_is_reported(owner: Person, kind: str) -> None:
    replica = Replica(owner.http)
    replica.walk()
    assert NEW[kind](owner.http, str(uuid4())).is_success
    (page,) = replica.walk()
    assert [todo["title"] for todo in page["todos"]] == ["new"]
    assert replica.todos == everything_of(owner.http)


@pytest.mark.parametrize("path", ["/api/trash/{id}", "/api/trash"])
def test_a_purged_todo_is_reported_as_gone(owner: Person, path: str) -> None:
    todo, other = owner.create(), owner.create()
    owner.trash(todo)
    replica = Replica(owner.http)
    replica.walk()
    assert owner.http.delete(path.format(id=todo["id"])).status_code == 204
    (page,) = replica.walk()
    assert (page["todos"], page["gone"]) == ([], [todo["id"]])
    assert replica.todos == {other["id"]: other}


@pytest.mark.parametrize("kind", ["POST with a key", "PUT", "batch"])
def test_a_todo_made_anew_after_its_purge_is_reported(owner: Person, kind: str) -> None:
    todo_id = str(uuid4())
    assert NEW["PUT"](owner.http, todo_id).status_code == 201
    replica = Replica(owner.http)
    replica.walk()
    owner.purge({"id": todo_id})
    answer = NEW[kind](owner.http, todo_id)
    (page,) = replica.walk()
    if kind == "POST with a key":
        expect_problem(answer, 410, "Gone", "/problems/idempotency-key-gone")
        assert (page["todos"], page["gone"]) == ([], [todo_id])
    else:
        assert answer.is_success
        assert [todo["id"] for todo in page["todos"]] == [todo_id]
        assert page["gone"] == []
    assert replica.todos == everything_of(owner.http)


def test_a_bulk_change_larger_than_a_page_is_walked_without_loss(owner: Person) -> None:
    todos = [owner.create(f"todo {number}") for number in range(25)]
    replica = Replica(owner.http)
    replica.walk()
    assert owner.http.patch("/api/todos?completed=false", json={"completed": True}).json() == {"changed": 25}
    pages = replica.walk(4)
    assert [len(page["todos"]) for page in pages] == [4] * 6 + [1]
    assert sorted(todo["id"] for todo in todos_of(pages)) == sorted(todo["id"] for todo in todos)
    assert all(todo["completed"] for todo in replica.todos.values())
    assert owner.http.delete("/api/todos?completed=true").json() == {"changed": 25}
    assert len(todos_of(replica.walk(7))) == 25
    assert owner.http.delete("/api/trash").status_code == 204
    assert sorted(gone_of(replica.walk(7))) == sorted(todo["id"] for todo in todos)
    assert replica.todos == {}


def test_a_todo_changed_during_the_walk_of_its_bulk_change_comes_later(owner: Person) -> None:
    for number in range(9):
        owner.create(f"todo {number}")
    replica = Replica(owner.http)
    replica.walk()
    owner.http.patch("/api/todos?completed=false", json={"completed": True})
    first = replica.pull(4)
    for todo in (first["todos"][1], owner.create("new")):
        owner.http.patch(f"/api/todos/{todo['id']}", json={"title": "changed"})
    rest = todos_of(replica.walk(4))
    assert [todo["title"] for todo in rest].count("changed") == 2
    assert replica.todos == everything_of(owner.http)


def test_todos_in_the_trash_have_deleted_at(owner: Person) -> None:
    live, trashed = owner.create("live"), owner.create("trashed")
    owner.trash(trashed)
    page = owner.http.get("/api/changes").json()
    assert [todo["id"] for todo in page["todos"]] == [live["id"], trashed["id"]]
    assert [todo["deleted_at"] is None for todo in page["todos"]] == [True, False]
    assert page["todos"][1] == owner.http.get("/api/trash").json()[0]
    assert page["gone"] == []


def test_the_first_walk_omits_ids_that_were_gone_before_it(owner: Person) -> None:
    todos = [owner.create(f"todo {number}") for number in range(6)]
    for todo in todos[::2]:
        owner.purge(todo)
    for limit in (1, 2, 100):
        replica = Replica(owner.http)
        assert gone_of(replica.walk(limit)) == []
        assert sorted(replica.todos) == sorted(todo["id"] for todo in todos[1::2])


@pytest.mark.parametrize("limit", [1, 2, 3])
def test_a_todo_purged_during_the_first_walk_is_not_kept(owner: Person, limit: int) -> None:
    todos = [owner.create(f"todo {number}") for number in range(6)]
    replica = Replica(owner.http)
    replica.pull(limit)
    for todo in (todos[0], todos[4]):
        owner.purge(todo)
    pages = replica.walk(limit)
    assert todos[0]["id"] in gone_of(pages)
    assert replica.todos == everything_of(owner.http)
    assert len(replica.todos) == 4


@pytest.mark.parametrize("limit", [1, 2, 3])
def test_a_todo_changed_during_a_walk_comes_later_in_it(owner: Person, limit: int) -> None:
    todos = [owner.create(f"todo {number}") for number in range(6)]
    replica = Replica(owner.http)
    first = replica.pull(limit)["todos"][0]
    assert first == todos[0]
    changed = owner.http.patch(f"/api/todos/{first['id']}", json={"title": "changed"}).json()
    ahead = owner.http.post(f"/api/todos/{todos[5]['id']}/toggle").json()
    new = owner.create("new")
    pages = replica.walk(limit)
    assert todos_of(pages)[-3:] == [changed, ahead, new]
    assert replica.todos == everything_of(owner.http)


def test_a_token_may_be_used_again(owner: Person) -> None:
    owner.create()
    token = owner.http.get("/api/changes").json()["next"]
    todo = owner.create("second")
    for _ in range(2):
        page = owner.http.get("/api/changes", params={"since": token}).json()
        assert page["todos"] == [todo]


def test_each_token_of_a_walk_leads_to_the_same_todos(owner: Person) -> None:
    for number in range(10):
        owner.create(f"todo {number}")
        owner.http.post("/api/batch", json={"put": [{"id": str(uuid4()), "title": f"b{n}"} for n in range(3)]})
    replica = Replica(owner.http)
    tokens = [page["next"] for page in replica.walk(3)]
    owner.http.patch("/api/todos?completed=false", json={"completed": True})
    everything = everything_of(owner.http)
    for token in tokens:
        late = Replica(owner.http)
        late.next = token
        late.walk(7)
        assert late.todos == everything


def test_what_was_written_without_the_api_is_reported(owner: Person, database: Database) -> None:
    for number in range(3):
        owner.create(f"todo {number}")
    replica = Replica(owner.http)
    replica.walk()
    database.execute("INSERT INTO todo (user_id, title) VALUES (%s, 'by hand')", (owner.id,))
    assert [todo["title"] for todo in todos_of(replica.walk())] == ["by hand"]
    database.execute("UPDATE todo SET title = 'changed' WHERE user_id = %s AND title LIKE 'todo %%'", (owner.id,))
    assert [todo["title"] for todo in todos_of(replica.walk(2))] == ["changed"] * 3
    assert replica.todos == everything_of(owner.http)


def test_what_was_deleted_without_the_api_is_reported_as_gone(owner: Person, database: Database) -> None:
    deleted, kept = owner.create("deleted"), owner.create("kept")
    replica = Replica(owner.http)
    replica.walk()
    tag = owner.http.get("/api/todos").headers["etag"]
    owner.http.post(f"/api/todos/{deleted['id']}/toggle")
    database.execute("DELETE FROM todo WHERE user_id = %s AND id = %s", (owner.id, deleted["id"]))
    answer = owner.http.get("/api/todos", headers={"If-None-Match": tag})
    assert answer.status_code == 200
    assert answer.json() == [kept]
    assert gone_of(replica.walk()) == [deleted["id"]]
    assert replica.todos == {kept["id"]: kept}


def test_head_has_the_headers_of_get_and_no_body(owner: Person) -> None:
    for number in range(10):
        owner.create(f"todo {number}")
    get, head = owner.http.get("/api/changes"), owner.http.head("/api/changes")
    assert (head.status_code, head.content) == (200, b"")
    varying = ("date", "x-request-id", "content-length")
    first, second = ({k: v for k, v in one.headers.items() if k not in varying} for one in (get, head))
    assert first == second
    assert owner.http.head("/api/changes?since=x").status_code == 422


@pytest.fixture
def token(owner: Person) -> str:
    """Return a token of the owner, who has a live todo, one in the trash, and one that is gone."""
    owner.create()
    owner.trash(owner.create())
    owner.purge(owner.create())
    token: str = owner.http.get("/api/changes").json()["next"]
    return token


def test_a_token_has_only_characters_that_a_query_may_have(owner: Person, token: str) -> None:
    assert str(httpx.URL("/", params={"since": token})) == f"/?since={token}"
    assert len(token) <= 128
    assert owner.http.get(f"/api/changes?since={token}").status_code == 200


def coded(value: Any) -> str:
    """Return a value in the encoding of cursors."""
    return urlsafe_b64encode(json.dumps(value, separators=(",", ":")).encode()).decode().rstrip("=")


INVENTED = {
    "empty": "",
    "a letter": "x",
    "a number": "0",
    "a large number": "9" * 30,
    "a negative number": "-1",
    "null": "null",
    "a star": "*",
    "a time": "2026-11-24T09:00:00Z",
    "an ETag": 'W/"7"',
    "a uuid": "7c1a6f1e-6d0b-4f9c-8f0e-1d2c3b4a5968",
    "base64 of nothing": coded(""),
    "an empty array": coded([]),
    "an object": coded({}),
    "numbers": coded([0, 0, 0, 0, 0]),
    "names": coded(["changes", 0, "7c1a6f1e-6d0b-4f9c-8f0e-1d2c3b4a5968"]),
    "zeros": "A" * 64,
    "spaces": "   ",
    "not ASCII": "é☃",
    "NUL": "\0",
    "a lone surrogate": "%ED%A0%80",
    "long": "A" * 5000,
    "nested": coded([[[[[[]]]]]]),
}


@pytest.mark.parametrize("name", INVENTED)
def test_an_invented_token_is_refused(owner: Person, name: str) -> None:
    owner.create()
    expect_invalid(owner.http.get("/api/changes", params={"since": INVENTED[name]}), ["query", "since"])


def edits(token: str) -> Iterator[str]:
    """Yield the token with one change, for each place and several kinds of changes."""
    for place, letter in enumerate(token):
        for other in {"A", "B", "9", "_", chr(ord(letter) ^ 1), letter.swapcase()} - {letter}:
            yield token[:place] + other + token[place + 1 :]
        yield token[:place] + token[place + 1 :]
    for end in ("A", "=", "==", " ", "\n", ".", "\0"):
        yield token + end
        yield end + token
    yield token * 2
    yield token[::-1]
    yield token[: len(token) // 2]


def test_an_edited_token_is_refused(owner: Person, token: str) -> None:
    for edited in edits(token):
        answer = owner.http.get("/api/changes", params={"since": edited})
        assert answer.status_code == 422, (edited, token)
    expect_invalid(answer, ["query", "since"])


def test_since_is_sent_once_and_is_no_cursor(owner: Person, token: str) -> None:
    expect_invalid(owner.http.get(f"/api/changes?since={token}&since={token}"), ["query", "since"])
    for number in range(2):
        owner.create(f"todo {number}")
    cursor = httpx.URL(owner.http.get("/api/todos?limit=1").links["next"]["url"]).params["cursor"]
    expect_invalid(owner.http.get("/api/changes", params={"since": cursor}), ["query", "since"])
    expect_invalid(owner.http.get("/api/todos", params={"cursor": token}), ["query", "cursor"])


def test_the_token_of_another_user_shows_nothing_of_theirs(owner: Person, stranger: Person, token: str) -> None:
    mine = stranger.create("mine")
    answer = stranger.http.get("/api/changes", params={"since": token})
    expect_invalid(answer, ["query", "since"])
    assert stranger.http.get("/api/changes").json()["todos"] == [mine]
    assert owner.http.get("/api/changes", params={"since": token}).status_code == 200


def older(token: str, user_id: str, days: float) -> str:
    """Return the token that a client received some days earlier."""
    place = Place.parse(token, user_id)
    return place._replace(complete_at=place.complete_at - int(days * 24 * 60 * 60)).token(user_id)


@pytest.mark.parametrize(("days", "status"), [(29.9, 200), (30.1, 410), (400, 410)])
def test_a_token_older_than_30_days_is_410(owner: Person, token: str, days: float, status: int) -> None:
    answer = owner.http.get("/api/changes", params={"since": older(token, owner.id, days)})
    assert answer.status_code == status
    if status == 410:
        expect_expired(answer)


def test_a_walk_that_began_30_days_ago_is_410(owner: Person) -> None:
    for number in range(3):
        owner.create(f"todo {number}")
    page = owner.http.get("/api/changes?limit=1").json()
    assert page["more"]
    expect_expired(owner.http.get("/api/changes", params={"since": older(page["next"], owner.id, 30.1)}))


def test_the_age_of_a_token_is_that_of_its_walk_until_it_ends(owner: Person, token: str) -> None:
    for number in range(3):
        owner.create(f"todo {number}")
    replica = Replica(owner.http)
    replica.next = older(token, owner.id, 29)
    replica.pull(1)
    assert replica.next
    expect_expired(owner.http.get("/api/changes", params={"since": older(replica.next, owner.id, 2)}))
    replica.walk(1)
    assert owner.http.get("/api/changes", params={"since": older(replica.next, owner.id, 2)}).status_code == 200


def test_a_token_from_the_future_of_the_database_is_410(owner: Person, token: str) -> None:
    place = Place.parse(token, owner.id)
    later = place._replace(version=place.version + 1).token(owner.id)
    expect_expired(owner.http.get("/api/changes", params={"since": later}))


@pytest.fixture
def new_project(new_database: Callable[..., Database], issuer: Issuer) -> Iterator[Callable[[], Project]]:
    """Return a function that creates a database, and an API on it."""
    with ExitStack() as stack:
        yield lambda: stack.enter_context(running_project(new_database, issuer))


def test_a_token_of_another_database_is_410(new_project: Callable[[], Project]) -> None:
    one, other = new_project(), new_project()
    for project in (one, other):
        for number in range(3):
            assert project.http.post("/api/todos", json={"title": f"todo {number}"}).status_code == 201
    token = one.http.get("/api/changes").json()["next"]
    assert one.http.get("/api/changes", params={"since": token}).status_code == 200
    expect_expired(other.http.get("/api/changes", params={"since": token}))


def test_a_token_of_another_branch_at_neon_is_410(new_project: Callable[[], Project]) -> None:
    project = new_project()
    (name,) = project.database.execute("SELECT current_database()")[0]

    def switch_to(timeline: str) -> None:
        """Set what Neon sets for a branch, and end the connections that have the old value."""
        project.database.execute(f"ALTER DATABASE {name} SET neon.timeline_id = '{timeline}'")
        project.database.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE datname = current_database() AND usename = 'todo_api'"
        )

    project.http.post("/api/todos", json={"title": "x"})
    switch_to("one")
    token = project.http.get("/api/changes").json()["next"]
    switch_to("two")
    expect_expired(project.http.get("/api/changes", params={"since": token}))
    switch_to("one")
    assert project.http.get("/api/changes", params={"since": token}).status_code == 200


def test_reset_sync_ends_all_tokens(new_project: Callable[[], Project]) -> None:
    project = new_project()
    todo = project.http.post("/api/todos", json={"title": "x"}).json()
    replica = Replica(project.http)
    replica.walk()
    project.database.run("-m", "db.reset_sync")
    expect_expired(project.http.get("/api/changes", params={"since": replica.next or ""}))
    replica = Replica(project.http)
    replica.walk()
    assert replica.todos == {todo["id"]: todo}
    project.http.post(f"/api/todos/{todo['id']}/toggle")
    replica.walk()
    assert replica.todos == everything_of(project.http)


def test_a_database_restored_in_place_and_reset_loses_nothing(new_project: Callable[[], Project]) -> None:
    project = new_project()
    http = project.http
    kept = http.post("/api/todos", json={"title": "before the backup"}).json()
    http.post("/api/todos", json={"title": "lost"})
    token = http.get("/api/changes").json()["next"]
    # A restore runs no triggers, so it leaves no tombstone.
    project.database.execute(
        "SET session_replication_role = replica; DELETE FROM todo WHERE title = 'lost';"  # without triggers
        " SELECT setval('todo_version_seq', %s)",
        (kept["version"],),
    )
    expect_expired(http.get("/api/changes", params={"since": token}))
    project.database.run("-m", "db.reset_sync")
    for number in range(3):  # these overtake the lost versions
        assert http.post("/api/todos", json={"title": f"after {number}"}).status_code == 201
    expect_expired(http.get("/api/changes", params={"since": token}))
    replica = Replica(http)
    replica.walk()
    assert replica.todos == everything_of(http)
    assert len(replica.todos) == 4


def test_a_swept_todo_is_reported_as_gone(new_project: Callable[[], Project]) -> None:
    project = new_project()
    http = project.http
    old, recent, live = (http.post("/api/todos", json={"title": title}).json() for title in ("old", "recent", "live"))
    for todo in (old, recent):
        assert http.delete(f"/api/todos/{todo['id']}").status_code == 204
    project.database.execute("UPDATE todo SET deleted_at = now() - interval '30 days 1 hour' WHERE title = 'old'")
    project.database.execute("UPDATE todo SET deleted_at = now() - interval '29 days' WHERE title = 'recent'")
    replica = Replica(http)
    replica.walk()
    assert set(replica.todos) == {old["id"], recent["id"], live["id"]}
    tag = http.get("/api/todos").headers["etag"]
    project.database.run("-m", "crud")
    assert gone_of(replica.walk()) == [old["id"]]
    assert set(replica.todos) == {recent["id"], live["id"]}
    assert http.get("/api/todos", headers={"If-None-Match": tag}).status_code == 200


def test_a_tombstone_that_is_deleted_is_still_reported(new_project: Callable[[], Project]) -> None:
    project = new_project()
    todo = project.http.post("/api/todos", json={"title": "x"}).json()
    since = project.http.get("/api/changes").json()["next"]
    for _ in range(2):
        project.database.execute("DELETE FROM todo WHERE id = %s", (todo["id"],))
    project.http.post("/api/todos", json={"title": "another"})
    changes = project.http.get("/api/changes", params={"since": since}).json()
    assert (changes["gone"], [one["title"] for one in changes["todos"]]) == ([todo["id"]], ["another"])


@pytest.mark.parametrize("change", ["deleted_at = NULL", "title = 'content'"])
def test_a_tombstone_gets_no_content_and_is_not_restored(new_project: Callable[[], Project], change: str) -> None:
    project = new_project()
    todo = project.http.post("/api/todos", json={"title": "x"}).json()
    project.database.execute("DELETE FROM todo WHERE id = %s", (todo["id"],))
    with pytest.raises(psycopg2.errors.CheckViolation, match="todo_tombstone_check"):
        project.database.execute(f"UPDATE todo SET {change} WHERE id = %s", (todo["id"],))
