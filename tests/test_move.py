"""Test /api/todos/{id}/move: the order by hand, its positions, and moves at the same time."""

import re
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from decimal import Decimal
from fractions import Fraction
from functools import partial
from itertools import pairwise
from random import Random
from typing import Any
from uuid import UUID, uuid4

import httpx
import psycopg2
import pytest

from tests.conftest import Database, Person
from tests.expect import (
    expect_invalid,
    expect_invalid_header,
    expect_mismatch,
    expect_not_found,
    expect_problem,
    expect_unauthorized,
)
from tests.issuer import Issuer
from tests.live import wait_for
from tests.project import Project, running_project
from tests.replica import Replica, everything_of, todos_of
from tests.todos import Todo, etag, etags, http_of, live_of, pages_of, path_of, walk
from tests.wire import Wire
from tests.writers import no_deadlock

MAX_LENGTH = 60
"""A position has at most this number of characters."""
MAX_DIGITS = 40
"""A client sends at most this number of digits before the point, so that there is room above."""


def move(
    person: Person | httpx.Client, todo: object, after: Todo | str | None, headers: dict[str, str] | None = None
) -> httpx.Response:
    """Move a todo right below another, or to the top."""
    below = after["id"] if isinstance(after, dict) else after
    return http_of(person).post(f"{path_of(todo)}/move", json={"after": below}, headers=headers)


def moved(person: Person | httpx.Client, todo: object, after: Todo | str | None) -> Todo:
    """Move a todo, and return it as it is then."""
    answer = move(person, todo, after)
    assert answer.status_code == 200, answer.text
    result: Todo = answer.json()
    return result


def in_a_row(me: Person, titles: Sequence[str]) -> list[Todo]:
    """Create todos, so that the list has them in this order."""
    todos = [me.create(title) for title in reversed(titles)][::-1]
    assert live_of(me) == todos
    return todos


def titles(me: Person | httpx.Client) -> list[str]:
    """Return the titles of all pages of the list, after checking that its order is that of the positions."""
    todos = walk(http_of(me), "/api/todos?limit=500")
    places = [(-Fraction(todo["position"]), UUID(todo["id"])) for todo in todos]
    assert places == sorted(places)
    assert all(re.fullmatch(r"-?\d+(\.\d+)?", todo["position"]) for todo in todos)
    assert all(len(todo["position"]) <= MAX_LENGTH for todo in todos)
    return [todo["title"] for todo in todos]


def put_at(me: Person, positions: Sequence[str], ids: Sequence[str] | None = None) -> list[Todo]:
    """Create todos at positions with a batch, and return the list."""
    ids = ids or [str(uuid4()) for _ in positions]
    items = [
        {"id": one, "title": f"{number}", "position": position}
        for number, (one, position) in enumerate(zip(ids, positions, strict=True))
    ]
    answer = me.http.post("/api/batch", json={"put": items, "delete": []})
    assert answer.status_code == 200, answer.text
    assert {result["status"] for result in answer.json()["results"]} == {201}, answer.text
    return live_of(me)


# One move


def test_a_todo_moves_right_below_another(anonymous: httpx.Client, stranger: Person, owner: Person) -> None:
    a, b, c, d = in_a_row(owner, "abcd")
    expect_unauthorized(move(anonymous, a, c), "There is no token")
    expect_not_found(move(stranger, a, c))
    answer = move(owner, a, c)
    assert answer.status_code == 200
    after = answer.json()
    assert answer.headers["etag"] == etag(after)
    assert answer.headers["cache-control"] == "private, no-store"
    assert answer.headers["content-type"] == "application/json"
    assert Decimal(d["position"]) < Decimal(after["position"]) < Decimal(c["position"])
    assert after["version"] > a["version"]
    assert after["updated_at"] > a["created_at"]
    assert after == a | {name: after[name] for name in ("position", "version", "updated_at")}
    assert live_of(owner) == [b, c, after, d]
    assert owner.http.get(path_of(a)).json() == after
    assert live_of(stranger) == []


@pytest.mark.parametrize("number", range(4))
@pytest.mark.parametrize("after", [None, 0, 1, 2, 3])
def test_every_move_in_a_list_of_four(owner: Person, number: int, after: int | None) -> None:
    todos = in_a_row(owner, "abcd")
    below = None if after is None else todos[after]
    result = moved(owner, todos[number], below)
    expected = [todo["title"] for todo in todos]
    if below is not todos[number]:
        expected.remove(todos[number]["title"])
        expected.insert(0 if below is None else expected.index(below["title"]) + 1, todos[number]["title"])
    assert titles(owner) == expected
    others = [todo for todo in live_of(owner) if todo["id"] != result["id"]]
    assert others == [todo for todo in todos if todo["id"] != result["id"]], "the others stay as they are"
    assert (result == todos[number]) is (expected == list("abcd"))


def test_a_new_todo_is_above_what_was_moved_to_the_top(owner: Person) -> None:
    _, _, c = in_a_row(owner, "abc")
    for title in "xyz":
        moved(owner, c, None)
        owner.create(title)
    assert titles(owner) == list("zcyxab")
    assert owner.http.put(f"/api/todos/{uuid4()}", json={"title": "put"}).status_code == 201
    assert titles(owner)[0] == "put"


