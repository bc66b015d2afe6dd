"""The table todo. A table that was made before there were migrations is adopted as it is."""

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.types import TypeEngine

from errors import Unavailable
from models.user import USER_ID_COLUMN_TYPE, USER_TABLE

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create the table, with the type and the table of Better Auth's ids."""
    _refuse_others()
    op.create_table(
        "todo",
        sa.Column("id", sa.Uuid, primary_key=True, server_default=sa.text("gen_random_uuid()")),
        sa.Column(
            "user_id",
            USER_ID_COLUMN_TYPE,
            sa.ForeignKey(f"{USER_TABLE.fullname}.id", ondelete="CASCADE"),
            nullable=False,
        ),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("description", sa.Text),
        sa.Column("completed", sa.Boolean, nullable=False, server_default=sa.text("false")),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=sa.text("now()")),
        sa.Column("updated_at", sa.DateTime(timezone=True)),
        if_not_exists=True,
    )
    op.create_index("todo_page_idx", "todo", ["user_id", "created_at", "id"], if_not_exists=True)
    op.create_index("todo_completed_page_idx", "todo", ["user_id", "completed", "created_at", "id"], if_not_exists=True)


_FOUND = sa.text("""
    SELECT attname, format_type(atttypid, atttypmod), attnotnull, atthasdef
    FROM pg_attribute WHERE attrelid = to_regclass('todo') AND attnum > 0 AND NOT attisdropped ORDER BY attnum
""")
_KEYS = sa.text("""
    SELECT
      EXISTS (
        SELECT FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
        WHERE i.indrelid = to_regclass('todo') AND i.indisprimary AND i.indnatts = 1 AND a.attname = 'id'),
      EXISTS (
        SELECT FROM pg_constraint k
        JOIN pg_attribute a ON a.attrelid = k.conrelid AND k.conkey = ARRAY[a.attnum]
        JOIN pg_attribute r ON r.attrelid = k.confrelid AND k.confkey = ARRAY[r.attnum]
        WHERE k.contype = 'f' AND k.conrelid = to_regclass('todo') AND a.attname = 'user_id'
          AND k.confrelid = to_regclass(:users) AND r.attname = 'id' AND k.confdeltype = 'c')
""")
# Name, type, whether it refuses NULL, and whether it has a default.
_EXPECTED: tuple[tuple[str, TypeEngine[Any], bool, bool], ...] = (
    ("id", sa.Uuid(), True, True),
    ("user_id", USER_ID_COLUMN_TYPE, True, False),
    ("title", sa.Text(), True, False),
    ("description", sa.Text(), False, False),
    ("completed", sa.Boolean(), True, True),
    ("created_at", sa.DateTime(timezone=True), True, True),
    ("updated_at", sa.DateTime(timezone=True), False, False),
)


def _refuse_others() -> None:
    """Check that a table of that name is the one that the API created before there were migrations.

    Raises:
        Unavailable: it is not. The first difference is named.
    """
    if not op.get_context().as_sql and (difference := next(_differences(), None)):
        raise Unavailable(
            f"The table todo belongs to another application, because {difference}."
            " Rename that table, or use another database."
        )


def _differences() -> Iterator[str]:
    connection = op.get_bind()
    found = {name: tuple(rest) for name, *rest in connection.execute(_FOUND)}
    if not found:
        return
    for name, expected_type, refuses_null, has_default in _EXPECTED:
        if name not in found:
            yield f"it has no column {name}"
            continue
        type_name = expected_type.compile(connection.dialect).lower()
        found_type, found_refuses_null, found_default = found.pop(name)
        if found_type != type_name:
            yield f"the type of {name} is {found_type} and not {type_name}"
        if found_refuses_null != refuses_null:
            yield f"{name} {'refuses' if found_refuses_null else 'accepts'} NULL"
        if has_default and not found_default:
            yield f"{name} has no default"
    for name, (_, refuses_null, has_default) in found.items():
        if refuses_null and not has_default:
            yield f"it requires a value for {name}"
    users = connection.dialect.identifier_preparer.format_table(USER_TABLE)
    has_primary_key, has_owner = connection.execute(_KEYS, {"users": users}).one()
    if not has_primary_key:
        yield "its primary key is not id"
    if not has_owner:
        yield f"user_id does not refer to {USER_TABLE.fullname}.id with ON DELETE CASCADE"


def downgrade() -> None:
    """Drop the table, and all todos with it."""
    op.drop_table("todo")
