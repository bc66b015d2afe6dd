"""The types that fields are made of: text and times from clients, and the owner of a row."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, GetJsonSchemaHandler, StringConstraints
from pydantic_core import CoreSchema, PydanticCustomError
from sqlalchemy import Index, PrimaryKeyConstraint, Table, UniqueConstraint, event
from sqlmodel import Field, SQLModel

from models.user import USER_ID_COLUMN_TYPE, USER_TABLE, UserId


def _refuse_unstorable(value: str) -> str:
    if "\0" in value:
        raise PydanticCustomError("string_nul", "String should not contain NUL characters")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise PydanticCustomError("string_unicode", "String should not contain lone surrogates") from None
    return value


# ECMA 262 and Python read these patterns alike, and so do RE2 and Rust, which lack \\u0000.
_NO_NUL = r"^[^\x00]*$"
_NO_NUL_NOT_BLANK = r"^\s*[^\x00\s][^\x00]*$"


@dataclass(frozen=True)
class _Pattern:
    """The `pattern` of the JSON schema of a text. Clients check it, the server checks the same in other ways."""

    pattern: str

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """Return pydantic's schema with this pattern, unless it has one."""
        return {"pattern": self.pattern, **handler(schema)}


class StorableText(StringConstraints):
    """Text that PostgreSQL can store, with the bounds of pydantic's `StringConstraints`.

    JSON and Python allow two things that PostgreSQL does not, NUL and lone surrogates. Without this
    check they are an error of the database, and so a 500.

        Name = Annotated[str, StorableText(strip_whitespace=True, min_length=1, max_length=50)]
    """

    def __iter__(self) -> Iterator[Any]:
        """Return the constraints that pydantic applies, in their order."""
        yield from super().__iter__()
        yield AfterValidator(_refuse_unstorable)
        yield _Pattern(_NO_NUL_NOT_BLANK if self.strip_whitespace and self.min_length else _NO_NUL)


Title = Annotated[str, StorableText(strip_whitespace=True, min_length=1, max_length=200)]
Description = Annotated[str, StorableText(max_length=2000)]

# PostgreSQL returns a time in the time zone of the session, up to 16 hours away from UTC. A day of
# distance keeps each time within the years 1 to 9999, because Python cannot read others.
_EARLIEST = datetime.min.replace(tzinfo=UTC) + timedelta(days=1)
_LATEST = datetime.max.replace(tzinfo=UTC) - timedelta(days=1)


def _refuse_numbers(value: Any) -> Any:
    # pydantic reads a number, also one in a string, as seconds since 1970.
    if isinstance(value, int | float) or (isinstance(value, str) and value[4:5] != "-"):
        raise PydanticCustomError("datetime_type", "Input should be a time in the format of ISO 8601")
    return value


def _to_utc(value: datetime) -> datetime:
    try:
        moment = value.astimezone(UTC)
    except OverflowError:
        moment = None
    if moment is None or not _EARLIEST <= moment <= _LATEST:
        raise PydanticCustomError("datetime_out_of_range", "Time should be between the years 1 and 9999")
    return moment


Moment = Annotated[AwareDatetime, BeforeValidator(_refuse_numbers), AfterValidator(_to_utc)]
"""A time from a client, converted to UTC. A time without a zone is 422, and so is one too extreme for a column."""


class Owned(SQLModel):
    """The base of a table whose rows belong to a user: `class Note(Owned, table=True)`.

    It adds the column `user_id` with a foreign key to Better Auth's user table. An index that begins
    with `user_id` is necessary, because PostgreSQL searches the rows of a user who is deleted.
    A table that declares none gets `<table>_user_id_idx`. Declare one that fits the queries, such as
    `Index("note_page_idx", "user_id", "created_at", "id")`, and that index serves both.
    """

    user_id: UserId = Field(
        sa_type=USER_ID_COLUMN_TYPE,
        foreign_key=f"{USER_TABLE.fullname}.id",
        # Better Auth deletes an account in steps that it does not roll back. A foreign key that
        # blocks the last step leaves a user who can neither sign in nor sign up.
        ondelete="CASCADE",
    )


@event.listens_for(Owned, "after_mapper_constructed", propagate=True)
def _index_owner(mapper: Any, _class: Any) -> None:
    table: Table = mapper.local_table
    # A partial index does not count, because it lacks rows.
    whole = [index for index in table.indexes if index.dialect_options["postgresql"]["where"] is None]
    keys = [key for key in table.constraints if isinstance(key, PrimaryKeyConstraint | UniqueConstraint)]
    first = [index.expressions[0] for index in whole] + [key.columns[0] for key in keys]
    if not any(column is table.c.user_id for column in first):
        Index(f"{table.name}_user_id_idx", table.c.user_id)
