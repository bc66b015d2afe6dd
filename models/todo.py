"""A todo: the table, and the schemas that cross the wire."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError
from sqlalchemy import Index, Table, Text, text
from sqlmodel import Field, SQLModel

from models.cursor import Order
from models.fields import Description, Moment, Owned, Title
from models.user import UserIdText


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


class TodoCreate(SQLModel):
    """What a client sends to make a todo."""

    model_config = {"extra": "forbid", "json_schema_extra": {"examples": [{"title": "Buy milk"}]}}

    title: Title
    description: Description | None = None
    completed: bool = False


def _describe_update(schema: dict[str, Any]) -> None:
    schema["examples"] = [{"completed": True}]
    # With `"default": null`, clients would send null where it is refused.
    for field in schema["properties"].values():
        field.pop("default")


class TodoUpdate(SQLModel):
    """What a client sends to change a todo: what is left out stays as it is."""

    model_config = {"extra": "forbid", "json_schema_extra": _describe_update}

    title: Title = Field(default=None)
    description: Description | None = None
    completed: bool = Field(default=None)


class TodoRead(SQLModel):
    """A todo as its owner sees it."""

    id: UUID
    title: str
    description: str | None
    completed: bool
    user_id: UserIdText
    created_at: datetime
    updated_at: datetime | None


NEWEST_FIRST = Order("newest", created_at=Moment, id=UUID)


class TodoPage(BaseModel):
    """The query of a list of todos."""

    completed: bool | None = Field(None, description="Only completed ones, or only open ones.")
    limit: int = Field(100, ge=1, le=500, description="How many at most.")
    cursor: Annotated[dict[str, Any], *NEWEST_FIRST.validator] | None = Field(
        None, description="Where the page before ended: see `Link`."
    )
    skip: int = Field(0, ge=0, lt=2**31, description="How many to leave out; not with `cursor`.")

    @field_validator("skip")
    @classmethod
    def _without_cursor(cls, skip: int, info: ValidationInfo) -> int:
        if info.data.get("cursor"):
            raise PydanticCustomError("skip_with_cursor", "Skip should be left out with a cursor")
        return skip
