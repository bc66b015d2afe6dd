"""Test versions: the ETag of each answer, what is not sent again (304), and conditional changes (412)."""

import random
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.conftest import Database, Person
from tests.expect import expect_invalid_header, expect_mismatch, expect_not_found, expect_unauthorized
from tests.replica import Replica
from tests.todos import Todo, etag, http_of, path_of

Act = Callable[[Person, Todo], httpx.Response]


def restore(me: Person, todo: Todo) -> httpx.Response:
    """Restore a todo from the trash."""
    return me.http.post(f"/api/trash/{todo['id']}/restore")


def restore_later(me: Person, todo: Todo) -> httpx.Response:
    """Move a todo into the trash, and restore it."""
    return restore(me, me.trash(todo))


def empty_trash(me: Person, todo: Todo) -> httpx.Response:
    """Move a todo into the trash, and empty the trash."""
    me.trash(todo)
    return me.http.delete("/api/trash")


# A todo's ETag

ANSWERS: dict[str, tuple[int, Act]] = {
    "POST": (201, lambda me, _: me.http.post("/api/todos", json={"title": "new"})),
    "GET": (200, lambda me, todo: me.http.get(path_of(todo))),
    "PUT new": (201, lambda me, _: me.http.put(f"/api/todos/{uuid4()}", json={"title": "new"})),
    "PUT": (200, lambda me, todo: me.http.put(path_of(todo), json={"title": "replaced"})),
    "PUT same": (200, lambda me, todo: me.http.put(path_of(todo), json={"title": todo["title"]})),
    "PATCH": (200, lambda me, todo: me.http.patch(path_of(todo), json={"title": "changed"})),
    "PATCH empty": (200, lambda me, todo: me.http.patch(path_of(todo), json={})),
    "toggle": (200, lambda me, todo: me.http.post(f"{path_of(todo)}/toggle")),
    "restore": (200, restore_later),
    "restore again": (200, restore),
}


@pytest.mark.parametrize(("status", "act"), ANSWERS.values(), ids=ANSWERS)
def test_an_answer_with_a_todo_has_its_version_as_etag(owner: Person, status: int, act: Act) -> None:
    answer = act(owner, owner.create())
    assert answer.status_code == status
    todo = answer.json()
    assert type(todo["version"]) is int
    assert todo["version"] > 0
    assert answer.headers["etag"] == etag(todo)
    assert owner.http.get(path_of(todo)).json() == todo


def test_head_has_the_etag_of_get(owner: Person) -> None:
    todo = owner.create()
    answer = owner.http.head(path_of(todo))
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["etag"] == etag(todo)


def test_the_answer_of_a_deletion_has_the_etag_of_the_todo(owner: Person) -> None:
    todo = owner.create()
    first = owner.http.delete(path_of(todo))
    assert (first.status_code, first.content) == (204, b"")
    trashed = owner.find(todo["id"])
    assert trashed["version"] > todo["version"]
    assert first.headers["etag"] == etag(trashed)
    second = owner.http.delete(path_of(todo))
    assert (second.status_code, second.headers["etag"]) == (204, etag(trashed))


# Versions