@pytest.mark.parametrize("sort", ["position", "due", "updated"])
def test_a_move_is_in_the_list_of_each_sort(owner: Person, sort: str) -> None:
    a, b, c = in_a_row(owner, "abc")
    after = moved(owner, a, b)
    expected = {"position": [b, after, c], "due": [c, b, after], "updated": [after, b, c]}
    found = owner.http.get(f"/api/todos?sort={sort}").json()
    if sort == "due":
        assert sorted(found, key=lambda todo: todo["id"]) == sorted(expected[sort], key=lambda todo: todo["id"])
        assert [todo["id"] for todo in found] == sorted(todo["id"] for todo in found), "none is due, so ids decide"
    else:
        assert found == expected[sort]


def test_a_filtered_list_has_the_order_of_moves(owner: Person) -> None:
    a, b, c, d = (owner.create(title, completed=title in "ac") for title in "abcd")
    moved(owner, a, None)
    moved(owner, d, b)
    assert titles(owner) == ["a", "c", "b", "d"]
    for query, expected in {"completed=true": ["a", "c"], "completed=false": ["b", "d"], "q=a": ["a"]}.items():
        assert [todo["title"] for todo in owner.http.get(f"/api/todos?{query}").json()] == expected
    moved(owner, a, c)
    assert [todo["title"] for todo in owner.http.get("/api/todos?completed=true").json()] == ["c", "a"]


def test_other_changes_leave_a_todo_where_it_was_moved(owner: Person) -> None:
    a, b, _ = in_a_row(owner, "abc")
    after = moved(owner, a, b)
    changes = [
        owner.http.patch(path_of(a), json={"description": "changed", "priority": "high"}),
        owner.http.post(f"{path_of(a)}/toggle"),
        owner.http.put(path_of(a), json={"title": "a"}),
        owner.http.patch(f"/api/todos?id={a['id']}", json={"description": "changed"}),
        owner.http.post("/api/batch", json={"put": [{"id": a["id"], "title": "a"}], "delete": []}),
    ]
    assert [answer.status_code for answer in changes] == [200] * 5
    assert owner.find(a["id"])["position"] == after["position"]
    assert titles(owner) == ["b", "a", "c"]


# A move that changes nothing

NOWHERE: dict[str, tuple[int, int | None]] = {
    "the first to the top": (0, None),
    "the second below the first": (1, 0),
    "the last below the one before": (2, 1),
    "the first below itself": (0, 0),
    "the second below itself": (1, 1),
    "the last below itself": (2, 2),
}


@pytest.mark.parametrize("match", [None, 'W/"0"', "*", "right"])
@pytest.mark.parametrize(("number", "after"), NOWHERE.values(), ids=NOWHERE)
def test_a_move_to_where_the_todo_is_changes_nothing(
    owner: Person, number: int, after: int | None, match: str | None
) -> None:
    todos = in_a_row(owner, "abc")
    replica, before = Replica(owner.http), etags(owner)
    replica.walk()
    headers = {"If-Match": etag(todos[number]) if match == "right" else match} if match else None
    answer = move(owner, todos[number], None if after is None else todos[after], headers)
    assert (answer.status_code, answer.json()) == (200, todos[number])
    assert answer.headers["etag"] == etag(todos[number])
    assert live_of(owner) == todos
    assert etags(owner) == before
    assert todos_of(replica.walk()) == []


def test_the_only_todo_stays_where_it_is(owner: Person) -> None:
    todo = owner.create()
    for after in (None, todo):
        answer = move(owner, todo, after)
        assert (answer.status_code, answer.json(), answer.headers["etag"]) == (200, todo, etag(todo))


def test_the_trash_is_not_between_two_todos(owner: Person) -> None:
    a, b, c, d = in_a_row(owner, "abcd")
    owner.trash(b)
    assert moved(owner, c, a) == c, "the todo between them is in the trash"
    owner.trash(a)
    assert moved(owner, c, None) == c, "the one above it is in the trash"
    assert live_of(owner) == [c, d]


def test_the_todos_of_others_are_not_between_two_todos(owner: Person, stranger: Person) -> None:
    b = owner.create("b")
    stranger.create("theirs")
    a = owner.create("a")
    stranger.create("theirs, newest")
    assert moved(owner, b, a) == b
    assert moved(owner, a, None) == a
    assert live_of(owner) == [a, b]


# Refused moves


@pytest.mark.parametrize("match", [None, "*", 'W/"1"'])
def test_a_move_of_a_todo_that_is_not_there_is_404(owner: Person, stranger: Person, match: str | None) -> None:
    todo, theirs, gone = owner.create("stays"), stranger.create("theirs"), owner.create()
    owner.purge(gone)
    before, headers = live_of(owner), {"If-Match": match} if match else None
    for missing in (str(uuid4()), theirs["id"], owner.trash(owner.create())["id"], gone["id"]):
        for after in (None, todo, missing):
            expect_not_found(move(owner, missing, after, headers))
    assert live_of(owner) == before
    assert live_of(stranger) == [theirs]


