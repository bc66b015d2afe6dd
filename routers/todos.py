"""The todos of the user."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import Header, Query, Request, Response

from auth import CurrentUser
from crud import batch, bulk, listing, move
from crud import todo as crud
from db import SessionDep
from errors import Invalid, found
from models.key import todo_id_of
from models.listing import TodoFilter, TodoPage
from models.todo import Changed, TodoCreate, TodoMove, TodoRead, TodoUpdate
from models.version import Versions
from openapi import documented, header, headers
from routers.routing import api_router
from routers.versions import ETAG, MISMATCH, NOT_MODIFIED, PAGE, IfMatch, Known, page_of, tag_or_not_modified, tagged

router = api_router("/todos")

_LOCATION = header("Location", "The path of the todo.")
_NEW: dict[str, Any] = {"description": "The new todo.", "model": TodoRead, **headers(_LOCATION, ETAG)}
_MADE_BEFORE: dict[str, Any] = {**_NEW, "description": "The todo that this key made before, as it is now."}
_REPLACED: dict[str, Any] = {"description": "The todo, which was there before.", **ETAG}
_IfNoneMatch = Annotated[
    Versions | None,
    Header(alias="If-None-Match", description="`*`: only create. If there is such a todo: 412.", examples=["*"]),
]

IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        description="A text that you choose for this todo. A request that is repeated with it makes no other.",
        examples=["0c5f1f3e-8a51-4a86-9b43-0f6d3d5f8f10"],
        min_length=1,
        max_length=255,
        pattern=r"^[\x21-\x7e]+$",
    ),
]


@router.get("", responses={200: PAGE, **NOT_MODIFIED})
def list_todos(
    request: Request,
    response: Response,
    user: CurrentUser,
    session: SessionDep,
    page: Annotated[TodoPage, Query()],
    known: Known = None,
) -> list[TodoRead]:
    """List your todos that match all filters.

    If more follow, the header `Link` has the next page. Todos that are created between two requests
    neither repeat nor hide a todo. A page may be short, or empty, although more follow: most filters are
    tested on 5,000 todos a request. The header `ETag` changes with every change of your todos.
    """
    return page_of(request, response, listing.list_todos(session, user.id, page, known), known)


@router.post("", status_code=201, responses={200: _MADE_BEFORE, 201: _NEW, **documented(410)})
def create_todo(
    request: Request,
    response: Response,
    user: CurrentUser,
    session: SessionDep,
    new: TodoCreate,
    key: IdempotencyKey = None,
) -> TodoRead:
    """Create a todo.

    A request that is repeated with the same `Idempotency-Key` makes no second todo: 200, with the
    todo as it is now.
    """
    if key is None:
        todo = crud.create_todo(session, user.id, new)
    elif len(request.headers.getlist("Idempotency-Key")) > 1:
        raise Invalid({"loc": ["header", "Idempotency-Key"], "msg": "Header should be sent once", "type": "repeated"})
    else:
        todo, is_new = crud.create_once(session, user.id, new, todo_id_of(key))
        response.status_code = 201 if is_new else 200
    response.headers["Location"] = f"{request.url.path}/{todo.id}"
    return tagged(response, todo)


@router.patch("", responses=documented(409))
def update_todos(
    user: CurrentUser, session: SessionDep, which: Annotated[TodoFilter, Query()], changes: TodoUpdate
) -> Changed:
    """Change the fields that you send, in all todos that match."""
    return Changed(changed=bulk.update_todos(session, user.id, which, changes))


@router.delete("", responses=documented(409))
def delete_todos(user: CurrentUser, session: SessionDep, which: Annotated[TodoFilter, Query()]) -> Changed:
    """Move all todos that match to the trash."""
    return Changed(changed=bulk.delete_todos(session, user.id, which))


@router.get("/{todo_id}", responses={200: ETAG, **NOT_MODIFIED})
def get_todo(
    response: Response, user: CurrentUser, session: SessionDep, todo_id: UUID, known: Known = None
) -> TodoRead:
    """Get a todo."""
    todo = found(crud.get_todo(session, user.id, todo_id), "Todo")
    tag_or_not_modified(response, todo.version, known)
    return todo


@router.put("/{todo_id}", responses={200: _REPLACED, 201: _NEW, **MISMATCH})
def put_todo(
    request: Request,
    response: Response,
    user: CurrentUser,
    session: SessionDep,
    todo_id: UUID,
    new: TodoCreate,
    match: IfMatch = None,
    none_match: _IfNoneMatch = None,
) -> TodoRead:
    """Create a todo with an id that you choose, or replace all its fields.

    A todo in the trash is restored.
    """
    if none_match is not None and (match is not None or not none_match.anything):
        header_error = "Header should be *, and If-Match should be left out"
        raise Invalid({"loc": ["header", "If-None-Match"], "msg": header_error, "type": "etag_invalid"})
    versions = match if none_match is None else Versions()  # with no version, it only creates
    todo, is_new = found(batch.put_todo(session, user.id, todo_id, new, versions, creates=match is None), "Todo")
    if is_new:
        response.status_code = 201
        response.headers["Location"] = request.url.path
    return tagged(response, todo)


@router.patch("/{todo_id}", responses={200: ETAG, **MISMATCH})
def update_todo(
    response: Response,
    user: CurrentUser,
    session: SessionDep,
    todo_id: UUID,
    changes: TodoUpdate,
    match: IfMatch = None,
) -> TodoRead:
    """Change the fields that you send. The others stay as they are."""
    return tagged(response, found(crud.update_todo(session, user.id, todo_id, changes, match), "Todo"))


@router.delete("/{todo_id}", status_code=204, responses={204: ETAG, **MISMATCH})
def delete_todo(
    response: Response, user: CurrentUser, session: SessionDep, todo_id: UUID, match: IfMatch = None
) -> None:
    """Move a todo to the trash."""
    tagged(response, found(crud.delete_todo(session, user.id, todo_id, match), "Todo"))


@router.post("/{todo_id}/toggle", responses={200: ETAG, **MISMATCH})
def toggle_todo(
    response: Response, user: CurrentUser, session: SessionDep, todo_id: UUID, match: IfMatch = None
) -> TodoRead:
    """Complete an open todo, or reopen a completed one. Each call toggles it once, also concurrent calls."""
    return tagged(response, found(crud.toggle_todo(session, user.id, todo_id, match), "Todo"))


@router.post("/{todo_id}/move", responses={200: ETAG, **documented(409), **MISMATCH})
def move_todo(
    response: Response, user: CurrentUser, session: SessionDep, todo_id: UUID, place: TodoMove, match: IfMatch = None
) -> TodoRead:
    """Move a todo right below another one, or to the top. If it is there already, nothing changes."""
    return tagged(response, found(move.move_todo(session, user.id, todo_id, place.after, match), "Todo"))
