"""Every statement on Better Auth's user table."""

from sqlalchemy import bindparam
from sqlmodel import Session, col, select

from models.user import User, UserId

_GET = select(User).where(col(User.id) == bindparam("user_id"))


def get_user(session: Session, user_id: UserId) -> User | None:
    """Give a user; `None` when the account was deleted."""
    return session.exec(_GET, params={"user_id": user_id}).first()
