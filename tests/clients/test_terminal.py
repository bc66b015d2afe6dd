"""Run examples/terminal as two devices of a user against the API, with and without a network."""

import json
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import Person
from tests.live import ROOT, Api, environment
from tests.offline import Network, network

TERMINAL = ROOT / "examples" / "terminal"
NOWHERE = "http://127.0.0.1:1"


class Terminal:
    """A device on which the user runs commands."""

    def __init__(self, file: Path, url: str, token: str) -> None:
        self.file, self.token = file, token
        self.url = url
        """The URL of the API, or `NOWHERE` without a network."""

    def run(self, *arguments: str, code: int = 0) -> list[str]:
        """Run a command that ends with a code, and return the lines that it prints."""
        done = subprocess.run(
            ["node", "todo.ts", *arguments],
            check=False,
            cwd=TERMINAL,
            env=environment(API_URL=self.url, TOKEN=self.token, TODO_FILE=str(self.file)),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=60,
        )
        assert done.returncode == code, done.stdout
        return done.stdout.splitlines()


@pytest.fixture
def forwarded(api: Api) -> Iterator[Network]:
    """Run the network between the devices and the API."""
    with network(api) as forwarder:
        yield forwarder


def test_two_terminals_without_a_network_converge(forwarded: Network, owner: Person, tmp_path: Path) -> None:
    first, second = (Terminal(tmp_path / f"{name}.json", forwarded.url, owner.token) for name in ("first", "second"))
    for title in ("Buy milk", "Feed the cat", "Sleep"):
        first.run("add", title)
    assert first.run("list") == [
        "1. [ ] Sleep (not sent yet)",
        "2. [ ] Feed the cat (not sent yet)",
        "3. [ ] Buy milk (not sent yet)",
    ]
    assert first.run("sync") == []
    assert second.run("sync") == []
    assert second.run("list") == first.run("list") == ["1. [ ] Sleep", "2. [ ] Feed the cat", "3. [ ] Buy milk"]
    assert stat.S_IMODE(first.file.stat().st_mode) == 0o600

    first.url = second.url = NOWHERE
    first.run("done", "2")
    first.run("delete", "3")
    second.run("add", "Wake up")
    second.run("delete", "3")
    (message,) = second.run("sync", code=1)
    assert message == f"The sync has not ended: offline. {second.file} has what is not sent yet, todos: 2."
    assert first.run("list") == ["1. [ ] Sleep", "2. [x] Feed the cat (not sent yet)"]

    first.url = second.url = forwarded.url
    for terminal in (second, first, second):
        printed = terminal.run("sync")
        assert printed == (["“Feed the cat” was deleted elsewhere, and is back."] if terminal is first else [])
    assert first.run("list") == second.run("list") == ["1. [ ] Wake up", "2. [ ] Sleep", "3. [x] Feed the cat"]
    assert first.run("sync") == [], "the notice was printed once"
    assert [todo["title"] for todo in owner.http.get("/api/todos").json()] == ["Wake up", "Sleep", "Feed the cat"]
    assert [todo["title"] for todo in owner.http.get("/api/trash").json()] == ["Buy milk"]


def test_a_title_gives_no_commands_to_a_terminal(forwarded: Network, owner: Person, tmp_path: Path) -> None:
    owner.http.post("/api/todos", json={"title": "Buy\x1b[2J\x1b]0;x\x07 milk"})
    terminal = Terminal(tmp_path / "todos.json", forwarded.url, owner.token)
    assert terminal.run("sync") == []
    assert terminal.run("list") == ["1. [ ] Buy\ufffd[2J\ufffd]0;x\ufffd milk"]


def test_a_terminal_says_what_it_cannot_do(forwarded: Network, owner: Person, stranger: Person, tmp_path: Path) -> None:
    terminal = Terminal(tmp_path / "todos.json", forwarded.url, owner.token)
    usage = 'node todo.ts add "Buy milk" | list | done 2 | delete 2 | sync'
    for arguments in ((), ("help",), ("add",)):
        assert terminal.run(*arguments, code=1) == [usage]
    assert terminal.run("done", "1", code=1) == ["There is no todo 1. See: node todo.ts list"]
    terminal.run("add", " ")
    terminal.run("sync")
    (error,) = owner.http.post("/api/todos", json={"title": " "}).json()["errors"]
    assert terminal.run("list") == [f"1. [ ]   ({error['msg']})"]
    terminal.token = ""
    assert terminal.run("list", code=1) == ["TOKEN is missing. In the root of the repository, make token prints one."]
    terminal.token = owner.token[:-4] + "AAAA"
    assert terminal.run("sync", code=1)[0].startswith("The sync has not ended: signed-out. ")
    terminal.token = owner.token
    for broken in ("", "{", json.dumps({})):
        terminal.file.write_text(broken)
        assert f"{terminal.file} cannot be written." in terminal.run("add", "x", code=1)
        assert terminal.file.read_text() == broken, "a file that cannot be read is not replaced"
    assert stranger.http.get("/api/todos").json() == []
