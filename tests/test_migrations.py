"""Migrations run, are undone, and adopt the table of the versions that had none."""

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import make_url

from db import migrations
from db.migrations import newest, upgrade
from errors import Unavailable
from tests.conftest import BETTER_AUTH_SQL, Database, Person
from tests.issuer import Issuer
from tests.live import ROOT, environment, running, wait_until_ready
from tests.test_stacks import STACKS, TEXT, Stack
from tests.wire import Wire

OLD_TABLE = (ROOT / "tests" / "recorded" / "todo-0.1.0.sql").read_text()


def alembic(database: Database, *commands: str, settings: dict[str, str] | None = None) -> str:
    """Run commands of Alembic's in one process, and return their output."""
    code = "import sys\nfrom alembic.config import main\nfor command in sys.argv[1:]:\n    main(command.split())"
    return database.run("-c", code, *commands, **(settings or {}))


def versions(database: Database) -> list[tuple[str]]:
    return database.execute("SELECT version_num FROM todo_version")


def test_the_newest_migration_is_known_without_alembic() -> None:
    config = Config(ROOT / "alembic.ini")
    assert ScriptDirectory.from_config(config).get_heads() == [newest()]


# A user table of the schema public that is named with it. PostgreSQL leaves the schema out.
NAMED_STACKS = STACKS | {
    "built-in, public.user": Stack(BETTER_AUTH_SQL, TEXT, {"BETTER_AUTH_USER_TABLE": "public.user"})
}


@pytest.mark.parametrize("stack", NAMED_STACKS)
def test_models_and_migrations_agree_beside_every_stack(new_database: Callable[..., Database], stack: str) -> None:
    database = new_database(better_auth=False)
    database.execute(NAMED_STACKS[stack].ddl)
    answer = alembic(database, "upgrade head", "check", settings=NAMED_STACKS[stack].settings)
    assert "No new upgrade operations detected" in answer
    assert not re.search(r"user|session|account|verification|jwks", answer)


def test_migrations_are_undone_and_run_again(new_database: Callable[..., Database]) -> None:
    database = new_database()
    tables = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1"
    before = database.execute(tables)
    alembic(database, "upgrade head")
    after = database.execute(tables)
    assert {("todo",), ("todo_version",)} <= set(after) - set(before)
    assert versions(database) == [(newest(),)]
    alembic(database, "downgrade base")
    assert database.execute(tables) == sorted([*before, ("todo_version",)])
    assert versions(database) == []
    alembic(database, "upgrade head")
    assert database.execute(tables) == after


def test_migrations_can_be_printed_as_sql(new_database: Callable[..., Database]) -> None:
    database = new_database()
    assert "CREATE TABLE IF NOT EXISTS todo (" in alembic(database, "upgrade head --sql")
    assert database.execute("SELECT to_regclass('todo')") == [(None,)]


def test_a_table_from_before_the_migrations_is_adopted(new_database: Callable[..., Database], issuer: Issuer) -> None:
    database = new_database()
    database.execute(OLD_TABLE)
    database.add_user("somebody")
    database.execute("INSERT INTO todo (user_id, title) SELECT 'somebody', 'Todo ' || n FROM generate_series(1, 50) n")
    columns = "id, user_id, title, description, completed, created_at, updated_at"
    before = database.execute(f"SELECT {columns} FROM todo ORDER BY id")
    with (
        running(DATABASE_URL=database.api_url, BETTER_AUTH_URL=issuer.origin) as api,
        api.client(issuer.token("somebody")) as http,
    ):
        assert len(http.get("/api/todos").json()) == 50
    assert database.execute(f"SELECT {columns} FROM todo ORDER BY id") == before
    assert versions(database) == [(newest(),)]
    assert "No new upgrade operations detected" in alembic(database, "check")


