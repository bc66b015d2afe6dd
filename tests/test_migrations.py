"""The schema's life: made, adopted, compared, taken back, and brought on by whoever adds a field."""

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory

from db.migrations import newest
from tests.conftest import BETTER_AUTH_SQL, Database
from tests.issuer import Issuer
from tests.live import ROOT, environment, running, wait_until_ready
from tests.test_stacks import STACKS
from tests.wire import Wire

OLD_TABLE = (ROOT / "tests" / "recorded" / "todo-0.1.0.sql").read_text()


def run(database: Database, *command: str, root: Path = ROOT, settings: dict[str, str] | None = None) -> str:
    """Run a Python module as the API's role, and give what it says."""
    variables = {"DATABASE_URL": database.api_url, "BETTER_AUTH_URL": "http://127.0.0.1:1", **(settings or {})}
    done = subprocess.run(
        [sys.executable, "-m", *command],
        cwd=root,
        env=environment(**variables) | {"PYTHONPATH": str(root)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def versions(database: Database) -> list[tuple[str]]:
    return database.execute("SELECT version_num FROM todo_version")


def test_the_newest_migration_is_known_without_alembic() -> None:
    config = Config(ROOT / "alembic.ini")
    assert ScriptDirectory.from_config(config).get_heads() == [newest()]


@pytest.mark.parametrize("stack", STACKS)
def test_the_models_and_the_migrations_agree_and_no_other_table_is_named(
    new_database: Callable[..., Database], stack: str
) -> None:
    database = new_database(better_auth=False)
    database.execute(STACKS[stack].ddl)
    assert "up to date: version " in run(database, "db", settings=STACKS[stack].settings)
    said = run(database, "alembic", "check", settings=STACKS[stack].settings)
    assert "No new upgrade operations detected" in said
    assert not re.search(r"user|session|account|verification|jwks", said)


def test_a_migration_is_taken_back_and_done_again(new_database: Callable[..., Database]) -> None:
    database = new_database()
    tables = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1"
    before = database.execute(tables)
    for _ in range(2):
        run(database, "alembic", "upgrade", "head")
        assert database.execute(tables) == sorted([*before, ("todo",), ("todo_version",)])
        assert versions(database) == [(newest(),)]
        run(database, "alembic", "downgrade", "base")
        assert database.execute(tables) == sorted([*before, ("todo_version",)])
        assert versions(database) == []
    assert "CREATE TABLE" in run(database, "alembic", "upgrade", "head", "--sql")
    assert versions(database) == []


def test_a_table_from_before_there_were_migrations_is_adopted_with_its_todos(
    new_database: Callable[..., Database], issuer: Issuer
) -> None:
    database = new_database()
    database.execute(OLD_TABLE)
    database.add_user("somebody")
    database.execute("INSERT INTO todo (user_id, title) SELECT 'somebody', 'Todo ' || n FROM generate_series(1, 50) n")
    before = database.execute("SELECT * FROM todo ORDER BY id")
    with (
        running(DATABASE_URL=database.api_url, BETTER_AUTH_URL=issuer.origin) as api,
        api.client(issuer.token("somebody")) as http,
    ):
        assert len(http.get("/api/todos").json()) == 50
    assert database.execute("SELECT * FROM todo ORDER BY id") == before
    assert versions(database) == [(newest(),)]
    assert "No new upgrade operations detected" in run(database, "alembic", "check")


def test_a_start_on_a_schema_that_is_up_to_date_is_one_query(
    new_database: Callable[..., Database], issuer: Issuer, wire: Wire
) -> None:
    database = new_database()
    run(database, "db")
    url = wire.url(database.url.partition("?")[0].rpartition("/")[2], "todo_api")
    sent = len(wire.messages)
    with running(DATABASE_URL=url, BETTER_AUTH_URL=issuer.origin) as api:
        wait_until_ready(api)  # looks once more
        first, second = wire.messages[sent:]
    assert first == second
    assert "pg_attribute" in first


def test_such_a_start_does_not_import_alembic(new_database: Callable[..., Database], tmp_path: Path) -> None:
    database = new_database()
    run(database, "db")
    look = """
import sys
from db.budget import at_most
from db.schema import schema
with at_most(9):
    schema.prepare()
print(*sys.modules)
"""
    loaded = subprocess.run(
        [sys.executable, "-c", look],
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
    run(database, "db")
    database.execute("UPDATE todo_version SET version_num = '9999'")
    with (
        running(DATABASE_URL=database.api_url, BETTER_AUTH_URL=issuer.origin) as api,
        api.client(issuer.token("somebody")) as http,
    ):
        assert http.post("/api/todos", json={"title": "x"}).status_code == 201
        wait_until_ready(api)
    assert versions(database) == [("9999",)]


def test_a_field_is_added_by_a_line_in_each_class_and_a_table_by_a_class_and_make_migration(
    new_database: Callable[..., Database], issuer: Issuer, tmp_path: Path
) -> None:
    root = tmp_path / "my app"
    kept = shutil.ignore_patterns(".*", "tests", "docs", "node_modules", "__pycache__")
    shutil.copytree(ROOT, root, ignore=kept)
    models = root / "models" / "todo.py"
    code = models.read_text()
    stored = """    priority: int = Field(default=0, sa_column_kwargs={"server_default": text("0")})"""
    for line, added in {
        "    updated_at: datetime | None = None": stored,
        "    completed: bool = False": "    priority: int = 0",
        "    completed: bool": "    priority: int",
    }.items():
        assert code.count(f"{line}\n") == 1
        code = code.replace(f"{line}\n", f"{line}\n{added}\n")
    models.write_text(code)
    (models.parent / "tag.py").write_text(
        "from sqlmodel import Field, SQLModel\n\n\nclass Tag(SQLModel, table=True):\n"
        "    id: int | None = Field(default=None, primary_key=True)\n"
    )

    old = new_database()
    run(old, "db")
    old.add_user("somebody")
    old.execute("INSERT INTO todo (user_id, title) VALUES ('somebody', 'old')")

    said = run(old, "dev", "migration", "add priority", root=root)
    written = root / "db" / "migrations" / "versions" / "0002_add_priority.py"
    assert str(written) in said.replace("\n", "").replace("  ", " ")
    migration = written.read_text()
    assert re.findall(r"op\.(\w+)\(\W+(\w+)", migration) == [
        ("create_table", "tag"),
        ("add_column", "todo"),
        ("drop_column", "todo"),
        ("drop_table", "tag"),
    ]
    assert "nothing to do" in run_failing(old, "dev", "migration", "again", root=root)

    assert "version 0002" in run(old, "db", root=root)
    assert old.execute("SELECT title, priority FROM todo") == [("old", 0)]
    with (
        running(DATABASE_URL=old.api_url, BETTER_AUTH_URL=issuer.origin, PYTHONPATH=str(root)) as api,
        api.client(issuer.token("somebody")) as http,
    ):
        assert http.post("/api/todos", json={"title": "new", "priority": 3}).json()["priority"] == 3
        assert [todo["priority"] for todo in http.get("/api/todos").json()] == [3, 0]
        answer = http.get("/openapi.json").json()["components"]["schemas"]["TodoRead"]
        assert "priority" in answer["required"]
    run(old, "alembic", "downgrade", "-1", root=root)
    assert old.execute("SELECT count(*) FROM information_schema.columns WHERE column_name = 'priority'") == [(0,)]


def run_failing(database: Database, *command: str, root: Path) -> str:
    """Run what should end with an error, and give what it says."""
    with pytest.raises(AssertionError) as failure:
        run(database, *command, root=root)
    return str(failure.value)


def test_the_api_needs_no_more_than_these_rights_where_somebody_else_migrates(
    new_database: Callable[..., Database], issuer: Issuer
) -> None:
    database = new_database(better_auth=False)
    database.execute("REVOKE CREATE ON SCHEMA public FROM todo_api;" + BETTER_AUTH_SQL)
    run(database, "db", settings={"DATABASE_MIGRATION_URL": database.url})
    database.add_user("somebody")
    variables = {"DATABASE_URL": database.api_url, "BETTER_AUTH_URL": issuer.origin, "MIGRATE_ON_START": "false"}
    rights = """
        GRANT USAGE ON SCHEMA public TO todo_api;
        GRANT SELECT ON "user", todo_version TO todo_api;
        GRANT SELECT, INSERT, UPDATE, DELETE ON todo TO todo_api;
    """
    database.execute("REVOKE ALL ON ALL TABLES IN SCHEMA public FROM todo_api;" + rights)
    with running(**variables) as api, api.client(issuer.token("somebody")) as http:
        todo = http.post("/api/todos", json={"title": "x"}).json()
        assert http.post(f"/api/todos/{todo['id']}/toggle").json()["completed"] is True
        assert http.delete(f"/api/todos/{todo['id']}").status_code == 204
        assert http.get("/api/me").status_code == 200
        wait_until_ready(api)
    guide = (ROOT / "docs" / "deploy.md").read_text()
    assert not [right for right in rights.strip().splitlines() if right.strip() not in guide]
