"""Run the client in TypeScript of docs/how-to/sync-a-client.md with Node, which needs no compiler for it."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.clients.generators import HERE, NODE_MODULES, run
from tests.conftest import Database, Person
from tests.live import Api, environment
from tests.offline import SCENARIOS, World, add, network, program, reset_sync


class Device:
    """Use the client of the page in a process of its own."""

    def __init__(self, folder: Path, origin: str, person: Person, state: Path) -> None:
        self._folder = folder
        self._variables = {"API_URL": origin, "TOKEN": person.token, "STATE": str(state)}
        self._start()

    def todos(self) -> dict[str, Any]:
        todos: dict[str, Any] = self.do("list")
        return todos

    def edit(self, todo_id: str, changes: dict[str, Any] | None) -> None:
        self.do("edit", id=todo_id, changes=changes)

    def sync(self) -> bool:
        return self.do("sync") is True

    def order(self) -> list[str]:
        ids: list[str] = self.do("order")
        return ids

    def between(self, above: str | None, below: str | None) -> str | None:
        position: str | None = self.do("between", above=above, below=below)
        return position

    def refused(self) -> dict[str, Any]:
        refused: dict[str, Any] = self.do("refused")
        return refused

    def restart(self) -> None:
        self.stop()
        self._start()

    def do(self, command: str, **arguments: Any) -> Any:
        """Run a command of offline_device.ts, and return its answer."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps({"do": command, **arguments}) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, "the client ended"
        return json.loads(line)

    def stop(self) -> None:
        """End the process without warning, as a phone does."""
        self._process.kill()
        self._process.communicate()

    def _start(self) -> None:
        self._process = subprocess.Popen(
            ["node", "offline_device.ts"],
            cwd=self._folder,
            env=environment(**self._variables),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write the programs of the page, and the one that runs them, into a folder."""
    folder = tmp_path_factory.mktemp("client")
    for name in ("offline.ts", "order.ts", "poll.ts"):
        (folder / name).write_text(program(name))
    for name in ("offline_device.ts", "package.json", "tsconfig.json"):
        shutil.copy(HERE / name, folder / name)
    (folder / "node_modules").symlink_to(NODE_MODULES)
    return folder


@pytest.fixture
def world(folder: Path, api: Api, owner: Person, database: Database, tmp_path: Path) -> Iterator[World]:
    """Run two devices of a user."""
    with network(api) as forwarded, ExitStack() as stack:

        def start(name: str) -> Device:
            device = Device(folder, forwarded.url, owner, tmp_path / f"{name}.json")
            stack.callback(device.stop)
            return device

        yield World(start("first"), start("second"), owner, database, forwarded, lambda: reset_sync(database))


def test_the_programs_compile_with_strict_types(folder: Path) -> None:
    result = run(("tsc", "--project", "."), folder)
    assert result.code == 0, result.output


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_two_devices_and_the_server_converge(scenario: str, world: World) -> None:
    SCENARIOS[scenario](world)


CHANGES = {
    "changed again": ({"title": "first"}, {"title": "again"}, "again"),
    "deleted": ({"title": "first"}, None, None),
    "restored": (None, {"title": "again"}, "again"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_an_edit_while_a_batch_is_sent_is_sent_with_the_next_one(name: str, world: World) -> None:
    sent, during, expected = CHANGES[name]
    (todo,) = world.create("title")
    device = world.first
    assert isinstance(device, Device)
    device.edit(todo, sent)
    device.do("edit during batch", id=todo, changes=during)
    world.sync(world.first, world.second)
    world.expect({todo: expected} if expected else {})


def test_polling_an_unchanged_list_is_304_and_the_same_list(world: World) -> None:
    device = world.first
    assert isinstance(device, Device)
    add(device, "first")
    world.sync(device)
    world.network.answers.clear()
    assert device.do("poll") == [False, ["first"]]
    assert device.do("poll") == [True, ["first"]]
    add(device, "second")
    world.sync(device)
    assert device.do("poll") == [False, ["second", "first"]]
    assert [status for path, status in world.network.answers if path == "/api/todos"] == [200, 304, 200]