@pytest.mark.parametrize("match", [None, "*", "right"])
def test_a_move_below_a_todo_that_is_not_there_is_404(owner: Person, stranger: Person, match: str | None) -> None:
    todo, theirs, gone = owner.create(), stranger.create("theirs"), owner.create()
    owner.purge(gone)
    top = owner.create("top")
    trashed = owner.trash(owner.create())
    before = etags(owner)
    headers = {"If-Match": etag(todo) if match == "right" else match} if match else None
    for missing in (str(uuid4()), theirs["id"], trashed["id"], gone["id"]):
        expect_not_found(move(owner, todo, missing, headers))
    assert live_of(owner) == [top, todo]
    assert etags(owner) == before


def test_the_trash_cannot_be_moved_and_keeps_its_place(owner: Person) -> None:
    a, b, c = in_a_row(owner, "abc")
    trashed = owner.trash(b)
    expect_not_found(move(owner, b, None))
    expect_not_found(move(owner, a, b))
    assert owner.find(b["id"]) == trashed
    assert trashed["position"] == b["position"]
    restored = owner.http.post(f"/api/trash/{b['id']}/restore").json()
    assert live_of(owner) == [a, restored, c]
    assert restored["position"] == b["position"]
    moved(owner, restored, c)
    owner.trash(restored)
    owner.http.post(f"/api/trash/{b['id']}/restore")
    assert titles(owner) == ["a", "c", "b"]


BODIES: dict[str, tuple[Any, list[Any]]] = {
    "after is missing": ({}, ["body", "after"]),
    "a field more": ({"after": None, "before": None}, ["body", "before"]),
    "a number": ({"after": 1}, ["body", "after"]),
    "true": ({"after": True}, ["body", "after"]),
    "a list": ({"after": [str(uuid4())]}, ["body", "after"]),
    "an object": ({"after": {"id": str(uuid4())}}, ["body", "after"]),
    "no UUID": ({"after": "x"}, ["body", "after"]),
    "an empty string": ({"after": ""}, ["body", "after"]),
    "NUL": ({"after": "\0" * 36}, ["body", "after"]),
    "a list as the body": ([], ["body"]),
    "null as the body": (None, ["body"]),
    "an id as the body": (str(uuid4()), ["body"]),
}


@pytest.mark.parametrize(("body", "where"), BODIES.values(), ids=BODIES)
def test_an_invalid_body_of_a_move_is_422(owner: Person, body: Any, where: list[Any]) -> None:
    _, todo = in_a_row(owner, "ab")
    before = etags(owner)
    expect_invalid(owner.http.post(f"{path_of(todo)}/move", json=body), where)
    assert etags(owner) == before


def test_a_move_without_a_body_is_422(owner: Person) -> None:
    _, todo = in_a_row(owner, "ab")
    expect_invalid(owner.http.post(f"{path_of(todo)}/move"), ["body"])
    answer = owner.http.post(f"{path_of(todo)}/move", content=b'{"after": null', headers={"Content-Type": "text/json"})
    expect_problem(answer, 415, "Unsupported Media Type")
    assert titles(owner) == ["a", "b"]


def test_an_id_in_the_path_of_a_move_that_is_no_uuid_is_422(owner: Person) -> None:
    expect_invalid(move(owner, "x", None), ["path", "todo_id"])
    answer = owner.http.get(f"{path_of(owner.create())}/move")
    problem = expect_problem(answer, 405, "Method Not Allowed")
    assert problem["status"] == 405


def test_a_move_has_no_query(owner: Person) -> None:
    todo = owner.create()
    expect_invalid(owner.http.post(f"{path_of(todo)}/move?after=x", json={"after": None}), ["query", "after"])


# Versions


def test_a_move_of_another_version_is_412_and_not_done(owner: Person) -> None:
    a, b, c = in_a_row(owner, "abc")
    for match in ('W/"0"', etag(b), '"x"'):
        expect_mismatch(move(owner, a, c, {"If-Match": match}), a)
        expect_mismatch(move(owner, c, None, {"If-Match": match}), c)
    assert live_of(owner) == [a, b, c]


def test_a_move_of_the_version_that_is_there_is_done(owner: Person) -> None:
    a, b, c = in_a_row(owner, "abc")
    for match, after in ((etag(a), b), (f'"0", {etag(a)}', c), ("*", None)):
        before = owner.find(a["id"])
        answer = move(owner, a, after, {"If-Match": match.replace(etag(a), etag(before))})
        assert answer.status_code == 200
        assert answer.json()["version"] > before["version"]
        assert answer.headers["etag"] == etag(answer.json())
    assert titles(owner) == ["a", "b", "c"]


@pytest.mark.parametrize("match", ["", "7", 'W/"7', 'W/7"', "x"])
def test_an_if_match_of_a_move_that_cannot_be_read_is_422(owner: Person, match: str) -> None:
    a, b = in_a_row(owner, "ab")
    expect_invalid_header(move(owner, a, b, {"If-Match": match}), "If-Match")
    assert live_of(owner) == [a, b]


