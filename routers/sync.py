"""What a client with its own copy of the todos needs: what has changed, and many changes at once."""

from typing import Annotated

from fastapi import Query
from pydantic_core import PydanticCustomError

from auth import CurrentUser
from crud import batch as crud
from crud.changes import list_changes as list_changes_since
from db import SessionDep
from errors import Invalid
from models.batch import Batch, BatchResult, BatchResults, InvalidItem, TodoDelete
from models.changes import Changes, ChangesPage, Place
from openapi import documented
from routers.routing import api_router

router = api_router("", tags=["sync"])

_STATUSES = {"created": 201, "changed": 200, "same": 200, "mismatch": 412, "missing": 404, "read": 422}


@router.get("/changes", responses=documented(410))
def list_changes(user: CurrentUser, session: SessionDep, page: Annotated[ChangesPage, Query()]) -> Changes:
    """List what has changed since an earlier answer, or everything.

    `gone` has the ids of the todos that are gone for good. Ask again with `next` as `since`, at once
    if `more` is true. No change is ever skipped, and one may be returned twice.
    """
    try:
        since = None if page.since is None else Place.parse(page.since, user.id)
    except PydanticCustomError as error:
        raise Invalid({"loc": ["query", "since"], "msg": error.message(), "type": error.type}) from None
    return list_changes_since(session, user.id, page, since)


@router.post("/batch", response_model_exclude_unset=True)
def apply_batch(user: CurrentUser, session: SessionDep, batch: Batch) -> BatchResults:
    """Create, replace and delete up to 500 todos. Each item has its own status.

    The same batch sent twice does nothing the second time.
    """
    items = [*batch.put, *batch.delete]
    results = []
    for item, todo, outcome in crud.apply_batch(session, user.id, items):
        status = _STATUSES[outcome]
        deleted = isinstance(item, TodoDelete) and status == 200
        result = BatchResult(id=item.id, status=204 if deleted else status, version=todo.version if todo else None)
        if outcome == "mismatch":
            result.current = todo
        if isinstance(item, InvalidItem):
            result.errors = item.errors
        results.append(result)
    return BatchResults(results=results)
