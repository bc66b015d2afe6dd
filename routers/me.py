"""The account of the user."""

from auth import CurrentUser
from crud.user import get_user
from db import SessionDep
from errors import UserGone
from models.user import UserRead
from routers.routing import api_router

router = api_router("/me")


@router.get("")
def get_me(user: CurrentUser, session: SessionDep) -> UserRead:
    """Get your account, as Better Auth's table has it."""
    if (account := get_user(session, user.id)) is None:
        raise UserGone
    return account
