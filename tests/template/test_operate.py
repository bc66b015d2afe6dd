"""Test `docs/operate.md`: its commands run on a copy of the project, and its table of messages is complete."""

import ast
import json
import os
import re
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from threading import Event, Thread

import psycopg2
import pytest

from dev.postgres import Server, programs
from tests.better_auth.test_rotation import EXPIRE, REMOVE
from tests.conftest import Database, Person, new_user_id
from tests.expect import expect_problem
from tests.issuer import Issuer
from tests.layout import app_files
from tests.live import ROOT, Api, running, wait_for, wait_until_ready
from tests.template.how_to import Copy, patch
from tests.template.page import Block, blocks, commands, marked, section
from tests.writers import Writer

PAGE = ROOT / "docs" / "operate.md"

RUN_HERE = [
    "Add a column without downtime",
    "Run the sweep",
    "Back up",
    "Restore",
    "Return or delete the data of a user",
]
"""List the sections whose commands the tests of this file run."""
RUN_WITH_BETTER_AUTH = [EXPIRE, REMOVE]
"""List the commands that tests/better_auth runs."""


@pytest.fixture
def copy(
    new_database: Callable[..., Database], issuer: Issuer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Copy:
    """Make a copy of the project with the programs of PostgreSQL, and a database with its tables."""
    monkeypatch.setenv("PATH", f"{programs()}:{os.environ['PATH']}")
    copy = Copy(tmp_path / "copy", new_database(), issuer)
    # An operator has the direct URL of the owner, and the migrations run as the owner.
    copy.variables |= {"DIRECT": copy.database.url, "DATABASE_MIGRATION_URL": copy.database.url}
    copy.run("make migrate")
    grants = "SELECT, INSERT, UPDATE, DELETE ON todo"
    copy.database.execute(
        f"GRANT {grants} TO todo_api; GRANT SELECT ON todo_version TO todo_api;"
        "GRANT USAGE ON SEQUENCE todo_version_seq TO todo_api"
    )
    return copy


@pytest.fixture
def server_url(server: Server) -> Callable[[str], str]:
    """Return a function that returns the URL of a database of the test server."""
    return server.url


@contextmanager
def client(copy: Copy, api: Api, user_id: str) -> Iterator[Person]:
    """Open a client of a user."""
    token = copy.issuer.token(user_id)
    with api.client(token) as http:
        yield Person(user_id, token, http)


def new_user(copy: Copy) -> str:
    """Create a user, and return the id."""
    user_id = new_user_id()
    copy.database.add_user(user_id)
    return user_id


def follow(copy: Copy, block: Block) -> None:
    """Do what a block of the page shows."""
    if block.language == "console":
        for command in commands(block):
            copy.run(command)
    elif block.language == "diff":
        path = copy.root / block.file
        path.write_text(patch(path.read_text(), block.text))
    else:
        (copy.root / block.file).write_text(block.text)


# --- Add a column without downtime


@contextmanager
def writing(*targets: tuple[Copy, Api, str]) -> Iterator[Counter[int]]:
    """Send random writes of users to APIs until the block ends, and count the statuses of the answers."""
    done, statuses = Event(), Counter[int]()

    def write(copy: Copy, api: Api, user_id: str) -> None:
        with client(copy, api, user_id) as person:
            writer = Writer(person.http, [f"00000000-0000-4000-8000-{number:012}" for number in range(30)], user_id)
            while not done.is_set():
                statuses[writer.write().status_code] += 1

    threads = [Thread(target=write, args=target) for target in targets]
    for thread in threads:
        thread.start()
    try:
        yield statuses
    finally:
        done.set()
        for thread in threads:
            thread.join()


def test_a_column_is_added_and_no_request_of_old_or_new_code_fails(copy: Copy) -> None:
    steps = blocks(section(PAGE, RUN_HERE[0]))
    kinds = [block.file or commands(block)[0].split(" -c")[0] for block in steps]
    assert kinds == [
        *("models/todo.py", 'make migration NAME="add folder"', "db/migrations/versions/0004_add_folder.py"),
        *("make migrate", "fill.sql", 'psql "$DIRECT" --set ON_ERROR_STOP=1 --file fill.sql', 'psql "$DIRECT"'),
        *("models/todo.py", 'make migration NAME="folder is never null"'),
        *("db/migrations/versions/0005_folder_is_never_null.py", "make migrate"),
    ]
    variables = {"DATABASE_URL": copy.database.api_url, "BETTER_AUTH_URL": copy.issuer.origin}
    users = [new_user(copy) for _ in range(2)]
    many = "INSERT INTO todo (user_id, title, tags) SELECT %s, 'old', ARRAY['errand'] FROM generate_series(1, 1200)"
    copy.database.execute(many, (users[0],))
    with running(**variables, MIGRATE_ON_START="false") as old:
        wait_until_ready(old)
        with writing(*((copy, old, user) for user in users)) as statuses_of_old:
            for block in steps[:4]:
                follow(copy, block)
            with copy.serve(MIGRATE_ON_START="false") as new:
                wait_until_ready(new)
                # Old code serves beside new code.
                with writing(*((copy, new, user) for user in users)) as statuses_of_both:
                    wait_for(lambda: statuses_of_both.total() > 100, 30)
        with copy.serve(MIGRATE_ON_START="false") as new:
            wait_until_ready(new)
            with writing(*((copy, new, user) for user in users)) as statuses_of_new:
                assert copy.database.execute("SELECT count(*) > 1000 FROM todo WHERE folder IS NULL") == [(True,)]
                for block in steps[4:]:
                    follow(copy, block)
    for statuses in (statuses_of_old, statuses_of_both, statuses_of_new):
        assert statuses.total() > 20
        assert not [status for status in statuses if status >= 500], statuses
    assert copy.database.execute(
        "SELECT column_default, is_nullable FROM information_schema.columns WHERE column_name = 'folder'"
    ) == [("'inbox'::text", "NO")]
    assert copy.database.execute("SELECT DISTINCT folder FROM todo WHERE title = 'old'") == [("errand",)]
    assert not copy.database.execute("SELECT FROM pg_constraint WHERE conname = 'todo_folder_filled'")


def test_the_batches_lock_the_owner_before_a_row(copy: Copy) -> None:
    (block,) = (block for block in blocks(section(PAGE, RUN_HERE[0])) if block.file == "fill.sql")
    user = new_user(copy)
    copy.database.execute("ALTER TABLE todo ADD folder text")
    copy.database.execute("INSERT INTO todo (user_id, title, tags) VALUES (%s, 'old', '{errand}')", (user,))
    with closing(psycopg2.connect(copy.database.url)) as request, request.cursor() as cursor:
        cursor.execute("SET lock_timeout = '300ms'")
        cursor.execute("SELECT todo_next_version(%s)", (user,))
        filling = Thread(target=copy.database.execute, args=(block.text,))
        filling.start()
        wait_for(copy.database.waiting)
        cursor.execute("UPDATE todo SET title = 'changed' WHERE user_id = %s", (user,))
        request.commit()
    filling.join()
    assert copy.database.execute("SELECT title, folder FROM todo") == [("changed", "errand")]


def test_a_column_is_dropped_after_the_code_that_uses_it(copy: Copy) -> None:
    prose = section(PAGE, RUN_HERE[0]).partition("**Drop a column**")[2]
    last = re.findall(r"`(make [^`]*)`", prose)
    assert last == ["make migration", 'make migration NAME="drop folder"', "make migrate"]
    for block in blocks(section(PAGE, RUN_HERE[0]))[:4]:
        follow(copy, block)
    fields = copy.root / "models/todo.py"
    with_the_field = fields.read_text()
    user = new_user(copy)
    with copy.serve(MIGRATE_ON_START="false") as old:
        wait_until_ready(old)
        fields.write_text((ROOT / "models/todo.py").read_text())
        assert "folder" in with_the_field
        assert "folder" not in fields.read_text()
        with copy.serve(MIGRATE_ON_START="true") as new, writing((copy, old, user), (copy, new, user)) as statuses:
            wait_until_ready(new)
            wait_for(lambda: statuses.total() > 50, 30)
    assert not [status for status in statuses if status >= 500], statuses
    with copy.serve(MIGRATE_ON_START="false") as new:
        wait_until_ready(new)
        with writing((copy, new, user)) as statuses:
            for command in last[1:]:
                copy.run(command)
            wait_for(lambda: statuses.total() > 20, 30)
    assert not [status for status in statuses if status >= 500], statuses
    assert not copy.database.execute("SELECT FROM information_schema.columns WHERE column_name = 'folder'")


# --- Run the sweep, Back up, Restore


def section_commands(heading: str) -> list[str]:
    """Return the commands of a section, without those that only set variables, which the test sets."""
    shown = [command for block in blocks(section(PAGE, heading)) for command in commands(block)]
    return [command for command in shown if not command.startswith("export ")]


def test_the_sweep_runs_as_shown(copy: Copy) -> None:
    user = new_user(copy)
    copy.database.execute(
        "INSERT INTO todo (user_id, title, deleted_at) VALUES (%s, 'old', now() - interval '31 days')", (user,)
    )
    (command,) = section_commands("Run the sweep")
    assert copy.run(command)
    assert copy.database.execute("SELECT title, purged_at IS NOT NULL FROM todo") == [("", True)]


def test_a_dump_is_restored_and_clients_begin_anew(copy: Copy, server_url: Callable[[str], str]) -> None:
    (dump,) = section_commands("Back up")
    create, restore, reset = section_commands("Restore")
    user = new_user(copy)
    with copy.serve() as api, client(copy, api, user) as person:
        wait_until_ready(api)
        kept, gone = person.create("kept", tags=["home"]), person.create("gone")
        person.purge(gone)
        before = person.http.get("/api/changes").json()
        copy.run(dump)
        late = person.create("made after the dump")
        token = person.http.get("/api/changes").json()["next"]

    copy.variables["RESTORED"] = server_url("restored")
    copy.run(create)
    copy.run(restore)
    assert copy.run(reset).startswith("All tokens of /api/changes have ended.")
    copy.database = Database(server_url("restored"))
    copy.database.execute(
        'GRANT USAGE ON SCHEMA public TO todo_api; GRANT SELECT ON "user", todo_version TO todo_api;'
        "GRANT SELECT, INSERT, UPDATE, DELETE ON todo TO todo_api; GRANT USAGE ON SEQUENCE todo_version_seq TO todo_api"
    )
    with copy.serve(MIGRATE_ON_START="false") as api, client(copy, api, user) as person:
        wait_until_ready(api)
        for old in (before["next"], token):
            answer = person.http.get(f"/api/changes?since={old}")
            expect_problem(answer, 410, "Gone", "/problems/changes-expired")
        anew = person.http.get("/api/changes").json()
        assert anew["todos"] == [kept]
        assert person.http.get(f"/api/todos/{late['id']}").status_code == 404
        assert person.create()["version"] > late["version"] > kept["version"]


# --- Return or delete the data of a user


def test_the_data_of_a_user_is_exported_and_deleted(copy: Copy) -> None:
    *exports, delete = section_commands("Return or delete the data of a user")
    user, other = new_user(copy), new_user(copy)
    copy.database.execute(
        'INSERT INTO session (id, "expiresAt", token, "updatedAt", "ipAddress", "userId")'
        " VALUES ('s', now(), 'secret', now(), '203.0.113.7', %s);"
        'INSERT INTO account (id, "accountId", "providerId", "userId", password, "updatedAt")'
        " VALUES ('a', %s, 'credential', %s, 'secret', now())",
        (user, user, user),
    )
    with copy.serve() as api, client(copy, api, user) as person, client(copy, api, other) as stranger:
        wait_until_ready(api)
        first, trash = person.create("Buy milk"), person.trash(person.create("In the trash"))
        person.purge(person.create("Gone"))
        theirs = stranger.create("Of another user")
        copy.variables["ID"] = user
        for command in exports:
            assert copy.run(command) == ""

        def exported(name: str) -> list[dict[str, object]]:
            text = (copy.root / name).read_text()
            assert "secret" not in text
            return [json.loads(line) for line in text.splitlines()]

        assert [one["id"] for one in exported("user.json")] == [user]
        assert [(one["ipAddress"], one["userId"]) for one in exported("sessions.jsonl")] == [("203.0.113.7", user)]
        assert [(one["providerId"], one["userId"]) for one in exported("accounts.jsonl")] == [("credential", user)]
        todos = exported("todos.jsonl")
        assert [(one["id"], one["title"]) for one in todos] == [
            (first["id"], "Buy milk"),
            (trash["id"], "In the trash"),
        ]

        assert copy.run(delete) == "DELETE 1\n"
        answer = person.http.post("/api/todos", json={"title": "x"})
        assert (
            expect_problem(answer, 401, "Unauthorized")["detail"] == "The user that the token names no longer exists."
        )
        assert stranger.http.get("/api/todos").json() == [theirs]
    assert copy.database.execute("SELECT DISTINCT user_id FROM todo") == [(other,)]
    for table in ("session", "account"):
        assert copy.database.execute(f"SELECT count(*) FROM {table}") == [(0,)]


# --- the marks, and the messages of the log


def test_a_test_runs_each_command_with_a_mark() -> None:
    run = [command for heading in RUN_HERE for command in section_commands(heading)]
    assert sorted(marked(PAGE)) == sorted([*run, *RUN_WITH_BETTER_AUTH])


METHODS = {"debug", "info", "warning", "error", "exception", "critical"}


def shown(template: str) -> str:
    """Return a template of a message as the page shows it."""
    return re.sub(r"%\.?\d*[sdfr]", "…", template)


def messages() -> set[tuple[str, str]]:
    """Return the level and the message of each call in the app that logs."""
    found = set()
    for path in app_files():
        for function in ast.walk(ast.parse((ROOT / path).read_text())):
            if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            details = [
                node.value.value
                for node in ast.walk(function)
                if isinstance(node, ast.Assign)
                and isinstance(node.value, ast.Constant)
                and isinstance(node.value.value, str)
                and ast.unparse(node.targets[0]) == "detail"
            ]
            for call in ast.walk(function):
                if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute)):
                    continue
                if call.func.attr not in METHODS or not ast.unparse(call.func.value).lower().endswith("log"):
                    continue
                level = call.func.attr.replace("exception", "error")
                assert isinstance(call.args[0], ast.Constant), ast.unparse(call)
                template = str(call.args[0].value)
                begins = details if template == "%s %s" else [""]
                found |= {(level, shown(template.replace("%s", begin, 1) if begin else template)) for begin in begins}
    return found


def test_the_page_lists_each_message_that_the_api_can_log() -> None:
    rows = re.findall(r"^\| `(.*?)` \| (\w+) \|", section(PAGE, "The messages of the log"), re.MULTILINE)
    assert len(rows) == len(set(rows)) > 10
    assert {(level, message) for message, level in rows} == messages()


def test_every_logger_has_the_name_that_messages_are_found_by() -> None:
    loggers = {
        ast.unparse(node.targets[0])
        for path in app_files()
        for node in ast.walk(ast.parse((ROOT / path).read_text()))
        if isinstance(node, ast.Assign) and "getLogger" in ast.unparse(node.value)
    }
    assert loggers == {"log", "server"}, "logs.py configures the logger of uvicorn as `server`"
