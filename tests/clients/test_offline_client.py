"""Run the sync client of examples/nextjs against the API, with Node, which needs no compiler for it."""

import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.clients.device import Device
from tests.clients.generators import run
from tests.conftest import Database, Person
from tests.live import Api
from tests.offline import FIELDS, SCENARIOS, World, add, network, reset_sync


@pytest.fixture
def world(folder: Path, api: Api, owner: Person, database: Database, tmp_path: Path) -> Iterator[World]:
    """Run two devices of a user."""
    with network(api) as forwarded, ExitStack() as stack:

        def start(name: str) -> Device:
            device = Device(folder, forwarded.url, owner, tmp_path / f"{name}.json")
            stack.callback(device.stop)
            return device

        yield World(start("first"), start("second"), owner, database, forwarded, lambda: reset_sync(database))


def test_the_client_compiles_with_strict_types_and_without_a_browser(folder: Path) -> None:
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


# --- What only this client does: the trash, and notices


@pytest.fixture
def devices(world: World) -> tuple[Device, Device]:
    """Return the two devices."""
    first, second = world.first, world.second
    assert isinstance(first, Device)
    assert isinstance(second, Device)
    return first, second


def conflict(todo_id: str, title: str, field: str, theirs: object) -> dict[str, Any]:
    """Return the notice about a field that both devices changed."""
    return {"id": todo_id, "kind": "conflict", "title": title, "field": field, "theirs": theirs}


def test_a_field_that_both_changed_is_in_a_notice_of_the_last_device(
    world: World, devices: tuple[Device, Device]
) -> None:
    first, second = devices
    (todo,) = world.create("title")
    first.edit(todo, {"title": "first", "description": "first", "tags": ["first"], "due": "2026-11-24"})
    second.edit(todo, {"title": "second", "description": "second", "tags": ["second"], "priority": "low"})
    world.sync(first, second, first)
    world.expect({todo: "second"})
    stored = world.server()[todo]
    assert (stored["description"], stored["tags"]) == ("second", ["second"])
    assert (stored["due"], stored["priority"]) == ("2026-11-24", "low")
    assert first.notices() == []
    expected = [
        conflict(todo, "second", "title", "first"),
        conflict(todo, "second", "description", "first"),
        conflict(todo, "second", "tags", ["first"]),
    ]
    assert second.notices() == expected
    second.restart()
    assert second.notices() == expected, "they are stored"


def test_the_same_change_or_a_move_on_both_is_no_conflict(world: World, devices: tuple[Device, Device]) -> None:
    first, second = devices
    todo, _ = world.create("title", "other")
    first.edit(todo, {"completed": True, "title": " same", "tags": ["same"], "position": "7"})
    second.edit(todo, {"completed": True, "title": "same ", "tags": [" same "], "position": "8"})
    world.sync(first, second, first)
    assert world.server()[todo]["position"] == "8"
    assert (first.notices(), second.notices()) == ([], [])


def test_a_change_between_receiving_and_sending_is_in_a_notice(world: World, devices: tuple[Device, Device]) -> None:
    first, second = devices
    (todo,) = world.create("title")
    first.edit(todo, {"title": "first", "completed": True})
    second.edit(todo, {"title": "second", "completed": True})
    world.network.before["/api/batch"] = lambda: world.sync(second)
    world.sync(first, second)
    world.expect({todo: "first"})
    assert (first.notices(), second.notices()) == ([conflict(todo, "first", "title", "second")], [])


def test_a_lost_answer_is_no_conflict(world: World, devices: tuple[Device, Device]) -> None:
    first, second = devices
    (todo,) = world.create("title")
    first.edit(todo, {"title": " first ", "tags": [" a "], "due": "2026-11-24T09:00", "completed": True})
    world.network.lose.add("/api/batch")
    assert not first.sync()
    first.edit(todo, {"title": "again"})
    world.sync(first, second)
    world.expect({todo: "again"})
    assert (first.notices(), second.notices()) == ([], [])


@pytest.mark.parametrize("is_purged", [False, True])
def test_a_todo_that_was_deleted_elsewhere_comes_back_with_a_notice(
    world: World, devices: tuple[Device, Device], *, is_purged: bool
) -> None:
    first, second = devices
    changed, moved = world.create("title", "move")
    for todo in (changed, moved):
        first.do("edits", edits=[[todo, {"place": "gone" if is_purged else "trash"}]])
    second.edit(changed, {"description": "second"})
    second.edit(moved, {"position": "7"})
    world.sync(first, second, first)
    world.expect({changed: "title"})
    assert world.server()[changed]["description"] == "second"
    assert (first.notices(), second.notices()) == ([], [{"id": changed, "kind": "returned", "title": "title"}])
    assert set(first.trash()) == set(second.trash()) == (set() if is_purged else {moved})


def test_a_deletion_after_a_change_deletes_and_the_trash_has_the_change(
    world: World, devices: tuple[Device, Device]
) -> None:
    first, second = devices
    deleted, purged = world.create("delete", "purge")
    for todo in (deleted, purged):
        first.edit(todo, {"description": "first"})
    second.edit(deleted, None)
    second.do("edits", edits=[[purged, {"place": "gone"}]])
    world.sync(first, second, first)
    world.expect({})
    for device in devices:
        assert {key: todo["description"] for key, todo in device.trash().items()} == {deleted: "first", purged: "first"}
        assert device.notices() == []


