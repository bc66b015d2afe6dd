"""Test /api/counts: how many todos are open, completed, overdue and in the trash."""

from collections.abc import Callable
from contextlib import closing
from datetime import UTC, date, datetime, timedelta

import httpx
import psycopg2
import pytest

from tests.conftest import Database, Person
from tests.expect import expect_invalid, expect_problem, expect_unauthorized
from tests.issuer import Issuer
from tests.live import running
from tests.test_pages import nodes
from tests.todos import Todo, path_of
from tests.wire import Wire

Counts = dict[str, int]

NONE = {"open": 0, "completed": 0, "overdue": 0, "trash": 0}
DAY = "2026-11-24"


def counts(me: Person, today: str | None = None) -> Counts:
    """Return the counts of a user."""
    answer = me.http.get("/api/counts", params={} if today is None else {"today": today})
    assert answer.status_code == 200, answer.text
    found: Counts = answer.json()
    assert list(found) == ["open", "completed", "overdue", "trash"]
    assert all(type(number) is int for number in found.values())
    return found


def utc_today() -> date:
    return datetime.now(UTC).date()


def test_a_user_without_todos_has_none_of_any_kind(anonymous: httpx.Client, owner: Person) -> None:
    expect_unauthorized(anonymous.get("/api/counts"), "There is no token")
    answer = owner.http.get("/api/counts")
    assert (answer.status_code, answer.json()) == (200, NONE)
    assert answer.headers["etag"].startswith('W/"')
    assert answer.headers["cache-control"] == "private, no-store"
    assert answer.headers["content-type"] == "application/json"


def test_each_kind_of_todo_is_counted(stranger: Person, owner: Person) -> None:
    stranger.create(due="2026-01-01")
    todos = [owner.create(f"{number}") for number in range(9)]
    for todo in todos[:3]:
        owner.http.post(f"{path_of(todo)}/toggle")
    for todo in todos[2:5]:
        owner.trash(todo)
    assert counts(owner, DAY) == {"open": 4, "completed": 2, "overdue": 0, "trash": 3}
    for todo in (todos[0], todos[3], todos[8]):
        answer = owner.http.patch(path_of(todo), json={"due": "2026-11-23"})
        assert answer.status_code == (404 if todo is todos[3] else 200)
    assert counts(owner, DAY) == {"open": 4, "completed": 2, "overdue": 1, "trash": 3}
    assert counts(stranger, DAY) == NONE | {"open": 1, "overdue": 1}


def test_each_change_is_counted(owner: Person) -> None:
    todo = owner.create(due="2026-11-23")
    assert counts(owner, DAY) == NONE | {"open": 1, "overdue": 1}
    owner.http.post(f"{path_of(todo)}/toggle")
    assert counts(owner, DAY) == NONE | {"completed": 1}, "what is completed is not overdue"
    owner.trash(todo)
    assert counts(owner, DAY) == NONE | {"trash": 1}
    owner.http.post(f"/api/trash/{todo['id']}/restore")
    assert counts(owner, DAY) == NONE | {"completed": 1}
    owner.http.post(f"{path_of(todo)}/toggle")
    assert counts(owner, DAY) == NONE | {"open": 1, "overdue": 1}
    owner.trash(todo)
    assert counts(owner, DAY) == NONE | {"trash": 1}, "what is in the trash is not overdue"
    owner.http.delete("/api/trash")
    assert counts(owner, DAY) == NONE, "what is gone for good is not counted"


DUES = {
    "0001-01-01": True,
    "2025-12-31": True,
    "2026-11-23": True,
    "2026-11-23T00:00": True,
    "2026-11-23T23:59": True,
    "2026-11-24": False,
    "2026-11-24T00:00": False,
    "2026-11-24T09:00": False,
    "2026-11-25": False,
    "9999-12-31T23:59": False,
    None: False,
}


@pytest.mark.parametrize("due", DUES, ids=str)
def test_a_todo_is_overdue_from_the_day_after_it_is_due(owner: Person, due: str | None) -> None:
    owner.create(due=due)
    owner.create(due=due, completed=True)
    owner.trash(owner.create(due=due))
    assert counts(owner, DAY) == {"open": 1, "completed": 1, "overdue": int(DUES[due]), "trash": 1}


@pytest.mark.parametrize("today", ["0001-01-01", "2024-02-29", DAY, "9999-12-31"])
def test_today_may_be_any_date(owner: Person, today: str) -> None:
    for due in DUES:
        owner.create(due=due)
    expected = sum(due is not None and due[:10] < today for due in DUES)
    assert counts(owner, today) == NONE | {"open": len(DUES), "overdue": expected}


