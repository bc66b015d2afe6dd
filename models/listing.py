"""The queries of lists: filters, sorts and pages."""

from dataclasses import dataclass
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import (
    AfterValidator,
    BaseModel,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from models.about import about
from models.cursor import Order
from models.fields import MAX_TAGS, Due, Moment, Position, StorableText, Tag
from models.priority import Priority
from models.todo import EXAMPLE_ID, EXAMPLE_TODO, TodoRead
from models.version import VersionNumber


class Filters(BaseModel):
    """Which todos: those that match all filters."""

    completed: Annotated[bool | None, about("Only completed ones, or only open ones.", False)] = None
    tag: Annotated[
        list[Tag],
        about("A tag that they have. Repeat it for todos with all of several tags.", ["home"], max_length=MAX_TAGS),
    ] = []
    priority: Annotated[
        list[Priority],
        about("Their priority. Repeat it for todos with any of several.", ["high"], max_length=len(Priority)),
    ] = []
    due_before: Annotated[Due | None, about("Only those that are due earlier.", "2026-11-25")] = None
    due_from: Annotated[Due | None, about("Only those that are due then or later.", "2026-11-24")] = None
    q: Annotated[
        Annotated[str, StorableText(max_length=1000)] | None,
        about(
            "Words. The title, the description or a tag contains each of them, as a part, in upper or lower case.",
            "milk",
        ),
    ] = None

    @field_validator("q")
    @classmethod
    def _without_blank(cls, q: str | None) -> str | None:
        return q if q and q.split() else None

    def sent(self) -> dict[str, Any]:
        """Return the filters that the client has sent."""
        return self.model_dump(include=set(Filters.model_fields), exclude_defaults=True)


Sort = Literal["position", "due", "updated"]
MAX_SKIP = 10_000
"""The most todos that a page by number leaves out. PostgreSQL reads each of them, also for nobody."""


def _order(sort: Sort, **key: Any) -> Order:
    """Return the order of a sort. Its cursors have the filters, and how many todos are still left out."""
    return Order(sort, **key, id=UUID, filters=Filters, skip=Annotated[int, Field(ge=0, le=MAX_SKIP)])


ORDERS: dict[Sort, Order] = {
    "position": _order("position", position=Position),
    "due": _order("due", due=Due | None),
    "updated": _order("updated", version=VersionNumber),
}
"""The orders of todos, each ascending by a key and the id."""

LAST_DELETED_FIRST = Order("trash", deleted_at=Moment, id=UUID)


@dataclass(frozen=True)
class Listing:
    """A list, and where a page of it begins."""

    sort: Sort
    filters: Filters
    skip: int
    """How many todos that match are left out."""
    after: dict[str, Any]
    """The key and the id of the last todo of the page before; empty for the first page."""

    def cursor(self, last: TodoRead, skip: int) -> str:
        """Return the cursor of the page that begins after a todo."""
        return ORDERS[self.sort].cursor(SimpleNamespace(**vars(last), filters=self.filters, skip=skip))

    @classmethod
    def parse(cls, cursor: str) -> Self:
        """Return the list that a cursor is from, and its place in it.

        Raises:
            PydanticCustomError: it is not a cursor of todos.
        """
        for sort, order in ORDERS.items():
            try:
                place = order.parse(cursor)
            except PydanticCustomError as error:
                refused = error
            else:
                return cls(sort, place.pop("filters"), place.pop("skip"), place)
        raise refused

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Return the schema of a cursor."""
        return core_schema.no_info_after_validator_function(cls.parse, core_schema.str_schema())

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """Return the schema of a client."""
        return {"type": "string"}


def _refuse_deep(skip: int) -> int:
    if skip > MAX_SKIP:
        raise PydanticCustomError(
            "skip_too_large", f"Skip should be at most {MAX_SKIP}, use cursor to read beyond that"
        )
    return skip


_EXAMPLE_ID = UUID(EXAMPLE_ID)
_EXAMPLE_TIME = datetime(2026, 11, 24, 8, tzinfo=UTC)
_EXAMPLE = TodoRead.model_construct(**EXAMPLE_TODO | {"id": _EXAMPLE_ID})
_EXAMPLE_FILTERS = Filters(**{name: (field.examples or [])[0] for name, field in Filters.model_fields.items()})
_LIMIT = about("The largest number of todos.", 50, ge=1, le=500)
_PLACE = "Where the page before ended: see the header `Link`. It is opaque."


class TodoPage(Filters):
    """The query of a list of todos."""

    sort: Annotated[
        Sort | None,
        about(
            "`position`: the hand order, which is newest first until todos are moved; this is the default."
            " `due`: soonest first, those without a date last. `updated`: last changed first.",
            "due",
        ),
    ] = None
    cursor: Annotated[
        Listing | None,
        about(
            f"{_PLACE} It has the sort and the filters of its list.",
            Listing("due", _EXAMPLE_FILTERS, 0, {}).cursor(_EXAMPLE, 0),
        ),
    ] = None
    limit: Annotated[int, _LIMIT] = 100
    skip: Annotated[
        int,
        about("The number of todos to leave out; not with `cursor`.", 0, ge=0, json_schema_extra={"maximum": MAX_SKIP}),
        AfterValidator(_refuse_deep),
    ] = 0

    @field_validator("cursor")
    @classmethod
    def _of_same_list(cls, cursor: Listing | None, info: ValidationInfo) -> Listing | None:
        if cursor:
            kept = {"sort": cursor.sort, **cursor.filters.sent()}
            if any(value != kept.get(name) for name, value in info.data.items() if value not in (None, [])):
                message = "Cursor should be sent alone, or with the sort and the filters of its list"
                raise PydanticCustomError("cursor_of_other_list", message)
        return cursor

    @field_validator("skip")
    @classmethod
    def _without_cursor(cls, skip: int, info: ValidationInfo) -> int:
        # Clients that are generated from the document send the default.
        if skip and info.data.get("cursor"):
            raise PydanticCustomError("skip_with_cursor", "Skip should be left out with a cursor")
        return skip

    @property
    def listing(self) -> Listing:
        """The list, which is that of the cursor if there is one."""
        return self.cursor or Listing(self.sort or "position", self, self.skip, {})


class TrashPage(BaseModel):
    """The query of the trash."""

    limit: Annotated[int, _LIMIT] = 100
    cursor: Annotated[
        Annotated[dict[str, Any], *LAST_DELETED_FIRST.validator] | None,
        about(_PLACE, LAST_DELETED_FIRST.cursor(SimpleNamespace(deleted_at=_EXAMPLE_TIME, id=_EXAMPLE_ID))),
    ] = None


class TodoFilter(Filters):
    """The query of a change of several todos: `id` and filters hold together, and one is necessary."""

    id: Annotated[list[UUID], about("The ids of the todos.", [EXAMPLE_ID])] = []
    max: Annotated[int, about("If more todos match, none is changed.", 100, ge=1, le=10_000)] = 1_000

    @model_validator(mode="after")
    def _has_filter(self) -> Self:
        if not self.id and not self.sent():
            raise PydanticCustomError("filter_missing", "Query should have id or a filter")
        return self