def test_a_todo_is_restored_and_deleted_again_without_a_network(world: World, devices: tuple[Device, Device]) -> None:
    first, second = devices
    (todo,) = world.create("title")
    for place, is_listed in (("trash", False), ("list", True), ("trash", False), ("list", True)):
        first.do("edits", edits=[[todo, {"place": place}]])
        assert (todo in first.todos(), todo in first.trash()) == (is_listed, not is_listed)
        world.sync(first, second)
        world.expect({todo: "title"} if is_listed else {})
        assert (todo in second.trash()) is not is_listed
        (found,) = (world.server() if is_listed else second.trash()).values()
        assert (found["deleted_at"] is None) is is_listed


@pytest.mark.parametrize("when", ["before it is sent", "after it was sent", "after its answer was lost"])
@pytest.mark.parametrize("place", ["list", "trash"])
def test_a_deletion_for_good_is_undone(when: str, place: str, world: World, devices: tuple[Device, Device]) -> None:
    first, second = devices
    other, todo = world.create("other", "title")
    first.edit(todo, {"description": "more", "tags": ["a"], "completed": True})
    if place == "trash":
        first.edit(todo, None)
    world.sync(first, second)
    before = {**first.todos(), **first.trash()}[todo]
    first.do("edits", edits=[[todo, {"place": "gone"}]])
    assert todo not in {**first.todos(), **first.trash()}
    if when == "after it was sent":
        world.sync(first)
        assert world.owner.http.get("/api/trash").json() == []
    elif when == "after its answer was lost":
        world.network.lose.add(f"/api/trash/{todo}")
        assert not first.sync()
        assert world.owner.http.get("/api/trash").json() == []
        first.restart()
    kept = {*FIELDS, "title", "completed", "position", "created_at", "completed_at"}
    undo = {name: before[name] for name in kept} | {"place": place}
    first.do("edits", edits=[[todo, undo]])
    world.sync(first, second)
    world.expect({other: "other"} | ({todo: "title"} if place == "list" else {}))
    assert first.trash() == second.trash()
    after = {**second.todos(), **second.trash()}[todo]
    assert {name: after[name] for name in kept} == {name: before[name] for name in kept}
    assert first.notices() == second.notices() == []


def test_a_trash_of_30_is_emptied_with_one_request(world: World, devices: tuple[Device, Device]) -> None:
    first, second = devices
    kept, *ids = world.create(*(f"todo {number}" for number in range(31)))
    for todo in ids:
        first.edit(todo, None)
    world.sync(first, second)
    assert set(second.trash()) == set(ids)
    world.network.answers.clear()
    first.do("edits", edits=[[todo, {"place": "gone"}] for todo in ids])
    world.sync(first)
    paths = [path for path, _ in world.network.answers]
    assert paths == ["/api/changes", "/api/trash", "/api/changes"]
    world.sync(second)
    world.expect({kept: "todo 0"})
    assert first.trash() == second.trash() == {}


def test_the_token_of_another_user_sends_nothing(folder: Path, stranger: Person, world: World, tmp_path: Path) -> None:
    todo = add(world.first, "title")
    assert isinstance(world.first, Device)
    world.first.stop()
    theirs = Device(folder, world.network.url, replace(world.owner, token=stranger.token), tmp_path / "first.json")
    try:
        world.network.answers.clear()
        assert not theirs.sync()
        assert theirs.do("status")["state"] == "other-user"
        assert theirs.do("status")["unsent"] == 1
        assert set(theirs.todos()) == {todo}
        assert world.network.answers == []
    finally:
        theirs.stop()
    world.first.restart()
    world.sync(world.first, world.second)
    world.expect({todo: "title"})


def test_a_field_is_added_in_one_file(folder: Path, tmp_path: Path) -> None:
    root = tmp_path / "copy"
    shutil.copytree(folder.parents[1], root, symlinks=True)
    types = root / "examples" / "nextjs" / "sync" / "types.ts"
    text = types.read_text()
    copy = root / "tests" / "clients"
    types.write_text(text.replace("  tags: string[];\n", "  tags: string[];\n  color: string | null;\n", 1))
    result = run(("tsc", "--project", "."), copy)
    assert result.code != 0, result.output
    assert {line.partition("(")[0] for line in result.output.splitlines() if ": error " in line} == {
        "../../examples/nextjs/sync/types.ts"
    }
    types.write_text(types.read_text().replace("tags: [] };", "tags: [], color: null };", 1))
    (copy / "color.ts").write_text(COLOR)
    result = run(("tsc", "--project", "."), copy)
    assert result.code == 0, result.output
    printed = run(("node", "color.ts"), copy).output.splitlines()
    assert printed == ["null", '"red"', '["conflict","color","blue"]']


COLOR = """
import { edited, nextOperation, received } from '../../examples/nextjs/sync/item.ts'
import type { Todo } from '../../examples/nextjs/sync/types.ts'

const unsent = edited(undefined, 'x', { title: 'Milk' })!
const operation = nextOperation(unsent)
if (operation?.kind === 'put') console.log(JSON.stringify(operation.content.color))
const changed = edited(unsent, 'x', { color: 'red' })!
const next = nextOperation(changed)
if (next?.kind === 'put') console.log(JSON.stringify(next.content.color))
const theirs = { ...changed.edits, id: 'x', version: 2, color: 'blue', deleted_at: null } as Todo
const { notices } = received({ ...changed, server: { ...theirs, color: null } }, theirs)
console.log(JSON.stringify(notices.flatMap((notice) => [notice.kind, notice.field, notice.theirs])))
"""
