"""How `make migration` writes types and foreign keys.

A migration stands alone: it names types of SQLAlchemy and nothing of SQLModel. What depends on the
settings is written as the setting, so that one file works beside each of Better Auth's stacks.
"""

from typing import Any, Literal

from alembic.autogenerate import renderers
from alembic.autogenerate.api import AutogenContext
from alembic.autogenerate.render import _repr_type
from alembic.operations import ops
from sqlalchemy import Column, Enum, ForeignKeyConstraint, TypeDecorator
from sqlalchemy.types import TypeEngine

from models.user import USER_ID_COLUMN_TYPE, USER_TABLE

USER_ID = f"{USER_TABLE.fullname}.id"
_OPTIONS = ("onupdate", "ondelete", "deferrable", "initially")


def render_item(kind: str, item: Any, context: AutogenContext) -> str | Literal[False]:
    """Return the code of a type or a foreign key, or `False` for what Alembic writes well itself."""
    if kind == "type":
        return _render_type(item, context)
    if kind == "column":
        _restore_user_id(item)
    if kind == "foreign_key" and item.elements[0].target_fullname == USER_ID:
        return _render_user_key(item, context)
    return False


def _render_type(item: TypeEngine[Any], context: AutogenContext) -> str | Literal[False]:
    if item is USER_ID_COLUMN_TYPE:
        context.imports.add("from models.user import USER_ID_COLUMN_TYPE")
        return "USER_ID_COLUMN_TYPE"
    if isinstance(item, Enum) and item.native_enum:
        context.imports.add("from sqlalchemy.dialects import postgresql")
        # Statements of their own create and drop the type, see enums.py.
        return f"postgresql.ENUM({', '.join(map(repr, item.enums))}, name={item.name!r}, create_type=False)"
    if isinstance(item, TypeDecorator) and not type(item).__module__.startswith("sqlalchemy."):
        # Alembic documents no function that writes a type.
        return _repr_type(item.load_dialect_impl(context.dialect), context)
    return False


def _restore_user_id(column: Column[Any]) -> None:
    """Set the type of a user's id by the settings: a column from the database has a type of its own.

    A column may refer to the owner of another row, as a part of a key such as (user_id, todo_id).
    """
    targets = [key.target_fullname for key in column.foreign_keys]
    if any(target == USER_ID or target.endswith(".user_id") for target in targets):
        column.type = USER_ID_COLUMN_TYPE


def _render_user_key(key: ForeignKeyConstraint, context: AutogenContext) -> str:
    context.imports.add("from models.user import USER_TABLE")
    options = "".join(f", {name}={value!r}" for name in _OPTIONS if (value := getattr(key, name)))
    return f'sa.ForeignKeyConstraint({key.column_keys!r}, [f"{{USER_TABLE.fullname}}.id"], name={key.name!r}{options})'


class CreateUserKeyOp(ops.CreateForeignKeyOp):
    """Add a foreign key to Better Auth's user table to a table that exists."""


@renderers.dispatch_for(CreateUserKeyOp)
def _render_create_user_key(context: AutogenContext, key: CreateUserKeyOp) -> str:
    context.imports.add("from models.user import USER_TABLE")
    options = "".join(f", {name}={key.kw[name]!r}" for name in _OPTIONS if key.kw.get(name))
    return (
        f"op.create_foreign_key({key.constraint_name!r}, {key.source_table!r}, USER_TABLE.name,"
        f" {key.local_cols!r}, {key.remote_cols!r}, referent_schema=USER_TABLE.schema{options})"
    )
