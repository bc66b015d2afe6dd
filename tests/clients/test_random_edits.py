"""Let three devices with the sync client of examples/nextjs do random things, and check that they converge."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID

import pytest

from tests.clients.device import Device
from tests.conftest import Database, Person
from tests.live import Api
from tests.offline import Network, network, reset_sync

Todo = dict[str, Any]
Edits = dict[str, Any]

SEEDS = (1, 2, 3, 4, 5, 6)
STEPS = 120
MAX_REQUESTS = 60
"""A sync that sends more requests does not end."""
TEXTS = ("title", "description", "due", "tags")
"""The fields that get a new value with each edit, so that it is known which value was lost."""
FIELDS = (*TEXTS, "completed", "priority")
COPIED = (*FIELDS, "position", "created_at", "completed_at", "place")


class Team:
    """Three devices of a user, what their user typed, and what became of it."""

    def __init__(self, random: Random, devices: list[Device], forwarded: Network, reset: Callable[[], object]) -> None:
        self.random, self.devices, self.network, self.reset = random, devices, forwarded, reset
        self.numbers = iter(range(1_000_000))
        self.undos: dict[Device, list[tuple[str, Edits]]] = {device: [] for device in devices}
        self.typed: set[tuple[str, str, str]] = set()
        """Each value that was typed: the todo, the field, and the value as JSON."""
        self.seen: set[tuple[str, str, str]] = set()
        """The values that a user saw before replacing them, or before deleting the todo for good."""
        self.purged: set[str] = set()
        self.log: list[str] = []

    # --- Edits

    def value(self, name: str) -> Any:
        """Return a new value of a field."""
        number = next(self.numbers)
        if name == "title":
            return f"title {number}"
        if name == "description":
            return self.random.choice([f"description {number}", None])
        if name == "due":
            return f"{2000 + number % 8000}-{1 + number // 8000 % 12:02}-01"
        if name == "tags":
            return [f"tag {number}", "home"][: self.random.randint(0, 2)]
        return self.random.choice([True, False] if name == "completed" else ["none", "low", "medium", "high"])

    def edit(self, device: Device, todo_id: str, edits: Edits, before: Todo | None, *, is_undo: bool = False) -> None:
        """Edit a todo, and remember what is typed and what is replaced."""
        if before and edits.get("place") == "gone":
            self.purged.add(todo_id)
            self.seen |= {(todo_id, name, json.dumps(before[name])) for name in TEXTS}
        for name in edits.keys() & set(TEXTS):
            self.typed.add((todo_id, name, json.dumps(edits[name])))
            if before:
                self.seen.add((todo_id, name, json.dumps(before[name])))
        if not is_undo:
            self.undos[device].append((todo_id, inverse(before, edits)))
        self.log.append(f"{self.devices.index(device)}: {todo_id[:4]} {edits}")
        device.do("edits", edits=[[todo_id, edits]])

    def step(self) -> None:
        """Do something at random."""
        device = self.random.choice(self.devices)
        todos = {**device.todos(), **device.trash()}
        what = self.random.choices([*EDITS, *EVENTS], [*EDITS.values(), *EVENTS.values()])[0]
        if what == "create":
            todo_id = str(UUID(int=self.random.getrandbits(128), version=4))
            highest = max((todo["position"] for todo in todos.values()), key=float, default="0")
            edits = {"title": self.value("title"), "position": str(int(float(highest)) + 1)}
            self.edit(device, todo_id, edits, None)
        elif what == "undo":
            if self.undos[device]:
                todo_id, edits = self.undos[device].pop()
                if todo_id in todos or "created_at" in edits:
                    self.edit(device, todo_id, edits, todos.get(todo_id), is_undo=True)
        elif what in EVENTS:
            self.sync(device, what)
        elif todos:
            todo_id = self.random.choice(sorted(todos))
            todo = todos[todo_id]
            place = "trash" if todo["deleted_at"] else "list"
            before = {**todo, "place": place}
            self.edit(device, todo_id, self.edits_of(what), before)

    def edits_of(self, what: str) -> Edits:
        """Return random edits of a kind."""
        if what == "change":
            return {name: self.value(name) for name in self.random.sample(FIELDS, self.random.randint(1, 3))}
        if what == "move":
            return {"position": f"{self.random.randint(-9, 9)}.{self.random.randint(1, 99)}"}
        return {"place": {"delete": "trash", "restore": "list", "purge": "gone"}[what]}

    # --- Syncs

    def sync(self, device: Device, what: str) -> None:
        """Sync a device, whose network or battery may fail."""
        self.log.append(f"{self.devices.index(device)}: {what}")
        if what == "reset":
            self.reset()
        path = self.random.choice(["/api/batch", "/api/batch", "/api/changes"])
        other = self.random.choice([one for one in self.devices if one is not device])
        if what == "lose":
            self.network.lose.add(path)
        elif what == "drop":
            self.network.drop.add(path)
        elif what == "kill":
            self.network.before[path] = device.kill
        elif what == "restart":
            device.restart()
        elif what == "overtake":
            self.network.before[path] = lambda: self.plain_sync(other)
        elif what == "edit during batch":
            todo_id, name = self.random.choice(sorted(device.todos()) or [""]), self.random.choice(TEXTS)
            value = self.value(name)
            device.do("edit during batch", id=todo_id, changes={name: value})
        try:
            self.plain_sync(device)
        except EOFError:
            device.restart()
        for failing in (self.network.lose, self.network.drop, self.network.before):
            failing.clear()
        if what == "edit during batch" and (todo := device.do("edited during batch")):
            self.log.append(f"   {todo_id[:4]} {name} {value}")
            self.typed.add((todo_id, name, json.dumps(value)))
            self.seen.add((todo_id, name, json.dumps(todo[name])))

    def plain_sync(self, device: Device) -> None:
        """Sync a device, and check that it ends."""
        self.network.budget += MAX_REQUESTS
        before = self.network.budget
        device.sync()
        assert before - self.network.budget < MAX_REQUESTS, "too many requests"

    # --- The end

    def finish(self) -> None:
        """Sync all devices until nothing is left to send."""
        for _ in range(4):
            for device in self.devices:
                assert device.sync(), device.do("status")
        assert [device.do("status")["unsent"] for device in self.devices] == [0, 0, 0]

    def check(self, owner: Person) -> None:
        """Assert that all devices have what the API has, and that nothing that was typed is lost."""
        stored = {todo["id"]: todo for todo in owner.http.get("/api/todos?limit=500").json()}
        trashed = {todo["id"]: todo for todo in owner.http.get("/api/trash?limit=500").json()}
        for device in self.devices:
            assert device.todos() == stored
            assert device.order() == list(stored)
            assert device.trash() == trashed
        all_todos = stored | trashed
        created = {todo_id for todo_id, _, _ in self.typed}
        assert created - self.purged <= all_todos.keys() <= created
        kept = {(key, name, json.dumps(todo[name])) for key, todo in all_todos.items() for name in TEXTS}
        told = {
            (notice["id"], notice["field"], json.dumps(notice["theirs"]))
            for device in self.devices
            for notice in device.notices()
            if notice["kind"] == "conflict"
        }
        missing = {
            (key, name, value)
            for key, name, value in self.typed - kept - told - self.seen
            if key in all_todos or key not in self.purged
        }
        assert not missing, "\n".join([*self.log, str(missing)])


EDITS = {"create": 12, "change": 40, "move": 6, "delete": 10, "restore": 6, "purge": 4, "undo": 10}
EVENTS = {
    "sync": 24,
    "lose": 8,
    "drop": 6,
    "kill": 3,
    "restart": 2,
    "overtake": 8,
    "edit during batch": 8,
    "reset": 0.7,
}


def inverse(before: Todo | None, edits: Edits) -> Edits:
    """Return the edits that revert others, as lib/hooks/use-todos.ts of the example does."""
    if before is None:
        return {"place": "gone"}
    names = COPIED if edits.get("place") == "gone" else edits
    return {name: before[name] for name in names}


@pytest.fixture
def forwarded(api: Api) -> Iterator[Network]:
    """Run the network between the devices and the API."""
    with network(api) as forwarder:
        yield forwarder


@pytest.mark.parametrize("seed", SEEDS)
def test_three_devices_converge_and_lose_nothing(
    seed: int, folder: Path, forwarded: Network, owner: Person, database: Database, tmp_path: Path
) -> None:
    with ExitStack() as stack:
        devices = []
        for number in range(3):
            device = Device(folder, forwarded.url, owner, tmp_path / f"{number}.json")
            stack.callback(device.stop)
            devices.append(device)
        team = Team(Random(seed), devices, forwarded, lambda: reset_sync(database))
        for _ in range(STEPS):
            team.step()
        team.finish()
        team.check(owner)
