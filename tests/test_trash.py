"""Test the trash: moving todos there and back, and deleting them for good."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID, uuid4

import httpx
import pytest

from tests.conftest import Database, Person
from tests.expect import expect_invalid, expect_not_found, expect_unauthorized
from tests.todos import Todo, etag, etags, http_of, live_of, pages_of, trash_of

Act = Callable[[Person | httpx.Client, str], httpx.Response]

MARK = "ZmarkZ"
"""Store this text in todos. Nothing of it may remain after they are deleted for good."""


def call(verb: str, path: str, body: Todo | None = None) -> Act:
    """Return a function that sends a request for a todo."""
    return lambda person, todo_id: http_of(person).request(verb, path.format(id=todo_id), json=body)


TRASH = call("DELETE", "/api/todos/{id}")
RESTORE = call("POST", "/api/trash/{id}/restore")
PURGE = call("DELETE", "/api/trash/{id}")
EMPTY = call("DELETE", "/api/trash")


def expect_no_content(answer: httpx.Response) -> None:
    """Assert that an answer is an empty 204."""
    assert (answer.status_code, answer.content) == (204, b"")


def add_trash(database: Database, me: Person, number: int, *, ties: int = 1) -> None:
    """Insert todos that were moved into the trash a second apart, with `ties` todos at the same time."""
    database.execute(
        "INSERT INTO todo (user_id, title, description, deleted_at)"
        f" SELECT %s, '{MARK} ' || n, '{MARK}', now() - interval '1 day' + n / %s * interval '1 second'"
        " FROM generate_series(1, %s) AS n",
        (me.id, ties, number),
    )


def add_statistics(database: Database, other: Person) -> None:
    """Let PostgreSQL's statistics know another user's todos, and none that are added later.

    A user who adds many todos changes them before the statistics are renewed. The planner then expects
    that the user has one todo.
    """
    for _ in range(3):
        other.create()
        other.trash(other.create())
    database.execute("ANALYZE todo")


def stored(database: Database, me: Person) -> str:
    """Return all that the table has of a user's todos, as text."""
    return "\n".join(row for (row,) in database.execute("SELECT todo::text FROM todo WHERE user_id = %s", (me.id,)))


# Into the trash


def test_a_deleted_todo_is_in_the_trash(anonymous: httpx.Client, stranger: Person, owner: Person) -> None:
    todo, other = owner.create("first", description="words", completed=True), owner.create("second")
    expect_unauthorized(TRASH(anonymous, todo["id"]), "")
    expect_not_found(TRASH(stranger, todo["id"]))
    expect_no_content(TRASH(owner, todo["id"]))
    assert live_of(owner) == [other]
    (trashed,) = trash_of(owner)
    assert trashed["deleted_at"] > todo["created_at"]
    assert trashed["version"] > other["version"]
    assert trashed["updated_at"] == trashed["deleted_at"]
    changes = {name: trashed[name] for name in ("deleted_at", "updated_at", "version")}
    assert trashed == todo | changes
    assert trash_of(stranger) == []


def test_deleting_what_is_in_the_trash_changes_nothing(owner: Person) -> None:
    todo = owner.create()
    trashed = owner.trash(todo)
    before = etags(owner)
    for headers in ({}, {"If-Match": etag(todo)}, {"If-Match": etag(trashed)}, {"If-Match": "*"}):
        answer = owner.http.delete(f"/api/todos/{todo['id']}", headers=headers)
        expect_no_content(answer)
        assert answer.headers["etag"] == etag(trashed)
    assert trash_of(owner) == [trashed]
    assert etags(owner) == before


def test_concurrent_deletions_move_a_todo_into_the_trash_once(owner: Person) -> None:
    todo = owner.create()
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: TRASH(owner, todo["id"]), range(16)))
    (trashed,) = trash_of(owner)
    assert {(answer.status_code, answer.headers["etag"]) for answer in answers} == {(204, etag(trashed))}


