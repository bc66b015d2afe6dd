"""Test /api/batch: each item answers as a single request would, and a repeated batch changes nothing."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any, Literal
from uuid import uuid4

import httpx
import pytest

from tests.conftest import Database, Person
from tests.expect import expect_invalid, expect_problem, expect_unauthorized
from tests.live import Api
from tests.replica import Replica, everything_of, todos_of

CONTENT: dict[str, Any] = {
    "title": "Buy milk",
    "description": "a bottle",
    "completed": True,
    "due": "2026-11-24T09:00",
    "priority": "high",
    "tags": ["shop", "home"],
}
OTHER: dict[str, Any] = {
    "title": "Buy oat milk",
    "description": None,
    "completed": False,
    "due": "2026-11-24",
    "priority": "none",
    "tags": ["home", "shop"],
}

State = Literal["none", "live", "trash", "purged"]
Base = Literal["absent", "0", "right", "wrong"]


def send(person: Person, *, put: Any = (), delete: Any = ()) -> list[dict[str, Any]]:
    """Send a batch, and return its results."""
    answer = person.http.post("/api/batch", json={"put": list(put), "delete": list(delete)})
    assert answer.status_code == 200, answer.text
    assert list(answer.json()) == ["results"]
    results: list[dict[str, Any]] = answer.json()["results"]
    return results


def prepare(person: Person, state: State) -> tuple[str, int, dict[str, Any] | None]:
    """Bring a todo with CONTENT into a state. Return its id, its version or that of what is left, and the todo."""
    todo_id = str(uuid4())
    if state == "none":
        return todo_id, 7, None
    todo = person.http.put(f"/api/todos/{todo_id}", json=CONTENT)
    assert todo.status_code == 201
    if state == "live":
        return todo_id, todo.json()["version"], todo.json()
    assert person.http.delete(f"/api/todos/{todo_id}").status_code == 204
    todo = next(one for one in person.http.get("/api/trash").json() if one["id"] == todo_id)
    if state == "trash":
        return todo_id, todo["version"], todo
    assert person.http.delete(f"/api/trash/{todo_id}").status_code == 204
    return todo_id, todo["version"] + 1, None


def based(item: dict[str, Any], base: Base, version: int) -> dict[str, Any]:
    """Return an item with a base."""
    bases = {"absent": {}, "0": {"base": 0}, "right": {"base": version}, "wrong": {"base": version + 1_000_000}}
    return item | bases[base]


Outcome = tuple[int, str]
"""The status, and what is stored afterwards: `new` (live, a new version), `same` (as it was), or `nothing`."""

PUT: dict[tuple[State, Base, bool], Outcome] = {
    # (state, base, whether the content is the same)
    **dict.fromkeys(product(("none", "purged"), ("absent", "0"), (True, False)), (201, "new")),
    **dict.fromkeys(product(("none", "purged"), ("right", "wrong"), (True, False)), (404, "nothing")),
    **dict.fromkeys(product(("live",), ("absent", "0", "right", "wrong"), (True,)), (200, "same")),
    ("live", "absent", False): (200, "new"),
    ("live", "0", False): (412, "same"),
    ("live", "right", False): (200, "new"),
    ("live", "wrong", False): (412, "same"),
    **dict.fromkeys(product(("trash",), ("absent", "right"), (True, False)), (200, "new")),
    ("trash", "0", True): (200, "same"),
    ("trash", "0", False): (412, "same"),
    ("trash", "wrong", True): (412, "same"),
    ("trash", "wrong", False): (412, "same"),
}

DELETE: dict[tuple[State, Base], Outcome] = {
    **dict.fromkeys(product(("none", "purged"), ("absent", "right", "wrong")), (404, "nothing")),
    ("live", "absent"): (204, "trashed"),
    ("live", "right"): (204, "trashed"),
    ("live", "wrong"): (412, "same"),
    **dict.fromkeys(product(("trash",), ("absent", "right", "wrong")), (204, "same")),
}


def named(value: object) -> str:
    return {True: "same", False: "other"}.get(value, str(value)) if isinstance(value, bool) else str(value)


def expect_outcome(
    person: Person, result: dict[str, Any], outcome: Outcome, before: dict[str, Any] | None, highest: int
) -> dict[str, Any] | None:
    """Assert that a result has an outcome, that the todo is stored so, and return it."""
    status, stored = outcome
    todo = everything_of(person.http).get(result["id"])
    assert (todo is None) == (stored == "nothing")
    expected: dict[str, Any] = {"id": result["id"], "status": status, "version": todo and todo["version"]}
    if status == 412:
        expected["current"] = before
    assert result == expected
    if stored == "same":
        assert todo == before
    elif todo:
        assert todo["version"] > highest
        assert (todo["deleted_at"] is None) == (stored == "new")
    return todo


def conditions(base: Base, version: int) -> dict[str, str]:
    """Return the headers of a single request that mean the same as a base."""
    match = {"right": f'W/"{version}"', "wrong": f'W/"{version + 1_000_000}"'}.get(base)
    return {"If-None-Match": "*"} if base == "0" else {"If-Match": match} if match else {}


def contents(person: Person) -> list[dict[str, Any]]:
    """Return a user's todos without the values that differ between two users."""
    changing = ("id", "user_id", "version", "position", "created_at", "updated_at", "completed_at", "deleted_at")
    return [
        {name: (value is None if name in changing else value) for name, value in todo.items()}
        for todo in everything_of(person.http).values()
    ]


