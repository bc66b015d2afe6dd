"""Run the client in Python of docs/how-to/sync-a-client.md. `make test-clients` runs the one in TypeScript."""

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
from tests.offline import SCENARIOS, Network, World, add, network, program, reset_sync

Programs = dict[str, Any]


class Device:
    """Use the client of the page, with a file of its own."""

    def __init__(self, programs: Programs, origin: str, person: Person, path: Path) -> None:
        self._start: Callable[[], Any] = lambda: programs["offline"].OfflineTodos(
            f"{origin}/api", lambda: person.token, path
        )
        self.client = self._start()

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

    def refused(self) -> dict[str, Any]:
        refused: dict[str, Any] = self.client.state["refused"]
        return refused

    def restart(self) -> None:
        self.client = self._start()


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Programs]:
    """Write the programs of the page into a folder, and import them."""
    folder = tmp_path_factory.mktemp("client")
    names = ("offline", "backup")
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


def test_an_export_is_imported_into_another_account(
    programs: Programs, api: Api, new_person: Callable[[], Person], tmp_path: Path
) -> None:
    source, target = new_person(), new_person()
    first, second = (Device(programs, api.url, person, tmp_path / f"{person.id}.json") for person in (source, target))
    done = add(first, "done\u2028 in two lines", completed=True, description="with\na description")
    open_, deleted = add(first, "open"), add(first, "deleted")
    assert first.sync()
    first.edit(deleted, None)
    path = tmp_path / "todos.jsonl"
    programs["backup"].export_todos(first.client, path)
    assert {json.loads(line)["id"] for line in path.read_text().split("\n")[:-1]} == {done, open_}
    for _ in range(2):
        assert programs["backup"].import_todos(second.client, path) == []
    assert second.sync()
    own = ("version", "user_id", "updated_at")
    imported = {key: {name: todo[name] for name in todo if name not in own} for key, todo in second.todos().items()}
    assert imported == {
        key: {name: todo[name] for name in todo if name not in own} for key, todo in first.todos().items()
    }
    second.edit(open_, {"title": "changed"})
    assert second.sync()
    (result,) = programs["backup"].import_todos(second.client, path)
    assert (result["id"], result["status"], result["current"]["title"]) == (open_, 412, "changed")