def test_a_repeated_move_of_a_version_is_200_and_done_once(owner: Person) -> None:
    a, b, _ = in_a_row(owner, "abc")
    for after in (b, None):
        match = {"If-Match": etag(owner.find(a["id"]))}
        answers = [move(owner, a, after, match) for _ in range(3)]
        assert [answer.status_code for answer in answers] == [200] * 3
        assert len({answer.content for answer in answers}) == len({answer.headers["etag"] for answer in answers}) == 1
        assert answers[0].json()["version"] == owner.find(a["id"])["version"]


def test_a_move_changes_the_etags_of_all_lists(owner: Person, stranger: Person) -> None:
    a, b = in_a_row(owner, "ab")
    stranger.create()
    paths = ("/api/todos", "/api/todos?sort=due", "/api/todos?completed=true", "/api/trash", "/api/tags", "/api/counts")
    before = [owner.http.get(path).headers["etag"] for path in paths]
    theirs = etags(stranger)
    moved(owner, a, b)
    after = [owner.http.get(path).headers["etag"] for path in paths]
    assert all(old != new for old, new in zip(before, after, strict=True))
    assert etags(stranger) == theirs


def test_changes_report_a_moved_todo_and_no_other(owner: Person, stranger: Person) -> None:
    a, b, _ = in_a_row(owner, "abc")
    replica, other = Replica(owner.http), Replica(stranger.http)
    replica.walk()
    other.walk()
    after = moved(owner, a, b)
    assert todos_of(replica.walk()) == [after]
    assert todos_of(other.walk()) == []
    assert replica.todos == everything_of(owner.http)


def test_a_walk_of_pages_contains_what_was_not_moved_once(owner: Person) -> None:
    put_at(owner, [str(number) for number in range(30)])
    met, random = list[Todo](), Random("walk")
    meanwhile = set[str]()
    for page in (answer.json() for answer in pages_of(owner.http, "/api/todos?limit=7")):
        met += page
        one, other = random.sample(live_of(owner), 2)
        meanwhile.add(moved(owner, one, other)["id"])
    still = [todo["id"] for todo in met if todo["id"] not in meanwhile]
    assert sorted(still) == sorted(todo["id"] for todo in live_of(owner) if todo["id"] not in meanwhile)


# Many moves


@pytest.mark.parametrize("seed", range(3))
def test_random_moves_have_the_order_of_a_python_list(owner: Person, seed: int) -> None:
    random, expected = Random(f"move {seed}"), list[Todo]()
    for number in range(250):
        kind = random.choices(["create", "move", "delete", "together"], [3, 12, 1, 1])[0]
        if kind == "create" or len(expected) < 3:
            expected.insert(0, owner.create(f"{number}"))
        elif kind == "delete":
            owner.trash(expected.pop(random.randrange(len(expected))))
        elif kind == "together":
            items = [{"id": str(uuid4()), "title": f"{number} {n}"} for n in range(3)]
            assert owner.http.post("/api/batch", json={"put": items, "delete": []}).status_code == 200
            expected[:0] = items[::-1]
        else:
            todo = random.choice(expected)
            after = random.choice([None, *expected, *expected[:3], *expected[-3:]])
            moved(owner, todo, after)
            if after is not todo:
                expected.remove(todo)
                expected.insert(0 if after is None else expected.index(after) + 1, todo)
        assert titles(owner) == [todo["title"] for todo in expected]


WAYS: dict[str, Callable[[list[Todo], int], tuple[int, int | None]]] = {
    "the last one below the first": lambda todos, _: (len(todos) - 1, 0),
    "the first one below the second": lambda _, __: (0, 1),
    "the last one to the top": lambda todos, _: (len(todos) - 1, None),
    "the first one to the end": lambda todos, _: (0, len(todos) - 1),
    "two in turn into one gap": lambda _, __: (2, 0),
    "each below the one that was moved last": lambda todos, number: (len(todos) - 1, number),
    "the second to last below the first": lambda todos, _: (len(todos) - 2, 0),
    "the first one above the last": lambda todos, _: (0, len(todos) - 2),
}
"""Return the number of the todo that is moved, and of the one that it is moved below."""


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_positions_stay_short_after_300_moves(owner: Person, way: Callable[[list[Todo], int], Any]) -> None:
    expected = put_at(owner, [str(number) for number in range(310, 0, -1)])
    for number in range(300):
        which, after = way(expected, number)
        todo, below = expected[which], None if after is None else expected[after]
        assert len(moved(owner, todo, below)["position"]) <= MAX_LENGTH
        expected.remove(todo)
        expected.insert(0 if below is None else expected.index(below) + 1, todo)
        if number % 20 == 19:
            assert titles(owner) == [one["title"] for one in expected]


