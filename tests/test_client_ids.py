"""Test the ids that clients choose: PUT, and the header Idempotency-Key."""

from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid1, uuid4

import httpx
import pytest

from tests.conftest import Person
from tests.expect import (
    expect_invalid,
    expect_invalid_header,
    expect_mismatch,
    expect_not_found,
    expect_problem,
    expect_unauthorized,
)
from tests.todos import Todo, etag, etags, http_of, path_of

NONE = {"If-None-Match": "*"}


def expect_todo(answer: httpx.Response, status: int, **fields: Any) -> Todo:
    """Assert that an answer has this status, and a todo with its ETag and these fields. Return the todo."""
    assert answer.status_code == status, answer.text
    todo: Todo = answer.json()
    assert answer.headers["etag"] == etag(todo)
    assert todo == todo | fields
    return todo


# PUT


def test_put_creates_a_todo_with_the_id_of_the_client(anonymous: httpx.Client, stranger: Person, owner: Person) -> None:
    todo_id = str(uuid4())
    expect_unauthorized(anonymous.put(path_of(todo_id), json={"title": "x"}), "")
    answer = owner.http.put(path_of(todo_id), json={"title": " Buy milk "})
    todo = expect_todo(answer, 201, id=todo_id, title="Buy milk", description=None, completed=False)
    assert (todo["due"], todo["priority"], todo["tags"]) == (None, "none", [])
    assert answer.headers["location"] == path_of(todo_id)
    assert (todo["user_id"], todo["updated_at"], todo["deleted_at"]) == (owner.id, None, None)
    assert owner.http.get(path_of(todo_id)).json() == todo
    assert owner.http.get("/api/todos").json() == [todo]
    expect_not_found(stranger.http.get(path_of(todo_id)))


@pytest.mark.parametrize(
    "todo_id",
    [str(uuid1()), str(uuid4()), "01936f5e-3b1a-7cc0-8f0e-1d2c3b4a5968", str(UUID(int=0)), str(UUID(int=2**128 - 1))],
    ids=["version 1", "version 4", "version 7", "nil", "max"],
)
def test_a_client_may_choose_any_uuid(owner: Person, todo_id: str) -> None:
    todo = expect_todo(owner.http.put(path_of(todo_id), json={"title": "x"}), 201, id=todo_id)
    expect_todo(owner.http.get(path_of(todo_id)), 200, **todo)


def test_a_uuid_has_no_case(owner: Person) -> None:
    todo_id = "ABCDEF00-0000-4000-8000-" + uuid4().hex[:12].upper()
    answer = owner.http.put(path_of(todo_id), json={"title": "x"})
    todo = expect_todo(answer, 201, id=todo_id.lower())
    assert owner.http.get(answer.headers["location"]).json() == todo
    expect_todo(owner.http.put(path_of(todo_id.lower()), json={"title": "x"}), 200, **todo)


def test_put_replaces_every_field(owner: Person) -> None:
    fields: Todo = {"due": "2026-11-24", "priority": "high", "tags": ["a"]}
    todo = owner.create("as it was", description="words", completed=True, **fields)
    now = expect_todo(owner.http.put(path_of(todo["id"]), json={"title": "replaced"}), 200)
    assert now["version"] > todo["version"]
    assert now["updated_at"] > now["created_at"]
    changes: Todo = {"title": "replaced", "description": None, "completed": False, "completed_at": None}
    changes |= {"due": None, "priority": "none", "tags": []}
    assert now == todo | changes | {"version": now["version"], "updated_at": now["updated_at"]}
    assert owner.http.get("/api/todos").json() == [now]


def test_put_completes_once(owner: Person) -> None:
    todo = owner.create()
    assert todo["completed_at"] is None
    path = path_of(todo["id"])
    completed = expect_todo(owner.http.put(path, json={"title": "x", "completed": True}), 200)
    assert completed["completed_at"] > todo["created_at"]
    later = expect_todo(owner.http.put(path, json={"title": "y", "completed": True}), 200)
    assert later["completed_at"] == completed["completed_at"]
    assert expect_todo(owner.http.put(path, json={"title": "y"}), 200)["completed_at"] is None


