"""The tags of the user's todos."""

from typing import Annotated

from fastapi import Path, Response

from auth import CurrentUser
from crud import tags as crud
from db import SessionDep
from models.fields import Tag
from models.tag import TagRead, TagRename
from models.todo import Changed
from routers.routing import api_router
from routers.versions import ETAG, NOT_MODIFIED, Known, tag_or_not_modified

router = api_router("/tags")

TagName = Annotated[Tag, Path(description="The tag. A `/` in it is sent as `%2F`.", examples=["home"])]


@router.get("", responses={200: ETAG, **NOT_MODIFIED})
def list_tags(response: Response, user: CurrentUser, session: SessionDep, known: Known = None) -> list[TagRead]:
    """List the tags of your todos by name, at most 10,000."""
    found = crud.list_tags(session, user.id, known)
    tag_or_not_modified(response, found.version, known)
    return found.tags


# `text` is for names with `/`, because the server decodes %2F before it compares paths.
@router.patch("/{name:text}")
def rename_tag(user: CurrentUser, session: SessionDep, name: TagName, new: TagRename) -> Changed:
    """Rename a tag in all your todos, also in those in the trash. If there is such a tag, the two become one."""
    return Changed(changed=crud.rename_tag(session, user.id, name, new.name))


@router.delete("/{name:text}")
def delete_tag(user: CurrentUser, session: SessionDep, name: TagName) -> Changed:
    """Remove a tag from all your todos, also from those in the trash."""
    return Changed(changed=crud.delete_tag(session, user.id, name))
