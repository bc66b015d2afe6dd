"""Test the first start on an empty database: many processes at once, without the database, and the API first."""

import re
import secrets
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

import httpx
import pytest

from dev.postgres import Server
from tests.conftest import Database
from tests.expect import again, expect_unavailable
from tests.faults import Faults
from tests.issuer import Issuer
from tests.live import NO_TLS, environment, free_port, launch, running, stop, wait_for, wait_until_healthy
from tests.vercel.cli import HERE
from tests.vercel.deployment import is_up, next_start, problems, sign_up, token_of
from tests.vercel.output import Output
from tests.wire import Wire

SECRET = secrets.token_hex(32)
BETTER_AUTHS = {"account", "jwks", "session", "user", "verification"}
Make = Callable[..., Database]


def columns(database: Database) -> dict[str, list[str]]:
    """Return the names of the columns of each table."""
    rows = database.execute("""
        SELECT table_name, array_agg(column_name::text ORDER BY column_name) FROM information_schema.columns
        WHERE table_schema = 'public' GROUP BY table_name""")
    return dict(rows)


def indexes(database: Database) -> list[str]:
    """Return the names of all indexes."""
    rows = database.execute("SELECT indexname FROM pg_indexes WHERE schemaname = 'public' ORDER BY indexname")
    return [name for (name,) in rows]


class Registering:
    """Call the app's `register()` in a process of its own."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def start(self, url: str) -> None:
        """Begin to create the tables of a database."""
        assert self._process.stdin
        self._process.stdin.write(f"{url}\n")
        self._process.stdin.flush()

    def wait(self, line: str = "done") -> None:
        """Wait until the tables are there."""
        assert self._process.stdout
        assert self._process.stdout.readline() == f"{line}\n", self._process.communicate()

    def end(self) -> str:
        """End the process, and return what it logged."""
        return self._process.communicate(timeout=30)[1]


@contextmanager
def registering(output: Output, **variables: str) -> Iterator[Registering]:
    """Run a process with the app's `register()` until the block ends."""
    hook = output.web / ".next" / "server" / "instrumentation.js"
    settings = environment(NODE_ENV="production", NEXT_RUNTIME="nodejs", BETTER_AUTH_SECRET=SECRET, **variables)
    pipe = subprocess.PIPE
    command = ("node", HERE / "register.mjs", hook)
    with subprocess.Popen(
        command, cwd=output.web, env=settings, stdin=pipe, stdout=pipe, stderr=pipe, text=True
    ) as process:
        try:
            registering = Registering(process)
            registering.wait("ready")
            yield registering
        finally:
            process.kill()


def test_many_processes_at_once_create_the_tables_once(output: Output, server: Server, new_database: Make) -> None:
    created = []
    with ExitStack() as stack:
        wire = stack.enter_context(Wire(server.socket_dir).open())
        processes = [stack.enter_context(registering(output)) for _ in range(8)]
        for _ in range(20):
            database = new_database(better_auth=False)
            url = wire.url(database.name)
            for process in processes:
                process.start(url)
            for process in processes:
                process.wait()
            created.append((columns(database), indexes(database)))
        # Each database was created by one process alone.
        assert len([sql for sql in wire.messages if sql.lower().startswith('create table "user"')]) == 20
        assert [process.end() for process in processes] == [""] * len(processes)
    assert set(created[0][0]) == BETTER_AUTHS
    assert created == [created[0]] * len(created)


def test_a_process_that_finds_all_tables_changes_and_locks_nothing(
    output: Output, server: Server, new_database: Make
) -> None:
    with Wire(server.socket_dir).open() as wire, registering(output) as process:
        url = wire.url(new_database(better_auth=False).name)
        process.start(url)
        process.wait()
        assert "pg_advisory_xact_lock" in str(wire.messages)
        sent = len(wire.messages)
        process.start(url)
        process.wait()
        again = wire.messages[sent:]
        assert again
        assert not re.search("create|alter|lock|begin", str(again), re.IGNORECASE)
        assert process.end() == ""


@pytest.mark.parametrize(
    ("variables", "changes"),
    [
        ({"VERCEL_ENV": "production"}, True),
        ({"VERCEL_ENV": "preview"}, False),
        ({"VERCEL_ENV": "preview", "MIGRATE_ON_START": "true"}, True),
        ({"MIGRATE_ON_START": "empty"}, False),
        ({"MIGRATE_ON_START": "False"}, False),
        ({"MIGRATE_ON_START": "0"}, False),
    ],
    ids=["production", "preview", "a preview with its own database", "empty", "never", "never, as 0"],
)
def test_a_preview_changes_no_table_that_is_there(
    output: Output, new_database: Make, variables: dict[str, str], changes: bool
) -> None:
    database = new_database()
    database.execute('ALTER TABLE "user" DROP COLUMN image')
    warning = "Better Auth's tables are not up to date, and MIGRATE_ON_START does not permit to change them.\n"
    only_if_empty = {"VERCEL_ENV": "preview"}, {"MIGRATE_ON_START": "empty"}
    with registering(output, **variables) as process:
        process.start(database.url)
        process.wait()
        assert process.end() == (warning if variables in only_if_empty else "")
    assert ("image" in columns(database)["user"]) == changes


def test_a_wrong_setting_ends_the_app_with_one_line(output: Output) -> None:
    with registering(output, MAIL_URL="smtp://me:secret@/mail") as process:
        process.start("postgresql://nobody@127.0.0.1:1/nothing")
        (line,) = process.end().splitlines()
    assert line.startswith("MAIL_URL must be log:, or the address of a mail server")
    assert "secret" not in line