NOT_FOUND: dict[str, Act] = {
    "GET": call("GET", "/api/todos/{id}"),
    "PATCH": call("PATCH", "/api/todos/{id}", {"title": "changed"}),
    "PATCH empty": call("PATCH", "/api/todos/{id}", {}),
    "toggle": call("POST", "/api/todos/{id}/toggle"),
}


@pytest.mark.parametrize("act", NOT_FOUND.values(), ids=NOT_FOUND)
def test_a_todo_in_the_trash_is_404(anonymous: httpx.Client, stranger: Person, owner: Person, act: Act) -> None:
    trashed = owner.trash(owner.create())
    expect_unauthorized(act(anonymous, trashed["id"]), "")
    expect_not_found(act(stranger, trashed["id"]))
    expect_not_found(act(owner, trashed["id"]))
    assert trash_of(owner) == [trashed]


def test_head_of_a_todo_in_the_trash_is_404(owner: Person) -> None:
    trashed = owner.trash(owner.create())
    answer = owner.http.head(f"/api/todos/{trashed['id']}")
    assert (answer.status_code, answer.content) == (404, b"")
    assert "etag" not in answer.headers


@pytest.fixture
def mixed(owner: Person) -> tuple[Person, list[Todo], list[Todo]]:
    """Create todos, of which every second one is in the trash, and one is gone for good."""
    todos = [owner.create(f"{MARK} {number}", completed=number % 3 == 0) for number in range(8)]
    owner.purge(owner.create(MARK, completed=True))
    trashed = [owner.trash(todo) for todo in todos[::2]]
    return owner, todos[1::2][::-1], trashed[::-1]


LISTS = {
    "all": ("/api/todos", None),
    "pages": ("/api/todos?limit=1", None),
    "pages of two": ("/api/todos?limit=2", None),
    "completed": ("/api/todos?completed=true", True),
    "completed, pages": ("/api/todos?completed=true&limit=1", True),
    "open": ("/api/todos?completed=false", False),
    "open, pages": ("/api/todos?completed=false&limit=1", False),
}


@pytest.mark.parametrize(("url", "completed"), LISTS.values(), ids=LISTS)
def test_no_list_of_todos_has_one_in_the_trash(
    mixed: tuple[Person, list[Todo], list[Todo]], url: str, completed: bool | None
) -> None:
    owner, live, trashed = mixed
    wanted = [todo for todo in live if completed is None or todo["completed"] is completed]
    pages = [answer.json() for answer in pages_of(owner.http, url)]
    assert [todo for page in pages for todo in page] == wanted
    assert all(pages), "no page is empty"
    if "limit" in url:
        assert all(len(page) == len(pages[0]) for page in pages[:-1]), "those in the trash do not shorten a page"
    assert trash_of(owner) == trashed


def test_a_page_by_number_does_not_count_the_trash(mixed: tuple[Person, list[Todo], list[Todo]]) -> None:
    owner, live, _ = mixed
    for skip in range(len(live) + 1):
        assert owner.http.get(f"/api/todos?limit=500&skip={skip}").json() == live[skip:]


MANY: dict[str, tuple[str, str, Todo | None]] = {
    "PATCH": ("PATCH", "completed=false", {"title": "changed"}),
    "PATCH ids": ("PATCH", "ids", {"title": "changed"}),
    "DELETE": ("DELETE", "completed=false", None),
    "DELETE ids": ("DELETE", "ids", None),
}


@pytest.mark.parametrize(("verb", "query", "body"), MANY.values(), ids=MANY)
def test_a_change_of_many_leaves_the_trash_as_it_is(
    mixed: tuple[Person, list[Todo], list[Todo]], verb: str, query: str, body: Todo | None
) -> None:
    owner, live, trashed = mixed
    ids = "&".join(f"id={todo['id']}" for todo in [*live, *trashed])
    matching = [todo for todo in live if query == "ids" or not todo["completed"]]
    answer = owner.http.request(verb, f"/api/todos?{ids if query == 'ids' else query}", json=body)
    assert (answer.status_code, answer.json()) == (200, {"changed": len(matching)})
    kept = [todo for todo in trash_of(owner) if todo["id"] in {one["id"] for one in trashed}]
    assert kept == trashed


