"""Who Better Auth says you are."""

from fastapi import APIRouter

from auth.dependencies import CurrentUser
from crud.rows import Row
from crud.user import get_user
from db.session import SessionDep
from errors import Unauthorized, documented
from models.user import UserRead
from routers import operation_id
from routers.route import RowRoute

router = APIRouter(prefix="/api", tags=["me"], route_class=RowRoute, generate_unique_id_function=operation_id)


@router.get("/me", response_model=UserRead, responses=documented(401, 413, 500, 503))
def get_me(user: CurrentUser, session: SessionDep) -> Row:
    """You, as Better Auth's table has you."""
    row = get_user(session, user.id)
    if row is None:
        raise Unauthorized("The user that the token names no longer exists.")
    return row
