"""The numbers of todos."""

from typing import Annotated

from pydantic import BaseModel
from sqlmodel import SQLModel

from models.about import about
from models.fields import Day

MAX_COUNT = 10_000
"""The largest number that is exact. The next one stands for all larger ones."""


class CountsQuery(BaseModel):
    """The query of the counts."""

    today: Annotated[Day | None, about("The date where the owner is. By default the date in UTC.", "2026-11-24")] = None


class CountsRead(SQLModel):
    """How many todos there are. Each number is exact up to 10,000; 10,001 stands for more."""

    open: Annotated[int, about("Open todos.", 12, le=MAX_COUNT + 1)]
    completed: Annotated[int, about("Completed todos.", 40, le=MAX_COUNT + 1)]
    overdue: Annotated[int, about("Open todos that are due before today.", 2, le=MAX_COUNT + 1)]
    trash: Annotated[int, about("Todos in the trash.", 3, le=MAX_COUNT + 1)]
