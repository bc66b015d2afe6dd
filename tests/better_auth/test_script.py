"""Follow docs/how-to/call-from-a-script.md against a real Better Auth."""

import importlib.util
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.better_auth.live import HERE, PASSWORD, Account, BetterAuth, better_auth
from tests.conftest import Database
from tests.live import ROOT, Api, environment, free_port, running

PAGE = (ROOT / "docs" / "how-to" / "call-from-a-script.md").read_text()


def blocks(language: str, auth: BetterAuth, api: Api) -> list[str]:
    """Return the code blocks of the page in a language, with the addresses of the test's servers."""
    page = PAGE.replace("http://localhost:3000", auth.origin).replace("http://localhost:8000", api.url)
    return re.findall(rf"^```{language}\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)


def follow(block: str, folder: Path, account: Account) -> str:
    """Run the commands of a block in one shell, and return what they printed."""
    commands = "".join(re.sub(r"^\$ ", "", line) for line in block.splitlines(keepends=True))
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", commands],
        cwd=folder,
        env=environment(EMAIL=account.email, PASSWORD=PASSWORD),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@pytest.fixture
def short_lived(database: Database) -> Iterator[tuple[BetterAuth, Api]]:
    """Run a Better Auth whose tokens expire within the minute in which the script renews them, and an API."""
    with (
        better_auth(database, free_port(), jwt={"jwt": {"expirationTime": "30s"}}) as auth,
        running(DATABASE_URL=database.api_url, BETTER_AUTH_URL=auth.origin) as api,
    ):
        yield auth, api


def write_script(folder: Path, auth: BetterAuth, api: Api) -> Path:
    """Write the script of the page, and return its path."""
    (text,) = blocks("python", auth, api)
    first, _, rest = text.partition("\n")
    path = folder / first.removeprefix("# ")
    path.write_text(rest)
    return path


def load(path: Path) -> ModuleType:
    """Import the script as a module."""
    spec = importlib.util.spec_from_file_location("script", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_plugins_of_the_page_are_those_of_the_server(auth: BetterAuth, api: Api) -> None:
    (text,) = blocks("ts", auth, api)
    (line,) = (line for line in text.splitlines() if line.startswith("import") and "plugins" in line)
    assert line in (HERE / "server.mjs").read_text().splitlines()


def test_a_shell_signs_in_and_calls_the_api(auth: BetterAuth, api: Api, tmp_path: Path) -> None:
    account = auth.sign_up()
    commands, _ = blocks("console", auth, api)
    created, listed = map(json.loads, follow(commands, tmp_path, account).splitlines())
    assert (created["title"], created["user_id"]) == ("Buy milk", account.id)
    assert listed == [created]


def test_a_python_script_signs_in_and_calls_the_api(auth: BetterAuth, api: Api, tmp_path: Path) -> None:
    account = auth.sign_up()
    write_script(tmp_path, auth, api)
    _, command = blocks("console", auth, api)
    assert follow(command.replace("python3", sys.executable), tmp_path, account) == "Buy bread\n"


@pytest.mark.parametrize(("is_short", "expected"), [(False, 1), (True, 3)], ids=["15 minutes", "30 seconds"])
def test_the_script_renews_a_token_before_it_expires(
    is_short: bool, expected: int, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    auth, api = (
        request.getfixturevalue("short_lived")
        if is_short
        else (request.getfixturevalue("auth"), request.getfixturevalue("api"))
    )
    script: Any = load(write_script(tmp_path, auth, api))
    send, urls = script.send, []

    def counted(url: str, *args: Any, **sent: Any) -> Any:
        urls.append(url)
        return send(url, *args, **sent)

    script.send = counted
    client = script.Client(auth.sign_up().email, PASSWORD)
    for _ in range(3):
        assert client.send("/todos") == []
    assert urls.count(f"{auth.origin}/api/auth/sign-in/email") == 1
    assert urls.count(f"{auth.origin}/api/auth/token") == expected
