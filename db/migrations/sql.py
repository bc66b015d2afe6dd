"""SQL in a migration: as text, that neither psycopg2 nor SQLAlchemy reads parameters in."""

from alembic.operations import ops
from sqlalchemy.dialects.postgresql.base import PGDialect

# The dialect of psycopg2 doubles each %, and so does `op.execute`.
DIALECT = PGDialect(paramstyle="named")  # type: ignore[no-untyped-call]  # SQLAlchemy leaves it untyped
quote = DIALECT.identifier_preparer.quote


def escape(sql: str) -> str:
    """Return the SQL for `text` or `op.execute`, which read a colon before a name as a parameter."""
    return sql.replace(":", "\\:")


def execute(sql: str) -> ops.ExecuteSQLOp:
    """Return the operation that runs a statement without parameters."""
    return ops.ExecuteSQLOp(escape(sql))
