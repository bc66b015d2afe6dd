"""ETags, and the headers that compare them (RFC 9110, section 13)."""

from typing import Annotated, Any

from fastapi import Header, HTTPException, Request, Response

from crud.pages import Listed
from models.about import about
from models.todo import EXAMPLE_TODO, TodoRead
from models.version import KnownVersions, Versions, etag
from openapi import ProblemDetails, header, headers
from routers.routing import next_page

_EXAMPLES = ['W/"7"']
IfMatch = Annotated[
    Versions | None,
    Header(
        alias="If-Match",
        description="The ETags of the versions that may be changed. If the todo has another one: 412.",
        examples=_EXAMPLES,
    ),
]
"""The versions that may be changed; `None` for whatever is there."""

Known = Annotated[
    KnownVersions | None,
    Header(
        alias="If-None-Match",
        description="The ETags of the versions that the client has. If the current one is among them: 304.",
        examples=_EXAMPLES,
    ),
]
"""The versions that the client has."""


class VersionMismatchDetails(ProblemDetails):
    """An error with the todo as it is now."""

    current: Annotated[TodoRead, about("The todo as it is now.", EXAMPLE_TODO)]


ETAG = header("ETag", "The version, as a weak entity tag.")
PAGE = headers(header("Link", 'The next page, as rel="next", if more follow (RFC 8288).'), ETAG)
NOT_MODIFIED: dict[int | str, dict[str, Any]] = {304: {"description": "The client has this version.", **ETAG}}
MISMATCH: dict[int | str, dict[str, Any]] = {
    412: {"description": "The todo has another version than the request names.", "model": VersionMismatchDetails}
}


def tagged(response: Response, todo: TodoRead) -> TodoRead:
    """Set the ETag of a response to the version of a todo, and return the todo."""
    response.headers["ETag"] = etag(todo.version)
    return todo


def tag_or_not_modified(response: Response, version: int, known: Versions | None) -> None:
    """Set the ETag of a response.

    Raises:
        HTTPException: 304, because the client has this version.
    """
    if known is not None and known.matches(version):
        raise HTTPException(304, headers={"ETag": etag(version)})
    response.headers["ETag"] = etag(version)


def page_of(request: Request, response: Response, listed: Listed, known: Versions | None) -> list[TodoRead]:
    """Set the ETag of a page, and the link to the next page if more follow. Return the todos.

    Raises:
        HTTPException: 304, because the client has this version.
    """
    tag_or_not_modified(response, listed.version, known)
    if listed.next:
        response.headers["Link"] = next_page(request, listed.next, only=("limit",))
    return listed.todos
