"""Test creating, reading, changing, toggling and deleting todos."""

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from tests.conftest import Database, Person
from tests.expect import expect_invalid, expect_not_found
from tests.issuer import Issuer
from tests.live import running
from tests.todos import FIELDS


def test_a_new_todo_has_every_field_and_a_location(owner: Person) -> None:
    answer = owner.http.post("/api/todos", json={"title": "Buy milk"})
    assert answer.status_code == 201
    todo = answer.json()
    assert list(todo) == FIELDS
    assert UUID(todo["id"]).version == 4
    assert (todo["title"], todo["description"], todo["completed"]) == ("Buy milk", None, False)
    assert (todo["due"], todo["priority"], todo["tags"]) == (None, "none", [])
    assert (todo["user_id"], todo["updated_at"]) == (owner.id, None)
    assert answer.headers["location"] == f"/api/todos/{todo['id']}"
    assert owner.http.get(answer.headers["location"]).json() == todo


def test_times_are_utc_and_end_in_z(owner: Person) -> None:
    todo = owner.create()
    changed = owner.http.post(f"/api/todos/{todo['id']}/toggle").json()
    for time in (todo["created_at"], changed["updated_at"]):
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", time)
        assert abs(datetime.fromisoformat(time) - datetime.now(UTC)) < timedelta(minutes=1)


def test_times_are_utc_in_every_time_zone_of_the_database(
    new_database: Callable[..., Database], issuer: Issuer
) -> None:
    database = new_database()
    (name,) = database.execute("SELECT current_database()")[0]
    database.execute(f"ALTER DATABASE {name} SET timezone TO 'Asia/Tokyo'")
    database.add_user("somebody")
    with (
        running(DATABASE_URL=database.api_url, BETTER_AUTH_URL=issuer.origin) as api,
        api.client(issuer.token("somebody")) as somebody,
    ):
        time = somebody.post("/api/todos", json={"title": "Buy milk"}).json()["created_at"]
    assert time.endswith("Z")
    assert abs(datetime.fromisoformat(time) - datetime.now(UTC)) < timedelta(minutes=1)


def test_every_field_that_a_client_sends_is_stored(owner: Person) -> None:
    todo = owner.create(" Café ☕ 買う\t", description=" as is \n", completed=True)
    assert (todo["title"], todo["description"], todo["completed"]) == ("Café ☕ 買う", " as is \n", True)


