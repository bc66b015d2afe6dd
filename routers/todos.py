"""The todos of the user."""

from typing import Annotated
from uuid import UUID

from fastapi import Query, Request, Response

from auth import CurrentUser
from crud import todo as crud
from db import SessionDep
from errors import found
from models.todo import NEWEST_FIRST, TodoCreate, TodoPage, TodoRead, TodoUpdate
from openapi import header
from routers.routing import api_router, next_page

router = api_router("/todos")

_LINK = header("Link", 'The next page, as rel="next", if more follow (RFC 8288).')
_LOCATION = header("Location", "The path of the new todo.")


@router.get("", responses={200: _LINK})
def list_todos(
    request: Request, response: Response, user: CurrentUser, session: SessionDep, page: Annotated[TodoPage, Query()]
) -> list[TodoRead]:
    """List your todos, newest first.

    If more follow, the header `Link` has the next page. Todos that are created between two requests
    neither repeat nor hide a todo.
    """
    todos, more = crud.list_todos(session, user.id, page)
    if more:
        response.headers["Link"] = next_page(request, NEWEST_FIRST.cursor(todos[-1]))
    return todos


@router.post("", status_code=201, responses={201: _LOCATION})
def create_todo(
    request: Request, response: Response, user: CurrentUser, session: SessionDep, new: TodoCreate
) -> TodoRead:
    """Create a todo."""
    todo = crud.create_todo(session, user.id, new)
    response.headers["Location"] = f"{request.url.path}/{todo.id}"
    return todo


@router.get("/{todo_id}")
def get_todo(user: CurrentUser, session: SessionDep, todo_id: UUID) -> TodoRead:
    """Get a todo."""
    return found(crud.get_todo(session, user.id, todo_id), "Todo")


@router.patch("/{todo_id}")
def update_todo(user: CurrentUser, session: SessionDep, todo_id: UUID, changes: TodoUpdate) -> TodoRead:
    """Change the fields that you send. The others stay as they are."""
    return found(crud.update_todo(session, user.id, todo_id, changes), "Todo")


@router.delete("/{todo_id}", status_code=204)
def delete_todo(user: CurrentUser, session: SessionDep, todo_id: UUID) -> None:
    """Delete a todo for good."""
    found(crud.delete_todo(session, user.id, todo_id), "Todo")


@router.post("/{todo_id}/toggle")
def toggle_todo(user: CurrentUser, session: SessionDep, todo_id: UUID) -> TodoRead:
    """Complete an open todo, or reopen a completed one. Each call toggles it once, also concurrent calls."""
    return found(crud.toggle_todo(session, user.id, todo_id), "Todo")