@pytest.mark.parametrize(("state", "base", "same"), PUT, ids=named)
def test_a_put_answers_and_stores_as_the_single_request(
    owner: Person, stranger: Person, state: State, base: Base, same: bool
) -> None:
    outcome, content = PUT[state, base, same], CONTENT if same else OTHER
    highest = owner.create("another")["version"]
    todo_id, version, before = prepare(owner, state)
    (result,) = send(owner, put=[based({"id": todo_id, **content}, base, version)])
    todo = expect_outcome(owner, result, outcome, before, max(version, highest) if before else highest)
    if todo and outcome[1] == "new":
        assert {name: todo[name] for name in content} == content
        assert (todo["completed_at"] is not None) is content["completed"]
        assert (todo["updated_at"] is None) is (outcome[0] == 201)
        for kept in ("created_at", "position"):
            assert before is None or todo[kept] == before[kept]
    stranger.create("another")
    twin, version, _ = prepare(stranger, state)
    single = stranger.http.put(f"/api/todos/{twin}", json=content, headers=conditions(base, version))
    assert single.status_code == result["status"]
    assert ("current" in single.json()) is ("current" in result)
    assert contents(stranger) == contents(owner)


@pytest.mark.parametrize(("state", "base"), DELETE, ids=named)
def test_a_delete_answers_and_stores_as_the_single_request(
    owner: Person, stranger: Person, state: State, base: Base
) -> None:
    highest = owner.create("another")["version"]
    todo_id, version, before = prepare(owner, state)
    (result,) = send(owner, delete=[based({"id": todo_id}, base, version)])
    todo = expect_outcome(owner, result, DELETE[state, base], before, max(version, highest) if before else highest)
    assert not (todo and before) or {name: todo[name] for name in CONTENT} == CONTENT
    stranger.create("another")
    twin, version, _ = prepare(stranger, state)
    single = stranger.http.delete(f"/api/todos/{twin}", headers=conditions(base, version))
    assert single.status_code == result["status"]
    assert contents(stranger) == contents(owner)


def test_results_are_in_the_order_sent(owner: Person) -> None:
    ids = [str(uuid4()) for _ in range(40)]
    for todo_id in ids[20:30]:
        owner.http.put(f"/api/todos/{todo_id}", json={"title": "to delete"})
    puts = [{"id": todo_id, "title": f"todo {number}"} for number, todo_id in enumerate(ids[:20])]
    results = send(owner, put=puts, delete=[{"id": todo_id} for todo_id in ids[20:]])
    assert [result["id"] for result in results] == ids
    assert [result["status"] for result in results] == [201] * 20 + [204] * 10 + [404] * 10
    live = {todo["id"]: todo["title"] for todo in owner.http.get("/api/todos").json()}
    assert live == {item["id"]: item["title"] for item in puts}


