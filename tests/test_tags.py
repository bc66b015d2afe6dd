"""Test /api/tags: the tags of a user with their counts, and the names that tags get."""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from functools import partial
from random import Random
from typing import Any
from urllib.parse import quote

import httpx
import psycopg2
import pytest

from tests.conftest import Database, Person
from tests.expect import expect_invalid, expect_problem, expect_unauthorized
from tests.issuer import Issuer
from tests.live import wait_for
from tests.project import Project, running_project
from tests.replica import Replica, everything_of, todos_of
from tests.todos import Todo, etag, http_of, live_of, path_of
from tests.wire import Wire
from tests.writers import no_deadlock


def at(name: str) -> str:
    """Return the path of a tag, with every character escaped that a path or a proxy may read in another way."""
    return f"/api/tags/{quote(name, safe='').replace('.', '%2E')}"


def rename(person: Person | httpx.Client, name: str, new: str) -> httpx.Response:
    """Rename a tag."""
    return http_of(person).patch(at(name), json={"name": new})


def remove(person: Person | httpx.Client, name: str) -> httpx.Response:
    """Delete a tag."""
    return http_of(person).delete(at(name))


def counted(me: Person) -> dict[str, int]:
    """Return the tags of a user with their counts, in the order of the answer."""
    answer = me.http.get("/api/tags")
    assert answer.status_code == 200, answer.text
    assert all(list(tag) == ["name", "count"] for tag in answer.json())
    found = {tag["name"]: tag["count"] for tag in answer.json()}
    assert len(found) == len(answer.json()), "no tag is there twice"
    return found


def expect_changed(answer: httpx.Response, number: int) -> None:
    """Assert that a tag was changed in a number of todos."""
    assert (answer.status_code, answer.json()) == (200, {"changed": number}), answer.text
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "private, no-store"


def tagged(me: Person, *tags: str, **fields: Any) -> Todo:
    """Create a todo with tags."""
    todo = me.create("tagged", tags=list(tags), **fields)
    assert todo["tags"] == list(tags)
    return todo


# The list


def test_a_user_without_todos_has_no_tags(anonymous: httpx.Client, owner: Person) -> None:
    expect_unauthorized(anonymous.get("/api/tags"), "There is no token")
    answer = owner.http.get("/api/tags")
    assert (answer.status_code, answer.json()) == (200, [])
    assert answer.headers["etag"].startswith('W/"')
    assert "link" not in answer.headers
    owner.create()
    assert counted(owner) == {}


def test_tags_have_the_number_of_their_todos(stranger: Person, owner: Person) -> None:
    tagged(owner, "home", "work")
    tagged(owner, "work", completed=True)
    tagged(stranger, "theirs", "work")
    answer = owner.http.get("/api/tags")
    assert (answer.status_code, answer.json()) == (200, [{"name": "home", "count": 1}, {"name": "work", "count": 2}])
    assert answer.headers["cache-control"] == "private, no-store"
    assert counted(stranger) == {"theirs": 1, "work": 1}


NAMES = [*"ZaBÉéä_漢😀", "e\u0301", "-x", "10", "9", "A b", "Ab", "ß", "ss", "İ", "\u0131", "\uff5e"]


def test_tags_are_in_the_order_of_code_points(owner: Person) -> None:
    for name in Random("tags").sample(NAMES, len(NAMES)):
        tagged(owner, name)
    assert list(counted(owner)) == sorted(NAMES)
    assert set(counted(owner).values()) == {1}, "case and accents count"


def test_the_order_of_tags_is_not_that_of_the_locale(owner: Person, wire: Wire) -> None:
    """PostgreSQL may have no other locale on this machine, so this reads the statement."""
    sent = len(wire.messages)
    assert counted(owner) == {}
    (statement,) = wire.messages[sent:]
    assert re.search(r'ORDER BY [^,]*COLLATE "C"', statement)


