"""The trash of the user: deleted todos, for 30 days."""

from typing import Annotated
from uuid import UUID

from fastapi import Query, Request, Response

from auth import CurrentUser
from crud import trash as crud
from db import SessionDep
from errors import NotFound, found
from models.listing import TrashPage
from models.todo import TodoRead
from routers.routing import api_router
from routers.versions import ETAG, MISMATCH, NOT_MODIFIED, PAGE, IfMatch, Known, page_of, tagged

router = api_router("/trash")


@router.get("", responses={200: PAGE, **NOT_MODIFIED})
def list_trash(
    request: Request,
    response: Response,
    user: CurrentUser,
    session: SessionDep,
    page: Annotated[TrashPage, Query()],
    known: Known = None,
) -> list[TodoRead]:
    """List the todos in your trash, last deleted first."""
    return page_of(request, response, crud.list_trash(session, user.id, page, known), known)


@router.delete("", status_code=204)
def empty_trash(user: CurrentUser, session: SessionDep) -> None:
    """Purge all todos in your trash: they are gone for good."""
    crud.empty_trash(session, user.id)


@router.post("/{todo_id}/restore", responses={200: ETAG, **MISMATCH})
def restore_todo(
    response: Response, user: CurrentUser, session: SessionDep, todo_id: UUID, match: IfMatch = None
) -> TodoRead:
    """Restore a todo from the trash. If it is not there, nothing changes."""
    return tagged(response, found(crud.restore_todo(session, user.id, todo_id, match), "Todo"))


@router.delete("/{todo_id}", status_code=204, responses=MISMATCH)
def purge_todo(user: CurrentUser, session: SessionDep, todo_id: UUID, match: IfMatch = None) -> None:
    """Purge a todo in your trash: it is gone for good."""
    if not crud.purge_todo(session, user.id, todo_id, match):
        raise NotFound("Todo")
