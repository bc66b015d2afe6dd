"""A todo: the table, and the schemas that cross the wire."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated
from uuid import UUID

from pydantic import ConfigDict
from sqlalchemy import BigInteger, CheckConstraint, Index, Numeric, PrimaryKeyConstraint, Table, Text, func, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlmodel import Field, SQLModel

from models.about import about
from models.fields import MAX_TAGS, Description, Due, Owned, PositionText, Tags, Title
from models.priority import Priority, PriorityNumber
from models.request import OMITTED, RequestModel
from models.user import EXAMPLE_USER_ID, UserIdText
from models.version import VersionNumber

_LIVE = text("deleted_at IS NULL")
_DELETED = text("deleted_at IS NOT NULL")
_IN_TRASH = text("deleted_at IS NOT NULL AND purged_at IS NULL")
# Evaluated before the row is locked. Decision 14 has the reasons.
_NEXT_VERSION = text("todo_next_version(todo.user_id::text)")
NOW_IN_SECONDS = "EXTRACT(epoch FROM clock_timestamp())"
"""SQL of the position of a new todo: seconds since 1970, so that the newest todo is on top."""
EXAMPLE_ID = "7c1a6f1e-6d0b-4f9c-8f0e-1d2c3b4a5968"
TRASH_DAYS = 30
"""Days after which a todo in the trash is purged. A tombstone stays as long, and a day more."""


class Todo(Owned, table=True):
    """A row of the table `todo`. The database makes its times, and its version with each change.

    DELETE moves a todo to the trash, which is `deleted_at`. What is gone for good leaves a row without
    content, a tombstone, so that `/api/changes` can report it.
    """

    __table_args__ = (
        PrimaryKeyConstraint("user_id", "id"),  # clients choose ids, so two users may have the same
        # So a statement that forgets tombstones cannot give them content, or restore them.
        CheckConstraint("purged_at IS NULL OR (deleted_at IS NOT NULL AND title = '')", name="todo_tombstone_check"),
        # For psql and other services. The API checks more.
        CheckConstraint("priority BETWEEN 0 AND 3", name="todo_priority_check"),
        CheckConstraint("position > -1e40 AND position < 1e40", name="todo_position_check"),
        CheckConstraint("due ~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9]{2}:[0-9]{2})?$'", name="todo_due_check"),
        # Lists are sorted by a key and the id, both ascending: see _KEYS in crud/listing.py. Decision 13
        # has what each index serves.
        Index("todo_page_idx", "user_id", text("(- position)"), "id", postgresql_where=_LIVE),
        Index("todo_completed_page_idx", "user_id", "completed", text("(- position)"), "id", postgresql_where=_LIVE),
        Index(
            "todo_due_idx",
            *("user_id", "completed", text("COALESCE(due, '~')"), "id"),
            postgresql_include=["due"],  # so that /api/counts reads only the index
            postgresql_where=_LIVE,
        ),
        Index("todo_updated_idx", "user_id", text("(- version)"), "id", postgresql_where=_LIVE),
        Index("todo_change_idx", "user_id", "version", "id"),  # changes, and the ETag of lists
        Index("todo_trash_idx", "user_id", "deleted_at", "id", postgresql_where=_IN_TRASH),
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
    due: str | None = Field(default=None, sa_type=Text(collation="C"))
    priority: Priority = Field(
        default=Priority.NONE, sa_type=PriorityNumber, sa_column_kwargs={"server_default": text("0")}
    )
    tags: list[str] = Field(default_factory=list, sa_type=ARRAY(Text), sa_column_kwargs={"server_default": "{}"})
    position: Decimal = Field(default=None, sa_type=Numeric, sa_column_kwargs={"server_default": text(NOW_IN_SECONDS)})
    created_at: datetime = Field(default=None, sa_column_kwargs={"server_default": text("now()")})
    updated_at: datetime | None = Field(default=None, sa_column_kwargs={"onupdate": func.now()})
    deleted_at: datetime | None = None
    purged_at: datetime | None = None


TODO_TABLE: Table = Todo.__table__  # type: ignore[attr-defined]  # SQLModel leaves it untyped


_TITLE = about("What is to be done. Spaces around it are removed.", "Buy milk")
_DESCRIPTION = about("More about it.", "Two litres, and not the one with chocolate.")
_COMPLETED = about("Whether it is done.", False)
_DUE = about("When it is due: a date, or a local time without a zone.", "2026-11-24T09:00")
_PRIORITY = about("How important it is.", "high")
_TAGS = about("Its tags, each once. Spaces around them are removed.", ["home", "shopping"])
_POSITION = about("Its place in the hand order, a decimal number. Larger is higher up.", "1795507200.5")


class TodoCreate(RequestModel):
    """What a client sends to make a todo."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"title": "Buy milk"}]})

    title: Annotated[Title, _TITLE]
    description: Annotated[Description | None, _DESCRIPTION] = None
    completed: Annotated[bool, _COMPLETED] = False
    due: Annotated[Due | None, _DUE] = None
    priority: Annotated[Priority, _PRIORITY] = Priority.NONE
    tags: Annotated[Tags, _TAGS] = []  # noqa: RUF012  # pydantic copies it


class TodoUpdate(RequestModel):
    """What a client sends to change a todo: what is left out stays as it is."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"completed": True}]})

    title: Annotated[Title, _TITLE] = OMITTED
    description: Annotated[Description | None, _DESCRIPTION] = None
    completed: Annotated[bool, _COMPLETED] = OMITTED
    due: Annotated[Due | None, _DUE] = None
    priority: Annotated[Priority, _PRIORITY] = OMITTED
    tags: Annotated[Tags, _TAGS] = OMITTED


class TodoMove(RequestModel):
    """Where a client moves a todo."""

    after: Annotated[UUID | None, about("The id of the todo right above its new place, null for the top.", EXAMPLE_ID)]


_UPDATED = about("When it was last changed, null until then.", "2026-11-24T09:30:00Z")


class TodoRead(SQLModel):
    """A todo as its owner sees it."""

    id: Annotated[UUID, about("The id, made by the server or by the client.", EXAMPLE_ID)]
    version: Annotated[VersionNumber, about("It rises with every change of the todo, and is its ETag.", 7)]
    title: Annotated[str, about("What is to be done.", "Buy milk")]
    description: Annotated[str | None, _DESCRIPTION]
    completed: Annotated[bool, _COMPLETED]
    completed_at: Annotated[datetime | None, about("When it was completed, null while it is open.", None)]
    due: Annotated[str | None, _DUE]
    priority: Annotated[Priority, _PRIORITY]
    tags: Annotated[list[str], about("Its tags.", ["home", "shopping"], max_length=MAX_TAGS)]
    position: Annotated[PositionText, _POSITION]
    user_id: Annotated[UserIdText, about("The id of its owner.", EXAMPLE_USER_ID)]
    created_at: Annotated[datetime, about("When it was created.", "2026-11-24T08:00:00Z")]
    updated_at: Annotated[datetime | None, _UPDATED]
    deleted_at: Annotated[datetime | None, about("When it was moved to the trash, null if it is not there.", None)]


# FastAPI drops null from examples, so this todo has all times.
EXAMPLE_TODO = {name: (field.examples or [None])[0] for name, field in TodoRead.model_fields.items()} | {
    "completed": True,
    **dict.fromkeys(("completed_at", "updated_at", "deleted_at"), "2026-11-24T09:30:00Z"),
}


class Changed(SQLModel):
    """What a change of several todos has done."""

    changed: Annotated[int, about("The number of todos that matched.", 3)]
