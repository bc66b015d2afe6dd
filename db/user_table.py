"""Compare Better Auth's user table with the settings, and the tables that refer to it with the models."""

from collections import defaultdict

from sqlalchemy import Connection, Table, text
from sqlalchemy.exc import ProgrammingError
from sqlmodel import SQLModel

from config import settings
from db.migrations import VERSION_TABLE, newest
from db.waiting import statement_limit
from models.user import USER_TABLE

# The configured user table, the tables that refer to it, and each table with a column that only Better
# Auth's user table has. The last ones distinguish a wrong BETTER_AUTH_USER_TABLE from a missing migration.
_COLUMNS = """
    WITH own AS MATERIALIZED (SELECT name, to_regclass(name) AS oid FROM unnest(CAST(:own AS text[])) name)
    SELECT n.nspname || '.' || c.relname, a.attname, format_type(a.atttypid, NULL),
           c.oid = to_regclass(:user), own.name, {version}
    FROM pg_catalog.pg_attribute a
    JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    LEFT JOIN own ON own.oid = c.oid
    WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r', 'p', 'v', 'f')
      AND (c.oid = to_regclass(:user) OR own.oid IS NOT NULL OR EXISTS (
        SELECT FROM pg_catalog.pg_attribute b
        WHERE b.attrelid = c.oid AND b.attname IN ('emailVerified', 'email_verified')))
    ORDER BY 1
"""
_WITH_VERSION = _COLUMNS.format(version=f"(SELECT max(version_num) FROM {VERSION_TABLE})")  # noqa: S608  # a constant
_WITHOUT_VERSION = _COLUMNS.format(version="NULL")
_UNDEFINED_TABLE = "42P01"
_ID_TYPES = {"text": "text", "character varying": "text", "uuid": "uuid", "integer": "integer"}

Columns = dict[str, str]
"""The columns of a table, with their types."""


def inspect_tables(connection: Connection) -> tuple[str, str | None]:
    """Compare the database with the settings and the models. One query, if a migration ever ran.

    Returns:
        The version of the schema, empty without one, and the problem in a sentence that names the
        remedy, or `None`.
    """
    name = connection.dialect.identifier_preparer.format_table
    own = {name(table): _owner_columns(table) for table in SQLModel.metadata.tables.values() if _owner_columns(table)}
    names = {"user": name(USER_TABLE), "own": list(own)}
    try:
        rows = connection.execute(text(statement_limit() + _WITH_VERSION), names)
    except ProgrammingError as error:
        if getattr(error.orig, "pgcode", None) != _UNDEFINED_TABLE:
            raise
        rows = connection.execute(text(statement_limit() + _WITHOUT_VERSION), names)
    users: dict[str, Columns] = defaultdict(dict)
    found: dict[str, Columns] = defaultdict(dict)
    user = version = None
    for table, column, type_name, is_user, own_name, version in rows:  # noqa: B007  # the same in each row
        (found[own_name] if own_name else users[table])[column] = type_name
        user = table if is_user else user
    if user:
        problem = _of_users(user, users[user]) or _of_owners(own, found, users[user]["id"])
        if version == newest() and not problem:
            problem = _of_missing(own.keys() - found.keys(), version) or _of_missing_columns(found, version)
    elif users:
        table = next(iter(users)).removeprefix("public.")
        problem = f"Set BETTER_AUTH_USER_TABLE={table}. There is no table {USER_TABLE.fullname}."
    else:
        problem = f"Run Better Auth's migrations. There is no table {USER_TABLE.fullname}."
    return version or "", problem


def _of_users(table: str, columns: Columns) -> str | None:
    if (type_name := columns.get("id")) is None:
        return f"Set BETTER_AUTH_USER_TABLE to Better Auth's user table. The table {table} has no column id."
    if (id_type := _ID_TYPES.get(type_name)) is None:
        return f"Set BETTER_AUTH_USER_TABLE to Better Auth's user table. In {table} the type of id is {type_name}."
    if id_type != settings.better_auth_id_type:
        return f"Set BETTER_AUTH_ID_TYPE={id_type}. In {table} the type of id is {type_name}."
    missing = [column.name for column in USER_TABLE.columns if column.name not in columns]
    for case, column in ("snake", "email_verified"), ("camel", "emailVerified"):
        if missing and column in columns and case != settings.better_auth_column_case:
            return f"Set BETTER_AUTH_COLUMN_CASE={case}. The table {table} has the column {column}."
    return f"Run Better Auth's migrations. The table {table} lacks {', '.join(missing)}." if missing else None


def _owner_columns(table: Table) -> list[str]:
    """Return the columns that refer to Better Auth's user table."""
    return [key.parent.name for key in table.foreign_keys if key.target_fullname == f"{USER_TABLE.fullname}.id"]


def _of_owners(own: dict[str, list[str]], found: dict[str, Columns], id_type: str) -> str | None:
    for name, columns in found.items():
        for column in own[name]:
            if column in columns and _ID_TYPES.get(columns[column]) != _ID_TYPES[id_type]:
                return (
                    f"The type of {name}.{column} is {columns[column]}, and the type of users' ids is {id_type}."
                    f" Change the type of {column}, or drop the table."
                )
    return None


def _of_missing(names: set[str], version: str) -> str | None:
    if not names:
        return None
    return (
        f"There is no table {min(names)}, and the schema is at version {version}."
        " If its model is new, run make migration. If the table was dropped, restore it, or drop"
        f" {VERSION_TABLE} and the other tables of the API, so that the next start creates all of them."
    )


def _of_missing_columns(found: dict[str, Columns], version: str) -> str | None:
    for table in SQLModel.metadata.sorted_tables:
        for column in table.columns:
            if table.name in found and column.name not in found[table.name]:
                return (
                    f"The table {table.name} has no column {column.name}, and the schema is at version {version}."
                    " If its field is new, run make migration."
                )
    return None
