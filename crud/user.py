"""Every statement on Better Auth's user table."""

from sqlalchemy import bindparam, select
from sqlmodel import Session

from crud.rows import Row, columns, fetch_one
from models.user import USER_TABLE, UserId, UserRead

_GET = select(*columns(USER_TABLE, UserRead)).where(USER_TABLE.c.id == bindparam("user_id"))


def get_user(session: Session, user_id: UserId) -> Row | None:
    """Give a user; `None` when the account was deleted."""
    return fetch_one(session, _GET, user_id=user_id)
