"""The todos of whoever holds the token."""

from collections.abc import Sequence
from typing import Annotated
from urllib.parse import quote, urlencode
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from auth.dependencies import CurrentUser
from crud import todo as crud
from crud.rows import Row
from db.session import SessionDep
from errors import Problem, Unauthorized, documented, header
from models.page import Page, Position
from models.todo import TodoCreate, TodoRead, TodoUpdate
from routers import operation_id
from routers.route import RowRoute

router = APIRouter(
    prefix="/api/todos",
    tags=["todos"],
    route_class=RowRoute,
    responses=documented(401, 413, 422, 500, 503),
    generate_unique_id_function=operation_id,
)
LINK = header("Link", 'The next page, as rel="next", when more follow (RFC 8288).')
LOCATION = header("Location", "The path of the new todo.")


def found(todo: Row | None) -> Row:
    """Give the todo, or answer 404: somebody else's is the same as none."""
    if todo is None:
        raise Problem(404, "There is no such todo of yours.")
    return todo


def next_page(request: Request, last: Row) -> str:
    """Write the Link to the page after `last`: this request, with another cursor.

    A relative reference, so that it holds behind every proxy.
    """
    query = dict(request.query_params) | {"cursor": Position(last.created_at, UUID(last.id)).encode()}
    query.pop("skip", None)
    return f'<{quote(request.url.path)}?{urlencode(query)}>; rel="next"'


@router.get("", response_model=list[TodoRead], responses={200: LINK})
def list_todos(
    request: Request, response: Response, user: CurrentUser, session: SessionDep, page: Annotated[Page, Query()]
) -> Sequence[Row]:
    """Your todos, newest first.

    When more follow, the header `Link` holds the next page. Walking along it meets every todo that
    was there at the start once, whatever is created meanwhile.
    """
    todos, more = crud.list_todos(session, user.id, page)
    if more:
        response.headers["Link"] = next_page(request, todos[-1])
    return todos


@router.post("", response_model=TodoRead, status_code=201, responses=documented(415) | {201: LOCATION})
def create_todo(request: Request, response: Response, user: CurrentUser, session: SessionDep, new: TodoCreate) -> Row:
    """Make a todo."""
    todo = crud.create_todo(session, user.id, new)
    if todo is None:
        raise Unauthorized("The user that the token names no longer exists.")
    response.headers["Location"] = f"{request.url.path}/{todo.id}"
    return todo


@router.get("/{todo_id}", response_model=TodoRead, responses=documented(404))
def get_todo(user: CurrentUser, session: SessionDep, todo_id: UUID) -> Row:
    """One todo of yours."""
    return found(crud.get_todo(session, user.id, todo_id))


@router.patch("/{todo_id}", response_model=TodoRead, responses=documented(404, 415))
def update_todo(user: CurrentUser, session: SessionDep, todo_id: UUID, changes: TodoUpdate) -> Row:
    """Change what you send, and nothing else."""
    return found(crud.update_todo(session, user.id, todo_id, changes))


@router.delete("/{todo_id}", status_code=204, responses=documented(404))
def delete_todo(user: CurrentUser, session: SessionDep, todo_id: UUID) -> None:
    """Delete a todo, for good."""
    found(crud.delete_todo(session, user.id, todo_id))


@router.post("/{todo_id}/toggle", response_model=TodoRead, responses=documented(404))
def toggle_todo(user: CurrentUser, session: SessionDep, todo_id: UUID) -> Row:
    """Turn open into completed, and back: n calls at once turn it n times."""
    return found(crud.toggle_todo(session, user.id, todo_id))
