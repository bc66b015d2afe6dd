"""Due dates, priorities, tags and the hand order. Decisions 13 and 15 have the reasons for the indexes."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY

from models.user import USER_ID_COLUMN_TYPE

revision = "0003"
down_revision = "0002"

# Each todo gets a new version, in the order of the old ones, because it has more fields: so ETags of the release
# before never mean the todo as it is now, and clients that keep a copy ask for all todos. Todos that are older
# than migration 0002 all had version 1. From here on the versions of a user differ.
_VALUES = """
    UPDATE todo SET version = numbered.version, position = EXTRACT(epoch FROM created_at)
    FROM (
        SELECT user_id, id, nextval('todo_version_seq') AS version
        FROM (SELECT user_id, id FROM todo ORDER BY version, coalesce(updated_at, created_at), id) in_order
    ) numbered
    WHERE todo.user_id = numbered.user_id AND todo.id = numbered.id
"""
# The position of a new todo: the time, so that lists are newest first until a todo is moved. An import, or a
# clock that was set back, may leave todos with a later time. PL/pgSQL plans the query once in a connection.
# Names in it are qualified, because a copy of the project may add a column `owner` to todos.
_TOP = """
CREATE OR REPLACE FUNCTION todo_top(owner {owner}) RETURNS numeric LANGUAGE plpgsql AS $$
DECLARE
  clock numeric := {now};
  highest numeric := (
    SELECT todo.position FROM todo WHERE todo.user_id = todo_top.owner AND todo.deleted_at IS NULL
    ORDER BY -todo.position LIMIT 1);
BEGIN
  RETURN CASE
    WHEN highest IS NULL OR highest < clock THEN clock
    WHEN trunc(highest) + 1 < 1e40 THEN trunc(highest) + 1
    -- A position has 40 digits before the point. The quotient of a division has fewer digits than a product.
    ELSE trim_scale(least(round((highest + 1e40) * 0.5, 19), 1e40 - 1e-19))
  END;
END $$
"""
_NOW = "EXTRACT(epoch FROM clock_timestamp())"
_DUE = "due ~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9]{2}:[0-9]{2})?$'"
_LIVE = sa.text("deleted_at IS NULL")
_DELETED = sa.text("deleted_at IS NOT NULL")
_IN_TRASH = sa.text("deleted_at IS NOT NULL AND purged_at IS NULL")
_BY_POSITION = {"todo_page_idx": [], "todo_completed_page_idx": ["completed"]}


def upgrade() -> None:
    """Add the columns. Each todo is written once, because its position is the time of its creation."""
    for name in ("todo_page_idx", "todo_completed_page_idx", "todo_trash_idx"):
        op.drop_index(name, "todo")
    op.add_column("todo", sa.Column("due", sa.Text(collation="C")))
    op.add_column("todo", sa.Column("priority", sa.SmallInteger, nullable=False, server_default=sa.text("0")))
    op.add_column("todo", sa.Column("tags", ARRAY(sa.Text), nullable=False, server_default=sa.text("'{}'")))
    op.add_column("todo", sa.Column("position", sa.Numeric))
    op.execute(_VALUES)
    op.alter_column("todo", "position", nullable=False, server_default=sa.text(_NOW))
    op.create_check_constraint("todo_priority_check", "todo", "priority BETWEEN 0 AND 3")
    op.create_check_constraint("todo_due_check", "todo", _DUE)
    op.create_check_constraint("todo_position_check", "todo", "position > -1e40 AND position < 1e40")
    for name, first in _BY_POSITION.items():
        op.create_index(name, "todo", ["user_id", *first, sa.text("(- position)"), "id"], postgresql_where=_LIVE)
    op.create_index(
        "todo_due_idx",
        "todo",
        ["user_id", "completed", sa.text("COALESCE(due, '~')"), "id"],
        postgresql_include=["due"],
        postgresql_where=_LIVE,
    )
    op.create_index("todo_updated_idx", "todo", ["user_id", sa.text("(- version)"), "id"], postgresql_where=_LIVE)
    op.create_index("todo_trash_idx", "todo", ["user_id", "deleted_at", "id"], postgresql_where=_IN_TRASH)
    owner = USER_ID_COLUMN_TYPE.compile(op.get_context().dialect)
    op.execute(_TOP.format(owner=owner, now=_NOW))


def downgrade() -> None:
    """Remove the columns."""
    op.execute("DROP FUNCTION todo_top")
    for name in ("todo_updated_idx", "todo_due_idx", "todo_trash_idx", *_BY_POSITION):
        op.drop_index(name, "todo")
    for name in ("position", "tags", "priority", "due"):
        op.drop_column("todo", name)
    for name, first in _BY_POSITION.items():
        op.create_index(name, "todo", ["user_id", *first, "created_at", "id"], postgresql_where=_LIVE)
    op.create_index("todo_trash_idx", "todo", ["user_id", "deleted_at", "id"], postgresql_where=_DELETED)