CHANGES: dict[str, Act] = {
    "POST": lambda me, _: me.http.post("/api/todos", json={"title": "new"}),
    "PUT new": lambda me, _: me.http.put(f"/api/todos/{uuid4()}", json={"title": "new"}),
    "PUT": lambda me, todo: me.http.put(path_of(todo), json={"title": "replaced"}),
    "PATCH": lambda me, todo: me.http.patch(path_of(todo), json={"description": "changed"}),
    "PATCH same": lambda me, todo: me.http.patch(path_of(todo), json={"title": todo["title"]}),
    "PATCH many": lambda me, todo: me.http.patch(f"/api/todos?id={todo['id']}", json={"title": "all"}),
    "toggle": lambda me, todo: me.http.post(f"{path_of(todo)}/toggle"),
    "DELETE": lambda me, todo: me.http.delete(path_of(todo)),
    "DELETE many": lambda me, todo: me.http.delete(f"/api/todos?id={todo['id']}"),
    "restore": restore_later,
    "purge": lambda me, todo: me.http.delete(f"/api/trash/{me.trash(todo)['id']}"),
    "empty": empty_trash,
}
NO_CHANGES: dict[str, tuple[int, Act]] = {
    "GET": (200, lambda me, todo: me.http.get(path_of(todo))),
    "PUT same": (200, lambda me, todo: me.http.put(path_of(todo), json={"title": todo["title"]})),
    "PUT invalid": (422, lambda me, todo: me.http.put(path_of(todo), json={})),
    "PUT another version": (
        412,
        lambda me, todo: me.http.put(path_of(todo), json={"title": "x"}, headers={"If-Match": 'W/"0"'}),
    ),
    "PATCH empty": (200, lambda me, todo: me.http.patch(path_of(todo), json={})),
    "PATCH invalid": (422, lambda me, todo: me.http.patch(path_of(todo), json={"title": ""})),
    "PATCH another version": (
        412,
        lambda me, todo: me.http.patch(path_of(todo), json={"title": "x"}, headers={"If-Match": 'W/"1"'}),
    ),
    "PATCH many, no id": (200, lambda me, _: me.http.patch(f"/api/todos?id={uuid4()}", json={"title": "x"})),
    "PATCH many, none": (200, lambda me, _: me.http.patch("/api/todos?completed=true", json={"title": "x"})),
    "PATCH too many": (409, lambda me, _: me.http.patch("/api/todos?completed=false&max=1", json={"title": "x"})),
    "DELETE no todo": (404, lambda me, _: me.http.delete(f"/api/todos/{uuid4()}")),
    "DELETE another version": (412, lambda me, todo: me.http.delete(path_of(todo), headers={"If-Match": 'W/"1"'})),
    "DELETE many, none": (200, lambda me, _: me.http.delete(f"/api/todos?id={uuid4()}")),
    "restore what is not in the trash": (200, restore),
    "purge what is not in the trash": (404, lambda me, todo: me.http.delete(f"/api/trash/{todo['id']}")),
    "empty an empty trash": (204, lambda me, _: me.http.delete("/api/trash")),
    "batch empty": (200, lambda me, _: me.http.post("/api/batch", json={"put": [], "delete": []})),
}
"""List requests, each with its status. There are two open todos, and none in the trash."""


def versions(me: Person) -> dict[str, int]:
    """Return the versions of all todos of a user, in the trash or not."""
    todos = me.http.get("/api/todos?limit=500").json() + me.http.get("/api/trash?limit=500").json()
    return {todo["id"]: todo["version"] for todo in todos}


def test_each_change_has_a_larger_version_than_all_before(owner: Person) -> None:
    known = [owner.create("first"), owner.create("second")]
    highest = max(todo["version"] for todo in known)
    assert known[0]["version"] < highest
    for act in [*CHANGES.values(), *CHANGES.values()]:
        todo = owner.create()
        assert todo["version"] > highest
        before = versions(owner)
        assert act(owner, todo).is_success
        changed = {todo_id: version for todo_id, version in versions(owner).items() if before.get(todo_id) != version}
        assert all(version > todo["version"] for version in changed.values())
        assert len(changed) <= 1, "the others keep their versions"
        highest = max([todo["version"], *changed.values()])
    assert owner.create()["version"] > highest


def test_a_change_by_sql_makes_a_version(owner: Person, database: Database) -> None:
    todo, other = owner.create(), owner.create()
    database.execute("UPDATE todo SET title = 'by SQL' WHERE user_id = %s AND id = %s", (owner.id, todo["id"]))
    changed = owner.http.get(path_of(todo))
    assert changed.json()["title"] == "by SQL"
    assert changed.json()["version"] > other["version"]
    database.execute("INSERT INTO todo (user_id, title) VALUES (%s, 'also by SQL')", (owner.id,))
    newest = owner.http.get("/api/todos").json()[0]
    assert newest["title"] == "also by SQL"
    assert newest["version"] > changed.json()["version"]