@pytest.mark.parametrize("headers", [{}, NONE, {"If-Match": "*"}], ids=["no condition", "If-None-Match", "If-Match"])
def test_put_of_what_is_there_changes_nothing(owner: Person, headers: dict[str, str]) -> None:
    todo = owner.create("as it is", description="words", completed=True)
    before = etags(owner)
    body = {"title": "\tas it is ", "description": "words", "completed": True}
    expect_todo(owner.http.put(path_of(todo["id"]), json=body, headers=headers), 200, **todo)
    assert owner.find(todo["id"]) == todo
    assert etags(owner) == before


@pytest.mark.parametrize(
    ("body", "loc"),
    [
        ({}, ["body", "title"]),
        ({"title": ""}, ["body", "title"]),
        ({"title": None}, ["body", "title"]),
        ({"title": "x" * 201}, ["body", "title"]),
        ({"title": "x", "completed": None}, ["body", "completed"]),
        ({"title": "x", "completed": "true"}, ["body", "completed"]),
        ({"title": "x", "id": str(UUID(int=0))}, ["body", "id"]),
        ({"title": "x", "version": 1}, ["body", "version"]),
        ({"title": "x", "deleted_at": None}, ["body", "deleted_at"]),
        ([{"title": "x"}], ["body"]),
    ],
    ids=str,
)
@pytest.mark.parametrize("exists", [False, True], ids=["new", "there"])
def test_a_put_of_no_todo_is_refused(owner: Person, exists: bool, body: object, loc: list[str]) -> None:
    todos = [owner.create("as it was")] if exists else []
    path = path_of(todos[0]["id"] if todos else uuid4())
    expect_invalid(owner.http.put(path, json=body), loc)
    assert owner.http.get("/api/todos").json() == todos


def test_an_id_of_a_put_that_is_no_uuid_is_invalid(owner: Person) -> None:
    (error,) = expect_invalid(owner.http.put(path_of("12"), json={"title": "x"}), ["path", "todo_id"])
    assert error["type"] == "uuid_parsing"
    assert owner.http.get("/api/todos").json() == []


def test_if_none_match_only_creates(owner: Person) -> None:
    path = path_of(uuid4())
    answer = owner.http.put(path, json={"title": "x"}, headers=NONE)
    todo = expect_todo(answer, 201)
    assert answer.headers["location"] == path
    before = etags(owner)
    expect_mismatch(owner.http.put(path, json={"title": "y"}, headers=NONE), todo)
    expect_mismatch(owner.http.put(path, json={"title": "x", "completed": True}, headers=NONE), todo)
    assert owner.find(todo["id"]) == todo
    assert etags(owner) == before


def test_if_none_match_brings_nothing_back_from_the_trash(owner: Person) -> None:
    todo = owner.trash(owner.create("as it was"))
    before = etags(owner)
    path = path_of(todo["id"])
    expect_todo(owner.http.put(path, json={"title": "as it was"}, headers=NONE), 200, **todo)
    expect_mismatch(owner.http.put(path, json={"title": "other"}, headers=NONE), todo)
    assert owner.find(todo["id"]) == todo
    assert etags(owner) == before


@pytest.mark.parametrize("match", ["*", 'W/"0"', '"7"'])
def test_if_match_only_replaces(owner: Person, match: str) -> None:
    path = path_of(uuid4())
    expect_not_found(owner.http.put(path, json={"title": "x"}, headers={"If-Match": match}))
    expect_not_found(owner.http.get(path))
    assert owner.http.get("/api/todos").json() == []


@pytest.mark.parametrize("match", [None, "*", "the version"])
@pytest.mark.parametrize("same", [False, True], ids=["other content", "same content"])
def test_put_brings_a_todo_back_from_the_trash(owner: Person, match: str | None, same: bool) -> None:
    todo = owner.trash(owner.create("as it was", completed=True))
    headers = {"If-Match": etag(todo) if match == "the version" else match} if match else {}
    body = {"title": "as it was" if same else "replaced", "completed": True}
    now = expect_todo(owner.http.put(path_of(todo["id"]), json=body, headers=headers), 200)
    assert now["version"] > todo["version"]
    assert now["updated_at"] > todo["updated_at"]
    assert now == todo | body | {"deleted_at": None, "version": now["version"], "updated_at": now["updated_at"]}
    assert owner.http.get("/api/todos").json() == [now]
    assert owner.http.get("/api/trash").json() == []


