"""The app one day later, as far as /api/counts is concerned, for a test of its ETags: `tests.tomorrow:app`."""

from datetime import datetime, timedelta, tzinfo
from importlib import import_module
from typing import Self

from main import app

_counts = vars(import_module("routers.counts"))
assert _counts["datetime"] is datetime


class Tomorrow(datetime):
    """A clock that is one day ahead."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> Self:
        """Return the time in one day."""
        return super().now(tz) + timedelta(days=1)


_counts["datetime"] = Tomorrow

__all__ = ["app"]