def test_a_preview_with_an_empty_database_creates_the_tables(output: Output, new_database: Make) -> None:
    database = new_database(better_auth=False)
    with registering(output, VERCEL_ENV="preview") as process:
        process.start(database.url)
        process.wait()
        assert process.end() == ""
    assert set(columns(database)) == BETTER_AUTHS


def test_both_services_start_at_once_in_many_processes(output: Output, new_database: Make, tmp_path: Path) -> None:
    for number in range(5):
        database = new_database(better_auth=False)
        ports = [free_port() for _ in range(3)]
        origins = [f"http://127.0.0.1:{port}" for port in ports]
        variables = {"DATABASE_URL": database.url, "BETTER_AUTH_URL": origins[0]}
        folder = tmp_path / str(number)
        folder.mkdir()
        logs = [folder / f"next-{port}.log" for port in ports]
        with ExitStack() as stack:
            for port, log in zip(ports, logs, strict=True):
                stack.enter_context(next_start(output, log, port, **variables, BETTER_AUTH_SECRET=SECRET))
            apis = [launch(free_port(), folder, **variables) for _ in range(2)]
            for api in apis:
                stack.callback(stop, api)
            for origin, log in zip(origins, logs, strict=True):
                wait_for(partial(is_up, f"{origin}/api/auth/ok"), 60, log)
            for api in apis:
                wait_until_healthy(api)
            with httpx.Client(base_url=origins[1], verify=NO_TLS, trust_env=False, timeout=30) as client:
                sign_up(client, "somebody@example.com")
                token = token_of(client)
            for api in apis:
                with api.client(token) as client:
                    answers = again(partial(client.post, "/api/todos", json={"title": "Buy milk"}))
                    assert any(answer.status_code == 201 for answer in answers)
        assert set(columns(database)) == BETTER_AUTHS | {"todo", "todo_version"}
        for log in (*logs, *(api.log for api in apis)):
            assert problems(log.read_text()) == []


@pytest.fixture
def lost(server: Server, new_database: Make) -> Iterator[tuple[Database, Faults, str]]:
    """Create an empty database behind a network that refuses connections. Yield it with its URL."""
    database = new_database(better_auth=False)
    with Wire(server.socket_dir).open() as wire, Faults(wire.port).serving() as link:
        yield database, link, wire.url(database.name).replace(f":{wire.port}/", f":{link.port}/")


@pytest.mark.parametrize("fault", [Faults.refuse, Faults.hang], ids=["refused", "hangs"])
def test_the_app_starts_without_the_database_and_makes_tables_later(
    output: Output, tmp_path: Path, lost: tuple[Database, Faults, str], fault: Callable[[Faults], None]
) -> None:
    database, link, url = lost
    fault(link)
    log, port = tmp_path / "next.log", free_port()
    origin = f"http://127.0.0.1:{port}"
    variables = {"DATABASE_URL": url, "BETTER_AUTH_URL": origin, "BETTER_AUTH_SECRET": SECRET}
    with (
        next_start(output, log, port, **variables),
        httpx.Client(base_url=origin, headers={"Origin": origin}, verify=NO_TLS, trust_env=False, timeout=60) as client,
    ):
        started = time.monotonic()
        wait_for(lambda: is_up(f"{origin}/sign-in"), 60, log)
        assert time.monotonic() - started < 30
        if fault is Faults.refuse:
            fields = {"name": "Somebody", "email": "somebody@example.com", "password": secrets.token_hex(8)}
            sent = client.post("/sign-up/submit", data=fields)
            assert (sent.status_code, sent.headers["location"]) == (303, "/sign-up?error=down")
        assert log.read_text().count("Better Auth's tables cannot be checked now. This is tried again: ") == 1
        link.heal()
        wait_for(lambda: set(columns(database)) >= BETTER_AUTHS, 30, log)
        sign_up(client, "somebody@example.com")
        assert token_of(client)


def test_an_api_that_starts_first_needs_no_restart(output: Output, new_database: Make, issuer: Issuer) -> None:
    database = new_database(better_auth=False)
    with (
        registering(output) as process,
        running(DATABASE_URL=database.url, BETTER_AUTH_URL=issuer.origin) as api,
        api.client(issuer.token("me")) as me,
    ):
        for _ in range(3):
            expect_unavailable(me.get("/api/todos"), "Run Better Auth's migrations. There is no table user.")
        process.start(database.url)
        process.wait()
        database.add_user("me")
        seen = time.monotonic()
        wait_for(lambda: me.get("/api/todos").status_code == 200, 10, api.log)
        # The API checks once a second.
        assert time.monotonic() - seen < 5
        assert me.post("/api/todos", json={"title": "Buy milk"}).status_code == 201


def test_an_app_that_finds_no_tables_needs_no_restart(output: Output, new_database: Make, tmp_path: Path) -> None:
    database, log, port = new_database(better_auth=False), tmp_path / "next.log", free_port()
    origin = f"http://127.0.0.1:{port}"
    variables = {"DATABASE_URL": database.url, "BETTER_AUTH_URL": origin, "BETTER_AUTH_SECRET": SECRET}
    with (
        next_start(output, log, port, **variables, MIGRATE_ON_START="false"),
        httpx.Client(base_url=origin, headers={"Origin": origin}, verify=NO_TLS, trust_env=False, timeout=60) as client,
        registering(output) as process,
    ):
        wait_for(lambda: is_up(f"{origin}/sign-in"), 60, log)
        assert client.get("/api/auth/jwks").status_code == 500
        process.start(database.url)
        process.wait()
        sign_up(client, "somebody@example.com")
        assert token_of(client)