def test_the_trash_is_not_counted(owner: Person) -> None:
    first, second = tagged(owner, "a", "b"), tagged(owner, "b")
    owner.trash(first)
    assert counted(owner) == {"b": 1}
    owner.http.post(f"/api/trash/{first['id']}/restore")
    assert counted(owner) == {"a": 1, "b": 2}
    owner.purge(second)
    assert counted(owner) == {"a": 1, "b": 1}
    owner.purge(first)
    assert counted(owner) == {}


def test_all_tags_are_listed(owner: Person, database: Database) -> None:
    database.execute(
        "INSERT INTO todo (user_id, title, tags)"
        " SELECT %s, 'x', ARRAY['all', 'tag ' || n] FROM generate_series(1, 3000) AS n",
        (owner.id,),
    )
    expected = dict.fromkeys(sorted(f"tag {number}" for number in range(1, 3001)), 1)
    assert list(counted(owner).items()) == [("all", 3000), *expected.items()]


def test_the_etag_of_tags_is_not_sent_again(owner: Person, stranger: Person) -> None:
    todo = tagged(owner, "a")
    first = owner.http.get("/api/tags")
    known = {"If-None-Match": first.headers["etag"]}
    same = owner.http.get("/api/tags", headers=known)
    assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", first.headers["etag"])
    head = owner.http.head("/api/tags")
    assert (head.status_code, head.content, head.headers["etag"]) == (200, b"", first.headers["etag"])
    tagged(stranger, "a")
    assert owner.http.get("/api/tags", headers=known).status_code == 304
    seen = {first.headers["etag"]}
    for act in (
        lambda: tagged(owner, "b"),
        lambda: owner.http.patch(path_of(todo), json={"title": "changed"}),
        lambda: rename(owner, "a", "c"),
        lambda: remove(owner, "b"),
        lambda: owner.http.delete(path_of(todo)),
        lambda: owner.http.delete("/api/trash"),
    ):
        act()
        answer = owner.http.get("/api/tags", headers=known)
        assert answer.status_code == 200
        assert answer.headers["etag"] not in seen
        seen.add(answer.headers["etag"])


def test_tags_have_no_query(owner: Person) -> None:
    expect_invalid(owner.http.get("/api/tags?limit=1"), ["query", "limit"])
    for verb in ("PATCH", "DELETE"):
        answer = owner.http.request(verb, f"{at('a')}?max=1", json={"name": "b"} if verb == "PATCH" else None)
        expect_invalid(answer, ["query", "max"])


# Renaming and deleting


def test_a_tag_is_renamed_in_all_todos_of_its_owner(anonymous: httpx.Client, stranger: Person, owner: Person) -> None:
    first, second = tagged(owner, "x", "old", "y"), tagged(owner, "old", completed=True, description="words")
    other, theirs = tagged(owner, "older", "Old"), tagged(stranger, "old")
    expect_unauthorized(rename(anonymous, "old", "new"), "There is no token")
    expect_changed(rename(stranger, "unknown", "new"), 0)
    expect_changed(rename(owner, "old", "new"), 2)
    for before, tags in ((first, ["x", "new", "y"]), (second, ["new"])):
        after = owner.find(before["id"])
        assert after["version"] > other["version"]
        assert after["updated_at"] > before["created_at"]
        assert after == before | {"tags": tags} | {name: after[name] for name in ("version", "updated_at")}
    assert owner.find(other["id"]) == other
    assert live_of(stranger) == [theirs]
    assert counted(owner) == {"Old": 1, "new": 2, "older": 1, "x": 1, "y": 1}


def test_a_tag_is_deleted_from_all_todos_of_its_owner(anonymous: httpx.Client, stranger: Person, owner: Person) -> None:
    first, second = tagged(owner, "x", "old", "y"), tagged(owner, "old", completed=True)
    other, theirs = tagged(owner, "older", "Old"), tagged(stranger, "old")
    expect_unauthorized(remove(anonymous, "old"), "There is no token")
    expect_changed(remove(stranger, "unknown"), 0)
    expect_changed(remove(owner, "old"), 2)
    for before, tags in ((first, ["x", "y"]), (second, [])):
        after = owner.find(before["id"])
        assert after["version"] > other["version"]
        assert after == before | {"tags": tags} | {name: after[name] for name in ("version", "updated_at")}
    assert owner.find(other["id"]) == other
    assert live_of(stranger) == [theirs]
    expect_changed(remove(owner, "old"), 0)


