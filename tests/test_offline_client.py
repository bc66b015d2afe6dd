"""Run the client in Python of docs/how-to/sync-a-client.md. `make test-clients` runs the one of examples/nextjs."""

import importlib
import json
import sys
from collections.abc import Callable, Iterator
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.error import URLError

import pytest

from tests.conftest import Database, Person
from tests.live import Api
from tests.offline import SCENARIOS, Network, World, expect_204, network, program, reset_sync

Programs = dict[str, Any]


class Device:
    """Use the client of the page, with a file of its own."""

    per_batch = largest_per_batch = 25
    trashes_unsent = False

    def __init__(self, programs: Programs, origin: str, person: Person, path: Path) -> None:
        self._start: Callable[[], Any] = lambda: programs["offline"].OfflineTodos(
            f"{origin}/api", lambda: person.token, path
        )
        self.client = self._start()
        self._order = programs["order"]

    def todos(self) -> dict[str, Any]:
        todos: dict[str, Any] = self.client.list()
        return todos

    def edit(self, todo_id: str, changes: dict[str, Any] | None) -> None:
        self.client.edit(todo_id, changes)

    def sync(self) -> bool:
        try:
            self.client.sync()
        except (URLError, HTTPException, ConnectionError):
            return False
        return True

    def order(self) -> list[str]:
        ids: list[str] = self._order.in_order(self.client.list())
        return ids

    def between(self, above: str | None, below: str | None) -> str | None:
        position: str | None = self._order.between(above, below)
        return position

    def refused(self) -> dict[str, str]:
        refused: dict[str, Any] = self.client.state["refused"]
        assert all(error["loc"][-1] == "title" for errors in refused.values() for error in errors)
        return {key: " ".join(error["msg"] for error in errors) for key, errors in refused.items()}

    def restart(self) -> None:
        self.client = self._start()


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Programs]:
    """Write the programs of the page into a folder, and import them."""
    folder = tmp_path_factory.mktemp("client")
    names = ("offline", "order")
    for name in names:
        (folder / f"{name}.py").write_text(program(f"{name}.py"))
    sys.path.insert(0, str(folder))
    yield {name: importlib.import_module(name) for name in names}
    sys.path.remove(str(folder))
    for name in names:
        del sys.modules[name]


@pytest.fixture
def forwarded(api: Api) -> Iterator[Network]:
    """Run the network between the devices and the API."""
    with network(api) as forwarder:
        yield forwarder


@pytest.fixture
def world(programs: Programs, forwarded: Network, owner: Person, database: Database, tmp_path: Path) -> World:
    """Create two devices of a user."""
    first, second = (Device(programs, forwarded.url, owner, tmp_path / f"{name}.json") for name in ("first", "second"))
    return World(first, second, owner, database, forwarded, lambda: reset_sync(database))


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_two_devices_and_the_server_converge(scenario: str, world: World) -> None:
    SCENARIOS[scenario](world)


def test_a_state_that_is_older_than_the_fields_is_synced(world: World, tmp_path: Path) -> None:
    kept, gone = world.create("keep", "gone")
    state = tmp_path / "first.json"
    older = json.loads(state.read_text())
    for todo in older["todos"].values():
        for name in ("due", "priority", "tags", "position"):
            del todo[name]
    state.write_text(json.dumps(older))
    world.second.edit(kept, {"tags": ["new"]})
    world.sync(world.second)
    for path in (f"/api/todos/{gone}", f"/api/trash/{gone}"):
        expect_204(world.owner.http.delete(path))
    world.reset_sync()
    world.first.restart()
    for todo_id in (kept, gone):
        world.first.edit(todo_id, {"title": "changed"})
    world.sync(world.first, world.second)
    world.expect({gone: "changed", kept: "changed"})
    assert world.server()[kept]["tags"] == ["new"]
