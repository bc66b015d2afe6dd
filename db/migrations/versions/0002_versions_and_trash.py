"""Versions, a trash, and ids that belong to their owner. Decision 14 has the reasons for the lock.

Functions and the sequence may be there, if somebody dropped the tables alone.
"""

from secrets import randbits

import sqlalchemy as sa
from alembic import op

from models.user import USER_TABLE

revision = "0002"
down_revision = "0001"

# The lock lasts until the end of the transaction, so the versions of one owner become visible in their
# order. CASE evaluates its condition first. The owner is a text whatever BETTER_AUTH_ID_TYPE is.
#
# A transaction that has written and waits for a lock may be in a deadlock with the deletion of an
# account, and PostgreSQL may end Better Auth's transaction. So ours waits 300 ms at most from its second
# write on: see LOCK in crud/rows.py. The first write of a transaction waits as long as the request may.
_NEXT_VERSION = """
CREATE OR REPLACE FUNCTION todo_next_version(owner text) RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
  RETURN CASE
    WHEN pg_advisory_xact_lock(hashtextextended(owner, 0)) IS NOT NULL AND (
      pg_current_xact_id_if_assigned() IS NULL OR set_config('lock_timeout', '300ms', true) IS NOT NULL)
    THEN nextval('todo_version_seq')
  END;
END $$
"""
# `drizzle-kit push` drops sequences that nothing depends on, and PostgreSQL does not look into PL/pgSQL.
_LAST_VERSION = """
CREATE OR REPLACE FUNCTION todo_last_version() RETURNS bigint LANGUAGE sql
RETURN (SELECT last_value FROM todo_version_seq)
"""
# Triggers run in the sessions of others, too: Better Auth's, when it deletes an account. Its search_path
# may not have the schema of todos, so these functions have their own.
#
# The statements of the API set versions themselves. The trigger sets them for psql, other services, and
# the code of an earlier release that still serves. Its conditions are short, because PostgreSQL reads
# them for each statement. `*<>` compares all types, also json.
_SET_VERSION = """
CREATE OR REPLACE FUNCTION todo_set_version() RETURNS trigger LANGUAGE plpgsql
SET search_path FROM CURRENT AS $$
BEGIN
  IF NEW.version = 0 OR (TG_OP = 'UPDATE' AND NEW.version = OLD.version AND NEW *<> OLD) THEN
    NEW.version := todo_next_version(NEW.user_id::text);
  END IF;
  NEW.completed_at := CASE WHEN NEW.completed THEN coalesce(NEW.completed_at, now()) END;
  RETURN NEW;
END $$
"""
_ON_INSERT = """
CREATE TRIGGER todo_set_version_inserted BEFORE INSERT ON todo FOR EACH ROW
WHEN (NEW.version = 0 OR NEW.completed <> (NEW.completed_at IS NOT NULL)) EXECUTE FUNCTION todo_set_version()
"""
_ON_UPDATE = """
CREATE TRIGGER todo_set_version_updated BEFORE UPDATE ON todo FOR EACH ROW
WHEN (NEW.version = OLD.version OR NEW.completed <> (NEW.completed_at IS NOT NULL)) EXECUTE FUNCTION todo_set_version()
"""
# A deleted row leaves a tombstone, also if psql or the code of an earlier release deletes it, and also a
# tombstone that clients may not know yet. When an account is deleted, its user is gone already.
_ADD_TOMBSTONE = """
CREATE OR REPLACE FUNCTION todo_add_tombstone() RETURNS trigger LANGUAGE plpgsql
SET search_path FROM CURRENT AS $$
BEGIN
  INSERT INTO todo (user_id, id, version, created_at, updated_at, deleted_at, purged_at)
  SELECT user_id, id, todo_next_version(user_id::text), created_at, now(), coalesce(deleted_at, now()), now()
  FROM deleted
  WHERE coalesce(purged_at, now()) > now() - interval '31 days'
    AND EXISTS (SELECT FROM {users} WHERE id = deleted.user_id)
  ON CONFLICT (user_id, id) DO NOTHING;
  RETURN NULL;
END $$;
CREATE TRIGGER todo_add_tombstone AFTER DELETE ON todo REFERENCING OLD TABLE AS deleted
FOR EACH STATEMENT EXECUTE FUNCTION todo_add_tombstone()
"""
# Tokens of /api/changes hold in one history of one database. Neon's branches and restores have a
# timeline each. `make reset-sync` replaces todo_epoch() after a restore that cannot be noticed.
_HISTORY = """
CREATE OR REPLACE FUNCTION todo_history() RETURNS bigint LANGUAGE plpgsql STABLE
SET search_path FROM CURRENT AS $$
DECLARE
  cluster text := current_setting('neon.timeline_id', true);
BEGIN
  IF has_function_privilege('pg_control_system()', 'execute') THEN
    cluster := concat_ws(' ', cluster, (SELECT system_identifier FROM pg_control_system()));
  END IF;
  RETURN hashtextextended(
    concat_ws(' ', cluster, (SELECT oid FROM pg_database WHERE datname = current_database()), todo_epoch()), 0);
END $$
"""
_LIVE = sa.text("deleted_at IS NULL")
_DELETED = sa.text("deleted_at IS NOT NULL")
_PAGES = {"todo_page_idx": ["created_at"], "todo_completed_page_idx": ["completed", "created_at"]}