# The ETags of lists

LISTS = ["/api/todos", "/api/todos?completed=true", "/api/todos?limit=1", "/api/trash", "/api/trash?limit=1"]


def see(me: Person) -> dict[str, tuple[str, bytes]]:
    """Return the ETag and the body of each list."""
    answers = {path: me.http.get(path) for path in LISTS}
    assert all(answer.status_code == 200 for answer in answers.values())
    return {path: (answer.headers["etag"], answer.content) for path, answer in answers.items()}


@pytest.mark.parametrize("act", CHANGES.values(), ids=CHANGES)
def test_a_change_changes_the_etags_of_all_lists(owner: Person, stranger: Person, act: Act) -> None:
    stranger.create(completed=True)
    stranger.trash(stranger.create())
    todo, theirs = owner.create(), see(stranger)
    before = see(owner)
    assert act(owner, todo).is_success
    after = see(owner)
    for path in LISTS:
        assert after[path][0] != before[path][0], path
        assert after[path][0].startswith('W/"')
    assert see(stranger) == theirs, "they are of another user"


@pytest.mark.parametrize(("status", "act"), NO_CHANGES.values(), ids=NO_CHANGES)
def test_what_changes_nothing_makes_no_version(owner: Person, status: int, act: Act) -> None:
    other, todo = owner.create(), owner.create()
    before = see(owner)
    replica = Replica(owner.http)
    replica.walk()
    assert act(owner, todo).status_code == status
    assert see(owner) == before
    assert owner.http.get("/api/todos").json() == [todo, other]
    assert owner.http.get(path_of(todo)).headers["etag"] == etag(todo)
    (page,) = replica.walk()
    assert (page["todos"], page["gone"]) == ([], [])


def test_a_change_by_sql_changes_the_etags_of_all_lists(owner: Person, database: Database) -> None:
    todos = [owner.create() for _ in range(3)]
    for change in ("title = 'by SQL'", "deleted_at = now()", "completed = true"):
        before = see(owner)
        statement = f"UPDATE todo SET {change} WHERE user_id = %s AND id = %s"
        database.execute(statement, (owner.id, todos.pop()["id"]))
        after = see(owner)
        for path in LISTS:
            assert after[path][0] != before[path][0], (change, path)


@pytest.mark.parametrize("which", [0, 1], ids=["the oldest", "the newest"])
def test_a_deletion_by_sql_changes_the_etags_of_lists(owner: Person, database: Database, which: int) -> None:
    todos = [owner.create("first"), owner.create("second")]
    before = see(owner)
    database.execute("DELETE FROM todo WHERE user_id = %s AND id = %s", (owner.id, todos[which]["id"]))
    after = see(owner)
    assert owner.http.get("/api/todos").json() == [todos[1 - which]]
    assert after["/api/todos"][0] != before["/api/todos"][0]


def test_a_list_without_todos_has_an_etag(owner: Person) -> None:
    before = see(owner)
    assert all(body == b"[]" for _, body in before.values())
    for path, (tag, _) in before.items():
        assert owner.http.get(path, headers={"If-None-Match": tag}).status_code == 304
    owner.create()
    assert all(see(owner)[path][0] != before[path][0] for path in LISTS)


def test_head_has_the_etag_of_a_list(owner: Person) -> None:
    owner.create()
    for path in LISTS:
        assert owner.http.head(path).headers["etag"] == owner.http.get(path).headers["etag"]


