"""The statements on Better Auth's user table."""

from sqlalchemy import bindparam
from sqlmodel import Session, col, select

from db import Statement, columns
from models.user import User, UserId, UserRead

_GET = Statement(UserRead, select(*columns(User, UserRead)).where(col(User.id) == bindparam("user_id")))


def get_user(session: Session, user_id: UserId) -> UserRead | None:
    """Return a user; `None` if the account was deleted."""
    return _GET.first(session, user_id=user_id)