def test_without_today_it_is_the_date_in_utc(owner: Person) -> None:
    today = utc_today()
    for days in range(-3, 4):
        owner.create(due=str(today + timedelta(days=days)))
        owner.create(due=f"{today + timedelta(days=days)}T00:00")
    found = counts(owner)
    if utc_today() == today:
        assert found == counts(owner, str(today)) == NONE | {"open": 14, "overdue": 6}


INVALID = [
    "",
    " ",
    "x",
    "1987-02-30",
    "1987-13-01",
    "1987-02-29",
    "0000-01-01",
    "10000-01-01",
    "1987-11-24T09:00",
    "1987-11-24T00:00:00Z",
    "1987-11-24T00:00",
    "1987-11-24 ",
    " 1987-11-24",
    "19871124",
    "1987-W48-2",
    "1987-11",
    "87-11-24",
    "1987-1-1",
    "1987/11/24",
    "24.11.1987",
    "1796083200",
    "0",
    "today",
    "\uff11\uff19\uff18\uff17-11-24",
    "1987\u201111\u201124",
    "1987-11-24\0",
    "1987-11-24\n",
    "-1987-11-24",
    "null",
]


@pytest.mark.parametrize("today", INVALID, ids=ascii)
def test_a_today_that_is_no_date_is_422(owner: Person, today: str) -> None:
    answer = owner.http.get("/api/counts", params={"today": today})
    errors = expect_invalid(answer, ["query", "today"])
    assert "1987" not in str(errors), "what the client sent is not repeated"
    assert "etag" not in answer.headers


def test_today_is_sent_once_and_is_the_only_parameter(owner: Person) -> None:
    expect_invalid(owner.http.get("/api/counts?today=2026-11-24&today=2026-11-25"), ["query", "today"])
    expect_invalid(owner.http.get("/api/counts?completed=true"), ["query", "completed"])
    expect_problem(owner.http.post("/api/counts", json={}), 405, "Method Not Allowed")


# What the client has


def test_the_etag_of_counts_is_not_sent_again(owner: Person, stranger: Person) -> None:
    todo, seen = owner.create(), set[str]()
    for act in (
        lambda: None,
        lambda: owner.create("another"),
        lambda: owner.http.patch(path_of(todo), json={"title": "changed"}),
        lambda: owner.http.post(f"{path_of(todo)}/toggle"),
        lambda: owner.trash(todo),
        lambda: owner.http.delete("/api/trash"),
    ):
        act()
        answer = owner.http.get("/api/counts")
        assert answer.status_code == 200
        tag = answer.headers["etag"]
        assert tag not in seen
        seen.add(tag)
        stranger.create()
        for spelled in (tag, tag.removeprefix("W/"), f'"x", {tag}'):
            same = owner.http.get("/api/counts", headers={"If-None-Match": spelled})
            assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", tag)
        head = owner.http.head("/api/counts")
        assert (head.status_code, head.content, head.headers["etag"]) == (200, b"", tag)
    assert owner.http.get("/api/counts", headers={"If-None-Match": 'W/"0"'}).status_code == 200


def test_the_etag_of_one_day_is_not_that_of_another(owner: Person) -> None:
    for days in range(20, 28):
        owner.create(due=f"2026-11-{days}")
    found: dict[str, Counts] = {}
    for days in range(19, 30):
        today = f"2026-11-{days}"
        answer = owner.http.get("/api/counts", params={"today": today}, headers={"If-None-Match": ", ".join(found)})
        assert (answer.status_code, answer.json()["overdue"]) == (200, min(8, max(0, days - 20)))
        assert answer.headers["etag"] not in found
        found[answer.headers["etag"]] = answer.json()
        again = owner.http.get(
            "/api/counts", params={"today": today}, headers={"If-None-Match": answer.headers["etag"]}
        )
        assert (again.status_code, again.headers["etag"]) == (304, answer.headers["etag"])


def test_the_etag_of_counts_without_today_holds_for_one_day(owner: Person) -> None:
    today = utc_today()
    for days in range(-3, 4):
        owner.create(due=str(today + timedelta(days=days)))
    tag = owner.http.get("/api/counts").headers["etag"]
    for days in (-2, -1, 1, 2):
        other = owner.http.get(
            "/api/counts", params={"today": str(today + timedelta(days=days))}, headers={"If-None-Match": tag}
        )
        assert (other.status_code, other.json()["overdue"]) == (200, 3 + days)
        back = owner.http.get("/api/counts", headers={"If-None-Match": other.headers["etag"]})
        assert (back.status_code, back.json()["overdue"]) == (200, 3)


