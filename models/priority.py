"""The priority of a todo, and how the database stores it."""

from enum import StrEnum
from typing import Any

from sqlalchemy import SmallInteger, TypeDecorator


class Priority(StrEnum):
    """A priority, from the lowest to the highest."""

    NONE = "none"
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


_BY_NUMBER = dict(enumerate(Priority))
_NUMBERS = {priority: number for number, priority in enumerate(Priority)}


class PriorityNumber(TypeDecorator[Priority]):
    """A column of priorities as numbers from 0 to 3, so that SQL can compare and sort them.

    An enum type of PostgreSQL could do so, too, but tools of other applications that manage the same
    database, such as `drizzle-kit push`, drop types that they do not know.
    """

    impl = SmallInteger
    cache_ok = True

    def process_bind_param(self, value: Priority | None, dialect: Any) -> int | None:  # noqa: ARG002  # SQLAlchemy's signature
        """Return the number of a priority."""
        return None if value is None else _NUMBERS[Priority(value)]

    def result_processor(self, dialect: Any, coltype: Any) -> Any:  # noqa: ARG002  # SQLAlchemy's signature
        """Return the function that returns the priority of a number, and `None` for `None`."""
        return _BY_NUMBER.get