MERGES: dict[str, tuple[list[str], list[str]]] = {
    "the old one first": (["old", "x", "new"], ["x", "new"]),
    "the new one first": (["new", "x", "old"], ["new", "x"]),
    "side by side": (["a", "new", "old", "b"], ["a", "new", "b"]),
    "nothing else": (["old", "new"], ["new"]),
    "only the old one": (["a", "old", "b"], ["a", "new", "b"]),
    "20 tags": (
        [*(f"{number}" for number in range(18)), "old", "new"],
        [*(f"{number}" for number in range(18)), "new"],
    ),
    "20 tags without the new one": (
        [*(f"{number}" for number in range(19)), "old"],
        [*(f"{number}" for number in range(19)), "new"],
    ),
}


@pytest.mark.parametrize(("before", "after"), MERGES.values(), ids=MERGES)
def test_a_tag_is_merged_with_another(owner: Person, before: list[str], after: list[str]) -> None:
    todo, other = tagged(owner, *before), tagged(owner, "new")
    expect_changed(rename(owner, "old", "new"), 1)
    assert owner.find(todo["id"])["tags"] == after
    assert owner.find(other["id"]) == other, "a todo that has only the other name stays as it is"
    answer = owner.http.patch(path_of(todo), json={"tags": after})
    assert answer.status_code == 200, "what is stored may be sent"


@pytest.mark.parametrize("name", ["a", " a ", "a\n", "\u2003a"])
def test_a_tag_that_is_renamed_to_its_own_name_changes_nothing(owner: Person, name: str) -> None:
    todo = tagged(owner, "a", "b")
    replica = Replica(owner.http)
    replica.walk()
    before = owner.http.get("/api/tags").headers["etag"]
    expect_changed(rename(owner, "a", name), 0)
    expect_changed(rename(owner, name, "a"), 0)
    expect_changed(rename(owner, "unknown", "b"), 0)
    expect_changed(rename(owner, "unknown", "unknown"), 0)
    expect_changed(remove(owner, "unknown"), 0)
    assert owner.http.get("/api/tags").headers["etag"] == before
    assert todos_of(replica.walk()) == []
    assert live_of(owner) == [todo]


def test_names_are_trimmed(owner: Person) -> None:
    tagged(owner, "a")
    expect_changed(rename(owner, " a\t", "\n b "), 1)
    assert counted(owner) == {"b": 1}
    expect_changed(remove(owner, " b "), 1)
    assert counted(owner) == {}


def test_case_counts_in_names(owner: Person) -> None:
    tagged(owner, "home")
    tagged(owner, "Home", "home")
    expect_changed(rename(owner, "HOME", "x"), 0)
    expect_changed(rename(owner, "Home", "HOME"), 1)
    assert counted(owner) == {"HOME": 1, "home": 2}
    expect_changed(rename(owner, "HOME", "home"), 1)
    assert counted(owner) == {"home": 2}


@pytest.mark.parametrize("verb", ["PATCH", "DELETE"])
def test_a_tag_changes_in_the_trash_too(owner: Person, verb: str) -> None:
    live, todo = tagged(owner, "a", "old"), tagged(owner, "old", "b")
    trashed = owner.trash(todo)
    gone = tagged(owner, "old")
    owner.purge(gone)
    replica = Replica(owner.http)
    replica.walk()
    expect_changed(rename(owner, "old", "new") if verb == "PATCH" else remove(owner, "old"), 2)
    after = owner.find(trashed["id"])
    assert after["tags"] == (["new", "b"] if verb == "PATCH" else ["b"])
    assert after["version"] > trashed["version"]
    assert after["deleted_at"] == trashed["deleted_at"]
    assert owner.find(live["id"])["tags"] == (["a", "new"] if verb == "PATCH" else ["a"])
    reported = todos_of(replica.walk())
    assert sorted(todo["id"] for todo in reported) == sorted([live["id"], trashed["id"]])
    assert replica.todos == everything_of(owner.http)
    assert owner.http.post(f"/api/trash/{todo['id']}/restore").json()["tags"] == after["tags"]


