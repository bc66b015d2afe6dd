"""Test the start: wrong settings, missing tables, and processes that start at the same time."""

import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import create_engine, make_url, text

from config import Settings
from db.migrations import migrating, newest, upgrade
from tests.conftest import Database
from tests.issuer import Issuer
from tests.live import (
    ROOT,
    environment,
    free_port,
    launch,
    running,
    stop,
    wait_for,
    wait_until_healthy,
    wait_until_ready,
)
from tests.wire import Wire

REQUIRED = {"DATABASE_URL": "postgresql://somebody:secret@127.0.0.1/todo", "BETTER_AUTH_URL": "http://127.0.0.1:3000"}


def start(folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Start the server with settings that must stop it."""
    return subprocess.run(
        [sys.executable, "-m", "uvicorn", "main:app", f"--port={free_port()}"],
        cwd=folder,
        env=environment(**variables),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


WRONG = {
    "a database that is not PostgreSQL": ("DATABASE_URL", "mysql://u:secret@host/db", "a URL like postgresql://"),
    "a database that is no URL": ("DATABASE_URL", "secret", "a URL like postgresql://"),
    "a URL without a database": ("DATABASE_URL", "postgresql://u:secret@host", "a URL like postgresql://"),
    "a port of the database that is none": (
        "DATABASE_URL",
        "postgresql://u:secret@host:x/db",
        "a URL like postgresql://",
    ),
    "a password with a bare @": ("DATABASE_URL", "postgresql://u:p@secret@host/db", "a URL like postgresql://"),
    "a port of two hosts that is none": (
        "DATABASE_URL",
        "postgresql://u:secret@host1:x,host2/db",
        "a URL like postgresql://",
    ),
    "two hosts and an empty one": ("DATABASE_URL", "postgresql://u:secret@host1,,host2/db", "a URL like postgresql://"),
    "a password with a bare @ before two hosts": (
        "DATABASE_URL",
        "postgresql://u:p@secret@host1,host2/db",
        "a URL like postgresql://",
    ),
    "two forms of several hosts": (
        "DATABASE_URL",
        "postgresql://u:secret@/db?host=host1:5432&host=host2:5432&port=5433",
        "a URL like postgresql://",
    ),
    "nothing": ("BETTER_AUTH_URL", "", "the URL of Better Auth"),
    "no web address": ("BETTER_AUTH_URL", "localhost:3000", "the URL of Better Auth"),
    "a port that is none": ("BETTER_AUTH_URL", "http://localhost:123456", "the URL of Better Auth"),
    "no web address for the keys": ("BETTER_AUTH_JWKS_URL", "/jwks", "a URL like https://"),
    "no issuer": ("BETTER_AUTH_ISSUER", "", "without empty items"),
    "an empty audience in a list": ("BETTER_AUTH_AUDIENCE", "a,,b", "without empty items"),
    "a table that is no name": ("BETTER_AUTH_USER_TABLE", 'user"; --', "the name of a table"),
    "an unknown id type": ("BETTER_AUTH_ID_TYPE", "bigint", "'text', 'uuid' or 'integer'"),
    "an unknown case": ("BETTER_AUTH_COLUMN_CASE", "kebab", "'camel' or 'snake'"),
    "any origin": ("CORS_ORIGINS", "*", "* is not allowed"),
    "an origin that is none": ("CORS_ORIGINS", "http://a.example,localhost", "origins like"),
    "an origin with a placeholder": ("CORS_ORIGINS", "https://*.example.com", "origins like"),
    "an origin with a path": ("CORS_ORIGINS", "https://app.example.com/a", "origins like"),
    "an origin with a port that is none": ("CORS_ORIGINS", "https://app.example.com:99999", "origins like"),
    "neither yes nor no": ("MIGRATE_ON_START", "perhaps", "true, false or empty"),
    "no connections": ("DB_POOL_SIZE", "0", "a number of connections"),
    "no time": ("DB_TIMEOUT", "0", "a number of seconds"),
    "less than no requests": ("RATE_LIMIT", "-1", "a number of requests"),
    "part of a request": ("RATE_LIMIT", "1.5", "a number of requests"),
    "an unknown level": ("LOG_LEVEL", "loud", "'debug', 'info'"),
}


@pytest.mark.parametrize(("name", "value", "problem"), WRONG.values(), ids=WRONG)
def test_a_wrong_setting_is_reported_in_one_line(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, problem: str
) -> None:
    for variable, given in (REQUIRED | {name: value}).items():
        monkeypatch.setenv(variable, given)
    with pytest.raises(SystemExit) as stopped:
        Settings.load()
    (line,) = str(stopped.value).splitlines()
    assert line.startswith(f"{name} must be ")
    assert line.endswith(".")
    assert problem in line
    assert "secret" not in line


POOLED = "postgresql://u:secret@ep-cool-1-pooler.eu.aws.neon.tech/neondb"
REFUSED = {
    "an option of -c": (f"{POOLED}?options=-c%20search_path%3Dapp", "sets search_path in its options"),
    "several": (
        f"{POOLED}?options=-cstatement_timeout%3D5s%20--lock-timeout%3D5s%20-c%20TimeZone%3DUTC",
        "sets statement_timeout, lock-timeout in its options",
    ),
    "the second of two hosts": (
        "postgresql://u:secret@host,ep-cool-1-pooler.eu.aws.neon.tech/neondb?options=-c%20search_path%3Dapp",
        "sets search_path in its options",
    ),
    "a parameter that is none": (f"{POOLED}?statement_timeout=5s", "has the option statement_timeout"),
}


@pytest.mark.parametrize(("url", "problem"), REFUSED.values(), ids=REFUSED)
def test_an_option_that_a_pooler_refuses_is_reported_by_name(
    monkeypatch: pytest.MonkeyPatch, url: str, problem: str
) -> None:
    for variable, given in (REQUIRED | {"DATABASE_URL": url}).items():
        monkeypatch.setenv(variable, given)
    with pytest.raises(SystemExit) as stopped:
        Settings.load()
    (line,) = str(stopped.value).splitlines()
    assert line.startswith(f"DATABASE_URL {problem}. ")
    assert "secret" not in line


@pytest.mark.parametrize(
    "url",
    [
        f"{POOLED}?options=endpoint%3Dep-cool-1%20-c%20timezone%3DUTC%20-c%20application_name%3Dx",
        "postgresql://u:secret@ep-cool-1.eu.aws.neon.tech/neondb?options=-c%20search_path%3Dapp",
        f"{POOLED}?sslmode=require&channel_binding=require&sslnegotiation=direct&application_name=x",
    ],
    ids=["what a pooler keeps", "no pooler", "what libpq knows"],
)
def test_other_options_are_not_changed(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    for variable, given in (REQUIRED | {"DATABASE_URL": url}).items():
        monkeypatch.setenv(variable, given)
    assert Settings.load().database_url.query == make_url(url).query


HOSTS = {
    "hosts": ("u:p@h1,h2/db?target_session_attrs=read-write", "h1,h2", None),
    "hosts and ports": ("u:p@h1:5432,h2:5433/db", "h1,h2", "5432,5433"),
    "the port of one": ("u:p@h1,h2:5433/db", "h1,h2", ",5433"),
    "addresses of IPv6": ("u:p@[::1]:5432,[::2]:5433/db", "::1,::2", "5432,5433"),
    "a comma in a password": ("u:p,w@h1/db", "h1", None),
    "SQLAlchemy's form": ("u:p@/db?host=h1:5432&host=h2:5433", "h1,h2", "5432,5433"),
    "libpq's keywords": ("u:p@/db?host=h1,h2&port=5432,5433", "h1,h2", "5432,5433"),
}


@pytest.mark.parametrize(("url", "hosts", "ports"), HOSTS.values(), ids=HOSTS)
def test_a_database_may_have_several_hosts(
    monkeypatch: pytest.MonkeyPatch, url: str, hosts: str, ports: str | None
) -> None:
    for variable, given in (REQUIRED | {"DATABASE_URL": f"postgresql://{url}"}).items():
        monkeypatch.setenv(variable, given)
    settings = Settings.load()
    arguments = create_engine(settings.database_url).dialect.create_connect_args(settings.database_url)[1]
    assert (arguments["host"], (arguments.get("port") or "").strip(",") and arguments["port"]) == (hosts, ports or "")
    assert arguments["password"] in ("p", "p,w")
    assert arguments.get("target_session_attrs") == ("read-write" if "read-write" in url else None)


@pytest.mark.parametrize("form", ["{role}@{dead},{alive}/{name}?", "{role}@/{name}?host={dead}&host={alive}&"])
def test_the_first_of_two_hosts_may_be_down(
    new_database: Callable[..., Database], issuer: Issuer, wire: Wire, form: str
) -> None:
    database = new_database()
    database.add_user("somebody")
    hosts = {"dead": f"127.0.0.1:{free_port()}", "alive": f"127.0.0.1:{wire.port}"}
    url = f"postgresql://{form.format(role='todo_api', name=database.name, **hosts)}target_session_attrs=read-write"
    with (
        running(DATABASE_URL=f"{url}&sslmode=disable", BETTER_AUTH_URL=issuer.origin) as api,
        api.client(issuer.token("somebody")) as somebody,
    ):
        assert somebody.post("/api/todos", json={"title": "x"}).status_code == 201


ORIGINS = {
    "https://App.Example.com:443/": "https://app.example.com",
    "http://x:80": "http://x",
    "http://x:443": "http://x:443",
    "http://localhost:3000": "http://localhost:3000",
    "https://Bücher.example": "https://xn--bcher-kva.example",
    "http://[::1]:80": "http://[::1]",
    "capacitor://localhost": "capacitor://localhost",
}


def test_origins_are_read_as_browsers_write_them(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable, given in (REQUIRED | {"CORS_ORIGINS": ", ".join(ORIGINS)}).items():
        monkeypatch.setenv(variable, given)
    assert Settings.load().cors_origins == tuple(ORIGINS.values())


@pytest.mark.parametrize("quote", ["", '"', "'"], ids=["without quotes", "double quotes", "single quotes"])
def test_a_password_in_dotenv_may_contain_a_variable(tmp_path: Path, quote: str) -> None:
    (tmp_path / ".env").write_text(
        f"DATABASE_URL={quote}postgresql://me:a${{HOME}}b${{c:-d}}$e@host/db{quote}\nBETTER_AUTH_URL=http://localhost\n"
    )
    shown = subprocess.run(
        [sys.executable, "-c", "from config import settings; print(settings.database_url.password)"],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    assert shown == "a${HOME}b${c:-d}$e"


def test_uvicorn_stops_with_a_line_for_each_missing_setting(tmp_path: Path) -> None:
    stopped = start(tmp_path)
    assert stopped.returncode != 0
    assert stopped.stderr.splitlines() == [
        "DATABASE_URL is missing. It must be a URL like postgresql://user:password@host/database.",
        "BETTER_AUTH_URL is missing. It must be the URL of Better Auth, like http://localhost:3000.",
    ]
    assert stopped.stdout == ""


def test_settings_come_from_the_environment_then_from_dotenv(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(
        "DATABASE_URL='postgres://me:p%40ss@ep-cool-1-pooler.neon.tech/neondb"
        "?sslmode=require&channel_binding=require'\n"
        "BETTER_AUTH_URL=https://App.example.com:443/\nLOG_LEVEL=warning\n"
    )
    shown = subprocess.run(
        [
            sys.executable,
            "-c",
            "from config import settings as s;"
            "print(s.database_url.render_as_string(False), s.database_url == s.database_migration_url,"
            "s.better_auth_jwks_url, *s.better_auth_issuer, *s.better_auth_audience, s.log_level)",
        ],
        cwd=tmp_path,
        env=environment(LOG_LEVEL="DEBUG"),
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    assert shown == [
        "postgresql+psycopg2://me:p%40ss@ep-cool-1-pooler.neon.tech/neondb?channel_binding=require&sslmode=require",
        "True",
        "https://app.example.com/api/auth/jwks",
        "https://app.example.com",
        "https://app.example.com",
        "debug",
    ]


def test_a_path_in_better_auths_address_is_where_its_endpoints_are() -> None:
    shown = subprocess.run(
        [
            sys.executable,
            "-c",
            "from config import settings as s; print(s.better_auth_jwks_url, *s.better_auth_issuer)",
        ],
        env=environment(**REQUIRED | {"BETTER_AUTH_URL": "http://localhost:3000/app/auth/"}),
        cwd="/",
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    assert shown == ["http://localhost:3000/app/auth/jwks", "http://localhost:3000"]


def test_the_start_makes_the_todo_table_and_leaves_better_auths_alone(
    new_database: Callable[..., Database], issuer: Issuer
) -> None:
    database = new_database()
    before = columns(database)
    with running(DATABASE_URL=database.api_url, BETTER_AUTH_URL=issuer.origin) as api:
        wait_until_ready(api)
        after = columns(database)
    made = after - before
    assert {table for table, *_ in made} >= {"todo", "todo_version"}  # a copy has more
    assert before <= after
    assert database.execute(
        "SELECT confrelid::regclass::text, confdeltype FROM pg_constraint"
        " WHERE conrelid = 'todo'::regclass AND contype = 'f'"
    ) == [('"user"', "c")]
    assert {(name, kind) for _, name, kind, _ in made if name.endswith("_at")} == {
        (name, "timestamp with time zone")
        for name in ("created_at", "updated_at", "completed_at", "deleted_at", "purged_at")
    }


def columns(database: Database) -> set[tuple[str, ...]]:
    """Return every column of every table."""
    return set(
        database.execute(
            "SELECT table_name, column_name, data_type, is_nullable || coalesce(column_default, '')"
            " FROM information_schema.columns WHERE table_schema = 'public'"
        )
    )


def test_a_second_start_keeps_the_todos(new_database: Callable[..., Database], issuer: Issuer) -> None:
    database = new_database()
    database.add_user("somebody")
    variables = {"DATABASE_URL": database.api_url, "BETTER_AUTH_URL": issuer.origin}
    with running(**variables) as api, api.client(issuer.token("somebody")) as somebody:
        todo = somebody.post("/api/todos", json={"title": "Stay"}).json()
    with running(**variables) as api, api.client(issuer.token("somebody")) as somebody:
        assert somebody.get("/api/todos").json() == [todo]


def test_processes_that_start_at_the_same_time_all_become_ready(
    new_database: Callable[..., Database], issuer: Issuer, tmp_path: Path
) -> None:
    database = new_database()
    apis = [
        launch(free_port(), tmp_path, DATABASE_URL=database.api_url, BETTER_AUTH_URL=issuer.origin) for _ in range(8)
    ]
    try:
        for api in apis:
            wait_until_healthy(api, seconds=40)
            with api.client() as client:
                assert client.get("/ready").json()["status"] == "ready"
            log = api.log.read_text()
            assert "not ready" not in log
            assert "Traceback" not in log
    finally:
        for api in apis:
            stop(api)
    assert sum("brought the schema up to date" in api.log.read_text() for api in apis) >= 1


def test_a_second_process_waits_until_the_first_has_migrated(new_database: Callable[..., Database]) -> None:
    database = new_database()
    url = make_url(database.url).set(drivername="postgresql+psycopg2")
    with ThreadPoolExecutor(1) as pool:
        with migrating(url) as first:
            waiting = pool.submit(upgrade, url)
            wait_for(lambda: database.execute("SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"))
            assert not waiting.done()
            first.execute(text("CREATE TABLE todo_version (version_num varchar(32) PRIMARY KEY)"))
            first.execute(text("INSERT INTO todo_version VALUES (:newest)"), {"newest": newest()})
        waiting.result()
    assert database.execute("SELECT to_regclass('todo')") == [(None,)]  # it had nothing to do


def test_the_app_never_imports_dev() -> None:
    loaded = subprocess.run(
        [sys.executable, "-c", "import main, sys; print(*sys.modules)"],
        cwd="/",
        env=environment(**REQUIRED),
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    assert "main" in loaded
    assert not [name for name in loaded if name.split(".")[0] in ("dev", "tests", "pytest")]
    assert (ROOT / "dev").is_dir()