def upgrade() -> None:
    """Add the columns. Todos that exist have version 1, so only the completed ones are written."""
    op.add_column("todo", sa.Column("version", sa.BigInteger, nullable=False, server_default=sa.text("1")))
    for name in ("completed_at", "deleted_at", "purged_at"):
        op.add_column("todo", sa.Column(name, sa.DateTime(timezone=True)))
    op.execute("UPDATE todo SET completed_at = coalesce(updated_at, created_at) WHERE completed")
    op.alter_column("todo", "version", server_default=sa.text("0"))
    op.alter_column("todo", "title", server_default=sa.text("''"))  # the title of what was purged

    op.execute("CREATE SEQUENCE IF NOT EXISTS todo_version_seq START 2")
    op.execute(f"CREATE OR REPLACE FUNCTION todo_epoch() RETURNS bigint LANGUAGE sql STABLE RETURN {randbits(52)}")
    users = op.get_context().dialect.identifier_preparer.format_table(USER_TABLE)
    add_tombstone = _ADD_TOMBSTONE.format(users=users)
    for statement in (_NEXT_VERSION, _LAST_VERSION, _SET_VERSION, _ON_INSERT, _ON_UPDATE, add_tombstone, _HISTORY):
        op.execute(statement)

    tombstone = "purged_at IS NULL OR (deleted_at IS NOT NULL AND title = '')"
    op.create_check_constraint("todo_tombstone_check", "todo", tombstone)
    op.drop_constraint("todo_pkey", "todo")
    op.create_primary_key("todo_pkey", "todo", ["user_id", "id"])
    for name, columns in _PAGES.items():
        op.drop_index(name, "todo")
        op.create_index(name, "todo", ["user_id", *columns, "id"], postgresql_where=_LIVE)
    op.create_index("todo_change_idx", "todo", ["user_id", "version", "id"])
    op.create_index("todo_trash_idx", "todo", ["user_id", "deleted_at", "id"], postgresql_where=_DELETED)
    op.create_index("todo_sweep_idx", "todo", ["deleted_at"], postgresql_where=_DELETED)


def downgrade() -> None:
    """Delete what is in the trash, and remove the columns. Two users must not have the same id."""
    for name in ("todo_set_version_inserted", "todo_set_version_updated", "todo_add_tombstone"):
        op.execute(f"DROP TRIGGER {name} ON todo")
    op.execute("DELETE FROM todo WHERE deleted_at IS NOT NULL")
    for name in ("todo_sweep_idx", "todo_trash_idx", "todo_change_idx", *_PAGES):
        op.drop_index(name, "todo")
    op.drop_constraint("todo_pkey", "todo")
    op.create_primary_key("todo_pkey", "todo", ["id"])
    for name, columns in _PAGES.items():
        op.create_index(name, "todo", ["user_id", *columns, "id"])

    for name in (
        "todo_set_version()",
        "todo_add_tombstone()",
        "todo_history()",
        "todo_epoch()",
        "todo_last_version()",
        "todo_next_version(text)",
    ):
        op.execute(f"DROP FUNCTION {name}")
    op.execute("DROP SEQUENCE todo_version_seq")
    for name in ("purged_at", "deleted_at", "completed_at", "version"):
        op.drop_column("todo", name)
    op.alter_column("todo", "title", server_default=None)
