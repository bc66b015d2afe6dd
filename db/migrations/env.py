"""Alembic runs this for each of its commands. It sees the tables of our models, and no others."""

from importlib import import_module
from pkgutil import iter_modules
from typing import Any

from alembic import context
from sqlalchemy import Connection
from sqlmodel import SQLModel

import models
from config import settings
from db.migrations import VERSION_TABLE, migrating
from models.user import USER_TABLE

for module in iter_modules(models.__path__, "models."):
    import_module(module.name)
OURS = {table.name for table in SQLModel.metadata.tables.values()} - {USER_TABLE.name}


def _ours(_object: Any, name: str | None, kind: str, *_: Any) -> bool:
    return kind != "table" or name in OURS


def _ours_by_name(name: str | None, kind: str, _parents: Any) -> bool:
    return _ours(None, name, kind)


def _number(_context: Any, _revision: Any, scripts: Any) -> None:
    """Name a new version by the next number; none for a revision in which nothing changes."""
    (script,) = scripts
    is_revision = hasattr(context.config.cmd_opts, "autogenerate")  # the other is `alembic check`
    if is_revision and script.upgrade_ops.is_empty():
        raise SystemExit("The models and the migrations agree: there is nothing to do.")
    script.rev_id = f"{int(context.script.get_current_head() or 0) + 1:04}"


def _run(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=SQLModel.metadata,
        version_table=VERSION_TABLE,
        include_object=_ours,
        include_name=_ours_by_name,
        compare_server_default=True,
        process_revision_directives=_number,
    )
    with context.begin_transaction():
        context.run_migrations()


if given := context.config.attributes.get("connection"):
    _run(given)
else:  # the command alembic
    with migrating(settings.database_migration_url) as connection:
        _run(connection)