def test_an_etag_of_a_list_never_comes_back_with_other_content(owner: Person) -> None:
    chance = random.Random(0)
    met: dict[tuple[str, str], bytes] = {}
    acts: list[Act] = [*CHANGES.values(), *(act for _, act in NO_CHANGES.values()), *[empty_trash] * 2]
    for _ in range(60):
        todos = owner.http.get("/api/todos").json() or [owner.create()]
        chance.choice(acts)(owner, chance.choice(todos))
        for path, (tag, body) in see(owner).items():
            assert met.setdefault((path, tag), body) == body


def test_no_etag_of_a_list_comes_back_when_all_is_gone(owner: Person) -> None:
    tags: list[dict[str, str]] = []
    ways: list[Callable[[Person, Todo], object]] = [Person.purge, empty_trash, Person.purge]
    for purge in ways:
        tags.append({path: tag for path, (tag, _) in see(owner).items()})
        todo = owner.create()
        tags.append({path: tag for path, (tag, _) in see(owner).items()})
        purge(owner, todo)
        assert owner.http.get("/api/todos").json() == owner.http.get("/api/trash").json() == []
    for path in LISTS:
        assert len({tag[path] for tag in tags}) == len(tags)


# If-None-Match

ORIGIN = {"Origin": "http://localhost:3000"}
READABLE: dict[str, Callable[[str], list[str]]] = {
    "weak": lambda tag: [f'W/"{tag}"'],
    "strong": lambda tag: [f'"{tag}"'],
    "a list": lambda tag: [f'W/"x", "{tag}", "y"'],
    "a list without spaces": lambda tag: [f'"x,y",W/"{tag}"'],
    "several lines": lambda tag: ['W/"x"', f'W/"{tag}"'],
    "any": lambda _: ["*"],
}
OTHERS: dict[str, Callable[[str], list[str]]] = {
    "an earlier one": lambda _: ['W/"0"'],
    "a leading zero": lambda tag: [f'W/"0{tag}"'],
    "a sign": lambda tag: [f'W/"+{tag}"'],
    "a part": lambda tag: [f'W/"{tag[:-1]}"'],
    "a decimal point": lambda tag: [f'"{tag}.0"'],
    "nothing between the quotes": lambda _: ['""'],
    "more digits than a bigint has": lambda _: [f'"{"9" * 40}"'],
    "a list of others": lambda tag: [f'"x", W/"0{tag}"'],
    "a list in quotes": lambda tag: [f'"x,{tag},y"'],
}


UNREADABLE: dict[str, list[str]] = {
    "no quotes": ["7"],
    "empty": [""],
    "a comma": [","],
    "no quotes, weak": ["W/7"],
    "single quotes": ["'7'"],
    "an open quote": ['"7'],
    "a closing quote": ['7"'],
    "weak in lower case": ['w/"7"'],
    "a space after W/": ['W/ "7"'],
    "a quote inside": ['"7"7"'],
    "a space inside": ['W/" 7"'],
    "two without a comma": ['"7" "8"'],
    "any and a tag": ['*, "7"'],
    "a tag and any": ['"7", *'],
    "any twice": ["**"],
    "words": ["latest"],
}
"""List what is neither `*` nor a list of ETags. 7 stands for the version."""


def lines(name: str, values: list[str]) -> list[tuple[str, str]]:
    """Return a header in several lines."""
    return [(name, value) for value in values]


def opaque(answer: httpx.Response) -> str:
    """Return what stands between the quotes of an ETag."""
    tag: str = answer.headers["etag"]
    assert tag.startswith('W/"')
    assert tag.endswith('"')
    return tag[3:-1]


PATHS = ["todo", "list", "filtered list", "trash"]


def each(spellings: Mapping[str, object], places: Iterable[str]) -> list[Any]:
    """Combine all spellings with the first place, and the first spelling with each other place.

    All endpoints read a header with the same function, so one of them shows what it reads.
    """
    (first, *_), (place, *others) = spellings, places
    chosen = [(place, name) for name in spellings] + [(other, first) for other in others]
    return [pytest.param(where, spellings[name], id=f"{where}, {name}") for where, name in chosen]