# The list


def test_the_trash_is_empty_at_first(anonymous: httpx.Client, owner: Person) -> None:
    expect_unauthorized(anonymous.get("/api/trash"), "")
    owner.create()
    answer = owner.http.get("/api/trash")
    assert (answer.status_code, answer.json()) == (200, [])
    assert "link" not in answer.headers
    assert answer.headers["cache-control"] == "private, no-store"


def test_the_last_deleted_comes_first(owner: Person) -> None:
    todos = [owner.create(f"todo {number}") for number in range(5)]
    trashed = [owner.trash(todos[number]) for number in (3, 0, 4, 1)]
    assert trash_of(owner) == trashed[::-1]
    restored = RESTORE(owner, trashed[0]["id"]).json()
    assert trash_of(owner) == trashed[:0:-1]
    trashed = [*trashed[1:], owner.trash(restored)]
    assert trash_of(owner) == trashed[::-1]


def test_head_of_the_trash_has_the_headers_of_get(owner: Person) -> None:
    for _ in range(2):
        owner.trash(owner.create())
    get, head = (owner.http.request(verb, "/api/trash?limit=1") for verb in ("GET", "HEAD"))
    assert (head.status_code, head.content) == (200, b"")
    for name in ("etag", "link", "cache-control", "content-type", "content-length"):
        assert head.headers[name] == get.headers[name]


def test_a_page_of_the_trash_is_100_long_unless_asked_otherwise(owner: Person, database: Database) -> None:
    add_trash(database, owner, 501)
    assert len(owner.http.get("/api/trash").json()) == 100
    answer = owner.http.get("/api/trash?limit=500")
    assert len(answer.json()) == 500
    assert "next" in answer.links


def test_the_link_of_the_trash_exists_only_if_more_follow(owner: Person, database: Database) -> None:
    add_trash(database, owner, 4)
    link = owner.http.get("/api/trash?limit=3").links["next"]["url"]
    path, _, query = link.partition("?")
    assert path == "/api/trash"
    names = dict(httpx.QueryParams(query))
    assert len(names.pop("cursor")) <= 128
    assert names == {"limit": "3"}
    assert [todo["title"] for todo in owner.http.get(link).json()] == [f"{MARK} 1"]
    assert owner.http.get("/api/trash?limit=4").links == {}
    assert owner.http.get("/api/trash?limit=5").links == {}


def places(pages: list[list[Todo]]) -> list[tuple[str, UUID]]:
    return [(todo["deleted_at"], UUID(todo["id"])) for page in pages for todo in page]


@pytest.mark.parametrize("limit", [1, 7, 90])
def test_pages_of_the_trash_contain_each_todo_once(owner: Person, database: Database, limit: int) -> None:
    add_trash(database, owner, 200 if limit > 1 else 20, ties=7)
    pages = [answer.json() for answer in pages_of(owner.http, f"/api/trash?limit={limit}")]
    met = places(pages)
    assert [time for time, _ in met] == sorted((time for time, _ in met), reverse=True)
    assert len(set(met)) == len(met) == (200 if limit > 1 else 20)
    assert [len(page) for page in pages[:-1]] == [limit] * (len(pages) - 1)


def test_pages_of_the_trash_contain_each_todo_while_it_changes(owner: Person, database: Database) -> None:
    add_trash(database, owner, 300, ties=7)
    others, met = [], []
    for page in (answer.json() for answer in pages_of(owner.http, "/api/trash?limit=50")):
        met += [todo["title"] for todo in page]
        others.append(owner.trash(owner.create("meanwhile")))
        assert RESTORE(owner, page[0]["id"]).status_code == 200
        expect_no_content(PURGE(owner, page[-1]["id"]))
    assert sorted(met) == sorted(f"{MARK} {number}" for number in range(1, 301))
    assert [todo["id"] for todo in trash_of(owner)[: len(others)]] == [todo["id"] for todo in others[::-1]]


