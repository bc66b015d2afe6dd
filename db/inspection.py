"""A look at the tables as they are, and which setting to change when they are not as expected."""

from collections import defaultdict

from sqlalchemy import Connection, text
from sqlalchemy.exc import ProgrammingError

from config import settings
from db.migrations import VERSION_TABLE
from models.todo import TODO_TABLE
from models.user import USER_TABLE

# Beside the two tables that are named: whatever looks like Better Auth's users, by a column that
# only they have, so that a wrong BETTER_AUTH_USER_TABLE can be told from migrations not yet run.
_COLUMNS = """
    SELECT n.nspname || '.' || c.relname, a.attname, format_type(a.atttypid, NULL),
           c.oid = to_regclass(:user), c.oid = to_regclass(:todo), {version}
    FROM pg_catalog.pg_attribute a
    JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r', 'p', 'v', 'f')
      AND (c.oid IN (to_regclass(:user), to_regclass(:todo)) OR EXISTS (
        SELECT FROM pg_catalog.pg_attribute b
        WHERE b.attrelid = c.oid AND b.attname IN ('emailVerified', 'email_verified')))
    ORDER BY 1
"""
_WITH_VERSION = text(_COLUMNS.format(version=f"(SELECT max(version_num) FROM {VERSION_TABLE})"))  # noqa: S608  # a constant
_WITHOUT_VERSION = text(_COLUMNS.format(version="NULL"))
_UNDEFINED_TABLE = "42P01"
_ID_TYPES = {"text": "text", "character varying": "text", "uuid": "uuid", "integer": "integer"}

Columns = dict[str, str]
"""The columns of a table: name and type."""


def inspect_tables(connection: Connection) -> tuple[str, str | None]:
    """Look at Better Auth's user table and at our own; one query, and another when no migration ever ran.

    Returns:
        The version of our own, empty without one; and what is wrong, with what to do about it, or
        `None`.
    """
    name = connection.dialect.identifier_preparer.format_table
    names = {"user": name(USER_TABLE), "todo": name(TODO_TABLE)}
    try:
        rows = connection.execute(_WITH_VERSION, names)
    except ProgrammingError as error:
        if getattr(error.orig, "pgcode", None) != _UNDEFINED_TABLE:
            raise
        rows = connection.execute(_WITHOUT_VERSION, names)
    tables: dict[str, Columns] = defaultdict(dict)
    user = todo = version = None
    for table, column, type_name, is_user, is_todo, version in rows:  # noqa: B007  # the same in each row
        tables[table][column] = type_name
        user, todo = table if is_user else user, table if is_todo else todo
    if user:
        problem = _of_users(user, tables[user])
        if todo and not problem:
            problem = _of_todos(todo, tables[todo], tables[user])
        elif version and not problem:
            problem = f"The table todo is gone: drop {VERSION_TABLE} as well, and both are made again."
    elif others := [table.removeprefix("public.") for table in tables if table != todo]:
        problem = f"BETTER_AUTH_USER_TABLE={others[0]}: there is no table {USER_TABLE.fullname}, but that one."
    else:
        problem = f"Better Auth's migrations have not run yet: there is no table {USER_TABLE.fullname}."
    return version or "", problem or None


def _of_users(table: str, columns: Columns) -> str | None:
    type_name = columns.get("id", "missing")
    if (id_type := _ID_TYPES.get(type_name, type_name)) != settings.better_auth_id_type:
        if id_type in _ID_TYPES.values():
            return f'BETTER_AUTH_ID_TYPE={id_type}: table {table} has "id" of type {type_name}.'
        return f"BETTER_AUTH_USER_TABLE names {table}, whose id is {type_name}: Better Auth made another."
    missing = [column.name for column in USER_TABLE.columns if column.name not in columns]
    for case, column in ("snake", "email_verified"), ("camel", "emailVerified"):
        if missing and column in columns and case != settings.better_auth_column_case:
            return f'BETTER_AUTH_COLUMN_CASE={case}: table {table} has "{column}".'
    return f"Run Better Auth's migrations: table {table} lacks {', '.join(missing)}." if missing else None


def _of_todos(table: str, columns: Columns, users: Columns) -> str | None:
    # That it has our columns is for the migrations to see to; its ids follow the settings.
    made_for = columns.get("user_id", "missing")
    if _ID_TYPES.get(made_for) in (None, _ID_TYPES[users["id"]]):
        return None
    return f"The table {table} was made for other ids: user_id is {made_for}, users' ids {users['id']}."
