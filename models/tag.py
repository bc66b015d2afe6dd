"""Tags, which are words on todos and no table of their own."""

from typing import Annotated

from sqlmodel import SQLModel

from models.about import about
from models.fields import Tag
from models.request import RequestModel

_NAME = about("The tag.", "home")


class TagRead(SQLModel):
    """A tag, and how many todos have it."""

    name: Annotated[str, _NAME]
    count: Annotated[int, about("The number of todos that have it, without those in the trash.", 3)]


class TagRename(RequestModel):
    """What a client sends to rename a tag."""

    name: Annotated[Tag, about("The new name. If there is such a tag, the two become one.", "household")]