def test_positions_stay_short_after_300_random_moves(owner: Person) -> None:
    random, expected = Random("short"), put_at(owner, [str(number) for number in range(40, 0, -1)])
    for _ in range(300):
        todo, below = random.sample(expected, 2)
        moved(owner, todo, below)
        expected.remove(todo)
        expected.insert(expected.index(below) + 1, todo)
    assert titles(owner) == [one["title"] for one in expected]
    assert max(len(todo["position"]) for todo in live_of(owner)) <= 20, "moves at random do not make long positions"


def test_a_gap_that_is_full_is_made_wide_again(owner: Person) -> None:
    """Positions of one gap get longer with each move. When the gap is full, the todos above get new ones."""
    expected = put_at(owner, [str(number) for number in range(8, 0, -1)])
    lengths = []
    for _ in range(300):
        lengths.append(len(moved(owner, expected[2], expected[0])["position"]))
        expected.insert(1, expected.pop(2))
    assert titles(owner) == [todo["title"] for todo in expected]
    assert max(lengths) <= MAX_LENGTH
    falls = [one for one, other in pairwise(lengths) if other < one // 2]
    assert falls, "at least once there was no room"
    assert all(length > MAX_LENGTH / 2 for length in falls), "there was room before"


def test_changes_report_all_todos_that_got_a_new_position(owner: Person) -> None:
    first = "9." + "0" * 57 + "1"
    todos = put_at(owner, ["11", "10", first, "9", "8"])
    replica = Replica(owner.http)
    replica.walk()
    after = moved(owner, todos[4], todos[2])
    assert titles(owner) == ["0", "1", "2", "4", "3"]
    assert after["version"] > max(todo["version"] for todo in todos)
    replica.walk()
    assert replica.todos == everything_of(owner.http)
    assert live_of(owner)[4] == todos[3], "the todo below keeps its position"


# Positions that are the same, or leave no room

TIES: dict[str, list[str]] = {
    "two": ["5"] * 2,
    "three": ["5"] * 3,
    "50": ["5"] * 50,
    "two, others around them": ["9", "5", "5", "1"],
    "two pairs": ["5", "5", "4", "4"],
    "zero, spelled in four ways": ["0", "-0", "0.00", "000"],
    "negative": ["-5", "-5", "-6"],
    "40 digits": ["9" * MAX_DIGITS] * 3,
    "40 digits below zero": ["-" + "9" * MAX_DIGITS] * 3,
    "40 digits, and others right above": [*[f"{10**39}"] * 2, f"{10**39}.0000001", f"{10**39}.000001"],
    "40 digits below zero, and one right above": [
        *["-" + "9" * MAX_DIGITS] * 2,
        "-" + "9" * (MAX_DIGITS - 1) + "8.99999",
    ],
    "58 digits behind the point": ["0." + "9" * 58] * 3,
}


@pytest.mark.parametrize("positions", TIES.values(), ids=TIES)
def test_a_move_below_each_of_the_todos_with_one_position(owner: Person, positions: list[str]) -> None:
    put_at(owner, positions)
    todo = owner.create("moved")
    for number in range(min(len(positions), 10)):
        before = [one for one in live_of(owner) if one["id"] != todo["id"]]
        after = before[number]
        moved(owner, todo, after)
        expected = [one["title"] for one in before]
        expected.insert(number + 1, "moved")
        assert titles(owner) == expected


@pytest.mark.parametrize("positions", TIES.values(), ids=TIES)
def test_todos_with_one_position_can_be_sorted_by_moves(owner: Person, positions: list[str]) -> None:
    todos = put_at(owner, positions)
    expected = Random("ties").sample(todos, len(todos))
    above: Todo | None = None
    for todo in expected:
        above = moved(owner, todo, above)
    assert titles(owner) == [todo["title"] for todo in expected]


def test_a_move_of_a_version_from_among_todos_with_one_position(owner: Person) -> None:
    """The todos above the place get new positions, and so new versions. The one that is moved does not."""
    first, second, third, last = put_at(owner, ["5"] * 4)
    answer = move(owner, first, third, {"If-Match": etag(first)})
    assert answer.status_code == 200, answer.text
    assert [todo["id"] for todo in live_of(owner)] == [one["id"] for one in (second, third, first, last)]


@pytest.mark.parametrize("number", [2_000, 6_000])
def test_a_move_among_many_todos_with_one_position(owner: Person, database: Database, number: int) -> None:
    """The table has no statistics, as that of a user who has just imported todos."""
    database.execute(
        "INSERT INTO todo (user_id, title, position, version)"
        " SELECT %s, 'todo ' || n, 5, nextval('todo_version_seq') FROM generate_series(1, %s) AS n",
        (owner.id, number),
    )
    todo = owner.create("moved")
    for place in (number - 10, 10, number // 2):
        (above,) = owner.http.get(f"/api/todos?limit=1&skip={place}").json()
        moved(owner, todo, above)
        expected = titles(owner)
        assert expected.index("moved") == expected.index(above["title"]) + 1


def test_a_todo_with_a_tie_is_moved_to_the_top(owner: Person) -> None:
    first, second, third = put_at(owner, ["5", "5", "5"])
    moved(owner, third, None)
    assert titles(owner) == [todo["title"] for todo in (third, first, second)]
    moved(owner, third, second)
    assert titles(owner) == [todo["title"] for todo in (first, second, third)]


def test_a_todo_is_where_it_is_among_ties(owner: Person) -> None:
    first, second, third = put_at(owner, ["5", "5", "5"])
    assert moved(owner, second, first) == second
    assert moved(owner, third, second) == third
    assert moved(owner, first, None) == first
    assert moved(owner, second, second) == second
    assert live_of(owner) == [first, second, third]


PACKED: dict[str, list[str]] = {
    "behind the point": [f"1.{10**57 + number:058d}" for number in range(20)],
    "below zero": [f"-1.{10**56 + number:057d}" for number in range(20)],
    "before the point": [f"{10**39 + number}.{number:07d}" for number in range(20)],
    "the largest": [f"{10**MAX_DIGITS - 1 - number}" for number in range(20)],
    "the smallest": [f"{number + 1 - 10**MAX_DIGITS}" for number in range(20)],
    "the smallest, close together": [f"-{10**MAX_DIGITS - 1}.{number:06d}" for number in range(20)],
    "the smallest above zero": [f"0.{number:058d}" for number in range(20)],
    "around zero": [f"{number - 10}" if number % 2 else f"0.{number:058d}" for number in range(20)],
}


@pytest.mark.parametrize("positions", PACKED.values(), ids=PACKED)
def test_moves_between_positions_of_60_characters(owner: Person, positions: list[str]) -> None:
    assert max(len(position) for position in positions) <= MAX_LENGTH
    expected, random = put_at(owner, positions), Random("packed")
    for _ in range(40):
        todo, below = random.choice(expected), random.choice([None, *expected])
        moved(owner, todo, below)
        if todo is not below:
            expected.remove(todo)
            expected.insert(0 if below is None else expected.index(below) + 1, todo)
        assert titles(owner) == [one["title"] for one in expected]


@pytest.mark.parametrize("position", ["9" * 39, "-" + "9" * MAX_DIGITS, "9" * 39 + ".9999999", "0." + "0" * 57 + "1"])
def test_a_new_todo_is_above_an_extreme_position(owner: Person, position: str) -> None:
    put_at(owner, [position])
    for number in range(3):
        owner.create(f"new {number}")
        assert owner.http.put(f"/api/todos/{uuid4()}", json={"title": f"put {number}"}).status_code == 201
        items = [{"id": str(uuid4()), "title": f"batch {number}"}]
        assert owner.http.post("/api/batch", json={"put": items, "delete": []}).json()["results"][0]["status"] == 201
    assert titles(owner) == [f"{way} {number}" for number in (2, 1, 0) for way in ("batch", "put", "new")] + ["0"]
    last = live_of(owner)[-1]
    moved(owner, last, None)
    assert titles(owner)[0] == "0"


@pytest.mark.parametrize("position", ["9" * MAX_DIGITS, "9" * MAX_DIGITS + "." + "9" * 19])
def test_positions_at_the_limit_are_valid_and_can_be_imported(owner: Person, stranger: Person, position: str) -> None:
    put_at(owner, [position])
    for number in range(25):
        owner.create(f"new {number}")
        assert owner.http.put(f"/api/todos/{uuid4()}", json={"title": f"put {number}"}).status_code == 201
    todos = live_of(owner)
    assert max(len(todo["position"]) for todo in todos) <= 60
    assert walk(owner.http, "/api/todos?limit=7") == todos
    items = [{name: todo[name] for name in ("id", "title", "position")} for todo in todos]
    assert stranger.http.post("/api/batch", json={"put": items}).status_code == 200
    assert titles(stranger) == titles(owner)


def test_below_the_smallest_position_there_is_room(owner: Person) -> None:
    put_at(owner, ["1", "0", "-" + "9" * MAX_DIGITS])
    expected = titles(owner)
    for _ in range(10):
        todos = live_of(owner)
        moved(owner, todos[0], todos[-1])
        expected.append(expected.pop(0))
        assert titles(owner) == expected


# At the same time


@pytest.fixture(scope="module")
def project(new_database: Callable[..., Database], issuer: Issuer) -> Iterator[Project]:
    """Run two processes on a database of its own. A process runs the writes of a user one after the other."""
    with running_project(new_database, issuer, apis=2, DB_POOL_SIZE="16") as project:
        yield project


@pytest.fixture
def clients(project: Project) -> Iterator[list[httpx.Client]]:
    """Open eight clients of the two processes, on an empty list."""
    with ExitStack() as stack:
        clients = [stack.enter_context(project.client(number)) for number in range(8)]
        while clients[0].delete("/api/todos?completed=false&max=10000").json()["changed"]:
            pass
        yield clients


def add(http: httpx.Client, number: int) -> list[str]:
    """Create todos with a batch, and return their ids, the top one first."""
    items = [{"id": str(uuid4()), "title": f"{one}"} for one in range(number)]
    answer = http.post("/api/batch", json={"put": items, "delete": []})
    assert {result["status"] for result in answer.json()["results"]} == {201}
    return [item["id"] for item in items][::-1]


def run_all(clients: list[httpx.Client], calls: Sequence[Callable[[httpx.Client], httpx.Response]]) -> list[int]:
    """Send requests with all clients at the same time, and return the statuses in the order of the requests."""
    with ThreadPoolExecutor(len(clients)) as pool:

        def share(number: int) -> list[int]:
            return [call(clients[number]).status_code for call in calls[number :: len(clients)]]

        shares = list(pool.map(share, range(len(clients))))
    return [shares[number % len(clients)][number // len(clients)] for number in range(len(calls))]


def expect_an_order(http: httpx.Client, ids: list[str]) -> list[str]:
    """Assert that the list has these todos, each at a position of its own, and return its ids."""
    titles(http)
    todos = http.get("/api/todos?limit=500").json()
    assert sorted(todo["id"] for todo in todos) == sorted(ids)
    assert len({Decimal(todo["position"]) for todo in todos}) == len(ids), "no two have the same position"
    return [todo["id"] for todo in todos]


TOGETHER: dict[str, Callable[[list[str], int], tuple[int, int | None]]] = {
    "all below the first": lambda ids, number: (1 + number % (len(ids) - 1), 0),
    "all to the top": lambda ids, number: (number % len(ids), None),
    "all below the last": lambda ids, number: (number % (len(ids) - 1), len(ids) - 1),
    "the same one": lambda ids, number: (0, 1 + number % (len(ids) - 1)),
    "one below the other, and that below it": lambda _, number: (number % 2, 1 - number % 2),
    "each below the next": lambda ids, number: (number % len(ids), (number + 1) % len(ids)),
    "at random": lambda ids, number: (Random(f"a{number}").randrange(len(ids)), Random(f"b{number}").randrange(9)),
}


@pytest.mark.parametrize("way", TOGETHER.values(), ids=TOGETHER)
def test_moves_at_the_same_time_all_succeed(
    project: Project, clients: list[httpx.Client], way: Callable[[list[str], int], Any]
) -> None:
    ids = add(clients[0], 12)
    chosen = [way(ids, number) for number in range(200)]
    calls = [partial(move, todo=ids[which], after=None if after is None else ids[after]) for which, after in chosen]
    with no_deadlock(project.database):
        assert run_all(clients, calls) == [200] * len(calls)
    expect_an_order(clients[0], ids)


def test_moves_at_the_same_time_change_no_other_todo(project: Project, clients: list[httpx.Client]) -> None:
    """Two todos move below a third one. There is room for some 130 moves, so the third one stays as it is."""
    for _ in range(10):
        ids = add(clients[0], 12)
        others = clients[0].get("/api/todos?limit=500").json()[3:]
        first = clients[0].get(path_of(ids[0])).json()
        calls = [partial(move, todo=ids[1 + (number * 7 + number // 3) % 2], after=ids[0]) for number in range(48)]
        with no_deadlock(project.database):
            assert run_all(clients, calls) == [200] * len(calls)
        assert clients[0].get(path_of(ids[0])).json() == first
        assert clients[0].get("/api/todos?limit=500").json()[3:] == others


def test_moves_into_a_full_gap_at_the_same_time_all_succeed(project: Project, clients: list[httpx.Client]) -> None:
    ids = [str(uuid4()) for _ in range(12)]
    positions = ["10", "9." + "0" * 57 + "1", *(str(number) for number in range(9, -1, -1))]
    items = [{"id": one, "title": "x", "position": position} for one, position in zip(ids, positions, strict=True)]
    assert clients[0].post("/api/batch", json={"put": items, "delete": []}).status_code == 200
    calls = [partial(move, todo=ids[2 + number % 10], after=ids[1]) for number in range(80)]
    with no_deadlock(project.database):
        assert run_all(clients, calls) == [200] * len(calls)
    found = expect_an_order(clients[0], ids)
    assert found[:2] == ids[:2]


def test_moves_among_ties_at_the_same_time_all_succeed(project: Project, clients: list[httpx.Client]) -> None:
    ids = [str(uuid4()) for _ in range(20)]
    items = [{"id": one, "title": "x", "position": "5"} for one in ids]
    assert clients[0].post("/api/batch", json={"put": items, "delete": []}).status_code == 200
    ids.sort()
    calls = [partial(move, todo=ids[1 + number % 19], after=ids[0]) for number in range(76)]
    with no_deadlock(project.database):
        assert run_all(clients, calls) == [200] * len(calls)
    assert expect_an_order(clients[0], ids)[0] == ids[0]


def test_a_move_below_a_todo_that_is_being_deleted_is_200_or_404(project: Project, clients: list[httpx.Client]) -> None:
    for _ in range(15):
        ids = add(clients[0], 4)
        calls: list[Callable[[httpx.Client], httpx.Response]] = [
            partial(move, todo=ids[0], after=ids[3]),
            lambda http, gone=ids[3]: http.delete(f"/api/todos/{gone}"),  # type: ignore[misc]  # a default of a lambda
            partial(move, todo=ids[3], after=None),
            partial(move, todo=ids[1], after=ids[3]),
        ]
        with no_deadlock(project.database):
            statuses = run_all(clients[:4], calls)
        assert statuses[1] == 204
        assert {statuses[0], statuses[2], statuses[3]} <= {200, 404}
        assert set(ids[:3]) <= {todo["id"] for todo in clients[0].get("/api/todos?limit=500").json()}
        expect_not_found(move(clients[0], ids[0], ids[3]))


def test_a_move_waits_for_the_deletion_of_the_todo_above(project: Project, clients: list[httpx.Client]) -> None:
    ids = add(clients[0], 3)
    with closing(psycopg2.connect(project.database.url)) as connection, ThreadPoolExecutor(1) as pool:
        with connection.cursor() as cursor:
            cursor.execute("SELECT todo_next_version(%s)", (project.user_id,))
            cursor.execute("UPDATE todo SET deleted_at = now() WHERE id = %s", (ids[2],))
        waiting = pool.submit(move, clients[0], ids[0], ids[2])
        wait_for(lambda: project.database.waiting() == 1)
        connection.commit()
        expect_not_found(waiting.result())
    assert [todo["id"] for todo in clients[0].get("/api/todos").json()] == ids[:2]


def test_the_same_move_in_flight_twice_is_200_twice(project: Project, clients: list[httpx.Client]) -> None:
    ids = add(clients[0], 4)
    for after in (ids[2], None, ids[3], ids[1]):
        before = clients[0].get(f"/api/todos/{ids[0]}").headers["etag"]
        with no_deadlock(project.database), ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(partial(move, todo=ids[0], after=after, headers={"If-Match": before}), clients))
        assert [answer.status_code for answer in answers] == [200] * 8, [answer.text for answer in answers]
        assert len({answer.content for answer in answers}) == 1, "the todo moved once"
        assert {answer.headers["etag"] for answer in answers} == {etag(answers[0].json())}
        assert answers[0].headers["etag"] != before


def test_new_todos_and_moves_at_the_same_time_have_an_order(project: Project, clients: list[httpx.Client]) -> None:
    ids = add(clients[0], 5)
    keys = [str(uuid4()) for _ in range(60)]
    calls: list[Callable[[httpx.Client], httpx.Response]] = []
    for number, key in enumerate(keys):
        calls.append(partial(httpx.Client.put, url=f"/api/todos/{key}", json={"title": "new"}))
        calls.append(partial(move, todo=ids[number % 5], after=None))
    with no_deadlock(project.database):
        statuses = run_all(clients, calls)
    assert set(statuses[::2]) == {201}
    assert set(statuses[1::2]) == {200}
    expect_an_order(clients[0], ids + keys)


# A long list


def rows_read(database: Database, message: str) -> int:
    """Run a message in a transaction that is rolled back. Count the rows and entries of indexes that it reads."""
    with closing(psycopg2.connect(database.url)) as connection, connection.cursor() as cursor:
        cursor.execute(message)
        cursor.execute(
            "SELECT sum(pg_stat_get_xact_tuples_returned(oid)) FROM pg_class"
            " WHERE oid = 'todo'::regclass"
            " OR oid IN (SELECT indexrelid FROM pg_index WHERE indrelid = 'todo'::regclass)"
        )
        ((count,),) = cursor.fetchall()
        connection.rollback()
    assert count > 0, "the message reads something"
    return int(count)


def test_a_move_reads_a_few_rows_of_a_long_list(
    new_person: Callable[[], Person], database: Database, wire: Wire
) -> None:
    owner, others = new_person(), [new_person() for _ in range(2)]
    for person in (owner, *others):
        database.execute(
            "INSERT INTO todo (user_id, title, position) SELECT %s, 'todo ' || n, n FROM generate_series(1, 3000) AS n",
            (person.id,),
        )
    database.execute("ANALYZE todo")
    page = owner.http.get("/api/todos?limit=3&skip=1500").json()
    top = live_of(owner)[0]
    for todo, after, above in ((page[0], page[2], None), (page[1], None, page[0]), (page[2], top, page[1])):
        back = above or owner.http.get("/api/todos?limit=1&skip=1499").json()[0]
        sent = len(wire.messages)
        moved(owner, todo, after)
        (message,) = wire.messages[sent:]
        moved(owner, todo, back)
        assert rows_read(database, message) < 50


def test_a_list_has_pages_beyond_the_largest_position_of_a_client(owner: Person) -> None:
    ids = [str(uuid4()) for _ in range(3)]
    positions = ("9" * 40, "-" + "9" * 40, "5")
    items = [{"id": one, "title": "t", "position": position} for one, position in zip(ids, positions, strict=True)]
    assert owner.http.post("/api/batch", json={"put": items}).status_code == 200
    top = owner.create()
    moved(owner, owner.find(ids[2]), owner.find(ids[1]))
    walked = walk(owner.http, "/api/todos?limit=1")
    assert [todo["id"] for todo in walked] == [top["id"], ids[0], ids[1], ids[2]]
    assert [len(walked[place]["position"]) for place in (0, 3)] == [42, 43]
