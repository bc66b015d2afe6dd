"""The table todo; one that was made before there were migrations is adopted as it is."""

import sqlalchemy as sa
from alembic import op

from errors import Unavailable
from models.user import USER_ID_COLUMN_TYPE, USER_TABLE

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the table, with the type and the place of Better Auth's ids."""
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


def _refuse_others() -> None:
    """Look whether a table of that name is the one that the API made before there were migrations."""
    if op.get_context().as_sql:
        return
    found = op.get_bind().execute(
        sa.text("SELECT attname FROM pg_attribute WHERE attrelid = to_regclass('todo') AND attnum > 0")
    )
    columns = set(found.scalars())
    missing = {"id", "user_id", "title", "description", "completed", "created_at", "updated_at"} - columns
    if columns and missing:
        raise Unavailable(f"The table todo is somebody else's: it lacks {', '.join(sorted(missing))}.")


def downgrade() -> None:
    """Drop the table, and all todos with it."""
    op.drop_table("todo")