def test_the_other_tags_keep_their_order(owner: Person) -> None:
    random, expected = Random("order"), dict[str, list[str]]()
    for _ in range(20):
        names = random.sample("abcdefghij", random.randint(0, 10))
        expected[tagged(owner, *names)["id"]] = names
    for _ in range(25):
        old, new = random.choices("abcdefghij", k=2)
        deletes = random.random() < 0.2
        number = 0 if old == new and not deletes else sum(old in names for names in expected.values())
        expect_changed(remove(owner, old) if deletes else rename(owner, old, new), number)
        for todo_id, names in expected.items():
            if deletes or (new in names and new != old):
                expected[todo_id] = [name for name in names if name != old]
            else:
                expected[todo_id] = [new if name == old else name for name in names]
        assert {todo["id"]: todo["tags"] for todo in live_of(owner)} == expected


def test_every_change_of_a_tag_is_told(owner: Person) -> None:
    todos = [tagged(owner, "a", f"{number}") for number in range(5)]
    other = tagged(owner, "b")
    replica = Replica(owner.http)
    replica.walk()
    before = [owner.http.get(path).headers["etag"] for path in ("/api/todos", "/api/trash", "/api/tags", "/api/counts")]
    expect_changed(rename(owner, "a", "c"), 5)
    after = [owner.http.get(path).headers["etag"] for path in ("/api/todos", "/api/trash", "/api/tags", "/api/counts")]
    assert all(old != new for old, new in zip(before, after, strict=True))
    reported = todos_of(replica.walk(2))
    assert {todo["id"] for todo in reported} == {todo["id"] for todo in todos}
    assert replica.todos == everything_of(owner.http)
    assert replica.todos[other["id"]] == other
    for todo in todos:
        stale = owner.http.patch(path_of(todo), json={"title": "stale"}, headers={"If-Match": etag(todo)})
        expect_problem(stale, 412, "Precondition Failed", "/problems/version-mismatch")


STRANGE = [
    "a/b",
    "/",
    "//a//",
    "a/",
    "%",
    "%2F",
    "%25",
    "?",
    "a?b=c&d",
    "#",
    "a b",
    "a+b",
    "..",
    ".",
    "../..",
    "../todos",
    "a;b",
    "😀",
    "👩‍👩‍👧",
    "'",
    '"',
    "\\",
    "a,b",
    "{a}",
    "{a,b}",
    "NULL",
    "null",
    "%s",
    "%(owner)s",
    ":owner",
    "$1",
    "_",
    "a%",
    "a\tb",
    "a\nb",
    "e\u0301",
    "\u200b",
    "\u0001",
    "x" * 50,
    "😀" * 50,
]


@pytest.mark.parametrize("name", STRANGE, ids=ascii)
def test_a_tag_may_have_any_name(owner: Person, name: str) -> None:
    todo, other = tagged(owner, "x", name), tagged(owner, "x", "other", "a", "b")
    assert counted(owner)[name] == 1
    expect_changed(rename(owner, name, "new"), 1)
    assert owner.find(todo["id"])["tags"] == ["x", "new"]
    expect_changed(rename(owner, "new", name), 1)
    assert owner.find(todo["id"])["tags"] == ["x", name]
    expect_changed(remove(owner, name), 1)
    assert owner.find(todo["id"])["tags"] == ["x"]
    assert owner.find(other["id"]) == other


INVALID_NAMES = ["", " ", "\t\n", "\u2003", "x" * 51, "😀" * 51, "a\0b", "\0"]


@pytest.mark.parametrize("name", INVALID_NAMES, ids=ascii)
def test_an_invalid_new_name_is_422(owner: Person, name: str) -> None:
    todo = tagged(owner, "a")
    answer = rename(owner, "a", name)
    expect_invalid(answer, ["body", "name"])
    assert name.strip() == "" or name not in answer.text
    assert live_of(owner) == [todo]