@pytest.mark.parametrize("same", [False, True], ids=["other content", "same content"])
def test_put_of_another_version_leaves_a_todo_in_the_trash(owner: Person, same: bool) -> None:
    live = owner.create("as it was")
    todo = owner.trash(live)
    body = {"title": "as it was" if same else "replaced"}
    expect_mismatch(owner.http.put(path_of(todo["id"]), json=body, headers={"If-Match": etag(live)}), todo)
    assert owner.find(todo["id"]) == todo


@pytest.mark.parametrize("headers", [{}, NONE], ids=["no condition", "If-None-Match"])
def test_put_makes_a_todo_anew_that_is_gone_for_good(owner: Person, headers: dict[str, str]) -> None:
    todo = owner.create("as it was", description="some words", completed=True)
    last = owner.trash(todo)
    owner.purge(todo)
    path = path_of(todo["id"])
    answer = owner.http.put(path, json={"title": "as it was"}, headers=headers)
    now = expect_todo(answer, 201, id=todo["id"], description=None, completed=False, completed_at=None)
    assert answer.headers["location"] == path
    assert now["version"] > last["version"] + 1, "the purge had a version, too"
    assert now["created_at"] > last["deleted_at"]
    assert (now["updated_at"], now["deleted_at"]) == (None, None)
    assert owner.http.get(path).json() == now
    assert owner.http.get("/api/todos").json() == [now]
    assert owner.http.get("/api/trash").json() == []
    expect_todo(owner.http.put(path, json={"title": "as it was"}, headers=headers), 200, **now)


def test_two_users_may_have_the_same_id_and_never_notice(owner: Person, stranger: Person) -> None:
    path = path_of(uuid4())
    theirs = expect_todo(stranger.http.put(path, json={"title": "theirs", "description": "words"}), 201)
    before = etags(stranger)
    acts: list[Callable[[], httpx.Response]] = [
        lambda: owner.http.put(path, json={"title": "mine"}, headers=NONE),
        lambda: owner.http.put(path, json={"title": "still mine"}),
        lambda: owner.http.patch(path, json={"title": "changed"}, headers={"If-Match": "*"}),
        lambda: owner.http.post(f"{path}/toggle"),
        lambda: owner.http.delete(path),
        lambda: owner.http.put(path, json={"title": "again"}),
        lambda: owner.http.delete(path),
        lambda: owner.http.post(f"/api/trash/{theirs['id']}/restore"),
        lambda: owner.http.delete(path),
        lambda: owner.http.delete(f"/api/trash/{theirs['id']}"),
        lambda: owner.http.put(path, json={"title": "anew"}),
        lambda: owner.http.patch(f"/api/todos?id={theirs['id']}", json={"title": "many"}),
        lambda: owner.http.delete(f"/api/todos?id={theirs['id']}"),
        lambda: owner.http.delete("/api/trash"),
    ]
    statuses = []
    for act in acts:
        statuses.append(act().status_code)
        expect_todo(stranger.http.get(path), 200, **theirs)
        assert etags(stranger) == before
    assert statuses == [201, 200, 200, 200, 204, 200, 204, 200, 204, 204, 201, 200, 200, 204]
    expect_not_found(owner.http.get(path))
    assert stranger.trash(theirs)["title"] == "theirs"


# Idempotency-Key


def make(person: Person | httpx.Client, key: str | bytes, **fields: Any) -> httpx.Response:
    """Create a todo with a key."""
    value = key.encode("latin-1") if isinstance(key, str) else key
    return http_of(person).post(
        "/api/todos", json={"title": "Buy milk", **fields}, headers=[(b"Idempotency-Key", value)]
    )


