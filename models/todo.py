"""A todo: the table, and the schemas that cross the wire."""

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationInfo, field_validator, model_validator
from pydantic_core import PydanticCustomError
from sqlalchemy import BigInteger, CheckConstraint, Index, PrimaryKeyConstraint, Table, Text, func, text
from sqlmodel import Field, SQLModel

from models.about import about
from models.cursor import Order
from models.fields import Description, Moment, Owned, Title
from models.request import OMITTED, RequestModel
from models.user import EXAMPLE_USER_ID, UserIdText
from models.version import VersionNumber

_LIVE = text("deleted_at IS NULL")
_DELETED = text("deleted_at IS NOT NULL")
# Evaluated before the row is locked. Decision 14 has the reasons.
_NEXT_VERSION = text("todo_next_version(todo.user_id::text)")


class Todo(Owned, table=True):
    """A row of the table `todo`. The database makes its times, and its version with each change.

    DELETE moves a todo to the trash, which is `deleted_at`. What is gone for good leaves a row without
    content, a tombstone, so that `/api/changes` can report it.
    """

    __table_args__ = (
        PrimaryKeyConstraint("user_id", "id"),  # clients choose ids, so two users may have the same
        # So a statement that forgets tombstones cannot give them content, or restore them.
        CheckConstraint("purged_at IS NULL OR (deleted_at IS NOT NULL AND title = '')", name="todo_tombstone_check"),
        # Pages are read backwards along these. The second serves pages of open or of completed todos.
        Index("todo_page_idx", "user_id", "created_at", "id", postgresql_where=_LIVE),
        Index("todo_completed_page_idx", "user_id", "completed", "created_at", "id", postgresql_where=_LIVE),
        Index("todo_change_idx", "user_id", "version", "id"),  # changes, and the ETag of lists
        Index("todo_trash_idx", "user_id", "deleted_at", "id", postgresql_where=_DELETED),
        Index("todo_sweep_idx", "deleted_at", postgresql_where=_DELETED),
        # A `Statement` on todos that tests neither column for NULL is refused: it forgets the trash.
        {"info": {"tested": ("deleted_at", "purged_at")}},
    )

    id: UUID = Field(default=None, sa_column_kwargs={"server_default": text("gen_random_uuid()")})
    version: int = Field(
        default=None,
        sa_type=BigInteger,
        sa_column_kwargs={"server_default": text("0"), "onupdate": _NEXT_VERSION},  # a trigger replaces 0
    )
    title: str = Field(sa_type=Text, sa_column_kwargs={"server_default": ""})
    description: str | None = Field(default=None, sa_type=Text)
    completed: bool = Field(default=False, sa_column_kwargs={"server_default": text("false")})
    completed_at: datetime | None = None  # a trigger keeps it null while the todo is open
    created_at: datetime = Field(default=None, sa_column_kwargs={"server_default": text("now()")})
    updated_at: datetime | None = Field(default=None, sa_column_kwargs={"onupdate": func.now()})
    deleted_at: datetime | None = None
    purged_at: datetime | None = None


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
EXAMPLE_ID = "7c1a6f1e-6d0b-4f9c-8f0e-1d2c3b4a5968"


class TodoRead(SQLModel):
    """A todo as its owner sees it."""

    id: Annotated[UUID, about("The id, made by the server or by the client.", EXAMPLE_ID)]
    version: Annotated[VersionNumber, about("It rises with every change of the todo, and is its ETag.", 7)]
    title: Annotated[str, about("What is to be done.", "Buy milk")]
    description: Annotated[str | None, _DESCRIPTION]
    completed: Annotated[bool, _COMPLETED]
    completed_at: Annotated[datetime | None, about("When it was completed, null while it is open.", None)]
    user_id: Annotated[UserIdText, about("The id of its owner.", EXAMPLE_USER_ID)]
    created_at: Annotated[datetime, about("When it was created.", "2026-11-24T08:00:00Z")]
    updated_at: Annotated[datetime | None, _UPDATED]
    deleted_at: Annotated[datetime | None, about("When it was moved to the trash, null if it is not there.", None)]


# FastAPI drops null from examples, so this todo has all times.
EXAMPLE_TODO = {name: (field.examples or [None])[0] for name, field in TodoRead.model_fields.items()} | {
    "completed": True,
    **dict.fromkeys(("completed_at", "updated_at", "deleted_at"), "2026-11-24T09:30:00Z"),
}

NEWEST_FIRST = Order("newest", created_at=Moment, id=UUID)
TRASH_DAYS = 30
"""Days after which a todo in the trash is purged. A tombstone stays as long, and a day more."""

LAST_DELETED_FIRST = Order("trash", deleted_at=Moment, id=UUID)


_EXAMPLE_TIME = datetime(2026, 11, 24, 8, tzinfo=UTC)
_EXAMPLE = SimpleNamespace(created_at=_EXAMPLE_TIME, deleted_at=_EXAMPLE_TIME, id=UUID(EXAMPLE_ID))
_LIMIT = about("The largest number of todos.", 50, ge=1, le=500)
_PLACE = "Where the page before ended: see the header `Link`. It is opaque."

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
    limit: Annotated[int, _LIMIT] = 100
    cursor: Annotated[
        Annotated[dict[str, Any], *NEWEST_FIRST.validator] | None, about(_PLACE, NEWEST_FIRST.cursor(_EXAMPLE))
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


class TrashPage(BaseModel):
    """The query of the trash."""

    limit: Annotated[int, _LIMIT] = 100
    cursor: Annotated[
        Annotated[dict[str, Any], *LAST_DELETED_FIRST.validator] | None,
        about(_PLACE, LAST_DELETED_FIRST.cursor(_EXAMPLE)),
    ] = None


class TodoFilter(BaseModel):
    """The query of a change of several todos: `id` and filters hold together, and one is necessary."""

    id: Annotated[list[UUID], about("The ids of the todos.", [EXAMPLE_ID])] = []
    completed: Annotated[bool | None, about("Only completed ones, or only open ones.", True)] = None
    max: Annotated[int, about("If more todos match, none is changed.", 100, ge=1, le=10_000)] = 1_000

    @model_validator(mode="after")
    def _has_filter(self) -> Self:
        if not self.id and self.completed is None:
            raise PydanticCustomError("filter_missing", "Query should have id or completed")
        return self


class Changed(SQLModel):
    """What a change of several todos has done."""

    changed: Annotated[int, about("The number of todos that matched.", 3)]
