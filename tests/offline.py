"""Test the sync clients of the repository: two devices of a user, and a network that fails on command.

`SCENARIOS` has what must hold for a client in every language.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any, Protocol
from uuid import uuid4

import httpx

from tests.conftest import Database, Person
from tests.listener import Answer, answering
from tests.live import ROOT, Api

PAGE = (ROOT / "docs" / "how-to" / "sync-a-client.md").read_text()


def program(name: str) -> str:
    """Return the text of the program of this name on the page."""
    comment = "//" if name.endswith(".ts") else "#"
    found = re.search(rf"^```\w+\n{comment} {re.escape(name)}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    assert found, name
    return found[1]


class Device(Protocol):
    """Use the client of a language."""

    per_batch: int
    """How many edits the client sends in one batch."""
    largest_per_batch: int
    """How many edits of the largest size it sends in one batch."""
    trashes_unsent: bool
    """Whether a todo that is deleted before it was sent is in the trash afterwards. Otherwise it is gone."""

    def todos(self) -> dict[str, Any]:
        """Return what the user sees, by id."""

    def edit(self, todo_id: str, changes: dict[str, Any] | None) -> None:
        """Create, change or delete a todo on the device."""

    def sync(self) -> bool:
        """Sync, and return whether that succeeded."""

    def order(self) -> list[str]:
        """Return the ids of the todos in the order that the user sees."""

    def between(self, above: str | None, below: str | None) -> str | None:
        """Return a position between two."""

    def refused(self) -> dict[str, str]:
        """Return the messages of edits that the server refused, by id."""

    def restart(self) -> None:
        """End the client, and start it again with the state that it stored."""


@dataclass
class Network:
    """Describe what happens to the requests of the devices."""

    url: str
    """The URL of the API as the devices see it."""
    lose: set[str] = field(default_factory=set)
    """Lose the next answer to each of these paths, after the API has answered."""
    drop: set[str] = field(default_factory=set)
    """Lose the next request to each of these paths, before it has arrived."""
    budget: int = 100_000
    """Lose all requests after so many, for a client that would never stop."""
    before: dict[str, Callable[[], object]] = field(default_factory=dict)
    """Call a function before the next request to a path is forwarded."""
    answers: list[tuple[str, int]] = field(default_factory=list)
    """List the path and the status of each answer."""


@contextmanager
def network(api: Api) -> Iterator[Network]:
    """Forward requests to the API until the block ends."""

    def forward(request: BaseHTTPRequestHandler, body: bytes) -> Answer | None:
        path = request.path.partition("?")[0]
        forwarder.budget -= 1
        if call := forwarder.before.pop(path, None):
            call()
        if path in forwarder.drop or forwarder.budget < 0:
            forwarder.drop.discard(path)
            return None
        sent = {key: value for key, value in request.headers.items() if key.lower() in _FORWARDED}
        answer = http.request(request.command, request.path, headers=sent, content=body)
        forwarder.answers.append((path, answer.status_code))
        if path in forwarder.lose:
            forwarder.lose.remove(path)
            return None
        headers = {key: answer.headers[key] for key in ("Content-Type", "ETag") if key in answer.headers}
        return answer.status_code, headers, answer.content

    with api.client() as http, answering(forward) as url:
        forwarder = Network(url)
        yield forwarder


_FORWARDED = {"authorization", "content-type", "if-match", "if-none-match"}


def reset_sync(database: Database) -> None:
    """Run the command of `make reset-sync`, which ends all tokens of `/api/changes`."""
    database.run("-m", "db.reset_sync")


@dataclass
class World:
    """Describe two devices of a user, the server, and the network between them."""

    first: Device
    second: Device
    owner: Person
    database: Database
    network: Network
    reset_sync: Callable[[], object]

    def sync(self, *devices: Device) -> None:
        """Sync devices one after the other."""
        for device in devices:
            assert device.sync()

    def create(self, *titles: str) -> list[str]:
        """Create todos that both devices have."""
        ids = [add(self.first, title) for title in titles]
        self.sync(self.first, self.second)
        return ids

    def server(self) -> dict[str, Any]:
        """Return the todos of the server, by id."""
        answer = self.owner.http.get("/api/todos", params={"limit": 500})
        assert answer.status_code == 200
        return {todo["id"]: todo for todo in answer.json()}

    def expect(self, titles: dict[str, str]) -> None:
        """Assert that both devices and the server have exactly these todos, and that nothing is left to send."""
        todos = self.server()
        assert {key: todo["title"] for key, todo in todos.items()} == titles
        for device in (self.first, self.second):
            assert device.todos() == todos
            assert device.order() == list(todos)
        before = len(self.network.answers)
        self.sync(self.first, self.second)
        assert self.network.answers[before:] == [("/api/changes", 200)] * 2


def add(device: Device, title: str, **fields: Any) -> str:
    """Create a todo on a device, and return its id."""
    todo_id = str(uuid4())
    device.edit(todo_id, {"title": title, **fields})
    return todo_id


def expect_204(answer: httpx.Response) -> None:
    """Assert that a todo was deleted."""
    assert (answer.status_code, answer.content) == (204, b"")


# --- What must hold

FIELDS: dict[str, Any] = {
    "description": "two litres",
    "due": "2026-11-24T09:00",
    "priority": "high",
    "tags": ["shop", 'it\'s, "x"'],
}
"""A value for each field that a client may set, beside the title and `completed`."""


def edits_of_different_todos(world: World) -> None:
    """All edits of both devices arrive on both."""
    changed, completed, deleted = world.create("change", "complete", "delete")
    world.first.edit(changed, {"title": "changed"})
    world.first.edit(changed, {"description": "changed, too"})
    created = add(world.first, "first", description="a description")
    world.second.edit(completed, {"completed": True})
    world.second.edit(deleted, None)
    also = add(world.second, "second", completed=True)
    assert set(world.first.todos()) == {changed, completed, deleted, created}
    assert set(world.second.todos()) == {changed, completed, also}
    world.sync(world.first, world.second, world.first)
    world.expect({changed: "changed", completed: "complete", created: "first", also: "second"})
    todos = world.server()
    assert [key for key in todos if todos[key]["completed"]] == [also, completed]
    assert todos[completed]["completed_at"]
    assert (todos[changed]["description"], todos[created]["description"]) == ("changed, too", "a description")


def edits_of_the_same_todo(world: World) -> None:
    """Each field has the value of the device that changed it. If both changed it, the last sync wins."""
    (todo,) = world.create("title")
    world.first.edit(todo, {"title": "first", "description": "first"})
    world.second.edit(todo, {"title": "second", "completed": True})
    world.sync(world.first, world.second, world.first)
    world.expect({todo: "second"})
    stored = world.server()[todo]
    assert (stored["description"], stored["completed"]) == ("first", True)


def fields_and_a_move_of_the_same_todo(world: World) -> None:
    """The fields of one device and the place of another one remain."""
    low, middle, high = world.create("low", "middle", "high")
    world.first.edit(low, FIELDS)
    place = f"/api/todos/{low}/move"
    assert world.owner.http.post(place, json={"after": high}).status_code == 200
    position = world.server()[low]["position"]
    world.sync(world.first, world.second)
    world.expect({high: "high", low: "low", middle: "middle"})
    assert world.first.order() == [high, low, middle]
    stored = world.server()[low]
    assert stored | FIELDS | {"position": position} == stored
    world.second.edit(low, {"title": "changed", "due": None, "priority": "low", "tags": []})
    world.sync(world.second, world.first)
    world.expect({high: "high", low: "changed", middle: "middle"})
    stored = world.server()[low]
    assert stored | {"due": None, "priority": "low", "tags": [], "position": position} == stored


def moves_without_a_network(world: World) -> None:
    """A device moves a todo, and another device changes it. A todo that is not sent yet is on top."""
    low, middle, high = world.create("low", "middle", "high")
    todos = world.first.todos()
    places = {
        low: world.first.between(todos[high]["position"], todos[middle]["position"]),
        high: world.first.between(todos[low]["position"], None),
    }
    for todo, place in places.items():
        world.first.edit(todo, {"position": place})
    created = add(world.first, "created"), add(world.first, "also")
    order = [*created[::-1], low, middle, high]
    assert world.first.order() == order
    world.second.edit(low, {"title": "changed", **FIELDS})

    def change_and_lose() -> None:
        world.sync(world.second)
        world.network.lose.add("/api/batch")

    world.network.before["/api/batch"] = change_and_lose
    assert not world.first.sync()
    world.sync(world.first, world.second)
    world.expect({low: "changed", middle: "middle", high: "high", created[0]: "created", created[1]: "also"})
    assert world.first.order() == order
    todos = world.server()
    assert {key: todos[key]["position"] for key in places} == places
    assert todos[low] | FIELDS == todos[low]


def positions_between_others(world: World) -> None:
    """A position is between two others until there is no room."""
    assert world.first.between(None, "7.5") == "8"
    assert world.first.between("-3", None) == "-4"
    assert world.first.between("0", "-0.1") == "-0.05"
    assert world.first.between("1", "1") is None
    assert world.first.between("1", "2") is None, "the wrong way round"
    assert world.first.between(f"1.{58 * '0'}", f"0.{58 * '9'}") is None, "it would be too long"
    below, above = world.create("below", "above")
    low, high = (world.server()[todo]["position"] for todo in (below, above))
    expected: list[str] = []
    for number in range(60):
        middle = world.first.between(high, low)
        assert middle
        assert len(middle) <= 60
        todo = add(world.first, "between", position=middle)
        expected.insert(number // 2, todo)
        if number % 2:
            high = middle
        else:
            low = middle
    world.sync(world.first, world.second)
    assert world.first.order() == [above, *expected, below]
    world.expect({above: "above", below: "below", **dict.fromkeys(expected, "between")})


def edits_of_the_largest_size(world: World) -> None:
    """Edits of the largest size arrive, because no batch has more than 1 MiB."""
    tags = [f"{number:02}" + 48 * "\U0001f4a1" for number in range(20)]
    fields = {
        "description": 2000 * "\U0001f4a1",
        "due": "2026-11-24T09:00",
        "tags": tags,
        "position": f"{40 * '7'}.{19 * '7'}",
    }
    title = 200 * "\U0001f4a1"
    ids = [add(world.first, title, **fields) for _ in range(world.first.largest_per_batch + 1)]
    world.sync(world.first, world.second)
    world.expect(dict.fromkeys(ids, title))
    assert [path for path, _ in world.network.answers].count("/api/batch") == 2


def an_edit_after_a_deletion(world: World) -> None:
    """An edit that arrives after a deletion restores the todo."""
    (todo,) = world.create("title")
    world.first.edit(todo, None)
    world.second.edit(todo, {"title": "changed"})
    world.sync(world.first)
    assert world.server() == {}
    world.sync(world.second, world.first)
    world.expect({todo: "changed"})


def a_deletion_after_an_edit(world: World) -> None:
    """A deletion that arrives after an edit deletes the todo. The trash has the edit."""
    (todo,) = world.create("title")
    world.first.edit(todo, {"title": "changed"})
    world.second.edit(todo, None)
    world.sync(world.first, world.second, world.first)
    world.expect({})
    (trashed,) = world.owner.http.get("/api/trash").json()
    assert (trashed["id"], trashed["title"]) == (todo, "changed")
    assert world.owner.http.post(f"/api/trash/{todo}/restore").status_code == 200
    world.sync(world.first, world.second)
    world.expect({todo: "changed"})


def a_deletion_on_both_devices(world: World) -> None:
    """Both devices delete a todo, and one of them a todo that it never sent."""
    (todo,) = world.create("title")
    world.first.edit(todo, None)
    world.second.edit(todo, None)
    unsent = add(world.first, "never sent")
    world.first.edit(unsent, None)
    world.sync(world.first, world.second, world.first)
    world.expect({})
    trashed = {one["id"] for one in world.owner.http.get("/api/trash").json()}
    assert trashed == ({todo, unsent} if world.first.trashes_unsent else {todo})


def a_change_between_receiving_and_sending(world: World) -> None:
    """An edit whose base is too old is 412. The client sends it again on top of the newer todo."""
    (todo,) = world.create("title")
    world.first.edit(todo, {"title": "first", "description": "first"})
    world.second.edit(todo, {"title": "second", "completed": True})
    world.network.before["/api/batch"] = lambda: world.sync(world.second)
    world.sync(world.first)
    assert [path for path, _ in world.network.answers].count("/api/batch") == 4, "one for each: the setup, 412, 200"
    world.sync(world.second)
    world.expect({todo: "first"})
    assert world.server()[todo]["completed"] is True


def lost_answers(world: World) -> None:
    """A batch whose answer was lost is sent again, and changes nothing."""
    changed, deleted = world.create("change", "delete")
    world.first.edit(changed, {"title": "changed", "completed": True})
    world.first.edit(deleted, None)
    created = add(world.first, "created")
    world.network.lose.add("/api/batch")
    assert not world.first.sync()
    stored = world.server()
    assert {todo["title"] for todo in stored.values()} == {"changed", "created"}
    world.first.restart()
    assert set(world.first.todos()) == {changed, created}
    world.sync(world.first, world.second)
    assert world.server() == stored, "nothing has a new version"
    world.expect({changed: "changed", created: "created"})
    world.first.edit(deleted, {})  # the user undoes the deletion
    world.sync(world.first, world.second)
    world.expect({changed: "changed", created: "created", deleted: "delete"})


def edits_after_a_lost_answer(world: World) -> None:
    """A todo that was created without an answer is changed, and another one deleted."""
    changed, deleted = add(world.first, "change"), add(world.first, "delete")
    world.network.lose.add("/api/batch")
    assert not world.first.sync()
    world.first.edit(changed, {"title": "changed"})
    world.first.edit(deleted, None)
    world.sync(world.first, world.second)
    world.expect({changed: "changed"})


def an_interrupted_walk(world: World) -> None:
    """A sync that loses an answer in the middle of its pages continues there."""
    ids = {add(world.first, f"todo {number}") for number in range(501)}
    world.sync(world.first)
    batches = [path for path, _ in world.network.answers].count("/api/batch")
    assert batches == -(-len(ids) // world.first.per_batch)
    assert set(world.first.todos()) == ids

    def lose_the_second_page() -> None:
        world.network.before["/api/changes"] = lambda: world.network.lose.add("/api/changes")

    world.network.before["/api/changes"] = lose_the_second_page
    assert not world.second.sync()
    assert len(world.second.todos()) == 500
    world.second.restart()
    before = len(world.network.answers)
    world.sync(world.second)
    assert len(world.network.answers) == before + 1
    assert set(world.second.todos()) == ids


def edits_that_are_not_valid(world: World) -> None:
    """An edit that the server refuses stays on the device with its errors, and delays no other edit."""
    wrong = add(world.first, " ")
    right = add(world.first, "right")
    world.sync(world.first, world.second)
    assert set(world.first.todos()) == {wrong, right}
    assert set(world.second.todos()) == {right}
    (error,) = world.owner.http.post("/api/todos", json={"title": " "}).json()["errors"]
    assert world.first.refused() == {wrong: error["msg"]}
    world.first.restart()
    before = len(world.network.answers)
    world.sync(world.first)
    assert len(world.network.answers) == before + 1, "it is not sent again"
    world.first.edit(wrong, {"title": "corrected"})
    world.sync(world.first, world.second)
    assert world.first.refused() == {}
    world.expect({wrong: "corrected", right: "right"})


def todos_that_are_gone_for_good(world: World) -> None:
    """A purged todo disappears from a device, unless the device has an edit of it."""
    kept, changed, deleted = world.create("keep", "change", "delete")
    world.second.edit(changed, {"title": "changed"})
    world.second.edit(deleted, None)
    for todo in (kept, changed, deleted):
        expect_204(world.owner.http.delete(f"/api/todos/{todo}"))
        expect_204(world.owner.http.delete(f"/api/trash/{todo}"))
    position = world.first.todos()[changed]["position"]
    world.sync(world.second, world.first)
    world.expect({changed: "changed"})
    assert world.server()[changed]["position"] == position, "it is where it was"


def a_reset(world: World) -> None:
    """A device begins anew after a 410. It loses what the server no longer has, and no edit."""
    kept, changed, deleted, purged, lost = world.create("keep", "change", "delete", "purge", "lose")
    positions = {key: world.server()[key]["position"] for key in (kept, changed, lost)}
    world.second.edit(changed, {"title": "changed"})
    world.second.edit(deleted, None)
    world.second.edit(lost, {"completed": True})
    created = add(world.second, "created")
    world.first.edit(changed, {"description": "first"})
    world.sync(world.first)
    expect_204(world.owner.http.delete(f"/api/todos/{purged}"))
    expect_204(world.owner.http.delete("/api/trash"))
    # A restored database may miss todos, and has no tombstones of them.
    world.database.execute("DELETE FROM todo WHERE id = ANY (%s::uuid[])", ([purged, lost],))
    world.reset_sync()
    world.network.answers.clear()
    world.sync(world.second, world.first)
    assert [status for path, status in world.network.answers if path == "/api/changes"].count(410) == 2
    world.expect({kept: "keep", changed: "changed", lost: "lose", created: "created"})
    todos = world.server()
    assert (todos[changed]["description"], todos[lost]["completed"]) == ("first", True)
    assert {key: todos[key]["position"] for key in positions} == positions


def an_interrupted_reset(world: World) -> None:
    """A device that begins anew, and whose first answer is lost, loses no edit."""
    kept, changed, purged = world.create("keep", "change", "purge")
    world.second.edit(changed, {"title": "changed"})
    created = add(world.second, "created")
    expect_204(world.owner.http.delete(f"/api/todos/{purged}"))
    expect_204(world.owner.http.delete("/api/trash"))
    world.reset_sync()

    def lose_the_next() -> None:
        world.network.before["/api/changes"] = lambda: world.network.lose.add("/api/changes")

    world.network.before["/api/changes"] = lose_the_next
    assert not world.second.sync()
    world.second.restart()
    assert {changed, created} <= set(world.second.todos())
    world.sync(world.second, world.first)
    world.expect({kept: "keep", changed: "changed", created: "created"})


SCENARIOS: dict[str, Callable[[World], None]] = {
    scenario.__name__.replace("_", " "): scenario
    for scenario in (
        edits_of_different_todos,
        edits_of_the_same_todo,
        fields_and_a_move_of_the_same_todo,
        moves_without_a_network,
        positions_between_others,
        edits_of_the_largest_size,
        an_edit_after_a_deletion,
        a_deletion_after_an_edit,
        a_deletion_on_both_devices,
        a_change_between_receiving_and_sending,
        lost_answers,
        edits_after_a_lost_answer,
        an_interrupted_walk,
        edits_that_are_not_valid,
        todos_that_are_gone_for_good,
        a_reset,
        an_interrupted_reset,
    )
}