@pytest.mark.parametrize(
    ("body", "loc", "kind"),
    [
        ({}, ["body", "title"], "missing"),
        ({"title": ""}, ["body", "title"], "string_too_short"),
        ({"title": " \u3000\n "}, ["body", "title"], "string_too_short"),
        ({"title": "x" * 201}, ["body", "title"], "string_too_long"),
        ({"title": None}, ["body", "title"], "string_type"),
        ({"title": 1}, ["body", "title"], "string_type"),
        ({"title": "x", "description": "x" * 2001}, ["body", "description"], "string_too_long"),
        ({"title": "x", "completed": None}, ["body", "completed"], "bool_type"),
        ({"title": "x", "titel": "y"}, ["body", "titel"], "extra_forbidden"),
        ({"title": "x", "user_id": "me"}, ["body", "user_id"], "extra_forbidden"),
        ([{"title": "x"}], ["body"], "model_attributes_type"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_an_invalid_todo_is_refused(owner: Person, body: object, loc: list[str], kind: str) -> None:
    (error,) = expect_invalid(owner.http.post("/api/todos", json=body), loc)
    assert error["type"] == kind
    assert owner.http.get("/api/todos").json() == []


def test_of_many_errors_the_first_20_are_reported(owner: Person) -> None:
    fields = [f"unknown_{number}" for number in range(1000)]
    answer = owner.http.post("/api/todos", json={"title": "x"} | dict.fromkeys(fields, 1))
    expect_invalid(answer, *(["body", field] for field in fields[:20]))


def test_the_longest_texts_fit(owner: Person) -> None:
    todo = owner.create("😀" * 200, description="😀" * 2000)
    assert (len(todo["title"]), len(todo["description"])) == (200, 2000)


@pytest.mark.parametrize(
    "changes",
    [
        {"title": "Buy oat milk"},
        {"description": "two bottles"},
        {"description": None},
        {"completed": False},
        {"due": "2026-11-24T09:00"},
        {"due": None},
        {"priority": "low"},
        {"tags": []},
        {
            "title": "All",
            "description": "three",
            "completed": False,
            "due": None,
            "priority": "none",
            "tags": ["b", "c"],
        },
    ],
    ids="+".join,
)
def test_a_patch_changes_what_is_sent_and_nothing_else(owner: Person, changes: dict[str, object]) -> None:
    fields: dict[str, object] = {"due": "2026-11-24", "priority": "high", "tags": ["a", "b"]}
    todo = owner.create("Buy milk", description="a bottle", completed=True, **fields)
    answer = owner.http.patch(f"/api/todos/{todo['id']}", json=changes)
    assert answer.status_code == 200
    changed = answer.json()
    assert changed["updated_at"] > todo["created_at"]
    assert changed["version"] > todo["version"]
    of_the_database = {name: changed[name] for name in ("version", "updated_at")}
    of_the_database |= {"completed_at": None} if changes.get("completed") is False else {}
    assert changed == todo | changes | of_the_database
    assert owner.http.get(f"/api/todos/{todo['id']}").json() == changed


def test_an_empty_patch_changes_nothing(owner: Person) -> None:
    todo = owner.create()
    assert owner.http.patch(f"/api/todos/{todo['id']}", json={}).json() == todo


@pytest.mark.parametrize("field", ["title", "completed", "priority", "tags"])
def test_a_patch_refuses_null_where_null_is_not_allowed(owner: Person, field: str) -> None:
    todo = owner.create()
    answer = owner.http.patch(f"/api/todos/{todo['id']}", json={field: None})
    expect_invalid(answer, ["body", field])
    assert owner.http.get(f"/api/todos/{todo['id']}").json() == todo


def test_a_patch_refuses_unknown_fields(owner: Person) -> None:
    todo = owner.create()
    answer = owner.http.patch(f"/api/todos/{todo['id']}", json={"title": "x", "done": True})
    expect_invalid(answer, ["body", "done"])
    assert owner.http.get(f"/api/todos/{todo['id']}").json() == todo


def test_toggle_flips_and_flips_back(owner: Person) -> None:
    todo = owner.create()
    once = owner.http.post(f"/api/todos/{todo['id']}/toggle").json()
    assert once["version"] > todo["version"]
    of_the_database = {name: once[name] for name in ("version", "updated_at", "completed_at")}
    assert once == todo | {"completed": True} | of_the_database
    assert once["completed_at"] == once["updated_at"]
    twice = owner.http.post(f"/api/todos/{todo['id']}/toggle").json()
    assert (twice["completed"], twice["completed_at"]) == (False, None)
    assert twice["version"] > once["version"]
    assert twice["updated_at"] > once["updated_at"] > todo["created_at"]


@pytest.mark.parametrize("times", [30, 31])
def test_toggles_at_the_same_time_flip_exactly_as_often(owner: Person, times: int) -> None:
    todo = owner.create()
    with ThreadPoolExecutor(10) as pool:
        answers = pool.map(lambda _: owner.http.post(f"/api/todos/{todo['id']}/toggle"), range(times))
        seen = [answer.json()["completed"] for answer in answers]
    assert (seen.count(True), seen.count(False)) == ((times + 1) // 2, times // 2)
    assert owner.http.get(f"/api/todos/{todo['id']}").json()["completed"] is (times % 2 == 1)


def test_a_deleted_todo_is_gone(owner: Person) -> None:
    todo, other = owner.create("first"), owner.create("second")
    answer = owner.http.delete(f"/api/todos/{todo['id']}")
    assert (answer.status_code, answer.content) == (204, b"")
    expect_not_found(owner.http.get(f"/api/todos/{todo['id']}"))
    expect_not_found(owner.http.delete(f"/api/todos/{uuid4()}"))
    assert owner.http.get("/api/todos").json() == [other]


Call = tuple[str, str, dict[str, object] | None]

ON_ONE_TODO: list[Call] = [
    ("GET", "/api/todos/{id}", None),
    ("PATCH", "/api/todos/{id}", {"title": "mine"}),
    ("PATCH", "/api/todos/{id}", {}),
    ("DELETE", "/api/todos/{id}", None),
    ("POST", "/api/todos/{id}/toggle", None),
]


@pytest.mark.parametrize(("verb", "path", "body"), ON_ONE_TODO, ids=lambda value: str(value).split("/")[-1])
def test_a_strangers_todo_is_the_same_as_no_todo(
    owner: Person, stranger: Person, verb: str, path: str, body: dict[str, object] | None
) -> None:
    todo = owner.create()

    def ask(todo_id: object) -> tuple[int, list[tuple[str, str]], bytes]:
        answer = stranger.http.request(verb, path.format(id=todo_id), json=body, headers={"X-Request-ID": "same"})
        expect_not_found(answer)
        headers = [item for item in answer.headers.items() if item[0] != "date"]
        return answer.status_code, headers, answer.content

    assert ask(todo["id"]) == ask(uuid4())
    assert owner.http.get("/api/todos").json() == [todo], "the todo must not change"


def test_a_list_contains_only_the_users_own_todos(owner: Person, stranger: Person) -> None:
    mine, theirs = owner.create("mine"), stranger.create("theirs")
    assert owner.http.get("/api/todos").json() == [mine]
    assert stranger.http.get("/api/todos").json() == [theirs]


def test_an_id_that_is_no_uuid_is_invalid(owner: Person) -> None:
    (error,) = expect_invalid(owner.http.get("/api/todos/12"), ["path", "todo_id"])
    assert error == {"loc": ["path", "todo_id"], "msg": "Input should be a valid UUID", "type": "uuid_parsing"}


def test_me_is_the_user_in_better_auths_table(owner: Person, database: Database) -> None:
    database.execute('UPDATE "user" SET image = %s WHERE id = %s', ("https://x.test/a.png", owner.id))
    answer = owner.http.get("/api/me")
    assert answer.status_code == 200
    assert answer.json() == {
        "id": owner.id,
        "name": "Somebody",
        "email": f"{owner.id.lower()}@example.com",
        "image": "https://x.test/a.png",
    }


def test_deleting_an_account_deletes_its_todos(new_person: Callable[[], Person], database: Database) -> None:
    leaving, staying = new_person(), new_person()
    leaving.create()
    kept = staying.create()
    database.execute('DELETE FROM "user" WHERE id = %s', (leaving.id,))
    assert database.execute("SELECT id FROM todo WHERE user_id = %s", (leaving.id,)) == []
    assert staying.http.get("/api/todos").json() == [kept]
