"""The types that fields are made of: text and times from clients, and the owner of a row."""

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
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


class _Documented:
    """Keywords of the JSON schema of a type. Clients check them, the server checks the same in other ways."""

    def __init__(self, **keywords: Any) -> None:
        self._keywords = keywords

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """Return pydantic's schema with these keywords, unless it has them."""
        return {**self._keywords, **handler(schema)}


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
        yield _Documented(pattern=_NO_NUL_NOT_BLANK if self.strip_whitespace and self.min_length else _NO_NUL)


Title = Annotated[str, StorableText(strip_whitespace=True, min_length=1, max_length=200)]
Description = Annotated[str, StorableText(max_length=2000)]
Tag = Annotated[str, StorableText(strip_whitespace=True, min_length=1, max_length=50)]


def _refuse_repeated(tags: list[str]) -> list[str]:
    if len(set(tags)) < len(tags):
        raise PydanticCustomError("tag_repeated", "Each tag should be there once")
    return tags


MAX_TAGS = 20
Tags = Annotated[list[Tag], Field(max_length=MAX_TAGS), AfterValidator(_refuse_repeated), _Documented(uniqueItems=True)]
"""The tags of a todo. Their order is kept."""

_DAY_OR_TIME = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}(T([01][0-9]|2[0-3]):[0-5][0-9])?$"
_IS_DAY_OR_TIME = re.compile(_DAY_OR_TIME.replace("$", r"\Z"))


def _refuse_other_days(value: str) -> str:
    try:
        if _IS_DAY_OR_TIME.match(value):
            date.fromisoformat(value[:10])
            return value
    except ValueError:
        pass
    raise PydanticCustomError(
        "due_invalid", "Input should be a date such as 2026-11-24, or a local time such as 2026-11-24T09:00"
    )


Due = Annotated[str, AfterValidator(_refuse_other_days), _Documented(pattern=_DAY_OR_TIME)]
"""A date or a local time, which sort as texts. A date is before the times of its day.

There is no time zone: what is due at nine is due at nine wherever the owner is. Services that convert
such times to UTC show the day before to some of their users.
"""


def _refuse_times(value: str) -> str:
    if len(value) > 10:
        raise PydanticCustomError("date_invalid", "Input should be a date such as 2026-11-24")
    return value


Day = Annotated[Due, AfterValidator(_refuse_times), _Documented(maxLength=10)]
"""A date."""

_DECIMAL = r"^-?[0-9]{1,40}(\.[0-9]+)?$"
_IS_DECIMAL = re.compile(_DECIMAL.replace("$", r"\Z"))
MAX_POSITION_LENGTH = 60
"""The most characters of a position. At most 40 are before the point, so that there is room after it."""


def _refuse_other_decimals(value: str) -> str:
    if len(value) > MAX_POSITION_LENGTH or not _IS_DECIMAL.match(value):
        raise PydanticCustomError(
            "position_invalid", "Input should be a decimal of at most 60 characters, 40 before the point"
        )
    return value


Position = Annotated[
    str, AfterValidator(_refuse_other_decimals), _Documented(pattern=_DECIMAL, maxLength=MAX_POSITION_LENGTH)
]
"""A place in the hand order: a decimal number as a text, so that no client rounds it. Larger is higher up."""


def _to_text(value: Any) -> Any:
    return format(value, "f") if isinstance(value, Decimal) else value


PositionText = Annotated[str, BeforeValidator(_to_text)]
"""A position as the API returns it, also one of an ORM object, which is a `Decimal`."""

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
