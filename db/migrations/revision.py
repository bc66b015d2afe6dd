"""What `make migration` adds to the changes that Alembic finds, and what it refuses to write."""

import json
from collections.abc import Iterable, Iterator
from graphlib import TopologicalSorter
from itertools import chain
from typing import Any

from alembic.operations import ops
from alembic.runtime.migration import MigrationContext
from sqlalchemy import CheckConstraint, Column, Constraint, ForeignKeyConstraint, Table

from db.migrations.defaults import default_sql, suggested_default
from db.migrations.enums import Values, create, declared_enums, drop, enum_problems, extend, stored_enums
from db.migrations.rendering import CreateUserKeyOp
from db.migrations.sql import execute, quote
from models.user import USER_TABLE


def complete(script: ops.MigrationScript, tables: list[Table], context: MigrationContext, *, owns_all: bool) -> None:
    """Change the script that Alembic made, so that it runs on tables with rows and creates the types of Enums.

    Args:
        script: what Alembic found.
        tables: the tables of the models.
        context: Alembic's, with a connection.
        owns_all: whether all that the database has in its own schema is of these models.

    Raises:
        SystemExit: the script cannot run. The message has a line for each reason.
    """
    upgrade, downgrade = script.upgrade_ops, script.downgrade_ops
    if upgrade is None or downgrade is None:  # only a script for several databases
        return
    stored = stored_enums(context)
    if problems := [*_unnamed_checks(tables), *_missing_values(upgrade, tables), *enum_problems(tables, stored)]:
        raise SystemExit("\n".join(problems))
    upgrade.ops = _in_order([item for change in upgrade.ops for item in _with_checks(change, tables)])
    upgrade.reverse_into(downgrade)
    for table in _changed_tables(upgrade):
        table.ops = [item for change in table.ops for item in _filled(change, tables)]
    for table in _changed_tables(downgrade):
        for change in table.ops:
            _make_optional(change)
    for table in (*_changed_tables(upgrade), *_changed_tables(downgrade)):
        table.ops = [_by_settings(change) for change in table.ops]
    declared = declared_enums(tables)
    # Where another application has types too, those that no model has may be its own.
    gone = {name: values for name, values in stored.items() if owns_all and name not in declared}
    _add_enums(upgrade, downgrade, declared, stored, gone)


def _changed_tables(container: ops.OpContainer) -> Iterator[ops.ModifyTableOps]:
    return (item for item in container.ops if isinstance(item, ops.ModifyTableOps))


def _changes(container: ops.OpContainer) -> Iterator[ops.MigrateOperation]:
    return (change for table in _changed_tables(container) for change in table.ops)


def _checks(constraints: Iterable[Constraint]) -> Iterator[CheckConstraint]:
    # SQLAlchemy marks what a type adds, such as Enum(native_enum=False, create_constraint=True).
    return (
        item for item in constraints if isinstance(item, CheckConstraint) and not getattr(item, "_type_bound", False)
    )


def _unnamed_checks(tables: list[Table]) -> Iterator[str]:
    for table in tables:
        for check in _checks(chain(table.constraints, *(column.constraints for column in table.columns))):
            if check.name is None:
                yield (
                    f"The table {table.name} has a check without a name: {check.sqltext}."
                    f' Name it: CheckConstraint(..., name="{table.name}_..._check")'
                )


def _missing_values(upgrade: ops.OpContainer, tables: list[Table]) -> Iterator[str]:
    for change in _changes(upgrade):
        if isinstance(change, ops.AddColumnOp):
            column = change.column
        elif isinstance(change, ops.AlterColumnOp) and change.modify_nullable is False:
            column = _column(change, tables)
        else:
            continue
        if not column.nullable and column.server_default is None:
            yield (
                f"The column {column.table.name}.{column.name} is required, and rows that exist have no value for it."
                " Give the field a server_default, or make it optional: Field(..., sa_column_kwargs="
                f'{{"server_default": text({json.dumps(suggested_default(column))})}})'
            )


def _column(change: ops.AlterTableOp, tables: list[Table]) -> Column[Any]:
    (column,) = (
        table.columns[change.column_name]  # type: ignore[attr-defined]  # each change of a column has it
        for table in tables
        if table.name == change.table_name
    )
    return column


def _with_checks(change: ops.MigrateOperation, tables: list[Table]) -> Iterator[ops.MigrateOperation]:
    """Add the checks of single columns to a new table, of which Alembic writes only the table's own."""
    yield change
    if isinstance(change, ops.CreateTableOp):
        (table,) = (table for table in tables if table.name == change.table_name)
        for check in _checks(chain(*(column.constraints for column in table.columns))):
            yield ops.CreateCheckConstraintOp.from_constraint(check)


def _in_order(operations: list[ops.MigrateOperation]) -> list[ops.MigrateOperation]:
    """Drop tables last, and a table before those that it refers to."""
    dropped = {item.table_name: item for item in operations if isinstance(item, ops.DropTableOp)}
    sorter: TopologicalSorter[str] = TopologicalSorter()
    for name, item in dropped.items():
        keys = (key for key in item.to_table().constraints if isinstance(key, ForeignKeyConstraint))
        referred = {key.elements[0].target_fullname.rpartition(".")[0] for key in keys}
        sorter.add(name, *(referred & dropped.keys() - {name}))
    drops = [dropped[name] for name in sorter.static_order()]
    return [*(item for item in operations if item not in drops), *reversed(drops)]


def _filled(change: ops.MigrateOperation, tables: list[Table]) -> Iterator[ops.MigrateOperation]:
    """Put the default where there is NULL, before a column refuses NULL."""
    if isinstance(change, ops.AlterColumnOp) and change.modify_nullable is False:
        table, name = quote(change.table_name), quote(change.column_name)
        value = default_sql(_column(change, tables))
        sql = f"UPDATE {table} SET {name} = {value} WHERE {name} IS NULL"  # noqa: S608  # of the models
        yield execute(sql)
    yield change


def _make_optional(change: ops.MigrateOperation) -> None:
    """Let a downgrade add a column to a table with rows: the values that it had are gone."""
    if isinstance(change, ops.AddColumnOp) and change.column.server_default is None:
        change.column.nullable = True


def _by_settings(change: ops.MigrateOperation) -> ops.MigrateOperation:
    """Return the change that refers to Better Auth's user table by the settings."""
    if not isinstance(change, ops.CreateForeignKeyOp):
        return change
    if (change.kw.get("referent_schema"), change.referent_table) != (USER_TABLE.schema, USER_TABLE.name):
        return change
    columns = change.local_cols, change.remote_cols
    return CreateUserKeyOp(change.constraint_name, change.source_table, change.referent_table, *columns, **change.kw)


def _add_enums(
    upgrade: ops.UpgradeOps, downgrade: ops.DowngradeOps, declared: Values, stored: Values, gone: Values
) -> None:
    new = {name: values for name, values in declared.items() if name not in stored}
    for name in sorted(declared.keys() & stored.keys()):
        upgrade.ops[:0] = extend(name, stored[name], declared[name])
    upgrade.ops[:0] = [create(name, values) for name, values in new.items()]
    upgrade.ops += [drop(name) for name in gone]
    downgrade.ops[:0] = [create(name, values) for name, values in gone.items()]
    downgrade.ops += [drop(name) for name in new]