def test_todos_that_exist_get_a_version_and_a_time_of_completion(
    new_database: Callable[..., Database], issuer: Issuer
) -> None:
    database = new_database()
    database.execute(OLD_TABLE)
    database.add_user("somebody")
    database.execute(
        "INSERT INTO todo (user_id, title, completed, created_at, updated_at) VALUES"
        " ('somebody', 'open', false, '2026-01-01', NULL), ('somebody', 'changed', true, '2026-01-01', '2026-01-02'),"
        " ('somebody', 'made so', true, '2026-01-03', NULL)"
    )
    with (
        running(DATABASE_URL=database.api_url, BETTER_AUTH_URL=issuer.origin) as api,
        api.client(issuer.token("somebody")) as http,
    ):
        todos = {todo["title"]: todo for todo in http.get("/api/todos").json()}
        assert len({todo["version"] for todo in todos.values()}) == 3
        completed_at = {title: (todo["completed_at"] or "")[:10] for title, todo in todos.items()}
        assert completed_at == {"open": "", "changed": "2026-01-02", "made so": "2026-01-03"}
        walked = [http.get("/api/changes?limit=1").json()]
        while walked[-1]["more"]:
            walked.append(http.get("/api/changes", params={"limit": 1, "since": walked[-1]["next"]}).json())
        assert sorted(todo["title"] for page in walked for todo in page["todos"]) == sorted(todos)
        highest = max(todo["version"] for todo in todos.values())
        assert http.post(f"/api/todos/{todos['open']['id']}/toggle").json()["version"] > highest


BY_OLD_CODE = {
    "create": "INSERT INTO todo (user_id, title, completed) VALUES ('somebody', 'x', true)",
    "patch": "UPDATE todo SET updated_at = now(), title = 'y' WHERE user_id = 'somebody'",
    "toggle": "UPDATE todo SET updated_at = now(), completed = NOT completed WHERE user_id = 'somebody'",
    "delete": "DELETE FROM todo WHERE user_id = 'somebody'",
}


@pytest.mark.parametrize("statement", BY_OLD_CODE.values(), ids=BY_OLD_CODE)
def test_changes_by_the_release_before_have_versions(owner: Person, database: Database, statement: str) -> None:
    todo = owner.create()
    since, etag = owner.http.get("/api/changes").json()["next"], owner.http.get("/api/todos").headers["etag"]
    database.execute(statement.replace("'somebody'", f"'{owner.id}'"))
    assert owner.http.get("/api/todos").headers["etag"] != etag
    changes = owner.http.get("/api/changes", params={"since": since}).json()
    assert [one["version"] > todo["version"] for one in changes["todos"]] == [True] * len(changes["todos"])
    assert all((one["completed_at"] is None) != one["completed"] for one in changes["todos"])
    assert (len(changes["todos"]), changes["gone"]) == ((0, [todo["id"]]) if "DELETE" in statement else (1, []))


def test_a_start_on_a_schema_that_is_up_to_date_is_one_query(
    new_database: Callable[..., Database], issuer: Issuer, wire: Wire
) -> None:
    database = new_database()
    database.run("-m", "db")
    url = wire.url(database.name, "todo_api")
    sent = len(wire.messages)
    with running(DATABASE_URL=url, BETTER_AUTH_URL=issuer.origin) as api:
        wait_until_ready(api)  # which checks again
        first, second = wire.messages[sent:]
    assert first == second
    assert "pg_attribute" in first


def test_a_start_on_a_schema_that_is_up_to_date_imports_no_alembic(
    new_database: Callable[..., Database], tmp_path: Path
) -> None:
    database = new_database()
    database.run("-m", "db")
    start = """
import sys
from db.waiting import at_most
from db.schema import schema
with at_most(9):
    schema.prepare()
print(*sys.modules)
"""
    loaded = subprocess.run(
        [sys.executable, "-c", start],
        cwd=tmp_path,
        env=environment(DATABASE_URL=database.api_url, BETTER_AUTH_URL="http://127.0.0.1:1"),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    ).stdout.split()
    assert "db.schema" in loaded
    assert "alembic" not in loaded


def test_a_schema_that_is_ahead_of_the_code_is_served(new_database: Callable[..., Database], issuer: Issuer) -> None:
    database = new_database()
    database.add_user("somebody")
    database.run("-m", "db")
    database.execute("UPDATE todo_version SET version_num = '9999'")
    with (
        running(DATABASE_URL=database.api_url, BETTER_AUTH_URL=issuer.origin) as api,
        api.client(issuer.token("somebody")) as http,
    ):
        assert http.post("/api/todos", json={"title": "x"}).status_code == 201
        wait_until_ready(api)
    assert versions(database) == [("9999",)]


