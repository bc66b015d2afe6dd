"""`make migration`: write the migration that makes the tables what the models say."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from dev.better_auth import demo_user
from dev.postgres import postgres

_ROOT = Path(__file__).resolve().parent.parent


def write_migration(message: str) -> int:
    """Compare the models with a database that has all migrations so far, and write what is missing.

    The database is a scratch one; yours is not looked at. Files go to `db/migrations/versions/`.

    Returns:
        The exit code of the command `alembic`.
    """
    with tempfile.TemporaryDirectory() as folder, postgres(Path(folder) / "data") as server:
        server.create_database("scratch")
        url = server.url("scratch")
        demo_user(url)
        # The scratch database has Better Auth's tables as they are out of the box.
        kept = {name: value for name, value in os.environ.items() if not name.startswith("BETTER_AUTH_")}
        environment = {**kept, "DATABASE_URL": url, "DATABASE_MIGRATION_URL": url}
        environment |= {"BETTER_AUTH_URL": "http://localhost:3000", "BETTER_AUTH_USER_TABLE": "user"}
        environment |= {"BETTER_AUTH_ID_TYPE": "text", "BETTER_AUTH_COLUMN_CASE": "camel"}
        alembic = [sys.executable, "-m", "alembic"]
        subprocess.run([*alembic, "upgrade", "head"], cwd=_ROOT, env=environment, check=True)
        revision = [*alembic, "revision", "--autogenerate", "--message", message]
        return subprocess.run(revision, cwd=_ROOT, env=environment, check=False).returncode