def test_the_link_of_the_trash_works_after_its_last_todo_left(owner: Person, database: Database) -> None:
    add_trash(database, owner, 6)
    first = owner.http.get("/api/trash?limit=2")
    RESTORE(owner, first.json()[-1]["id"])
    second = owner.http.get(first.links["next"]["url"])
    assert [todo["title"] for todo in second.json()] == [f"{MARK} 4", f"{MARK} 3"]
    PURGE(owner, second.json()[-1]["id"])
    third = owner.http.get(second.links["next"]["url"])
    assert [todo["title"] for todo in third.json()] == [f"{MARK} 2", f"{MARK} 1"]
    assert third.links == {}


QUERIES = {
    "limit": ["0", "501", "-1", "x", "", "9" * 5_000],
    "cursor": ["", "x", "%00", "A" * 32, "%5B" * 20_000],
    "skip": ["0", "1"],
    "completed": ["true"],
    "trash": ["1"],
}


@pytest.mark.parametrize(
    ("name", "value"),
    [(name, value) for name, values in QUERIES.items() for value in values],
    ids=lambda value: value[:24],
)
def test_an_invalid_query_of_the_trash_is_422(owner: Person, name: str, value: str) -> None:
    answer = owner.http.get(f"/api/trash?{name}={value}")
    expect_invalid(answer, ["query", name])
    assert len(value) < 6 or value not in answer.text


def test_a_cursor_is_one_of_its_own_list(owner: Person) -> None:
    for _ in range(2):
        owner.trash(owner.create())
        owner.create()
    cursors = {
        path: httpx.URL(owner.http.get(f"{path}?limit=1").links["next"]["url"]).params["cursor"]
        for path in ("/api/todos", "/api/trash")
    }
    expect_invalid(owner.http.get(f"/api/todos?cursor={cursors['/api/trash']}"), ["query", "cursor"])
    expect_invalid(owner.http.get(f"/api/trash?cursor={cursors['/api/todos']}"), ["query", "cursor"])


# Back from the trash


def test_a_restored_todo_is_where_it_was(anonymous: httpx.Client, stranger: Person, owner: Person) -> None:
    first, todo, last = owner.create("first"), owner.create(description="words", completed=True), owner.create("last")
    trashed = owner.trash(todo)
    expect_unauthorized(RESTORE(anonymous, todo["id"]), "")
    expect_not_found(RESTORE(stranger, todo["id"]))
    answer = RESTORE(owner, todo["id"])
    assert answer.status_code == 200
    restored = answer.json()
    assert restored["version"] > trashed["version"]
    assert restored["updated_at"] > trashed["updated_at"]
    assert restored == todo | {"version": restored["version"], "updated_at": restored["updated_at"]}
    assert answer.headers["etag"] == etag(restored)
    assert live_of(owner) == [last, restored, first]
    assert trash_of(owner) == []


def test_restoring_what_is_not_in_the_trash_changes_nothing(owner: Person) -> None:
    todo = owner.create()
    before = etags(owner)
    for headers in ({}, {"If-Match": etag(todo)}, {"If-Match": "*"}, {"If-Match": 'W/"0"'}):
        answer = owner.http.post(f"/api/trash/{todo['id']}/restore", headers=headers)
        assert (answer.status_code, answer.json()) == (200, todo)
        assert answer.headers["etag"] == etag(todo)
    assert live_of(owner) == [todo]
    assert etags(owner) == before


def test_restoring_what_is_nowhere_is_404(owner: Person) -> None:
    expect_not_found(RESTORE(owner, str(uuid4())))
    todo = owner.create()
    owner.purge(todo)
    expect_not_found(RESTORE(owner, todo["id"]))
    assert live_of(owner) == trash_of(owner) == []