@pytest.fixture
def path(request: pytest.FixtureRequest, owner: Person) -> str:
    """Return a path whose answers have an ETag. A todo is there, and one is in the trash."""
    todo = owner.create()
    owner.trash(owner.create())
    paths = [path_of(todo), "/api/todos", "/api/todos?completed=false&limit=1", "/api/trash"]
    return dict(zip(PATHS, paths, strict=True))[request.param]


@pytest.mark.parametrize(("path", "spell"), each(READABLE, PATHS), indirect=["path"])
def test_what_the_client_has_is_not_sent_again(
    anonymous: httpx.Client, owner: Person, path: str, spell: Callable[[str], list[str]]
) -> None:
    for verb in ("GET", "HEAD"):
        full = owner.http.request(verb, path, headers=ORIGIN)
        headers = [*ORIGIN.items(), *lines("If-None-Match", spell(opaque(full)))]
        expect_unauthorized(anonymous.get(path, headers=headers), "")
        answer = owner.http.request(verb, path, headers=headers)
        assert (answer.status_code, answer.content) == (304, b"")
        assert answer.headers["etag"] == full.headers["etag"]
        assert answer.headers["cache-control"] == "private, no-store"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["x-request-id"]
        assert "content-type" not in answer.headers
        for name in ("allow-origin", "allow-credentials", "expose-headers"):
            assert answer.headers[f"access-control-{name}"] == full.headers[f"access-control-{name}"]
        assert "Origin" in answer.headers["vary"]


@pytest.mark.parametrize(("path", "spell"), each(OTHERS, PATHS), indirect=["path"])
def test_another_tag_is_answered_in_full(owner: Person, path: str, spell: Callable[[str], list[str]]) -> None:
    full = owner.http.get(path)
    answer = owner.http.get(path, headers=lines("If-None-Match", spell(opaque(full))))
    assert (answer.status_code, answer.json()) == (200, full.json())
    assert answer.headers["etag"] == full.headers["etag"]


@pytest.mark.parametrize(("path", "sent"), each(UNREADABLE, PATHS), indirect=["path"])
def test_a_tag_that_cannot_be_read_is_answered_in_full(owner: Person, path: str, sent: list[str]) -> None:
    full = owner.http.get(path)
    answer = owner.http.get(path, headers=lines("If-None-Match", [one.replace("7", opaque(full)) for one in sent]))
    assert (answer.status_code, answer.json()) == (200, full.json())


@pytest.mark.parametrize("tag", ["mine", "*"])
def test_a_todo_that_is_not_there_is_404_and_not_304(owner: Person, stranger: Person, tag: str) -> None:
    todo = owner.create()
    headers = {"If-None-Match": etag(todo) if tag == "mine" else "*"}
    expect_not_found(stranger.http.get(path_of(todo), headers=headers))
    expect_not_found(owner.http.get(f"/api/todos/{uuid4()}", headers=headers))
    assert owner.http.get(path_of(todo), headers=headers).status_code == 304
    trashed = owner.trash(todo)
    for sent in (headers, {"If-None-Match": etag(trashed)}):
        expect_not_found(owner.http.get(path_of(todo), headers=sent))


def test_the_etag_of_another_users_list_is_not_ones_own(owner: Person, stranger: Person) -> None:
    owner.create()
    stranger.create()
    for path in LISTS:
        answer = stranger.http.get(path, headers={"If-None-Match": owner.http.get(path).headers["etag"]})
        assert answer.status_code == 200


# If-Match

CONDITIONAL: dict[str, tuple[str, str, Todo | None]] = {
    "PATCH": ("PATCH", "/api/todos/{id}", {"title": "changed"}),
    "PUT": ("PUT", "/api/todos/{id}", {"title": "replaced"}),
    "DELETE": ("DELETE", "/api/todos/{id}", None),
    "toggle": ("POST", "/api/todos/{id}/toggle", None),
    "restore": ("POST", "/api/trash/{id}/restore", None),
}


