"""The types of Enums: the statements that create them, extend them and drop them.

Alembic compares tables. It writes nothing for a type that a new column needs.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from alembic.operations import ops
from alembic.runtime.migration import MigrationContext
from sqlalchemy import ARRAY, Enum, Table, inspect
from sqlalchemy.dialects.postgresql import ENUM
from sqlalchemy.dialects.postgresql.named_types import CreateEnumType, DropEnumType

from db.migrations.sql import DIALECT, execute, quote

Values = dict[str, list[str]]
"""Types by name, with their values in order."""


def stored_enums(context: MigrationContext) -> Values:
    """Return the types that the database has."""
    inspector: Any = inspect(context.connection)  # untyped, because only PostgreSQL's has get_enums
    return {enum["name"]: enum["labels"] for enum in inspector.get_enums()}


def _enums(tables: Iterable[Table]) -> Iterator[tuple[str, list[str]]]:
    for column in (column for table in tables for column in table.columns):
        item: Any = column.type
        while isinstance(item, ARRAY):
            item = item.item_type
        if isinstance(item, Enum) and item.native_enum and item.name is not None:
            yield item.name, item.enums


def declared_enums(tables: Iterable[Table]) -> Values:
    """Return the types that the columns of the models need."""
    return dict(_enums(tables))


def enum_problems(tables: Iterable[Table], stored: Values) -> Iterator[str]:
    """Return a sentence for each type that no statement can make equal to its Enum."""
    found: dict[str, list[list[str]]] = {}
    for name, values in _enums(tables):
        found.setdefault(name, []).append(values)
    for name, (first, *others) in found.items():
        if any(other != first for other in others):
            yield f"Two Enums with different values have the name {name}. Rename one of them."
        elif name in stored and [value for value in first if value in stored[name]] != stored[name]:
            yield (
                f"The type {name} has the values {', '.join(stored[name])}, and the Enum has {', '.join(first)}."
                " PostgreSQL can only add values. Keep the others in their order, or write this migration by hand."
            )


def create(name: str, values: list[str]) -> ops.ExecuteSQLOp:
    """Return the operation that creates a type."""
    return execute(str(CreateEnumType(ENUM(*values, name=name)).compile(dialect=DIALECT)))


def drop(name: str) -> ops.ExecuteSQLOp:
    """Return the operation that drops a type."""
    return execute(str(DropEnumType(ENUM(name=name)).compile(dialect=DIALECT)))


def extend(name: str, stored: list[str], declared: list[str]) -> list[ops.ExecuteSQLOp]:
    """Return the operations that add values to a type.

    PostgreSQL cannot remove a value. A downgrade keeps it, and the next upgrade finds it.
    """
    added = []
    for before, value in zip([None, *declared], declared, strict=False):
        if value not in stored:
            place = f"BEFORE {_quoted(stored[0])}" if before is None else f"AFTER {_quoted(before)}"
            added.append(execute(f"ALTER TYPE {quote(name)} ADD VALUE IF NOT EXISTS {_quoted(value)} {place}"))
    return added


def _quoted(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