# Gone for good

ON_ONE_TODO: dict[str, Act] = {
    **NOT_FOUND,
    "DELETE": TRASH,
    "restore": RESTORE,
    "PUT with If-Match": lambda me, todo_id: http_of(me).put(
        f"/api/todos/{todo_id}", json={"title": "x"}, headers={"If-Match": "*"}
    ),
}


@pytest.mark.parametrize("act", ON_ONE_TODO.values(), ids=ON_ONE_TODO)
@pytest.mark.parametrize("way", ["purge", "empty"])
def test_a_todo_that_is_gone_for_good_is_404(owner: Person, way: str, act: Act) -> None:
    todo = owner.trash(owner.create())
    expect_no_content((PURGE if way == "purge" else EMPTY)(owner, todo["id"]))
    before = etags(owner)
    expect_not_found(act(owner, todo["id"]))
    assert live_of(owner) == trash_of(owner) == []
    assert etags(owner) == before


def test_purge_deletes_one_todo_for_good(anonymous: httpx.Client, stranger: Person, owner: Person) -> None:
    live, kept, todo = owner.create(), owner.trash(owner.create()), owner.trash(owner.create())
    expect_unauthorized(PURGE(anonymous, todo["id"]), "")
    expect_not_found(PURGE(stranger, todo["id"]))
    assert trash_of(owner) == [todo, kept]
    expect_no_content(PURGE(owner, todo["id"]))
    assert trash_of(owner) == [kept]
    before = etags(owner)
    expect_no_content(PURGE(owner, todo["id"]))
    assert (live_of(owner), trash_of(owner)) == ([live], [kept])
    assert etags(owner) == before


def test_purging_what_is_not_in_the_trash_is_404(owner: Person) -> None:
    todo = owner.create()
    expect_not_found(PURGE(owner, todo["id"]))
    expect_not_found(PURGE(owner, str(uuid4())))
    assert live_of(owner) == [todo]
    expect_not_found(PURGE(owner, RESTORE(owner, owner.trash(todo)["id"]).json()["id"]))
    assert [one["id"] for one in live_of(owner)] == [todo["id"]]


def test_emptying_deletes_the_trash_for_good(anonymous: httpx.Client, stranger: Person, owner: Person) -> None:
    theirs = stranger.trash(stranger.create())
    live, trashed = owner.create(), [owner.trash(owner.create()) for _ in range(3)]
    expect_unauthorized(EMPTY(anonymous, ""), "")
    assert trash_of(owner) == trashed[::-1]
    expect_no_content(EMPTY(owner, ""))
    assert (live_of(owner), trash_of(owner), trash_of(stranger)) == ([live], [], [theirs])
    before = etags(owner)
    expect_no_content(EMPTY(owner, ""))
    assert etags(owner) == before
    for todo in trashed:
        expect_not_found(RESTORE(owner, todo["id"]))
        expect_no_content(PURGE(owner, todo["id"]))


def test_a_trash_of_thousands_is_emptied(owner: Person, stranger: Person, database: Database) -> None:
    add_statistics(database, stranger)
    theirs = trash_of(stranger)
    add_trash(database, owner, 12_000)
    live = owner.create()
    before = etags(owner)
    expect_no_content(EMPTY(owner, ""))
    assert (live_of(owner), trash_of(owner)) == ([live], [])
    assert all(tag not in before for tag in etags(owner))
    assert MARK not in stored(database, owner)
    assert trash_of(stranger) == theirs


def test_concurrent_purges_restores_and_emptyings_do_one_thing(owner: Person) -> None:
    for _ in range(5):
        todo = owner.trash(owner.create())
        with ThreadPoolExecutor(6) as pool:
            asked = [pool.submit(act, owner, todo["id"]) for act in [RESTORE, PURGE, EMPTY] * 4]
        answers = [one.result() for one in asked]
        assert {answer.status_code for answer in answers} <= {200, 204, 404}
        restored = any(answer.status_code == 200 for answer in answers)
        assert [one["id"] for one in live_of(owner)] == ([todo["id"]] if restored else [])
        assert trash_of(owner) == []
        for one in live_of(owner):
            owner.purge(one)