def test_the_etag_of_counts_is_another_one_tomorrow(owner: Person, database: Database, issuer: Issuer) -> None:
    owner.create(due=str(utc_today()))
    tag = owner.http.get("/api/counts").headers["etag"]
    with (
        running("tests.tomorrow:app", DATABASE_URL=database.api_url, BETTER_AUTH_URL=issuer.origin) as api,
        api.client(owner.token) as http,
    ):
        later = http.get("/api/counts", headers={"If-None-Match": tag})
        assert (later.status_code, later.json()) == (200, NONE | {"open": 1, "overdue": 1})
        assert later.headers["etag"] != tag
    assert counts(owner) == NONE | {"open": 1}


def test_no_etag_of_counts_comes_back_when_all_is_gone(owner: Person) -> None:
    seen = set[str]()
    for _ in range(3):
        todo: Todo = owner.create()
        for act in (lambda: None, lambda one=todo: owner.trash(one), lambda: owner.http.delete("/api/trash")):
            act()
            tag = owner.http.get("/api/counts").headers["etag"]
            assert tag not in seen
            seen.add(tag)


# Many todos


def add(database: Database, me: Person, number: int, columns: str = "completed", values: str = "false") -> None:
    """Insert todos."""
    database.execute(
        f"INSERT INTO todo (user_id, version, title, {columns})"
        f" SELECT %s, nextval('todo_version_seq'), 'x', {values} FROM generate_series(1, %s)",
        (me.id, number),
    )


MANY: dict[str, tuple[str, str, list[str]]] = {
    "open": ("completed", "false", ["open"]),
    "completed": ("completed", "true", ["completed"]),
    "overdue": ("due", "'2026-11-23'", ["open", "overdue"]),
    "trash": ("deleted_at", "now()", ["trash"]),
}


@pytest.mark.parametrize(("columns", "values", "kinds"), MANY.values(), ids=MANY)
def test_a_count_is_exact_up_to_10000_and_then_10001(
    owner: Person, database: Database, columns: str, values: str, kinds: list[str]
) -> None:
    add(database, owner, 9_999, columns, values)
    for number in (9_999, 10_000, 10_001, 10_001):
        assert counts(owner, DAY) == NONE | dict.fromkeys(kinds, number)
        add(database, owner, 1, columns, values)
    add(database, owner, 2_000, columns, values)
    assert counts(owner, DAY) == NONE | dict.fromkeys(kinds, 10_001)


def test_counts_of_a_long_list_read_only_indexes(
    new_person: Callable[[], Person], database: Database, wire: Wire
) -> None:
    owner, others = new_person(), [new_person() for _ in range(2)]
    for person in (owner, *others):
        for columns, values, _ in MANY.values():
            add(database, person, 3_000, columns, values)
    with closing(psycopg2.connect(database.url)) as connection:
        connection.autocommit = True
        connection.cursor().execute("VACUUM (ANALYZE) todo")
    counts(owner)  # a connection that was idle meanwhile is checked first
    sent = len(wire.messages)
    assert counts(owner, DAY) == {"open": 6_000, "completed": 3_000, "overdue": 3_000, "trash": 3_000}
    (statement,) = wire.messages[sent:]
    ((explained,),) = database.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}".replace("%", "%%"))
    scans = [node for node in nodes(explained[0]["Plan"]) if node.get("Relation Name") == "todo"]
    assert len(scans) >= 4
    for scan in scans:
        assert scan["Node Type"] == "Index Only Scan", scan
        assert scan["Heap Fetches"] == 0, scan
        assert scan.get("Rows Removed by Filter", 0) == 0, scan
        assert scan["Actual Rows"] * scan["Actual Loops"] <= 6_000, scan


def test_a_304_of_counts_counts_nothing(owner: Person, database: Database, wire: Wire) -> None:
    add(database, owner, 2_000)
    tag = owner.http.get("/api/counts").headers["etag"]
    sent = len(wire.messages)
    assert owner.http.get("/api/counts", headers={"If-None-Match": tag}).status_code == 304
    (statement,) = wire.messages[sent:]
    ((explained,),) = database.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}".replace("%", "%%"))
    scans = [node for node in nodes(explained[0]["Plan"]) if node.get("Relation Name") == "todo"]
    read = [scan for scan in scans if scan["Actual Loops"]]
    assert {scan["Index Name"] for scan in read} == {"todo_change_idx"}
    assert all(scan["Actual Rows"] == 1 for scan in read), "only the newest version is read"
