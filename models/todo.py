"""A todo: the table, and the schemas that cross the wire."""

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Annotated, Any
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError
from sqlalchemy import Index, Table, Text, text
from sqlmodel import Field, SQLModel

from models.about import about
from models.cursor import Order
from models.fields import Description, Moment, Owned, Title
from models.request import OMITTED, RequestModel
from models.user import EXAMPLE_USER_ID, UserIdText


class Todo(Owned, table=True):
    """A row of the table `todo`. The database makes its id and its times."""

    __table_args__ = (
        # Pages are read backwards along these. The second serves pages of open or of completed todos.
        Index("todo_page_idx", "user_id", "created_at", "id"),
        Index("todo_completed_page_idx", "user_id", "completed", "created_at", "id"),
    )

    id: UUID = Field(default=None, primary_key=True, sa_column_kwargs={"server_default": text("gen_random_uuid()")})
    title: str = Field(sa_type=Text)
    description: str | None = Field(default=None, sa_type=Text)
    completed: bool = Field(default=False, sa_column_kwargs={"server_default": text("false")})
    created_at: datetime = Field(default=None, sa_column_kwargs={"server_default": text("now()")})
    updated_at: datetime | None = None


TODO_TABLE: Table = Todo.__table__  # type: ignore[attr-defined]  # SQLModel leaves it untyped


_TITLE = about("What is to be done. Spaces around it are removed.", "Buy milk")
_DESCRIPTION = about("More about it.", "Two litres, and not the one with chocolate.")
_COMPLETED = about("Whether it is done.", False)


class TodoCreate(RequestModel):
    """What a client sends to make a todo."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"title": "Buy milk"}]})

    title: Annotated[Title, _TITLE]
    description: Annotated[Description | None, _DESCRIPTION] = None
    completed: Annotated[bool, _COMPLETED] = False


class TodoUpdate(RequestModel):
    """What a client sends to change a todo: what is left out stays as it is."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"completed": True}]})

    title: Annotated[Title, _TITLE] = OMITTED
    description: Annotated[Description | None, _DESCRIPTION] = None
    completed: Annotated[bool, _COMPLETED] = OMITTED


_UPDATED = about("When it was last changed, null until then.", "2026-11-24T09:30:00Z")
_EXAMPLE_ID = "7c1a6f1e-6d0b-4f9c-8f0e-1d2c3b4a5968"


class TodoRead(SQLModel):
    """A todo as its owner sees it."""

    id: Annotated[UUID, about("The id, made by the server.", _EXAMPLE_ID)]
    title: Annotated[str, about("What is to be done.", "Buy milk")]
    description: Annotated[str | None, _DESCRIPTION]
    completed: Annotated[bool, _COMPLETED]
    user_id: Annotated[UserIdText, about("The id of its owner.", EXAMPLE_USER_ID)]
    created_at: Annotated[datetime, about("When it was created.", "2026-11-24T08:00:00Z")]
    updated_at: Annotated[datetime | None, _UPDATED]


NEWEST_FIRST = Order("newest", created_at=Moment, id=UUID)


_EXAMPLE_CURSOR = NEWEST_FIRST.cursor(
    SimpleNamespace(created_at=datetime(2026, 11, 24, 8, tzinfo=UTC), id=UUID(_EXAMPLE_ID))
)

MAX_SKIP = 10_000
"""The most todos that a page by number leaves out. PostgreSQL reads each of them, also for nobody."""


def _refuse_deep(skip: int) -> int:
    if skip > MAX_SKIP:
        raise PydanticCustomError(
            "skip_too_large", f"Skip should be at most {MAX_SKIP}, use cursor to read beyond that"
        )
    return skip


class TodoPage(BaseModel):
    """The query of a list of todos."""

    completed: Annotated[bool | None, about("Only completed ones, or only open ones.", False)] = None
    limit: Annotated[int, about("The largest number of todos.", 50, ge=1, le=500)] = 100
    cursor: Annotated[
        Annotated[dict[str, Any], *NEWEST_FIRST.validator] | None,
        about("Where the page before ended: see the header `Link`. It is opaque.", _EXAMPLE_CURSOR),
    ] = None
    skip: Annotated[
        int,
        about("The number of todos to leave out; not with `cursor`.", 0, ge=0, json_schema_extra={"maximum": MAX_SKIP}),
        AfterValidator(_refuse_deep),
    ] = 0

    @field_validator("skip")
    @classmethod
    def _without_cursor(cls, skip: int, info: ValidationInfo) -> int:
        # Clients that are generated from the document send the default.
        if skip and info.data.get("cursor"):
            raise PydanticCustomError("skip_with_cursor", "Skip should be left out with a cursor")
        return skip