OTHER_TABLES: dict[str, tuple[str, str]] = {
    "a column is missing": ("ALTER TABLE todo DROP COLUMN completed", "it has no column completed"),
    "the ids are numbers": (
        "ALTER TABLE todo DROP COLUMN id, ADD COLUMN id serial PRIMARY KEY",
        "the type of id is integer and not uuid",
    ),
    "the owner has another type": (
        "ALTER TABLE todo DROP COLUMN user_id, ADD COLUMN user_id uuid NOT NULL",
        "the type of user_id is uuid and not text",
    ),
    "a text is bounded": (
        "ALTER TABLE todo ALTER title TYPE varchar(200)",
        "the type of title is character varying(200) and not text",
    ),
    "a time has no zone": (
        "ALTER TABLE todo ALTER updated_at TYPE timestamp",
        "the type of updated_at is timestamp without time zone and not timestamp with time zone",
    ),
    "a title is optional": ("ALTER TABLE todo ALTER title DROP NOT NULL", "title accepts NULL"),
    "a description is required": ("ALTER TABLE todo ALTER description SET NOT NULL", "description refuses NULL"),
    "a default is missing": ("ALTER TABLE todo ALTER created_at DROP DEFAULT", "created_at has no default"),
    "another column is required": ("ALTER TABLE todo ADD list_id integer NOT NULL", "it requires a value for list_id"),
    "there is no primary key": ("ALTER TABLE todo DROP CONSTRAINT todo_pkey", "its primary key is not id"),
    "there is no foreign key": (
        "ALTER TABLE todo DROP CONSTRAINT todo_user_id_fkey",
        "user_id does not refer to user.id with ON DELETE CASCADE",
    ),
    "the foreign key does not cascade": (
        'ALTER TABLE todo DROP CONSTRAINT todo_user_id_fkey, ADD FOREIGN KEY (user_id) REFERENCES "user" (id)',
        "user_id does not refer to user.id with ON DELETE CASCADE",
    ),
    "the foreign key refers to another table": (
        "CREATE TABLE people (id text PRIMARY KEY); ALTER TABLE todo DROP CONSTRAINT todo_user_id_fkey,"
        " ADD FOREIGN KEY (user_id) REFERENCES people (id) ON DELETE CASCADE",
        "user_id does not refer to user.id with ON DELETE CASCADE",
    ),
}


@pytest.fixture(scope="module")
def adopting(new_database: Callable[..., Database]) -> Database:
    return new_database()


def adopt(database: Database, change: str) -> None:
    """Run the migrations on a database whose table `todo` is the old one with a change."""
    database.execute(f"DROP TABLE IF EXISTS todo; {OLD_TABLE}; {change}")
    upgrade(make_url(database.api_url).set(drivername="postgresql+psycopg2"))


@pytest.mark.parametrize(("change", "difference"), OTHER_TABLES.values(), ids=OTHER_TABLES)
def test_a_table_todo_of_another_application_is_refused(adopting: Database, change: str, difference: str) -> None:
    with pytest.raises(Unavailable) as refusal:
        adopt(adopting, change)
    assert refusal.value.detail == (
        f"The table todo belongs to another application, because {difference}."
        " Rename that table, or use another database."
    )
    assert adopting.execute("SELECT to_regclass('todo_version')") == [(None,)]


def test_a_table_todo_with_optional_columns_is_adopted(new_database: Callable[..., Database]) -> None:
    database = new_database()
    adopt(database, "ALTER TABLE todo ADD a integer, ADD b integer NOT NULL DEFAULT 1")
    assert versions(database) == [(newest(),)]