KEYS = {
    "one character": "!",
    "255 characters": "x" * 255,
    "all punctuation": "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~",
    "a word": "order-1",
    "a quoted word": '"8e03978e-40d5-43e8-bc93-6894a57f9324"',
    "a uuid": "8e03978e-40d5-43e8-bc93-6894a57f9324",
    "a uuid of version 7": "01936f5e-3b1a-7cc0-8f0e-1d2c3b4a5968",
    "a uuid in upper case": "8E03978E-40D5-43E8-BC93-6894A57F9325",
    "a uuid without hyphens": "8e03978e40d543e8bc936894a57f9326",
    "a uuid in braces": "{8e03978e-40d5-43e8-bc93-6894a57f9327}",
    "a urn": "urn:uuid:8e03978e-40d5-43e8-bc93-6894a57f9328",
}
NO_KEYS = {
    "empty": b"",
    "256 characters": b"x" * 256,
    "two words": b"two words",
    "a tab": b"a\tb",
    "KOI8-R": "ключ".encode("koi8-r"),
    "UTF-8": "schlüssel".encode(),
    "a wide letter": "\uff41".encode(),
}


@pytest.mark.parametrize("key", KEYS.values(), ids=KEYS)
def test_a_repeat_with_the_key_is_the_todo_that_was_made(
    anonymous: httpx.Client, stranger: Person, owner: Person, key: str
) -> None:
    expect_unauthorized(make(anonymous, key), "")
    theirs = expect_todo(make(stranger, key), 201, user_id=stranger.id)
    answer = make(owner, key)
    todo = expect_todo(answer, 201, user_id=owner.id, title="Buy milk")
    assert answer.headers["location"] == path_of(todo["id"])
    before = etags(owner)
    for _ in range(2):
        expect_todo(make(owner, key), 200, **todo)
    assert owner.http.get("/api/todos").json() == [todo]
    assert stranger.http.get("/api/todos").json() == [theirs]
    assert etags(owner) == before


@pytest.mark.parametrize("key", NO_KEYS.values(), ids=NO_KEYS)
def test_a_key_that_is_no_visible_ascii_is_422_and_makes_nothing(
    anonymous: httpx.Client, owner: Person, key: bytes
) -> None:
    expect_unauthorized(make(anonymous, key), "")
    expect_invalid_header(make(owner, key), "Idempotency-Key")
    assert owner.http.get("/api/todos").json() == []


def test_two_keys_are_422_and_make_nothing(owner: Person) -> None:
    headers = [("Idempotency-Key", "first"), ("Idempotency-Key", "second")]
    answer = owner.http.post("/api/todos", json={"title": "x"}, headers=headers)
    expect_invalid_header(answer, "Idempotency-Key")
    assert owner.http.get("/api/todos").json() == []


@pytest.mark.parametrize("key", ["8e03978e-40d5-43e8-bc93-6894a57f9324", "8E03978E-40D5-43E8-BC93-6894A57F9324"])
def test_a_key_that_is_a_uuid_is_the_id(owner: Person, key: str) -> None:
    todo = expect_todo(make(owner, key), 201, id=key.lower())
    for spelled in (key.lower(), key.upper()):
        expect_todo(make(owner, spelled), 200, **todo)
    expect_todo(owner.http.put(path_of(key), json={"title": "Buy milk"}), 200, **todo)


def test_another_key_makes_an_id_of_version_5(owner: Person, stranger: Person) -> None:
    ids = [expect_todo(make(owner, key), 201)["id"] for key in ("order-1", "Order-1", "order-2")]
    assert len(set(ids)) == 3, "case counts"
    assert {UUID(one).version for one in ids} == {5}
    expect_todo(make(stranger, "order-1"), 201)


@pytest.mark.parametrize("spelling", ["{hex}", "{{{uuid}}}", "urn:uuid:{uuid}"])
def test_a_uuid_in_another_spelling_is_another_key(owner: Person, spelling: str) -> None:
    todo_id = uuid4()
    todo = expect_todo(make(owner, str(todo_id)), 201, id=str(todo_id))
    other = expect_todo(make(owner, spelling.format(uuid=todo_id, hex=todo_id.hex)), 201)
    assert UUID(other["id"]).version == 5
    assert owner.http.get("/api/todos").json() == [other, todo]