@pytest.mark.parametrize("verb", ["PATCH", "DELETE"])
@pytest.mark.parametrize("name", INVALID_NAMES[1:], ids=ascii)
def test_an_invalid_name_in_the_path_is_422(owner: Person, verb: str, name: str) -> None:
    todo = tagged(owner, "a")
    answer = rename(owner, name, "new") if verb == "PATCH" else remove(owner, name)
    expect_invalid(answer, ["path", "name"])
    assert name.strip() == "" or name not in answer.text
    assert live_of(owner) == [todo]


@pytest.mark.parametrize("path", ["/api/tags/%FF", "/api/tags/%ED%A0%80", "/api/tags/%C3", "/api/tags/a%"])
def test_a_path_that_is_no_utf_8_is_never_an_error_of_the_server(owner: Person, path: str) -> None:
    todo = tagged(owner, "a")
    for verb, body in (("PATCH", {"name": "b"}), ("DELETE", None)):
        answer = owner.http.request(verb, path, json=body)
        assert answer.status_code in (200, 400, 404, 422), answer.text
    assert live_of(owner) == [todo]


@pytest.mark.parametrize("verb", ["PATCH", "DELETE"])
def test_no_name_at_all_changes_nothing(owner: Person, verb: str) -> None:
    todo = tagged(owner, "a")
    for path in ("/api/tags", "/api/tags/"):
        answer = owner.http.request(verb, path, json={"name": "b"} if verb == "PATCH" else None)
        assert answer.status_code in (404, 405, 422)
        assert answer.headers["content-type"] == "application/problem+json"
    assert live_of(owner) == [todo]


BODIES: dict[str, tuple[Any, list[Any]]] = {
    "name is missing": ({}, ["body", "name"]),
    "a field more": ({"name": "b", "color": "red"}, ["body", "color"]),
    "null": ({"name": None}, ["body", "name"]),
    "a number": ({"name": 1}, ["body", "name"]),
    "a list": ({"name": ["b"]}, ["body", "name"]),
    "a lone surrogate": ({"name": "\ud800"}, ["body", "name"]),
    "a string as the body": ("b", ["body"]),
    "null as the body": (None, ["body"]),
}


@pytest.mark.parametrize(("body", "where"), BODIES.values(), ids=BODIES)
def test_an_invalid_body_of_a_rename_is_422(owner: Person, body: Any, where: list[Any]) -> None:
    todo = tagged(owner, "a")
    content = json.dumps(body)
    answer = owner.http.patch(at("a"), content=content, headers={"Content-Type": "application/json"})
    expect_invalid(answer, where)
    assert live_of(owner) == [todo]


def test_a_tag_of_many_todos_is_renamed_in_all(owner: Person, database: Database) -> None:
    number = 10_500
    database.execute(
        "INSERT INTO todo (user_id, title, tags, version)"
        " SELECT %s, 'x', ARRAY['a', 'old'], nextval('todo_version_seq') FROM generate_series(1, %s)",
        (owner.id, number),
    )
    expect_changed(rename(owner, "old", "new"), number)
    assert counted(owner) == {"a": number, "new": number}
    expect_changed(remove(owner, "a"), number)
    assert counted(owner) == {"new": number}


# At the same time


@pytest.fixture(scope="module")
def project(new_database: Callable[..., Database], issuer: Issuer) -> Iterator[Project]:
    """Run two processes on a database of its own. A process runs the writes of a user one after the other."""
    with running_project(new_database, issuer, apis=2, DB_POOL_SIZE="16") as project:
        yield project


