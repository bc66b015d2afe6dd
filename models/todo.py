"""A todo: the table, and the schemas that cross the wire."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import AfterValidator, StringConstraints
from pydantic_core import PydanticCustomError
from sqlalchemy import Index, Table, Text, text
from sqlmodel import Field, SQLModel

from models.user import USER_ID_COLUMN_TYPE, USER_TABLE, UserId, UserIdText


def _storable(value: str) -> str:
    # pydantic refuses lone surrogates by itself; NUL is the one character more that JSON and
    # Python can hold and PostgreSQL cannot.
    if "\0" in value:
        raise PydanticCustomError("string_nul", "String should not contain NUL characters")
    return value


Title = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200), AfterValidator(_storable)
]
Description = Annotated[str, StringConstraints(max_length=2000), AfterValidator(_storable)]


class Todo(SQLModel, table=True):
    """A row of the table `todo`. The database makes its id and its times."""

    __table_args__ = (
        # Pages are read backwards along these; both begin with the owner, as the foreign key's
        # cascade wants it. The second is for pages of only the open or only the completed ones.
        Index("todo_page_idx", "user_id", "created_at", "id"),
        Index("todo_completed_page_idx", "user_id", "completed", "created_at", "id"),
    )

    id: UUID = Field(default=None, primary_key=True, sa_column_kwargs={"server_default": text("gen_random_uuid()")})
    user_id: UserId = Field(
        # Better Auth deletes an account in steps that it does not roll back: a foreign key in the
        # way of the last one leaves a user who can neither sign in nor sign up.
        sa_type=USER_ID_COLUMN_TYPE,
        foreign_key=f"{USER_TABLE.fullname}.id",
        ondelete="CASCADE",
    )
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
    # `"default": null` would tell clients that null may be sent where it may not.
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