def test_each_version_is_the_stored_one(owner: Person) -> None:
    puts = [{"id": str(uuid4()), "title": f"todo {number}"} for number in range(5)]
    highest = owner.create()["version"]
    results = send(owner, put=puts)
    stored = everything_of(owner.http)
    assert all(result["version"] == stored[result["id"]]["version"] > highest for result in results)


FAULTS: dict[str, dict[str, Any]] = {
    "no title": {},
    "an empty title": {"title": " "},
    "a long title": {"title": "x" * 201},
    "null as title": {"title": None},
    "a long description": {"title": "x", "description": "x" * 2001},
    "a string as boolean": {"title": "x", "completed": "true"},
    "null as boolean": {"title": "x", "completed": None},
    "an unknown field": {"title": "x", "titel": "y"},
    "an owner": {"title": "x", "user_id": "me"},
    "a version": {"title": "x", "version": 1},
    "a time of deletion": {"title": "x", "deleted_at": "2026-11-24T09:00:00Z"},
    "a negative base": {"title": "x", "base": -1},
    "a large base": {"title": "x", "base": 2**63},
    "a string as base": {"title": "x", "base": "1"},
    "a fraction as base": {"title": "x", "base": 1.5},
    "a boolean as base": {"title": "x", "base": True},
    "a time without zone": {"title": "x", "created_at": "2026-11-24T09:00:00"},
    "a number as time": {"title": "x", "created_at": 1764000000},
    "a time beyond the calendar": {"title": "x", "created_at": "9999-12-31T23:59:59-14:00"},
    "a due with seconds": {"title": "x", "due": "2026-11-24T09:00:00"},
    "an unknown priority": {"title": "x", "priority": "urgent"},
    "null as priority": {"title": "x", "priority": None},
    "null as tags": {"title": "x", "tags": None},
    "a number as position": {"title": "x", "position": 5},
    "NUL": {"title": "a\0b"},
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_faulty_put_is_refused_and_the_others_are_done(owner: Person, name: str) -> None:
    faulty, first, last = ({"id": str(uuid4()), "title": "x"} for _ in range(3))
    del faulty["title"]
    results = send(owner, put=[first, faulty | FAULTS[name], last])
    assert [result["status"] for result in results] == [201, 422, 201]
    assert [result["id"] for result in results] == [first["id"], faulty["id"], last["id"]]
    refused = results[1]
    assert list(refused) == ["id", "status", "version", "errors"]
    assert refused["version"] is None
    assert refused["errors"]
    assert all(set(error) == {"loc", "msg", "type"} for error in refused["errors"])
    (field,) = set(FAULTS[name]) - {"title"} or {"title"}
    if name != "NUL":
        assert refused["errors"][0]["loc"][-1] == field
    assert sorted(everything_of(owner.http)) == sorted([first["id"], last["id"]])


@pytest.mark.parametrize("fault", [{"base": -1}, {"base": "1"}, {"title": "x"}], ids=str)
def test_a_faulty_delete_is_refused_and_the_others_are_done(owner: Person, fault: dict[str, Any]) -> None:
    kept, deleted = owner.create(), owner.create()
    results = send(owner, delete=[{"id": kept["id"], **fault}, {"id": deleted["id"]}])
    assert [result["status"] for result in results] == [422, 204]
    assert results[0]["errors"][0]["loc"][-1] in fault
    assert owner.http.get("/api/todos").json() == [kept]


def test_what_was_sent_is_not_repeated_in_errors(owner: Person) -> None:
    item = {"id": str(uuid4()), "title": "s3cret" * 50, "completed": "s3cret", "s3cret field": "s3cret"}
    assert "s3cret" not in json.dumps(send(owner, put=[item])[0])


ONE, TWO = "7c1a6f1e-6d0b-4f9c-8f0e-1d2c3b4a5968", "0b2f9d34-58f5-4a6e-9c3d-7f6e5d4c3b2a"
REFUSED: dict[str, Any] = {
    "an id twice in put": {"put": [{"id": ONE, "title": "x"}, {"id": ONE, "title": "y"}]},
    "an id twice in delete": {"delete": [{"id": ONE}, {"id": ONE}]},
    "an id in both": {"put": [{"id": ONE, "title": "x"}], "delete": [{"id": ONE}]},
    "an id in two spellings": {"put": [{"id": ONE, "title": "x"}], "delete": [{"id": ONE.upper()}]},
    "an id without hyphens": {"put": [{"id": ONE, "title": "x"}], "delete": [{"id": ONE.replace("-", "")}]},
    "an id twice, one faulty": {"put": [{"id": ONE, "title": "x"}, {"id": ONE, "title": ""}]},
    "put that is no array": {"put": {"id": TWO, "title": "x"}},
    "null": {"put": None},
    "an unknown field": {"put": [{"id": TWO, "title": "x"}], "patch": []},
    "an array": [{"id": TWO, "title": "x"}],
    "501 items": {"put": [{"id": str(uuid4()), "title": "x"} for _ in range(501)]},
    "501 items in two arrays": {
        "put": [{"id": str(uuid4()), "title": "x"} for _ in range(250)],
        "delete": [{"id": str(uuid4())} for _ in range(251)],
    },
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_batch_that_is_not_valid_does_nothing(owner: Person, name: str) -> None:
    todo = owner.http.put(f"/api/todos/{ONE}", json={"title": "as it was"}).json()
    answer = owner.http.post("/api/batch", json=REFUSED[name])
    problem = expect_problem(answer, 422, "Unprocessable Content")
    assert problem["errors"]
    assert all(error["loc"][0] == "body" for error in problem["errors"])
    assert everything_of(owner.http) == {ONE: todo}


NO_UUIDS: dict[str, tuple[str, Any]] = {
    "no uuid in put": ("put", {"id": "one", "title": "y"}),
    "no uuid in delete": ("delete", {"id": "one"}),
    "a number as id": ("put", {"id": 1, "title": "x"}),
    "null as id": ("put", {"id": None, "title": "x"}),
    "no id in put": ("put", {"title": "x"}),
    "no id in delete": ("delete", {}),
    "an item that is no object": ("put", "x"),
}


@pytest.mark.parametrize(("place", "item"), NO_UUIDS.values(), ids=NO_UUIDS)
def test_a_batch_with_an_id_that_is_no_uuid_does_nothing(owner: Person, place: str, item: Any) -> None:
    todo = owner.create()
    body: dict[str, list[Any]] = {"put": [{"id": TWO, "title": "x"}], "delete": [{"id": todo["id"]}]}
    body[place].append(item)
    (error,) = expect_invalid(owner.http.post("/api/batch", json=body), ["body", place, 1])
    assert (error["type"], error["msg"]) == ("item_id", "Item should have an id, which is a UUID")
    assert everything_of(owner.http) == {todo["id"]: todo}


def test_a_batch_has_500_items_at_most(owner: Person) -> None:
    puts = [{"id": str(uuid4()), "title": f"todo {number}"} for number in range(500)]
    assert [result["status"] for result in send(owner, put=puts)] == [201] * 500
    deletes = [{"id": item["id"]} for item in puts[:250]]
    results = send(owner, put=[item | {"title": "changed"} for item in puts[250:]], delete=deletes)
    assert [result["status"] for result in results] == [200] * 250 + [204] * 250
    live = owner.http.get("/api/todos?limit=500").json()
    assert [todo["title"] for todo in live] == ["changed"] * 250


@pytest.mark.parametrize("body", [{}, {"put": []}, {"delete": []}, {"put": [], "delete": []}], ids=str)
def test_an_empty_batch_does_nothing(owner: Person, body: dict[str, Any]) -> None:
    owner.create()
    tag = owner.http.get("/api/todos").headers["etag"]
    answer = owner.http.post("/api/batch", json=body)
    assert (answer.status_code, answer.json()) == (200, {"results": []})
    assert owner.http.get("/api/todos", headers={"If-None-Match": tag}).status_code == 304


def test_a_batch_without_a_body_is_refused(owner: Person) -> None:
    expect_invalid(owner.http.post("/api/batch"), ["body"])
    answer = owner.http.post("/api/batch", content=b"{}", headers={"Content-Type": "text/plain"})
    expect_problem(answer, 415, "Unsupported Media Type")
    expect_problem(owner.http.get("/api/batch"), 405, "Method Not Allowed")


LIMIT = 1024 * 1024
JSON = {"Content-Type": "application/json"}


def batch_of(size: int) -> bytes:
    """Return a valid batch of this many bytes, filled with spaces."""
    return json.dumps({"put": [{"id": str(uuid4()), "title": "x"}]}).encode().ljust(size)


def test_a_batch_of_100_kib_passes_and_a_todo_of_100_kib_does_not(owner: Person) -> None:
    puts = [{"id": str(uuid4()), "title": f"todo {number}", "description": "x" * 2000} for number in range(50)]
    assert len(json.dumps({"put": puts})) > 100 * 1024
    assert [result["status"] for result in send(owner, put=puts)] == [201] * 50
    todo = json.dumps({"title": "x"}).encode().ljust(100 * 1024)
    for path in ("/api/todos", "/api/todos/", "/api/batch/x", f"/api/trash/{uuid4()}/restore"):
        answer = owner.http.post(path, content=todo, headers=JSON)
        expect_problem(answer, 413, "Content Too Large")
    assert len(everything_of(owner.http)) == 50


def test_500_todos_of_the_largest_size_are_two_batches(owner: Person) -> None:
    puts = [{"id": str(uuid4()), "title": "x" * 200, "description": "x" * 2000} for _ in range(500)]
    expect_problem(owner.http.post("/api/batch", json={"put": puts}), 413, "Content Too Large")
    for half in (puts[:250], puts[250:]):
        assert {result["status"] for result in send(owner, put=half)} == {201}
    assert len(everything_of(owner.http)) == 500


@pytest.mark.parametrize("framed", ["length", "chunks"])
def test_a_batch_may_have_1_mib_and_no_byte_more(owner: Person, framed: str) -> None:
    def frame(body: bytes) -> Any:
        return body if framed == "length" else (body[place : place + 50_000] for place in range(0, len(body), 50_000))

    answer = owner.http.post("/api/batch", content=frame(batch_of(LIMIT)), headers=JSON)
    assert (answer.status_code, [result["status"] for result in answer.json()["results"]]) == (200, [201])
    answer = owner.http.post("/api/batch", content=frame(batch_of(LIMIT + 1)), headers=JSON)
    expect_problem(answer, 413, "Content Too Large")
    assert answer.headers["connection"] == "close"
    assert len(everything_of(owner.http)) == 1


def test_the_same_batch_sent_twice_does_nothing_the_second_time(owner: Person) -> None:
    live, changed, deleted, trashed = (owner.create(f"todo {number}") for number in range(4))
    owner.http.delete(f"/api/todos/{trashed['id']}")
    body = {
        "put": [
            {"id": str(uuid4()), "title": "new"},
            {"id": str(uuid4()), "title": "new, only", "base": 0, "completed": True},
            {"id": str(uuid4()), "title": "imported", "created_at": "2020-01-01T00:00:00Z"},
            {"id": live["id"], "title": "whatever is there"},
            {"id": changed["id"], "title": "this version", "base": changed["version"]},
            {"id": str(uuid4()), "title": "not there", "base": 5},
            {"id": str(uuid4()), "title": ""},
            {"id": trashed["id"], "title": "back", "base": 0},
        ],
        "delete": [{"id": deleted["id"], "base": deleted["version"]}, {"id": str(uuid4())}],
    }
    first = owner.http.post("/api/batch", json=body).json()["results"]
    assert [result["status"] for result in first] == [201, 201, 201, 200, 200, 404, 422, 412, 204, 404]
    replica = Replica(owner.http)
    replica.walk()
    tags = {path: owner.http.get(path).headers["etag"] for path in ("/api/todos", "/api/trash")}
    again = owner.http.post("/api/batch", json=body).json()["results"]
    assert [result["status"] for result in again] == [200, 200, 200, 200, 200, 404, 422, 412, 204, 404]
    assert [result["version"] for result in again] == [result["version"] for result in first]
    for path, tag in tags.items():
        assert owner.http.get(path, headers={"If-None-Match": tag}).status_code == 304
    assert todos_of(replica.walk()) == []
    assert replica.todos == everything_of(owner.http)


def test_an_import_keeps_times(owner: Person) -> None:
    created, completed = "2020-02-29T12:00:00.123456Z", "2021-03-01T08:30:00Z"
    todo_id = str(uuid4())
    item = {"id": todo_id, "title": "old", "completed": True, "created_at": created, "completed_at": completed}
    (result,) = send(owner, put=[item])
    todo = owner.http.get(f"/api/todos/{todo_id}").json()
    assert result == {"id": todo_id, "status": 201, "version": todo["version"]}
    assert (todo["created_at"], todo["completed_at"], todo["updated_at"]) == (created, completed, None)


def test_a_time_with_another_zone_is_stored_as_utc(owner: Person) -> None:
    item = {"id": str(uuid4()), "title": "old", "created_at": "2020-01-01T01:00:00+02:00"}
    send(owner, put=[item])
    assert owner.http.get("/api/todos").json()[0]["created_at"] == "2019-12-31T23:00:00Z"


def test_without_times_a_put_makes_them(owner: Person) -> None:
    items = [{"id": str(uuid4()), "title": "new", "completed": completed} for completed in (True, False)]
    send(owner, put=items)
    now = datetime.now(UTC)
    done, open_ = (owner.http.get(f"/api/todos/{item['id']}").json() for item in items)
    for time in (done["created_at"], done["completed_at"], open_["created_at"]):
        assert abs(datetime.fromisoformat(time) - now) < timedelta(minutes=1)
    assert open_["completed_at"] is None


def test_a_put_without_times_keeps_those_of_the_todo(owner: Person) -> None:
    times = {"created_at": "2020-01-01T00:00:00Z", "completed_at": "2020-01-02T00:00:00Z"}
    todo_id = str(uuid4())
    send(owner, put=[{"id": todo_id, "title": "old", "completed": True, **times}])
    send(owner, put=[{"id": todo_id, "title": "new title", "completed": True}])
    todo = owner.http.get(f"/api/todos/{todo_id}").json()
    assert {name: todo[name] for name in times} == times
    assert todo["title"] == "new title"
    assert todo["updated_at"] > "2026"
    send(owner, put=[{"id": todo_id, "title": "new title", "completed": False}])
    todo = owner.http.get(f"/api/todos/{todo_id}").json()
    assert (todo["created_at"], todo["completed_at"]) == (times["created_at"], None)


@pytest.mark.parametrize("field", ["created_at", "completed_at"])
def test_an_import_sets_times_of_a_todo_that_is_there(owner: Person, field: str) -> None:
    todo = owner.create("same", completed=True)
    item = {"id": todo["id"], "title": "same", "completed": True, field: "2020-01-01T00:00:00Z"}
    (result,) = send(owner, put=[item])
    assert (result["status"], result["version"] > todo["version"]) == (200, True)
    stored = owner.http.get(f"/api/todos/{todo['id']}").json()
    assert stored == todo | {name: stored[name] for name in ("version", "updated_at")} | {field: item[field]}
    assert send(owner, put=[item]) == [result]


def test_an_open_todo_has_no_time_of_completion(owner: Person) -> None:
    todo_id = str(uuid4())
    item = {"id": todo_id, "title": "x", "completed": False, "completed_at": "2020-01-01T00:00:00Z"}
    (first,) = send(owner, put=[item])
    todo = owner.http.get(f"/api/todos/{todo_id}").json()
    assert first == {"id": todo_id, "status": 201, "version": todo["version"]}
    assert (todo["completed"], todo["completed_at"]) == (False, None)
    assert send(owner, put=[item]) == [first | {"status": 200}]
    assert owner.http.get(f"/api/todos/{todo_id}").json() == todo


EXPORTED = (
    *("id", "title", "description", "completed", "completed_at", "due", "priority", "tags", "position"),
    "created_at",
)


def test_an_export_is_the_import_of_another_account(owner: Person, stranger: Person) -> None:
    for number in range(60):
        fields: dict[str, Any] = {"due": "2026-11-24", "priority": "low", "tags": [f"{number}"]} if number % 7 else {}
        todo = owner.create(f"todo {number}", description=None if number % 2 else f"☃ {number}", **fields)
        if number % 3 == 0:
            owner.http.post(f"/api/todos/{todo['id']}/toggle")
        if number % 5 == 0:
            owner.http.delete(f"/api/todos/{todo['id']}")
    send(owner, put=[{"id": str(uuid4()), "title": "old", "created_at": "2001-01-01T00:00:00Z"}])
    exported = todos_of(Replica(owner.http).walk(17))
    items = [{name: todo[name] for name in EXPORTED} for todo in exported]
    trashed = [{"id": todo["id"]} for todo in exported if todo["deleted_at"]]
    assert (len(items), len(trashed)) == (61, 12)
    for _ in range(2):
        send(stranger, put=[item for item in items if {"id": item["id"]} not in trashed])
    send(stranger, put=[item for item in items if {"id": item["id"]} in trashed])
    send(stranger, delete=trashed)

    def seen(person: Person, path: str) -> list[dict[str, Any]]:
        return [{name: todo[name] for name in EXPORTED} for todo in person.http.get(f"{path}?limit=500").json()]

    assert seen(stranger, "/api/todos") == seen(owner, "/api/todos")
    trash = [sorted(seen(person, "/api/trash"), key=lambda todo: todo["id"]) for person in (owner, stranger)]
    assert trash[0] == trash[1]
    assert {todo["user_id"] for todo in everything_of(stranger.http).values()} == {stranger.id}


def test_a_batch_needs_a_token(anonymous: httpx.Client) -> None:
    for content in (b"{}", batch_of(100 * 1024), b"no JSON"):
        expect_unauthorized(anonymous.post("/api/batch", content=content, headers=JSON), "There is no token")


def test_a_batch_reaches_only_own_todos(owner: Person, stranger: Person) -> None:
    mine = [owner.create(f"todo {number}") for number in range(4)]
    changed, based_on, deleted, deleted_based = (todo["id"] for todo in mine)
    version = mine[1]["version"]
    results = send(
        stranger,
        put=[{"id": changed, "title": "theirs"}, {"id": based_on, "title": "theirs", "base": version}],
        delete=[{"id": deleted}, {"id": deleted_based, "base": mine[3]["version"]}],
    )
    assert [result["status"] for result in results] == [201, 404, 404, 404]
    assert owner.http.get("/api/todos").json() == mine[::-1]
    assert [todo["id"] for todo in stranger.http.get("/api/todos").json()] == [changed]


def test_a_batch_of_a_deleted_account_stores_nothing(new_person: Callable[[], Person], database: Database) -> None:
    person = new_person()
    todo = person.create()
    database.execute('DELETE FROM "user" WHERE id = %s', (person.id,))
    answer = person.http.post("/api/batch", json={"put": [{"id": str(uuid4()), "title": "x"}]})
    expect_unauthorized(answer, "no longer exists")
    assert send(person, delete=[{"id": todo["id"]}]) == [{"id": todo["id"], "status": 404, "version": None}]
    assert database.execute("SELECT id FROM todo WHERE user_id = %s", (person.id,)) == []


@pytest.mark.parametrize("kind", ["put", "delete"])
@pytest.mark.parametrize("name", ["\\ud800secret", "\\u0000secret"], ids=["surrogate", "NUL"])
def test_a_field_whose_name_is_no_text_is_the_items_fault(owner: Person, api: Api, kind: str, name: str) -> None:
    good, bad = str(uuid4()), str(uuid4())
    body = f'{{"put": [{{"id": "{good}", "title": "good"}}], "{kind}": [{{"id": "{bad}", "title": "a", "{name}": 1}}]}}'
    if kind == "put":
        body = f'{{"put": [{{"id": "{good}", "title": "good"}}, {{"id": "{bad}", "title": "a", "{name}": 1}}]}}'
    answer = owner.http.post("/api/batch", content=body, headers={"Content-Type": "application/json"})
    assert [result["status"] for result in answer.json()["results"]] == [201, 422]
    assert "secret" not in answer.text
    assert "secret" not in api.log.read_text()


def test_an_item_with_thousands_of_fields_is_refused_with_one_error(owner: Person) -> None:
    item = {"id": str(uuid4()), "title": "x"} | {f"a{number}": 1 for number in range(5000)}
    answer = owner.http.post("/api/batch", json={"put": [item]})
    (result,) = answer.json()["results"]
    assert (result["status"], [error["type"] for error in result["errors"]]) == (422, ["too_many_fields"])
    (error,) = expect_invalid(owner.http.post("/api/batch", json=item), ["body"])
    assert error["type"] == "too_many_fields"