@pytest.mark.parametrize("act", [PURGE, EMPTY], ids=["purge", "empty"])
def test_the_content_is_erased_at_once(owner: Person, database: Database, act: Act) -> None:
    todo = owner.trash(owner.create(MARK, description=MARK, completed=True))
    assert MARK in stored(database, owner)
    expect_no_content(act(owner, todo["id"]))
    assert MARK not in stored(database, owner)
    rows = database.execute(
        "SELECT title, description, completed, completed_at, version > %s FROM todo WHERE user_id = %s AND id = %s",
        (todo["version"], owner.id, todo["id"]),
    )
    assert rows == [("", None, False, None, True)]


def test_a_todo_that_was_made_anew_has_nothing_of_the_old_one(owner: Person, database: Database) -> None:
    todo = owner.create(MARK, description=MARK, completed=True)
    owner.purge(todo)
    assert owner.http.put(f"/api/todos/{todo['id']}", json={"title": "new"}).status_code == 201
    assert MARK not in stored(database, owner)
    expect_not_found(PURGE(owner, todo["id"]))
    assert [one["title"] for one in live_of(owner)] == ["new"]


# All requests


@pytest.mark.parametrize("act", [RESTORE, PURGE], ids=["restore", "purge"])
def test_a_strangers_trash_is_the_same_as_no_trash(owner: Person, stranger: Person, act: Act) -> None:
    todo = owner.trash(owner.create())

    def ask(todo_id: str) -> tuple[list[str], Todo]:
        answer = act(stranger, todo_id)
        expect_not_found(answer)
        return list(answer.headers), answer.json() | {"request_id": ""}

    assert ask(todo["id"]) == ask(str(uuid4()))
    assert trash_of(owner) == [todo]


@pytest.mark.parametrize("act", [RESTORE, PURGE], ids=["restore", "purge"])
def test_an_id_in_the_trash_that_is_no_uuid_is_invalid(anonymous: httpx.Client, owner: Person, act: Act) -> None:
    expect_unauthorized(act(anonymous, "12"), "")
    (error,) = expect_invalid(act(owner, "12"), ["path", "todo_id"])
    assert error["type"] == "uuid_parsing"


@pytest.mark.parametrize(("verb", "path"), [("DELETE", ""), ("DELETE", "/{id}"), ("POST", "/{id}/restore")])
def test_an_unknown_parameter_on_the_trash_is_422(owner: Person, verb: str, path: str) -> None:
    todo = owner.trash(owner.create())
    answer = owner.http.request(verb, f"/api/trash{path.format(id=todo['id'])}?force=true")
    expect_invalid(answer, ["query", "force"])
    assert trash_of(owner) == [todo]


def test_an_account_is_deleted_by_a_session_that_does_not_see_todos(owner: Person, database: Database) -> None:
    """Better Auth's tables may be in another schema, and its connections may have no other in their search_path."""
    changed, deleted, _ = (owner.create() for _ in range(3))
    elsewhere = "SET search_path TO pg_catalog;"
    database.execute(elsewhere + "UPDATE public.todo SET completed = true WHERE id = %s", (changed["id"],))
    database.execute(elsewhere + "DELETE FROM public.todo WHERE id = %s", (deleted["id"],))
    now = owner.http.get(f"/api/todos/{changed['id']}").json()
    assert now["version"] > changed["version"]
    assert now["completed_at"] is not None
    assert int(owner.http.get("/api/todos").headers["etag"][3:-1]) > now["version"]
    database.execute(elsewhere + 'DELETE FROM public."user" WHERE id = %s', (owner.id,))
    assert database.execute("SELECT id FROM todo WHERE user_id = %s", (owner.id,)) == []