def test_the_api_needs_no_more_than_the_documented_rights(
    new_database: Callable[..., Database], issuer: Issuer
) -> None:
    database = new_database(better_auth=False)
    database.execute("REVOKE CREATE ON SCHEMA public FROM todo_api;" + BETTER_AUTH_SQL)
    database.run("-m", "db", DATABASE_MIGRATION_URL=database.url)
    database.add_user("somebody")
    variables = {"DATABASE_URL": database.api_url, "BETTER_AUTH_URL": issuer.origin, "MIGRATE_ON_START": "false"}
    rights = """
        GRANT USAGE ON SCHEMA public TO todo_api;
        GRANT SELECT ON "user", todo_version TO todo_api;
        GRANT SELECT, INSERT, UPDATE, DELETE ON todo TO todo_api;
        GRANT USAGE ON SEQUENCE todo_version_seq TO todo_api;
    """
    everything = "TABLES", "SEQUENCES"
    database.execute(
        "".join(f"REVOKE ALL ON ALL {kind} IN SCHEMA public FROM todo_api;" for kind in everything) + rights
    )
    with running(**variables) as api, api.client(issuer.token("somebody")) as http:
        todo = http.post("/api/todos", json={"title": "x"}).json()
        assert http.post(f"/api/todos/{todo['id']}/toggle").json()["completed"] is True
        assert http.delete(f"/api/todos/{todo['id']}").status_code == 204
        assert http.delete("/api/trash").status_code == 204
        assert http.get("/api/changes").json()["todos"] == []
        assert http.get("/api/me").status_code == 200
        wait_until_ready(api)
    guide = (ROOT / "docs" / "deploy.md").read_text()
    assert not [right for right in rights.strip().splitlines() if right.strip() not in guide]


ADD_VALUE = """\"\"\"{name}.\"\"\"

from alembic import op

revision = "{revision}"
down_revision = "{before}"


def upgrade() -> None:
    op.execute("{sql}")
"""


def test_a_migration_may_use_an_enum_value_that_an_earlier_one_added(
    new_database: Callable[..., Database], tmp_path: Path
) -> None:
    root = tmp_path / "copy"
    shutil.copytree(ROOT, root, ignore=shutil.ignore_patterns(".*", "tests", "docs", "node_modules", "__pycache__"))
    database = new_database()
    database.add_user("somebody")
    database.run("-m", "db")
    database.execute("CREATE TYPE mood AS ENUM ('good'); ALTER TYPE mood OWNER TO todo_api;")
    database.execute("ALTER TABLE todo ADD mood mood; INSERT INTO todo (user_id, title) VALUES ('somebody', 'x');")
    number = int(newest())
    for sql in ("ALTER TYPE mood ADD VALUE 'bad'", "UPDATE todo SET mood = 'bad'"):
        number += 1
        names = {"name": "Step", "revision": f"{number:04}", "before": f"{number - 1:04}", "sql": sql}
        (root / f"db/migrations/versions/{number:04}_step.py").write_text(ADD_VALUE.format(**names))
    variables = environment(DATABASE_URL=database.api_url, BETTER_AUTH_URL="http://127.0.0.1:1")
    subprocess.run([sys.executable, "-m", "db"], cwd=root, env=variables | {"PYTHONPATH": str(root)}, check=True)
    assert database.execute("SELECT mood::text FROM todo") == [("bad",)]


def test_a_migration_that_is_written_later_is_for_the_next_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    versions = tmp_path / "versions"
    versions.mkdir()
    (versions / "0001_first.py").touch()
    monkeypatch.setattr(migrations, "_HERE", tmp_path)
    migrations._versions.cache_clear()
    try:
        assert migrations.newest() == "0001"
        (versions / "0002_second.py").touch()
        assert migrations.newest() == "0001"
    finally:
        migrations._versions.cache_clear()


def test_two_migrations_with_one_number_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "versions").mkdir()
    for name in ("0001_todo.py", "0002_ours.py", "0002_theirs.py"):
        (tmp_path / "versions" / name).touch()
    monkeypatch.setattr(migrations, "_HERE", tmp_path)
    migrations._versions.cache_clear()
    try:
        with pytest.raises(Unavailable, match="Two migrations have the number 0002"):
            migrations.newest()
    finally:
        migrations._versions.cache_clear()
