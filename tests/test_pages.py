"""Test the order of pages, the links between them, and the rows that they read."""

import json
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any
from uuid import UUID

import httpx
import pytest

from tests.conftest import Database, Person
from tests.expect import expect_invalid
from tests.todos import pages_of, walk


def add_todos(database: Database, owner: Person, number: int, *, ties: int = 1) -> None:
    """Insert todos a second apart, with `ties` todos at the same time. Every third one is completed."""
    database.execute(
        "INSERT INTO todo (user_id, title, completed, created_at, position)"
        " SELECT %s, 'todo ' || n, n %% 3 = 0, made, extract(epoch FROM made) FROM generate_series(1, %s) AS n,"
        " LATERAL (SELECT timestamptz '2026-01-01' + n / %s * interval '1 second' AS made) AS times",
        (owner.id, number, ties),
    )


def in_order(todos: list[dict[str, Any]]) -> bool:
    places = [(-Decimal(todo["position"]), UUID(todo["id"])) for todo in todos]
    return places == sorted(places)


def test_a_list_is_empty_at_first(owner: Person) -> None:
    answer = owner.http.get("/api/todos")
    assert (answer.status_code, answer.json()) == (200, [])
    assert "link" not in answer.headers


def test_the_newest_comes_first(owner: Person) -> None:
    todos = [owner.create(f"todo {number}") for number in range(3)]
    assert owner.http.get("/api/todos").json() == todos[::-1]


def test_a_page_is_100_long_unless_asked_otherwise(owner: Person, database: Database) -> None:
    add_todos(database, owner, 501)
    assert len(owner.http.get("/api/todos").json()) == 100
    assert len(owner.http.get("/api/todos?limit=500").json()) == 500


def test_the_link_exists_only_if_more_todos_follow(owner: Person, database: Database) -> None:
    add_todos(database, owner, 4)
    assert "next" in owner.http.get("/api/todos?limit=3").links
    assert owner.http.get("/api/todos?limit=4").links == {}
    assert owner.http.get("/api/todos?limit=5").links == {}


def test_the_link_has_the_limit_and_a_cursor(owner: Person, database: Database) -> None:
    add_todos(database, owner, 6)
    link = owner.http.get("/api/todos?limit=2&completed=false&skip=1").links["next"]["url"]
    path, _, query = link.partition("?")
    assert path == "/api/todos"
    names = dict(httpx.QueryParams(query))
    assert len(names.pop("cursor")) <= 128
    assert names == {"limit": "2"}


def test_pages_contain_every_todo_once_while_others_are_created(owner: Person, database: Database) -> None:
    add_todos(database, owner, 1000, ties=7)
    met: list[dict[str, Any]] = []
    for page in (answer.json() for answer in pages_of(owner.http, "/api/todos?limit=90")):
        met += page
        owner.create("meanwhile")
    assert in_order(met)
    titles = [todo["title"] for todo in met]
    assert sorted(titles) == sorted(f"todo {number}" for number in range(1, 1001))


def test_the_link_works_after_the_last_todo_of_a_page_is_deleted(owner: Person, database: Database) -> None:
    add_todos(database, owner, 5)
    first = owner.http.get("/api/todos?limit=2")
    owner.http.delete(f"/api/todos/{first.json()[-1]['id']}")
    rest = [todo["title"] for todo in walk(owner.http, first.links["next"]["url"])]
    assert rest == ["todo 3", "todo 2", "todo 1"]


@pytest.mark.parametrize(("completed", "number"), [("true", 33), ("false", 67)])
def test_a_filter_applies_to_every_page(owner: Person, database: Database, completed: str, number: int) -> None:
    add_todos(database, owner, 100, ties=3)
    pages = [answer.json() for answer in pages_of(owner.http, f"/api/todos?completed={completed}&limit=10")]
    todos = [todo for page in pages for todo in page]
    assert len(todos) == number
    assert {json.dumps(todo["completed"]) for todo in todos} == {completed}
    assert in_order(todos)


def test_skip_is_for_pages_by_number(owner: Person, database: Database) -> None:
    add_todos(database, owner, 5)
    page = owner.http.get("/api/todos?skip=2&limit=2")
    assert [todo["title"] for todo in page.json()] == ["todo 3", "todo 2"]
    assert [todo["title"] for todo in owner.http.get(page.links["next"]["url"]).json()] == ["todo 1"]
    assert owner.http.get("/api/todos?skip=5").json() == []


def test_skip_with_cursor_is_refused(owner: Person, database: Database) -> None:
    add_todos(database, owner, 3)
    link = owner.http.get("/api/todos?limit=1").links["next"]["url"]
    expect_invalid(owner.http.get(f"{link}&skip=1"), ["query", "skip"])


def test_skip_0_with_cursor_is_accepted(owner: Person, database: Database) -> None:
    add_todos(database, owner, 3)
    link = owner.http.get("/api/todos?limit=1").links["next"]["url"]
    assert owner.http.get(f"{link}&skip=0").json() == owner.http.get(link).json()


def test_skip_is_at_most_10000(owner: Person, database: Database) -> None:
    add_todos(database, owner, 10_001)
    assert [todo["title"] for todo in owner.http.get("/api/todos?skip=10000").json()] == ["todo 1"]
    (error,) = expect_invalid(owner.http.get("/api/todos?skip=10001"), ["query", "skip"])
    assert "use cursor" in error["msg"]


def test_the_cursor_of_another_user_returns_an_empty_page(owner: Person, stranger: Person, database: Database) -> None:
    add_todos(database, owner, 3)
    link = owner.http.get("/api/todos?limit=1").links["next"]["url"]
    answer = stranger.http.get(link)
    assert (answer.status_code, answer.json()) == (200, [])


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for child in plan.get("Plans", []):
        yield from nodes(child)


@pytest.mark.parametrize("query", ["", "&completed=true", "&completed=false"], ids=["all", "completed", "open"])
@pytest.mark.parametrize("middle", [False, True], ids=["first page", "page in the middle"])
def test_a_page_reads_its_own_rows_from_an_index_and_no_other(
    new_person: Callable[[], Person], database: Database, wire: Any, query: str, middle: bool
) -> None:
    owner, others = new_person(), [new_person() for _ in range(3)]
    for person in (owner, *others):
        add_todos(database, person, 3000)
    database.execute("ANALYZE todo")
    url = f"/api/todos?limit=20{query}"
    if middle:
        for _ in range(3):
            url = owner.http.get(url).links["next"]["url"]
    sent = len(wire.messages)
    assert len(owner.http.get(url).json()) == 20
    (statement,) = wire.messages[sent:]
    ((explained,),) = database.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}".replace("%", "%%"))
    scans = [node for node in nodes(explained[0]["Plan"]) if "Scan" in node["Node Type"]]
    (newest, scan) = [node for node in scans if "Index" in node["Node Type"]]
    assert (newest["Node Type"], newest["Index Name"]) == ("Index Only Scan", "todo_change_idx")
    assert newest["Actual Rows"] == 1, "the version of the list is one row"
    assert (scan["Node Type"], scan["Scan Direction"]) == ("Index Scan", "Forward")
    assert scan["Actual Rows"] == 21, "one more than the page shows whether more follow"
    assert "Filter" not in scan