class Target:
    """A todo, and a request that changes it."""

    def __init__(self, name: str, owner: Person) -> None:
        self.name, self.owner = name, owner
        self.verb, self.path, self.body = CONDITIONAL[name]
        self.todo = owner.create("as it was", description="some words")
        if name == "restore":
            self.todo = owner.trash(self.todo)

    def ask(self, person: Person | httpx.Client, *match: str, todo_id: object = None) -> httpx.Response:
        """Send the request with lines of If-Match."""
        path = self.path.format(id=todo_id or self.todo["id"])
        return http_of(person).request(self.verb, path, json=self.body, headers=lines("If-Match", list(match)))

    def expect_done(self, answer: httpx.Response) -> Todo:
        """Assert that the request changed the todo, and return the todo."""
        now = self.owner.find(self.todo["id"])
        assert answer.status_code == (204 if self.name == "DELETE" else 200), answer.text
        assert answer.headers["etag"] == etag(now)
        if self.name != "DELETE":
            assert answer.json() == now
        assert now["version"] > self.todo["version"]
        assert now["updated_at"] > self.todo["created_at"]
        changes: dict[str, Todo] = {
            "PATCH": {"title": "changed"},
            "PUT": {"title": "replaced", "description": None},
            "DELETE": {"deleted_at": now["deleted_at"]},
            "toggle": {"completed": True, "completed_at": now["completed_at"]},
            "restore": {"deleted_at": None},
        }
        assert now == self.todo | changes[self.name] | {"version": now["version"], "updated_at": now["updated_at"]}
        assert now != self.todo | {"version": now["version"], "updated_at": now["updated_at"]}
        return now

    def expect_not_done(self) -> None:
        """Assert that the todo is as it was."""
        assert self.owner.find(self.todo["id"]) == self.todo


@pytest.fixture(params=CONDITIONAL)
def target(request: pytest.FixtureRequest, owner: Person) -> Target:
    """Create a todo for each request that accepts If-Match."""
    return Target(request.param, owner)


@pytest.mark.parametrize(("target", "spell"), each(READABLE, CONDITIONAL), indirect=["target"])
def test_a_change_of_the_version_that_is_there_is_done(
    anonymous: httpx.Client, stranger: Person, owner: Person, target: Target, spell: Callable[[str], list[str]]
) -> None:
    match = spell(str(target.todo["version"]))
    expect_unauthorized(target.ask(anonymous, *match), "")
    expect_not_found(target.ask(stranger, *match))
    target.expect_not_done()
    target.expect_done(target.ask(owner, *match))


@pytest.mark.parametrize(("target", "spell"), each(OTHERS, CONDITIONAL), indirect=["target"])
def test_a_change_of_another_version_is_412_and_not_done(
    anonymous: httpx.Client, stranger: Person, owner: Person, target: Target, spell: Callable[[str], list[str]]
) -> None:
    match = spell(str(target.todo["version"]))
    before = see(owner)
    expect_unauthorized(target.ask(anonymous, *match), "")
    expect_not_found(target.ask(stranger, *match))
    expect_mismatch(target.ask(owner, *match), target.todo)
    target.expect_not_done()
    assert see(owner) == before


@pytest.mark.parametrize(("target", "match"), each(UNREADABLE, CONDITIONAL), indirect=["target"])
def test_an_if_match_that_cannot_be_read_is_422_and_nothing_is_done(
    anonymous: httpx.Client, owner: Person, target: Target, match: list[str]
) -> None:
    before = see(owner)
    own = [line.replace("7", str(target.todo["version"])) for line in match]
    expect_unauthorized(target.ask(anonymous, *own), "")
    expect_invalid_header(target.ask(owner, *own), "If-Match")
    target.expect_not_done()
    assert see(owner) == before


