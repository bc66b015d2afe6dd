"""A page of todos: what a client may ask for, and the opaque cursor (RFC 8288 has the link)."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, Field, ValidationInfo, WithJsonSchema, field_validator
from pydantic_core import PydanticCustomError

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True)
class Position:
    """A place in the order of the pages: right after the todo with these values."""

    created_at: datetime
    id: UUID

    def encode(self) -> str:
        """Write it as a cursor, 32 characters of base64url: 8 bytes of time, 16 of id."""
        microseconds = (self.created_at - _EPOCH) // _MICROSECOND
        return urlsafe_b64encode(microseconds.to_bytes(8, signed=True) + self.id.bytes).decode()


def _decode(cursor: str) -> Position:
    try:
        raw = urlsafe_b64decode(cursor)
        created_at = _EPOCH + int.from_bytes(raw[:8], signed=True) * _MICROSECOND
        position = Position(created_at, UUID(bytes=raw[8:]))
        if position.encode() == cursor:
            return position
    except (ValueError, OverflowError):
        pass
    raise PydanticCustomError("cursor_invalid", "Cursor should be taken from a Link header")


Cursor = Annotated[Position, BeforeValidator(_decode), WithJsonSchema({"type": "string"})]


class Page(BaseModel):
    """The query of a list."""

    completed: bool | None = Field(None, description="Only completed ones, or only open ones.")
    limit: int = Field(100, ge=1, le=500, description="How many at most.")
    cursor: Cursor | None = Field(None, description="Where the page before ended: see `Link`.")
    skip: int = Field(0, ge=0, lt=2**31, description="How many to leave out; not with `cursor`.")

    @field_validator("skip")
    @classmethod
    def _without_cursor(cls, skip: int, info: ValidationInfo) -> int:
        if info.data.get("cursor"):
            raise PydanticCustomError("skip_with_cursor", "Skip goes without cursor")
        return skip
