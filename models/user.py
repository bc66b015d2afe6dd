"""Better Auth's user table, as far as this API reads it. Better Auth alone writes it."""

from datetime import datetime
from typing import Annotated, Any, TypeAlias
from uuid import UUID

from pydantic import BeforeValidator
from sqlalchemy import Engine, Integer, Table, Text, Uuid, event
from sqlalchemy.types import TypeEngine
from sqlmodel import Field, SQLModel

from config import settings
from models.about import about

UserId: TypeAlias = str | UUID | int
"""A user's id as the database stores it. BETTER_AUTH_ID_TYPE names its type."""

_COLUMN_TYPES: dict[str, TypeEngine[Any]] = {"text": Text(), "uuid": Uuid(), "integer": Integer()}
USER_ID_COLUMN_TYPE = _COLUMN_TYPES[settings.better_auth_id_type]
"""The type of each column with a user's id. `make migration` recognizes such columns by this object."""

UserIdText = Annotated[str, BeforeValidator(str)]
"""A user's id as the API returns it, a string."""


def parse_user_id(subject: str) -> UserId:
    """Return the `sub` of a token as a value of the column `user.id`.

    Only the spelling that Better Auth writes is accepted, so that two subjects are never one user.

    Raises:
        ValueError: no user of this database can have that id.
    """
    value: UserId
    match settings.better_auth_id_type:
        case "uuid":
            value = UUID(subject)
        case "integer":
            value = int(subject)
            if not 0 < value < 2**31:
                raise ValueError("out of the range of integer")
        case _:
            value = subject
            subject.encode()  # refuses lone surrogates, which PostgreSQL cannot store
            if not subject or "\0" in subject:  # nor can it store NUL
                raise ValueError("not a text")
    if str(value) != subject:
        raise ValueError("not the canonical spelling")
    return value


def _column(name: str) -> dict[str, str]:
    first, *rest = name.split("_")
    camel = first + "".join(word.title() for word in rest)
    return {"name": camel if settings.better_auth_column_case == "camel" else name}


_SCHEMA, _NAME = settings.user_table


class User(SQLModel, table=True):
    """A row of Better Auth's table, to which each `user_id` refers. It is read-only."""

    __tablename__ = _NAME
    __table_args__ = {"schema": _SCHEMA}

    id: UserId = Field(sa_type=USER_ID_COLUMN_TYPE, primary_key=True)
    name: str
    email: str
    email_verified: bool = Field(sa_column_kwargs=_column("email_verified"))
    image: str | None
    created_at: datetime = Field(sa_column_kwargs=_column("created_at"))
    updated_at: datetime = Field(sa_column_kwargs=_column("updated_at"))


USER_TABLE: Table = User.__table__  # type: ignore[attr-defined]  # SQLModel leaves it untyped


EXAMPLE_USER_ID = "V1StGXR8Z5jdHi6BmyTkqPz0uWcNa4Lr"
"""An id as Better Auth makes them, for the OpenAPI document."""


class UserRead(SQLModel):
    """A user, as the API returns them."""

    id: Annotated[UserIdText, about("The id, a string whatever type Better Auth stores.", EXAMPLE_USER_ID)]
    name: Annotated[str, about("The name to show.", "Ada Lovelace")]
    email: Annotated[str, about("The e-mail address.", "ada@example.com")]
    image: Annotated[str | None, about("The address of a picture.", "https://example.com/ada.png")]


class ReadOnlyTableError(RuntimeError):
    """A statement writes to Better Auth's user table."""


def refuse_writes(statement: Any) -> None:
    """Check a statement of SQLAlchemy's, DDL included.

    Raises:
        ReadOnlyTableError: it writes to Better Auth's user table.
    """
    # INSERT, UPDATE and DELETE have the attribute `table`, CREATE and DROP have `element`.
    for part in ("table", "element"):
        written = getattr(statement, part, None)
        if getattr(written, "fullname", None) == USER_TABLE.fullname:
            raise ReadOnlyTableError(f"the table {USER_TABLE.fullname} is read-only here: Better Auth owns it")


@event.listens_for(Engine, "before_execute")
def _refuse_to_execute_writes(_connection: Any, statement: Any, *_: Any) -> None:
    # At the engine, because a flush, a bulk statement, a statement of Core and DDL all pass it.
    refuse_writes(statement)
