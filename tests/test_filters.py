"""Test the filters and sorts of lists, and their pages, against a model in Python."""

import json
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Iterator
from itertools import combinations, product
from random import Random
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from tests.conftest import Database, Person
from tests.expect import expect_invalid, expect_unauthorized
from tests.model import SORTS, Crowd, Filters, everything, found_by, listed, place, put, query_of
from tests.test_pages import nodes
from tests.test_trash import add_statistics
from tests.todos import Todo, pages_of
from tests.wire import Wire

# Every filter alone, in pairs and in threes

VALUES: dict[str, list[Any]] = {
    "completed": [True, False],
    "tag": [["home"], ["work", "é"], [" a b "], ["nobody has it"]],
    "priority": [["high"], ["none", "low"], ["low", "low"]],
    "due_before": ["2026-11-24", "2026-11-24T09:00", "2026-11-24T09:01"],
    "due_from": ["2026-11-24", "2026-11-24T00:00", "2026-11-24T09:00"],
    "q": ["milk", "e", "STRASSE ß", "οδος", "% o", "乳"],
}
TRIPLES = [
    ("completed", "due_before", "due_from"),
    ("completed", "tag", "q"),
    ("tag", "priority", "due_from"),
    ("priority", "due_before", "q"),
]
NAMES = [*((name,) for name in VALUES), *combinations(VALUES, 2), *TRIPLES]
LIMITS = [1, 7, 13, 97, 101, 499, 500]


@pytest.fixture(scope="module")
def crowd(people: Callable[[], Person]) -> Crowd:
    """Create a user with 3,000 todos, and another one whose todos must not be seen."""
    Crowd(people(), 700, seed=15)
    return Crowd(people(), 3_000)


def limit_for(number: int, random: Random) -> int:
    """Return a limit with which a walk over so many todos has at most 30 pages."""
    return random.choice([limit for limit in LIMITS if number / limit <= 30])


def filters_of(names: tuple[str, ...], most: int) -> list[Filters]:
    """Return filters with these names: all combinations of values, or as many of them as asked for."""
    found = [dict(zip(names, values, strict=True)) for values in product(*(VALUES[name] for name in names))]
    return Random(repr(names)).sample(found, min(most, len(found)))


