"""What an error of the database means for the client."""

import logging
import re

import psycopg2
from psycopg2 import errorcodes
from sqlalchemy import exc
from sqlmodel import SQLModel

from errors import Conflict, Invalid, Problem, Unavailable, UserGone
from models.user import USER_TABLE

log = logging.getLogger("todo.db")

_MISSING = {
    errorcodes.UNDEFINED_TABLE,
    errorcodes.UNDEFINED_COLUMN,
    errorcodes.INVALID_SCHEMA_NAME,
    errorcodes.INSUFFICIENT_PRIVILEGE,
}
_NOT_STORABLE = {
    errorcodes.CHECK_VIOLATION,
    errorcodes.CHARACTER_NOT_IN_REPERTOIRE,
    errorcodes.DATETIME_FIELD_OVERFLOW,
    errorcodes.INVALID_TEXT_REPRESENTATION,
    errorcodes.NUMERIC_VALUE_OUT_OF_RANGE,
    errorcodes.STRING_DATA_RIGHT_TRUNCATION,
    errorcodes.UNTRANSLATABLE_CHARACTER,
}
_LOCK_CONFLICTS = {errorcodes.SERIALIZATION_FAILURE, errorcodes.DEADLOCK_DETECTED, errorcodes.LOCK_NOT_AVAILABLE}
_CONFLICTS = {errorcodes.UNIQUE_VIOLATION, errorcodes.EXCLUSION_VIOLATION, errorcodes.FOREIGN_KEY_VIOLATION}


def as_problem(error: exc.SQLAlchemyError) -> Problem | None:
    """Return the problem that an error stands for; `None` if it is a bug."""
    cause = error.orig if isinstance(error, exc.StatementError) else error
    code = getattr(cause, "pgcode", None)
    if code == errorcodes.FOREIGN_KEY_VIOLATION and _violates_owner(cause):
        return UserGone()
    if code in _CONFLICTS:
        return Conflict("This conflicts with what is stored already.")
    # An error of this kind without a code is the driver's, or a type's: NUL, or a naive time.
    is_refused = isinstance(cause, psycopg2.DataError | ValueError | OverflowError) and code is None
    if is_refused or code in _NOT_STORABLE:
        return Invalid({"loc": [], "msg": "Value should be one that can be stored", "type": "not_storable"})
    return as_unavailable(error)


def as_unavailable(error: exc.SQLAlchemyError) -> Unavailable | None:
    """Return the 503 that an error stands for, and log its cause; `None` if it is something else."""
    cause = error.orig if isinstance(error, exc.StatementError) else error
    code = getattr(cause, "pgcode", None)
    if code in _LOCK_CONFLICTS:
        detail = "Another request is changing the same data. Try again."
    elif code in _MISSING:
        detail = "The database lacks a table, a column or a right."
    elif code == errorcodes.READ_ONLY_SQL_TRANSACTION:
        detail = "The database is read-only."
    elif isinstance(cause, psycopg2.errors.InFailedSqlTransaction):
        return None  # the code went on after a statement had failed
    elif isinstance(error, exc.OperationalError | exc.InterfaceError | exc.InternalError) or was_lost(error):
        detail = "The database cannot be reached, or does not answer in time."
    else:
        return None
    # Only the first line: the others repeat the statement and its values.
    log.warning("%s %s", detail, str(cause).strip().partition("\n")[0])
    return Unavailable(detail)


def is_missing(error: exc.SQLAlchemyError) -> bool:
    """Return whether a table, a column or a right is missing."""
    return getattr(getattr(error, "orig", None), "pgcode", None) in _MISSING


def was_lost(error: exc.SQLAlchemyError) -> bool:
    """Return whether the connection was lost during the statement, so that its effect is unknown."""
    return isinstance(error, exc.DBAPIError) and error.connection_invalidated


def _violates_owner(error: object) -> bool:
    """Return whether the owner of a row, in the column `user_id`, is no user of Better Auth."""
    violated = getattr(error, "diag", None)
    return any(
        # PostgreSQL's name for a constraint that has none of its own.
        (key.name or f"{table.name}_{'_'.join(key.column_keys)}_fkey") == getattr(violated, "constraint_name", None)
        for table in SQLModel.metadata.tables.values()
        for key in table.foreign_key_constraints
        if key.referred_table is USER_TABLE
        and key.column_keys == ["user_id"]
        # A partition has the name of its table and a number.
        and re.fullmatch(rf"{re.escape(table.name)}(_\d+)?", getattr(violated, "table_name", None) or "")
    )