def test_several_lines_of_if_match_are_one_list(owner: Person, target: Target) -> None:
    version = target.todo["version"]
    expect_mismatch(target.ask(owner, 'W/"0"', f'"0{version}"'), target.todo)
    for unreadable in ("latest", "*"):
        expect_invalid_header(target.ask(owner, unreadable, f'W/"{version}"'), "If-Match")
        expect_invalid_header(target.ask(owner, f'W/"{version}"', unreadable), "If-Match")
    target.expect_not_done()
    target.expect_done(target.ask(owner, 'W/"0"', f'"{version}"'))


@pytest.mark.parametrize("match", ["*", 'W/"7"', '"7"'])
def test_if_match_on_a_todo_that_is_not_there_is_404(owner: Person, target: Target, match: str) -> None:
    todo_id = uuid4()
    expect_not_found(target.ask(owner, match, todo_id=todo_id))
    expect_not_found(owner.http.get(f"/api/todos/{todo_id}"))


@pytest.mark.parametrize("match", ["*", 'W/"7"', "the last version"])
def test_if_match_on_a_todo_that_is_gone_for_good_is_404(owner: Person, target: Target, match: str) -> None:
    last = owner.trash(target.todo)
    owner.purge(target.todo)
    expect_not_found(target.ask(owner, etag(last) if match == "the last version" else match))
    assert owner.http.get("/api/todos").json() == owner.http.get("/api/trash").json() == []


@pytest.mark.parametrize("name", ["PATCH", "toggle"])
@pytest.mark.parametrize("match", ["the version", "*", 'W/"7"'])
def test_if_match_on_a_todo_in_the_trash_is_404(owner: Person, name: str, match: str) -> None:
    target = Target(name, owner)
    trashed = owner.trash(target.todo)
    expect_not_found(target.ask(owner, etag(trashed) if match == "the version" else match))
    assert owner.find(trashed["id"]) == trashed


@pytest.mark.parametrize("times", [1, 2])
def test_a_retry_of_a_change_that_was_done_is_no_error(owner: Person, target: Target, times: int) -> None:
    match = etag(target.todo)
    done = target.expect_done(target.ask(owner, match))
    for _ in range(times):
        answer = target.ask(owner, match)
        if target.name == "toggle":
            expect_mismatch(answer, done)
        elif target.name == "DELETE":
            assert (answer.status_code, answer.content) == (204, b"")
            assert answer.headers["etag"] == etag(done)
        else:
            assert (answer.status_code, answer.json()) == (200, done)
            assert answer.headers["etag"] == etag(done)
    assert owner.find(done["id"]) == done


def test_a_patch_is_as_asked_for_if_the_fields_that_it_sends_are(owner: Person) -> None:
    todo = owner.create("as it was", description="some words")
    headers = {"If-Match": etag(todo)}
    now = owner.http.patch(path_of(todo), json={"title": "changed", "completed": True}).json()
    same: list[Todo] = [{"title": "changed"}, {"completed": True}, {"title": "changed", "description": "some words"}]
    for body in same:
        answer = owner.http.patch(path_of(todo), json=body, headers=headers)
        assert (answer.status_code, answer.json()) == (200, now)
    others: list[Todo] = [{"title": "as it was"}, {"title": "changed", "description": None}, {"completed": False}]
    for body in others:
        expect_mismatch(owner.http.patch(path_of(todo), json=body, headers=headers), now)
    assert owner.find(todo["id"]) == now


def test_a_put_is_as_asked_for_if_all_fields_are(owner: Person) -> None:
    todo = owner.create("as it was", description="some words")
    headers = {"If-Match": etag(todo)}
    now = owner.http.put(path_of(todo), json={"title": "replaced", "completed": True}).json()
    same = owner.http.put(path_of(todo), json={"title": " replaced ", "completed": True}, headers=headers)
    assert (same.status_code, same.json()) == (200, now)
    for body in ({"title": "replaced"}, {"title": "replaced", "completed": True, "description": "some words"}):
        expect_mismatch(owner.http.put(path_of(todo), json=body, headers=headers), now)
    assert owner.find(todo["id"]) == now