@pytest.mark.parametrize("names", NAMES, ids="-".join)
def test_pages_have_what_matches_once_in_each_order(crowd: Crowd, names: tuple[str, ...]) -> None:
    random = Random(repr(names))
    met = 0
    for filters in filters_of(names, 3):
        for sort in SORTS:
            wanted = listed(crowd.todos, filters, sort)
            limit = limit_for(len(wanted), random)
            pages = [
                answer.json()
                for answer in pages_of(crowd.me.http, f"/api/todos?{query_of(filters, sort=sort, limit=limit)}")
            ]
            assert [todo for page in pages for todo in page] == wanted, (filters, sort, limit)
            assert {len(page) for page in pages[:-1]} <= {limit}, "a walk of 3,000 todos leaves no page short"
            assert len(pages) == max(1, -(-len(wanted) // limit)), "the last page has no link"
            met += len(wanted)
    assert met


@pytest.mark.parametrize("sort", [*SORTS, None])
@pytest.mark.parametrize("limit", [53, 500])
def test_a_list_without_filters_has_every_todo(crowd: Crowd, sort: str | None, limit: int) -> None:
    query = query_of({}, limit=limit) + (f"&sort={sort}" if sort else "")
    wanted = listed(crowd.todos, {}, sort or "position")
    assert len(wanted) > 2_500
    assert found_by(crowd.me.http, query) == wanted


def test_tags_and_priorities_that_repeat_are_one_filter(crowd: Crowd) -> None:
    for query, filters in {
        "tag=home&tag=home": {"tag": ["home"]},
        "tag=home&tag=%20home%09": {"tag": ["home"]},
        "priority=low&priority=low": {"priority": ["low"]},
        "priority=none&priority=low&priority=medium&priority=high": {},
        "&".join(["tag=home"] * 20): {"tag": ["home"]},
    }.items():
        assert found_by(crowd.me.http, f"limit=500&{query}") == listed(crowd.todos, filters), query


# Ties

TIES: dict[str, list[Todo]] = {
    "due": [{"due": "2026-11-24"}, {"due": "2026-11-24T09:00"}, {}],
    "position": [{"position": "5"}, {"position": "5.000"}, {"position": "-1"}],
}


@pytest.mark.parametrize("sort", TIES)
def test_ties_are_sorted_by_id(owner: Person, sort: str) -> None:
    ids = [str(uuid4()) for _ in range(60)]
    put(owner, [{"id": one, "title": "tie", **TIES[sort][number % 3]} for number, one in enumerate(ids)])
    todos = everything(owner)
    wanted = listed(todos, {}, sort)
    assert [todo["id"] for todo in wanted] != ids
    assert found_by(owner.http, f"sort={sort}&limit=7") == wanted
    keys = [place(todo, sort)[0] for todo in wanted]
    assert len(set(keys)) == (3 if sort == "due" else 2)


def test_todos_without_due_come_last(owner: Person) -> None:
    put(owner, [{"id": str(uuid4()), "title": "t", "due": due} for due in (None, "9999-12-31T23:59", "2026-01-01")])
    assert [todo["due"] for todo in found_by(owner.http, "sort=due")] == ["2026-01-01", "9999-12-31T23:59", None]


def test_a_date_comes_before_the_times_of_its_day(owner: Person) -> None:
    dues = ["2026-11-24T00:00", "2026-11-25", "2026-11-24", "2026-11-24T23:59", "2026-11-23T23:59"]
    put(owner, [{"id": str(uuid4()), "title": "t", "due": due} for due in dues])
    assert [todo["due"] for todo in found_by(owner.http, "sort=due")] == sorted(dues)


def test_a_bulk_change_keeps_updated_a_stable_order(owner: Person) -> None:
    put(owner, [{"id": str(uuid4()), "title": "t", "completed": number % 2 == 0} for number in range(60)])
    answer = owner.http.patch("/api/todos?completed=true", json={"description": "changed"})
    assert (answer.status_code, answer.json()) == (200, {"changed": 30})
    wanted = listed(everything(owner), {}, "updated")
    assert [todo["completed"] for todo in wanted] == [True] * 30 + [False] * 30
    assert found_by(owner.http, "sort=updated&limit=7") == wanted


def test_equal_versions_are_sorted_by_id(owner: Person, database: Database) -> None:
    database.execute(
        "INSERT INTO todo (user_id, title, version) SELECT %s, 't', 7 FROM generate_series(1, 60)", (owner.id,)
    )
    wanted = listed(everything(owner), {}, "updated")
    assert {todo["version"] for todo in wanted} == {7}
    assert found_by(owner.http, "sort=updated&limit=7") == wanted


# Cursors

CURSORS: dict[str, tuple[str, list[str], list[str]]] = {
    "position": (
        "",
        ["sort=position", ""],
        ["sort=due", "sort=updated", "completed=true", "tag=home", "priority=low", "due_before=2026-11-24", "q=milk"],
    ),
    "due": ("sort=due", ["sort=due"], ["sort=position", "sort=updated", "due_from=2026-11-24", "sort=due&q=milk"]),
    "updated": ("sort=updated", ["sort=updated"], ["sort=position", "sort=due", "sort=updated&completed=false"]),
    "completed": ("completed=false", ["completed=false"], ["completed=true", "completed=false&tag=home"]),
    "tag": ("tag=home", ["tag=home", "tag=%20home"], ["tag=work", "tag=home&tag=work", "tag=Home", "q=home"]),
    "priority": ("priority=none&priority=low", ["priority=none&priority=low"], ["priority=none", "priority=high"]),
    "due_before": (
        "due_before=2026-12-01",
        ["due_before=2026-12-01"],
        ["due_before=2026-12-02", "due_from=2026-12-01"],
    ),
    "due_from": ("due_from=2026-11-24", ["due_from=2026-11-24"], ["due_from=2026-11-24T00:00"]),
    "q": ("q=e", ["q=e"], ["q=i", "q=e%20o"]),
    "all": (
        "completed=true&tag=home&priority=none&due_before=2026-12-02&due_from=2026-01-01&q=e&sort=due",
        ["completed=true&sort=due", "tag=home", "q=e&priority=none"],
        ["completed=true&tag=work", "completed=false", "q=o", "sort=position"],
    ),
}


@pytest.mark.parametrize(("query", "same", "others"), CURSORS.values(), ids=CURSORS)
def test_a_cursor_has_its_sort_and_filters(crowd: Crowd, query: str, same: list[str], others: list[str]) -> None:
    http = crowd.me.http
    first = http.get(f"/api/todos?limit=3&{query}")
    rest = found_by(http, f"limit=500&{query}")[3:]
    link = first.links["next"]["url"]
    names = dict(httpx.QueryParams(link.partition("?")[2]))
    assert (set(names), names["limit"]) == ({"cursor", "limit"}, "3")
    cursor = names["cursor"]
    assert http.get(link).json() == rest[:3]
    assert http.get(f"/api/todos?cursor={cursor}").json() == rest[:100]
    assert found_by(http, f"cursor={cursor}") == rest
    for one in same:
        assert found_by(http, f"{one}&limit=500&cursor={cursor}") == rest, one
    for one in others:
        (error,) = expect_invalid(http.get(f"/api/todos?{one}&cursor={cursor}"), ["query", "cursor"])
        assert "home" not in error["msg"]


def test_a_cursor_without_its_filters_is_the_same_list(crowd: Crowd) -> None:
    link = crowd.me.http.get("/api/todos?limit=2&tag=home&sort=due").links["next"]["url"]
    again = crowd.me.http.get(link)
    assert again.json() == listed(crowd.todos, {"tag": ["home"]}, "due")[2:4]
    assert set(dict(httpx.QueryParams(again.links["next"]["url"].partition("?")[2]))) == {"cursor", "limit"}


def cursor_of(answer: httpx.Response) -> str:
    """Return the cursor of the next page."""
    return str(httpx.QueryParams(answer.links["next"]["url"].partition("?")[2])["cursor"])


def test_the_cursor_of_another_list_is_refused(crowd: Crowd) -> None:
    http = crowd.me.http
    trash = cursor_of(http.get("/api/trash?limit=1"))
    expect_invalid(http.get(f"/api/todos?cursor={trash}"), ["query", "cursor"])
    todos = cursor_of(http.get("/api/todos?limit=1"))
    expect_invalid(http.get(f"/api/trash?cursor={todos}"), ["query", "cursor"])
    since = http.get("/api/changes?limit=1").json()["next"]
    expect_invalid(http.get(f"/api/todos?cursor={since}"), ["query", "cursor"])


def edits(cursor: str) -> Iterator[str]:
    """Return cursors that were edited: cut, longer, and each place of the JSON inside replaced."""
    yield from ("", "x", cursor[:-1], cursor[1:], f"{cursor}A", f"{cursor}=", cursor.swapcase(), "W10", "e30", "bnVsbA")
    try:
        values = json.loads(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except ValueError:
        return
    for number in range(len(values)) if isinstance(values, list) else ():
        for value in (None, [], {}, True, "x", -1, 1e400, "NaN", "9" * 5000, "\0", [[1]], {"q": 1}, "٣", "\ud800"):
            changed = [*values[:number], value, *values[number + 1 :]]
            yield urlsafe_b64encode(json.dumps(changed, separators=(",", ":")).encode()).decode().rstrip("=")
    yield urlsafe_b64encode(json.dumps(values).encode()).decode().rstrip("=") + "A"


@pytest.mark.parametrize("query", [query for query, _, _ in CURSORS.values()], ids=CURSORS)
def test_an_edited_cursor_is_422_or_a_place(crowd: Crowd, query: str) -> None:
    refused = 0
    for edited in edits(cursor_of(crowd.me.http.get(f"/api/todos?limit=1&{query}"))):
        answer = crowd.me.http.get("/api/todos", params={"cursor": edited, "limit": 1})
        if answer.status_code != 200:
            expect_invalid(answer, ["query", "cursor"])
            refused += 1
    assert refused > 10


def test_the_cursor_of_another_user_is_only_a_place(crowd: Crowd, owner: Person) -> None:
    put(
        owner,
        [{"id": str(uuid4()), "title": "mine", "tags": ["home"], "position": str(-number)} for number in range(5)],
    )
    theirs = listed(crowd.todos, {"tag": ["home"]})[20]
    cursor = cursor_of(crowd.me.http.get("/api/todos?tag=home&limit=21"))
    mine = everything(owner)
    wanted = [todo for todo in listed(mine, {"tag": ["home"]}) if place(todo, "position") > place(theirs, "position")]
    assert len(wanted) == 5
    assert found_by(owner.http, f"cursor={cursor}&limit=2") == wanted


@pytest.mark.parametrize("query", ["", "sort=due", "sort=updated", "tag=home", "q=e&sort=due"])
def test_skip_with_a_cursor_is_refused_but_0(crowd: Crowd, query: str) -> None:
    link = crowd.me.http.get(f"/api/todos?limit=2&{query}").links["next"]["url"]
    expect_invalid(crowd.me.http.get(f"{link}&skip=1"), ["query", "skip"])
    assert crowd.me.http.get(f"{link}&skip=0").json() == crowd.me.http.get(link).json()


@pytest.mark.parametrize("sort", SORTS)
@pytest.mark.parametrize(
    "filters", [{}, {"completed": True}, {"tag": ["home"]}, {"q": "e", "priority": ["low"]}], ids=repr
)
def test_skip_leaves_out_the_first_that_match(crowd: Crowd, sort: str, filters: Filters) -> None:
    wanted = listed(crowd.todos, filters, sort)
    for skip in (0, 1, 50, len(wanted) - 1, len(wanted), 10_000):
        assert found_by(crowd.me.http, query_of(filters, sort=sort, skip=skip, limit=499)) == wanted[skip:], skip


# What changes during a walk


@pytest.mark.parametrize("filters", [{}, {"completed": False}, {"tag": ["home"]}], ids=repr)
@pytest.mark.parametrize("sort", SORTS)
def test_todos_created_meanwhile_neither_repeat_nor_hide(owner: Person, sort: str, filters: Filters) -> None:
    number = 150
    fields = {"completed": False, "tags": ["home"]}
    dues = [None, "2026-11-24", "2026-11-25"]
    put(owner, [{"id": str(uuid4()), "title": "old", "due": dues[n % 3], **fields} for n in range(number)])
    wanted = listed(everything(owner), filters, sort)
    met: list[Todo] = []
    for number, answer in enumerate(pages_of(owner.http, f"/api/todos?{query_of(filters, sort=sort, limit=13)}")):
        met += answer.json()
        owner.create("new", due=dues[number % 3], **fields)
        if number == 2:
            owner.trash(met[0])
            owner.trash(met[-1])
    assert [todo for todo in met if todo["title"] == "old"] == wanted
    assert len({todo["id"] for todo in met}) == len(met)


# Filters that no index serves look at 5,000 todos

RARE = {1, 2, 3, 5_003, 6_000, 6_001, 11_999, 12_000}
"""The numbers of the todos that match a rare filter, from the top of the list."""


def long_list_of(me: Person, database: Database) -> Crowd:
    """Create 12,000 completed todos, of which eight are rare, and one open one."""
    crowd = Crowd(me, 0)
    database.execute(
        "INSERT INTO todo (user_id, title, completed, due, priority, tags, position)"
        " SELECT %s, CASE WHEN rare THEN 'Rare' ELSE 'todo' END, n <> 9000,"
        "        '2026-11-' || to_char(1 + n %% 28, 'FM00'), CASE WHEN rare THEN 3 ELSE 0 END,"
        "        CASE WHEN rare THEN '{rare,home}' ELSE '{home}' END::text[], 20000 - n"
        " FROM generate_series(1, 12000) AS n, LATERAL (SELECT n = ANY (%s) AS rare) AS which",
        (crowd.me.id, sorted(RARE)),
    )
    crowd.todos = everything(crowd.me)
    assert len(crowd.todos) == 12_000
    return crowd


@pytest.fixture(scope="module")
def long_list(people: Callable[[], Person], database: Database) -> Crowd:
    """Create a user with a long list, which PostgreSQL's statistics know."""
    crowd = long_list_of(people(), database)
    database.execute("ANALYZE todo")
    return crowd


@pytest.fixture(scope="module")
def new_list(people: Callable[[], Person], database: Database) -> Crowd:
    """Create a user with a long list, which PostgreSQL's statistics do not know yet."""
    add_statistics(database, people())
    return long_list_of(people(), database)


RARELY: dict[str, Filters] = {
    "tag": {"tag": ["rare"]},
    "tags": {"tag": ["rare", "home"], "completed": True},
    "priority": {"priority": ["high", "medium"]},
    "q": {"q": "RARE"},
    "many words": {"q": "r a e ra ar re rar are rare"},
    "all": {"tag": ["rare"], "priority": ["high"], "q": "rar are", "completed": True, "due_from": "2026-01-01"},
}


@pytest.mark.parametrize("sort", SORTS)
@pytest.mark.parametrize("limit", [2, 500])
@pytest.mark.parametrize("filters", RARELY.values(), ids=RARELY)
def test_a_rare_filter_finds_all_in_short_pages(long_list: Crowd, filters: Filters, limit: int, sort: str) -> None:
    wanted = listed(long_list.todos, filters, sort)
    assert len(wanted) == len(RARE)
    ranks = {todo["id"]: rank for rank, todo in enumerate(listed(long_list.todos, {}, sort))}
    pages = [
        answer.json()
        for answer in pages_of(long_list.me.http, f"/api/todos?{query_of(filters, sort=sort, limit=limit)}")
    ]
    assert [todo for page in pages for todo in page] == wanted
    assert len(pages) >= 3, "12,000 todos are more than two walks"
    assert all(len(page) <= limit for page in pages)
    assert all(ranks[page[-1]["id"]] - ranks[page[0]["id"]] <= 5_000 for page in pages if page)


def test_a_page_may_be_empty_while_more_follow(long_list: Crowd) -> None:
    pages = list(pages_of(long_list.me.http, "/api/todos?tag=nobody%20has%20it"))
    assert len(pages) >= 3
    assert [answer.json() for answer in pages] == [[]] * len(pages)


@pytest.mark.parametrize("skip", [0, 1, 3, 4, 7, 8, 9, 10_000])
@pytest.mark.parametrize("filters", [RARELY["tag"], RARELY["many words"]], ids=["tag", "many words"])
@pytest.mark.parametrize("limit", [1, 3, 100])
def test_skip_counts_over_several_walks(long_list: Crowd, filters: Filters, limit: int, skip: int) -> None:
    wanted = listed(long_list.todos, filters)[skip:]
    assert found_by(long_list.me.http, query_of(filters, skip=skip, limit=limit)) == wanted


@pytest.mark.parametrize("skip", [4_999, 5_000, 5_001, 9_990, 10_000])
def test_a_large_skip_counts_over_several_walks(long_list: Crowd, skip: int) -> None:
    wanted = listed(long_list.todos, {"tag": ["home"]})[skip:]
    assert found_by(long_list.me.http, f"tag=home&skip={skip}&limit=499") == wanted


INDEXES = "SET enable_bitmapscan = off; SET enable_seqscan = off;"
"""Let the planner read indexes. It prefers to sort all todos of a user of whom it expects a few."""


def plan_of(database: Database, wire: Wire, me: Person, path: str, settings: str = "") -> list[dict[str, Any]]:
    """Return the nodes of the plan of a request's statement, with the rows that they had."""
    assert me.http.get(path).status_code == 200
    statement = wire.messages[-1].replace("%", "%%")
    ((explained,),) = database.execute(f"{settings}EXPLAIN (ANALYZE, VERBOSE, FORMAT JSON) {statement}")
    return list(nodes(explained[0]["Plan"]))


def rows_of(node: dict[str, Any]) -> int:
    """Return the number of rows that a node has read, also those that a condition refused."""
    removed = ("Rows Removed by Filter", "Rows Removed by Index Recheck")
    rows = node["Actual Rows"] + sum(node.get(name, 0) for name in removed)
    return int(node["Actual Loops"] * rows)


FILTER = re.compile(r" ~ |@>|= ANY ")


def has_filter(node: dict[str, Any]) -> bool:
    """Return whether a node tests a filter that no index has. Those above it have the same expression."""
    first, *below = [
        FILTER.search(" ".join([*one.get("Output", []), one.get("Filter", "")])) is not None for one in nodes(node)
    ]
    return first and not any(below)


@pytest.mark.parametrize("sort", SORTS)
@pytest.mark.parametrize("filters", RARELY.values(), ids=RARELY)
def test_a_rare_filter_is_tested_on_at_most_5000_todos(
    long_list: Crowd, database: Database, wire: Wire, filters: Filters, sort: str
) -> None:
    path = f"/api/todos?{query_of(filters, sort=sort, limit=500)}"
    link = long_list.me.http.get(path).links["next"]["url"]
    for one in (path, link):
        plan = plan_of(database, wire, long_list.me, one)
        assert 100 < sum(rows_of(node) for node in plan if has_filter(node)) <= 5_001


SERVED: dict[str, tuple[str, Filters]] = {
    "one open": ("position", {"completed": False}),
    "one open by due": ("due", {"completed": False}),
    "one open of a day": ("due", {"completed": False, "due_from": "2026-11-01", "due_before": "2026-12-01"}),
    "a day": ("due", {"due_from": "2026-11-28", "due_before": "2026-11-29"}),
    "a completed day": ("due", {"due_from": "2026-11-28", "due_before": "2026-11-29", "completed": True}),
    "from a day": ("due", {"due_from": "2026-11-28T00:00"}),
    "no day": ("due", {"due_from": "2026-11-29"}),
    "before all days": ("due", {"due_before": "2026-11-01"}),
    "all": ("position", {}),
    "all by due": ("due", {}),
    "all by version": ("updated", {}),
}


@pytest.mark.parametrize(("sort", "filters"), SERVED.values(), ids=SERVED)
@pytest.mark.parametrize("statistics", ["long_list", "new_list"], ids=["known", "unknown"])
def test_a_filter_with_an_index_reads_only_what_matches(
    request: pytest.FixtureRequest, database: Database, wire: Wire, statistics: str, sort: str, filters: Filters
) -> None:
    crowd: Crowd = request.getfixturevalue(statistics)
    wanted = listed(crowd.todos, filters, sort)
    path = f"/api/todos?{query_of(filters, sort=sort, limit=20)}"
    first = crowd.me.http.get(path)
    assert first.json() == wanted[:20]
    assert ("next" in first.links) is (len(wanted) > 20)
    links = [one["url"] for one in first.links.values()]
    for one in (path, *links):
        plan = plan_of(database, wire, crowd.me, one, INDEXES)
        scans = [node for node in plan if "Relation Name" in node]
        most = min(len(wanted), 21) + 2
        assert sum(map(rows_of, scans)) <= most, "one is the version, one the next of open or of completed todos"
        assert all("Index" in node["Node Type"] for node in scans)


# Values that are refused

INVALID: dict[str, tuple[str, list[Any], str | None]] = {
    "completed text": ("completed=yes", ["query", "completed"], None),
    "completed empty": ("completed=", ["query", "completed"], None),
    "completed twice": ("completed=true&completed=true", ["query", "completed"], "repeated"),
    "tag empty": ("tag=", ["query", "tag", 0], None),
    "tag blank": ("tag=a&tag=%20", ["query", "tag", 1], None),
    "tag of 51": (f"tag={'x' * 51}", ["query", "tag", 0], None),
    "tag with NUL": ("tag=a%00", ["query", "tag", 0], None),
    "21 tags": ("&".join(f"tag={number}" for number in range(21)), ["query", "tag"], "too_long"),
    "priority unknown": ("priority=urgent", ["query", "priority", 0], None),
    "priority number": ("priority=3", ["query", "priority", 0], None),
    "priority in upper case": ("priority=low&priority=High", ["query", "priority", 1], None),
    "priority empty": ("priority=", ["query", "priority", 0], None),
    **{
        f"{name} {value!r}": (f"{name}={value}", ["query", name], None)
        for name in ("due_before", "due_from")
        for value in (
            "",
            "today",
            "2026-02-30",
            "2026-13-01",
            "2026-1-1",
            "20261124",
            "2026-11-24T",
            "2026-11-24T24:00",
            "2026-11-24T09:60",
            "2026-11-24T09:00:00",
            "2026-11-24T09:00Z",
            "2026-11-24%2009:00",
            "2026-11-24%0A",
            "%202026-11-24",
            "0000-01-01",
            "1764000000",
            "%D9%A2026-11-24",
            "2026-W48-2",
            "2026-11-24t09:00",
        )
    },
    "due_before twice": ("due_before=2026-11-24&due_before=2026-11-25", ["query", "due_before"], "repeated"),
    "due_from twice": ("due_from=2026-11-24&due_from=2026-11-24", ["query", "due_from"], "repeated"),
    "q of 1,001": (f"q={'x' * 1001}", ["query", "q"], None),
    "q blank of 1,001": (f"q={'%20' * 1001}", ["query", "q"], None),
    "q with NUL": ("q=a%00b", ["query", "q"], None),
    "q twice": ("q=a&q=b", ["query", "q"], "repeated"),
    "unknown": ("tags=home", ["query", "tags"], None),
    "due": ("due=2026-11-24", ["query", "due"], None),
    "search": ("search=milk", ["query", "search"], None),
}
INVALID_LISTS: dict[str, tuple[str, list[Any], str | None]] = {
    "sort unknown": ("sort=title", ["query", "sort"], None),
    "sort in upper case": ("sort=Due", ["query", "sort"], None),
    "sort descending": ("sort=-due", ["query", "sort"], None),
    "sort empty": ("sort=", ["query", "sort"], None),
    "sort twice": ("sort=due&sort=due", ["query", "sort"], "repeated"),
    "cursor twice": ("cursor=a&cursor=b", ["query", "cursor"], "repeated"),
    "id": (f"id={UUID(int=1)}", ["query", "id"], None),
    "max": ("max=1", ["query", "max"], None),
}


@pytest.mark.parametrize(
    ("query", "loc", "kind"), [*INVALID.values(), *INVALID_LISTS.values()], ids=[*INVALID, *INVALID_LISTS]
)
def test_an_invalid_filter_of_a_list_is_422(
    anonymous: httpx.Client, owner: Person, query: str, loc: list[Any], kind: str | None
) -> None:
    expect_unauthorized(anonymous.get(f"/api/todos?{query}"), "")
    (error,) = expect_invalid(owner.http.get(f"/api/todos?{query}"), loc)
    assert kind in (None, error["type"])


@pytest.mark.parametrize(("query", "loc", "kind"), INVALID.values(), ids=INVALID)
@pytest.mark.parametrize("verb", ["PATCH", "DELETE"])
def test_an_invalid_filter_of_a_change_is_422(
    owner: Person, verb: str, query: str, loc: list[Any], kind: str | None
) -> None:
    todo = owner.create("home", tags=["home"])
    body: dict[str, Any] = {"json": {"title": "changed"}} if verb == "PATCH" else {}
    (error,) = expect_invalid(owner.http.request(verb, f"/api/todos?{query}", **body), loc)
    assert kind in (None, error["type"])
    assert owner.find(todo["id"]) == todo


def test_several_invalid_filters_are_told_together(owner: Person) -> None:
    answer = owner.http.get("/api/todos?q=%00&priority=x&due_from=x&sort=x")
    errors = answer.json()["errors"]
    assert answer.status_code == 422
    assert sorted(error["loc"][1] for error in errors) == ["due_from", "priority", "q", "sort"]


@pytest.mark.parametrize("query", ["q=", "q=%20", "q=%20%09%0A%C2%A0%E3%80%80"], ids=["empty", "space", "of Unicode"])
@pytest.mark.parametrize("sort", SORTS)
def test_a_blank_q_is_no_filter_of_a_list(crowd: Crowd, query: str, sort: str) -> None:
    wanted = listed(crowd.todos, {"completed": True}, sort)
    assert found_by(crowd.me.http, f"{query}&completed=true&limit=499&sort={sort}") == wanted


# HEAD and ETag

QUERIES = ["tag=home", "q=e&sort=due", "completed=false&due_before=2026-12-01&sort=due", "priority=high&sort=updated"]


@pytest.mark.parametrize("query", QUERIES)
def test_head_has_the_headers_of_a_filtered_list(anonymous: httpx.Client, crowd: Crowd, query: str) -> None:
    assert anonymous.head(f"/api/todos?{query}").status_code == 401
    got, head = (crowd.me.http.request(verb, f"/api/todos?limit=3&{query}") for verb in ("GET", "HEAD"))
    assert (head.status_code, head.content) == (200, b"")
    for name in ("link", "etag", "content-type", "cache-control"):
        assert head.headers[name] == got.headers[name]


@pytest.mark.parametrize("query", QUERIES)
def test_a_filtered_list_is_304_until_any_todo_changes(owner: Person, query: str) -> None:
    todo = owner.create("e", tags=["home"], priority="high", due="2026-11-24")
    path = f"/api/todos?{query}"
    first = owner.http.get(path)
    assert (first.status_code, first.json()) == (200, [todo])
    known = {"If-None-Match": first.headers["etag"]}
    again = owner.http.get(path, headers=known)
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", first.headers["etag"])
    assert "link" not in again.headers
    other = owner.create("third")
    after = owner.http.get(path, headers=known)
    assert (after.status_code, after.json()) == (200, [todo])
    assert after.headers["etag"] != first.headers["etag"]
    owner.trash(other)
    assert owner.http.get(path, headers={"If-None-Match": after.headers["etag"]}).status_code == 200


def test_a_list_of_nobody_is_empty(stranger: Person, crowd: Crowd) -> None:
    assert crowd.todos
    for query in QUERIES:
        answer = stranger.http.get(f"/api/todos?{query}")
        assert (answer.status_code, answer.json()) == (200, [])
        assert "link" not in answer.headers


# A filter or a sort that a copy of the project adds

INCOMPLETE = {
    "filter": "from models.listing import Filters; Filters.model_fields['starred'] = Filters.model_fields['completed']",
    "sort": "import models.listing, typing; models.listing.Sort = typing.Literal['position', 'due', 'title']",
}
DUE = """
import crud.listing
from crud.filters import CONDITIONS
from sqlalchemy import bindparam
CONDITIONS["due"] = lambda todo: todo.due == bindparam("due")
statement = crud.listing._page("due", frozenset({"due"}), after=True)
print(sorted(statement._keys))
"""


@pytest.mark.parametrize("change", INCOMPLETE.values(), ids=INCOMPLETE)
def test_a_filter_or_sort_that_is_incomplete_is_refused_at_the_start(database: Database, change: str) -> None:
    start = f"{change}\ntry:\n  import main\nexcept TypeError as error:\n  print(error)"
    assert "and no others." in database.run("-c", start)


def test_a_filter_may_have_the_name_of_a_column(database: Database) -> None:
    assert "'_due', '_id', 'due'" in database.run("-c", DUE)
