"""Notes: a field of each type that SQLModel maps, and tables that refer to each other. See test_make_migration.py."""

from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum, StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    JSON,
    CheckConstraint,
    Column,
    Computed,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy import Enum as EnumType
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel

from models.fields import Description, Moment, Owned, Title
from models.user import USER_ID_COLUMN_TYPE, UserId


class Mood(Enum):
    """A plain Enum."""

    good = 1
    bad = 2


class Level(StrEnum):
    """An Enum of strings."""

    LOW = "low"
    HIGH = "high"


class Odd(Enum):
    """Values that mean something in SQL."""

    percent = "50% :x ::y %s"
    quoted = "it's"
    long = "a long value, so that the statement that creates the type"
    longer = "is longer than a line of code may be"


class Label(Owned, table=True):
    """A table that refers to itself, with an index of its own."""

    __table_args__ = (Index("label_page_idx", "user_id", "id"),)

    id: int | None = Field(default=None, primary_key=True)
    parent_id: int | None = Field(default=None, foreign_key="label.id", ondelete="SET NULL", index=True)


class Note(Owned, table=True):
    """A field of each type."""

    __table_args__ = (
        UniqueConstraint("user_id", "name"),
        CheckConstraint("number IN (1, 2)", name="note_number_check"),
        Index("note_partial_idx", "user_id", postgresql_where=text("flag")),
        Index("note_expression_idx", text("lower(name)")),
        Index("note_order_idx", "day", text("number DESC")),
        {"comment": "A field of each type."},
    )

    id: int | None = Field(default=None, primary_key=True)
    name: str
    bounded: str = Field(max_length=5)
    title: Title
    description: Description | None = None
    number: int = Field(index=True)
    flag: bool
    ratio: float
    at: datetime
    moment: Moment
    day: date
    clock: time
    span: timedelta
    price: Decimal = Field(max_digits=10, decimal_places=2)
    amount: Decimal
    key: UUID = Field(unique=True)
    raw: bytes
    mood: Mood
    level: Level = Field(default=Level.LOW, sa_column_kwargs={"server_default": text("'LOW'")})
    other_level: Level
    levels: list[Level] = Field(sa_type=ARRAY(EnumType(Level)))
    odd: Odd = Field(sa_type=EnumType(Odd, values_callable=lambda odd: [one.value for one in odd]))
    data: dict[str, Any] = Field(sa_type=JSON, sa_column_kwargs={"server_default": text("'{}'")})
    binary_data: dict[str, Any] = Field(sa_type=JSONB, sa_column_kwargs={"server_default": text("'{}'")})
    tags: list[str] = Field(sa_type=ARRAY(Text))
    checked: int = Field(sa_column_args=[CheckConstraint("checked > 0", name="note_checked_check")])
    text_default: str = Field(default=None, sa_column_kwargs={"server_default": "100% of :x, it's"})
    random_default: str = Field(default=None, sa_column_kwargs={"server_default": text("md5(random()::text)")})
    counted: int = Field(default=None, sa_column=Column(Integer, Identity(), nullable=False))
    doubled: int = Field(default=None, sa_column=Column(Integer, Computed("number * 2"), nullable=False))
    optional_name: str | None = None
    optional_bounded: str | None = Field(default=None, max_length=5)
    optional_number: int | None = None
    optional_flag: bool | None = None
    optional_ratio: float | None = None
    optional_at: datetime | None = None
    optional_day: date | None = None
    optional_clock: time | None = None
    optional_span: timedelta | None = None
    optional_price: Decimal | None = Field(default=None, max_digits=10, decimal_places=2)
    optional_key: UUID | None = None
    optional_raw: bytes | None = None
    optional_mood: Mood | None = None
    optional_data: dict[str, Any] | None = Field(default=None, sa_type=JSON)
    optional_binary_data: dict[str, Any] | None = Field(default=None, sa_type=JSONB)
    optional_tags: list[str] | None = Field(default=None, sa_type=ARRAY(Text))


class NoteLabel(SQLModel, table=True):
    """Which note has which label."""

    __tablename__ = "note_label"

    note_id: int = Field(primary_key=True, foreign_key="note.id", ondelete="CASCADE")
    label_id: int = Field(primary_key=True, foreign_key="label.id", ondelete="CASCADE", index=True)


class TodoNote(SQLModel, table=True):
    """Which todo has which note."""

    __tablename__ = "todo_note"
    __table_args__ = (ForeignKeyConstraint(["user_id", "todo_id"], ["todo.user_id", "todo.id"], ondelete="CASCADE"),)

    user_id: UserId = Field(sa_type=USER_ID_COLUMN_TYPE, primary_key=True)
    todo_id: UUID = Field(primary_key=True)
    note_id: int = Field(primary_key=True, foreign_key="note.id", ondelete="CASCADE", index=True)
