"""Write the migration that brings the tables to the models: `make migration`."""

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

import psycopg2

from dev.better_auth import demo_user
from dev.postgres import postgres
from dev.processes import ROOT, Problem

_VERSIONS = ROOT / "db" / "migrations" / "versions"
# Better Auth's tables get a schema of their own, so that each other table is one of the models.
_MOVE_BETTER_AUTH = "ALTER SCHEMA public RENAME TO better_auth; CREATE SCHEMA public"
_ALEMBIC = """
import json, sys
from alembic.config import main
for command in json.loads(sys.argv[1]):
    main(["-x", "scratch", *command])
"""
_SETTINGS = {
    "BETTER_AUTH_URL": "http://localhost:3000",
    "BETTER_AUTH_USER_TABLE": "better_auth.user",
    "BETTER_AUTH_ID_TYPE": "text",
    "BETTER_AUTH_COLUMN_CASE": "camel",
}


def write_migration(name: str) -> int:
    """Compare the models with a scratch database that has all migrations, and write what is missing.

    The new file then runs on that database, is undone, and runs again.

    Returns:
        The exit code.

    Raises:
        Problem: the name cannot be a docstring, a change cannot be written, or the new file does not run.
    """
    if not name.isprintable() or re.search(r'["\\]', name) or len(name) > 80:
        raise Problem('The name of a migration is a line of at most 80 characters, without " and \\.', exit_code=2)
    with tempfile.TemporaryDirectory() as folder, postgres(Path(folder) / "data") as server:
        server.create_database("scratch")
        url = server.url("scratch")
        demo_user(url)
        with closing(psycopg2.connect(url)) as connection, connection, connection.cursor() as cursor:
            cursor.execute(_MOVE_BETTER_AUTH)
        kept = {name: value for name, value in os.environ.items() if not name.startswith("BETTER_AUTH_")}
        environment = {**kept, **_SETTINGS, "DATABASE_URL": url, "DATABASE_MIGRATION_URL": url}
        _write(name, environment)
    return 0


def _write(name: str, environment: Mapping[str, str]) -> None:
    before = set(_VERSIONS.glob("*.py"))
    answer = _alembic(environment, ["upgrade", "head"], ["revision", "--autogenerate", "--message", name])
    written = set(_VERSIONS.glob("*.py")) - before
    for path in written:
        try:
            _alembic(environment, ["upgrade", "head"], ["downgrade", "-1"], ["upgrade", "head"], ["check"])
        except Problem as problem:
            raise Problem(
                f"Wrote {path.relative_to(ROOT)}. Change it or delete it, because it fails:\n{problem}"
            ) from None
        upgrade = path.read_text().partition("def downgrade")[0]
        if "op.drop_column(" in upgrade or "op.drop_table(" in upgrade:
            print("It drops a column or a table with its data. docs/how-to/add-a-field.md is about new names.")
        print(
            f"Wrote {path.relative_to(ROOT)}. Read it, and then run make migrate."
            " The embedded database needs no make migrate: make run applies it at the next start."
        )
    if not written:
        print(answer)


def _alembic(environment: Mapping[str, str], *commands: list[str]) -> str:
    """Run commands of Alembic's in one process, and return what they print.

    Raises:
        Problem: one fails. The text is PostgreSQL's, if that refused a statement.
    """
    command = [sys.executable, "-c", _ALEMBIC, json.dumps(commands)]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return done.stdout.strip()
    refusal = re.search(r"^sqlalchemy\.exc\.\w+: (.*?)\n+\[SQL:", done.stderr, re.DOTALL | re.MULTILINE)
    raise Problem(refusal[1] if refusal else (done.stderr + done.stdout).strip())