def test_without_a_key_each_request_makes_a_todo_with_a_random_id(owner: Person) -> None:
    todos = [owner.create("Buy milk") for _ in range(2)]
    assert len({todo["id"] for todo in todos}) == 2
    assert {UUID(todo["id"]).version for todo in todos} == {4}


@pytest.mark.parametrize(
    "fields",
    [{"title": " Buy milk\n"}, {"description": None}, {"completed": False}, {"description": None, "completed": False}],
    ids=str,
)
def test_a_repeat_may_spell_the_same_todo_otherwise(owner: Person, fields: Todo) -> None:
    todo = expect_todo(make(owner, "key"), 201)
    expect_todo(make(owner, "key", **fields), 200, **todo)


@pytest.mark.parametrize(
    "fields", [{"title": "Buy oat milk"}, {"title": "buy milk"}, {"description": ""}, {"completed": True}], ids=str
)
@pytest.mark.parametrize("key", ["key", "8e03978e-40d5-43e8-bc93-6894a57f9324"], ids=["word", "uuid"])
def test_a_key_with_another_body_is_422_and_changes_nothing(owner: Person, key: str, fields: Todo) -> None:
    todo = expect_todo(make(owner, key), 201)
    before = etags(owner)
    expect_problem(make(owner, key, **fields), 422, "Unprocessable Content", "/problems/idempotency-key-reused")
    assert owner.http.get("/api/todos").json() == [todo]
    assert etags(owner) == before
    expect_todo(make(owner, key), 200, **todo)


@pytest.mark.parametrize("fields", [{}, {"title": "changed"}, {"title": "other"}], ids=["same", "now", "other"])
def test_a_key_of_a_todo_that_was_changed_is_the_todo_as_it_is(owner: Person, fields: Todo) -> None:
    todo = expect_todo(make(owner, "key"), 201)
    now = owner.http.patch(path_of(todo["id"]), json={"title": "changed", "completed": True}).json()
    expect_todo(make(owner, "key", **fields), 200, **now)
    assert owner.http.get("/api/todos").json() == [now]


@pytest.mark.parametrize("fields", [{}, {"title": "other"}], ids=["same", "other"])
def test_a_key_of_a_todo_in_the_trash_brings_nothing_back(owner: Person, fields: Todo) -> None:
    trashed = owner.trash(expect_todo(make(owner, "key"), 201))
    before = etags(owner)
    expect_todo(make(owner, "key", **fields), 200, **trashed)
    assert owner.http.get("/api/todos").json() == []
    assert owner.http.get("/api/trash").json() == [trashed]
    assert etags(owner) == before


@pytest.mark.parametrize("fields", [{}, {"title": "other"}], ids=["same", "other"])
@pytest.mark.parametrize("key", ["key", "8e03978e-40d5-43e8-bc93-6894a57f9324"], ids=["word", "uuid"])
def test_a_key_of_a_todo_that_is_gone_for_good_is_410(owner: Person, stranger: Person, key: str, fields: Todo) -> None:
    owner.purge(expect_todo(make(owner, key), 201))
    before = etags(owner)
    for _ in range(2):
        expect_problem(make(owner, key, **fields), 410, "Gone", "/problems/idempotency-key-gone")
    assert owner.http.get("/api/todos").json() == owner.http.get("/api/trash").json() == []
    assert etags(owner) == before
    expect_todo(make(stranger, key), 201)


def test_an_invalid_todo_does_not_use_the_key(owner: Person) -> None:
    expect_invalid(make(owner, "key", title=""), ["body", "title"])
    expect_todo(make(owner, "key"), 201)


def test_a_key_is_the_key_of_a_todo_that_was_put(owner: Person) -> None:
    key = str(uuid4())
    todo = expect_todo(owner.http.put(path_of(key), json={"title": "Buy milk"}), 201)
    expect_todo(make(owner, key), 200, **todo)
    expect_problem(make(owner, key, completed=True), 422, "Unprocessable Content", "/problems/idempotency-key-reused")