def test_changes_of_tags_at_the_same_time_lose_nothing(project: Project) -> None:
    with ExitStack() as stack:
        clients = [stack.enter_context(project.client(number)) for number in range(8)]
        todos = [
            clients[0].post("/api/todos", json={"title": "x", "tags": ["first", "a", f"own {number}"]}).json()
            for number in range(10)
        ]
        replica = Replica(clients[0])
        replica.walk()
        calls: list[Callable[[httpx.Client], httpx.Response]] = []
        for number in range(25):
            calls.append(partial(rename, name="a", new="b"))
            calls.append(partial(rename, name="b", new="a"))
            calls.append(partial(httpx.Client.post, url=f"{path_of(todos[number % 10])}/toggle"))
            calls.append(
                partial(httpx.Client.patch, url=path_of(todos[number % 10]), json={"description": f"{number}"})
            )

        def share(number: int) -> list[int]:
            return [call(clients[number]).status_code for call in calls[number::8]]

        with no_deadlock(project.database), ThreadPoolExecutor(8) as pool:
            statuses = [status for statuses in pool.map(share, range(8)) for status in statuses]
        assert statuses == [200] * len(calls)
        replica.walk()
        assert replica.todos == everything_of(clients[0])
        found = [clients[0].get(path_of(todo)).json()["tags"] for todo in todos]
        middle: Sequence[str] = [tags[1] for tags in found]
        assert set(middle) in ({"a"}, {"b"}), "a rename is done in all todos or in none"
        assert found == [["first", middle[0], f"own {number}"] for number in range(10)]


@pytest.mark.parametrize("verb", ["PATCH", "DELETE"])
def test_a_change_of_a_tag_waits_for_a_todo_that_is_being_created(project: Project, verb: str) -> None:
    with closing(psycopg2.connect(project.database.url)) as connection, ThreadPoolExecutor(1) as pool:
        with connection.cursor() as cursor:
            cursor.execute("SELECT todo_next_version(%s)", (project.user_id,))
            cursor.execute(
                "INSERT INTO todo (user_id, title, tags) VALUES (%s, 'late', ARRAY['late'])", (project.user_id,)
            )
        change = pool.submit(rename, project.http, "late", "new") if verb == "PATCH" else None
        change = change or pool.submit(remove, project.http, "late")
        wait_for(lambda: project.database.waiting() == 1)
        connection.commit()
        expect_changed(change.result(), 1)
    assert project.http.get("/api/todos?tag=late").json() == []


def test_todos_created_during_a_rename_have_one_of_the_names(project: Project) -> None:
    with ExitStack() as stack:
        clients = [stack.enter_context(project.client(number)) for number in range(4)]

        def create(number: int) -> list[int]:
            body = {"title": "new", "tags": ["before", "during"]}
            return [clients[number].post("/api/todos", json=body).status_code for _ in range(10)]

        with no_deadlock(project.database), ThreadPoolExecutor(4) as pool:
            created = [pool.submit(create, number) for number in range(3)]
            answers = [rename(clients[3], "during", "after") for _ in range(10)]
            assert all(status == 201 for one in created for status in one.result())
        assert {answer.status_code for answer in answers} == {200}
        answers.append(rename(clients[3], "during", "after"))
        assert sum(answer.json()["changed"] for answer in answers) == 30, "each todo is renamed once"
        assert {tuple(todo["tags"]) for todo in clients[0].get("/api/todos?tag=before&limit=500").json()} == {
            ("before", "after")
        }


def test_a_list_has_10000_tags_at_most(owner: Person, database: Database) -> None:
    database.execute(
        "INSERT INTO todo (user_id, title, tags)"
        " SELECT %s, 'x', array_agg(to_char(n, 'FM00000')) FROM generate_series(0, 10004) n GROUP BY n / 20",
        (owner.id,),
    )
    answer = owner.http.get("/api/tags")
    assert answer.status_code == 200
    assert answer.json() == [{"name": f"{number:05}", "count": 1} for number in range(10_000)]


def test_a_tag_of_many_todos_is_changed_in_portions(owner: Person, database: Database) -> None:
    database.execute(
        "INSERT INTO todo (user_id, title, tags) SELECT %s, 'x', ARRAY['home', 'x'] FROM generate_series(1, 20001)",
        (owner.id,),
    )
    assert owner.http.patch("/api/tags/home", json={"name": "house"}).json() == {"changed": 20_001}
    assert owner.http.delete("/api/tags/x").json() == {"changed": 20_001}
    assert owner.http.get("/api/tags").json() == [{"name": "house", "count": 20_001}]
