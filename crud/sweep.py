"""Purge what has been in the trash for 30 days, and delete tombstones of 31 days.

This is the only module whose statements are on the todos of all users. No route uses it.
"""

import logging

from psycopg2 import errorcodes
from sqlalchemy import delete, not_, select, text, tuple_
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import aliased
from sqlmodel import Session, SQLModel, col

from crud.rows import LIVE, OWNED, PURGED, TodoId, among
from crud.trash import MAX_ROWS, purge
from db import Statement
from models.todo import TRASH_DAYS, Todo
from models.user import UserId

log = logging.getLogger("todo.db")

MAX_OWNERS = 100
"""The most users whose trash one sweep purges. Each of them is a statement."""

_GIVES_WAY = {errorcodes.LOCK_NOT_AVAILABLE, errorcodes.DEADLOCK_DETECTED, errorcodes.FOREIGN_KEY_VIOLATION}
"""Errors while another transaction changes the todos of a user, or deletes the account."""


class Owner(SQLModel):
    """A user with todos that have been in the trash for 30 days."""

    user_id: UserId


_EXPIRED = not_(LIVE), not_(PURGED), col(Todo.deleted_at) < text(f"now() - interval '{TRASH_DAYS} days'")
_OWNERS = Statement(Owner, select(col(Todo.user_id)).where(*_EXPIRED).distinct().limit(MAX_OWNERS))
_PURGE_EXPIRED = purge(among(select(col(Todo.id)).where(OWNED, *_EXPIRED).limit(MAX_ROWS)))

# The newest row of each owner stays, because its version is the ETag of lists. A token of /api/changes
# is valid for 30 days, so after 31 nobody asks for the others.
_LONG_AGO = text(f"now() - interval '{TRASH_DAYS + 1} days'")
_newer = aliased(Todo)
_HAS_NEWER = (
    select(col(_newer.id))
    .where(col(_newer.user_id) == col(Todo.user_id), col(_newer.version) > col(Todo.version))
    .exists()
)
_OLD_TOMBSTONES = (
    select(col(Todo.user_id), col(Todo.id))
    .where(
        PURGED,
        col(Todo.deleted_at) < _LONG_AGO,  # the earlier time, which has an index
        col(Todo.purged_at) < _LONG_AGO,
        _HAS_NEWER,
    )
    .limit(MAX_ROWS)
    .with_for_update(skip_locked=True)  # so that it never waits for the deletion of an account
)
_DELETE_TOMBSTONES = Statement(
    TodoId, delete(Todo).where(tuple_(col(Todo.user_id), col(Todo.id)).in_(_OLD_TOMBSTONES)).returning(col(Todo.id))
)


def sweep(session: Session) -> int:
    """Purge and delete what is due, a bounded number. Return the number of rows; 0 if nothing is left.

    Rows that another transaction has locked are left for the next sweep.

    Args:
        session: outside of a transaction, because each statement is one.
    """
    purged = 0
    for owner in _OWNERS.all(session):
        try:
            purged += len(_PURGE_EXPIRED.all(session, owner=owner.user_id))
        except DBAPIError as error:
            if getattr(error.orig, "pgcode", None) not in _GIVES_WAY:
                raise
            log.info("the sweep left out a user whose todos are locked")
    return purged + len(_DELETE_TOMBSTONES.all(session))
