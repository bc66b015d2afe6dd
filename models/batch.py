"""`/api/batch`: many puts and deletes in one request, each for itself."""

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Self
from uuid import UUID

from pydantic import BeforeValidator, Field, GetCoreSchemaHandler, TypeAdapter, ValidationError, model_validator
from pydantic.json_schema import SkipJsonSchema
from pydantic_core import CoreSchema, PydanticCustomError, core_schema
from sqlmodel import SQLModel

from errors import MAX_ERRORS, described
from models.about import about
from models.fields import Moment, Position
from models.invalid import InvalidField
from models.request import RequestModel
from models.todo import EXAMPLE_ID, EXAMPLE_TODO, TodoCreate, TodoRead
from models.version import VersionNumber

MAX_ITEMS = 500
"""The most items of a batch."""


class TodoPut(TodoCreate):
    """A todo with its id, to be created or replaced."""

    model_config: ClassVar[Any] = {"json_schema_extra": {"examples": [{"id": EXAMPLE_ID, "title": "Buy milk"}]}}

    id: Annotated[UUID, about("The id, made by the client.", EXAMPLE_ID)]
    base: Annotated[VersionNumber | None, about("The version that the client has seen; 0: only create.", 7)] = None
    created_at: Annotated[Moment | None, about("When it was created, for an import.", "2026-11-24T08:00:00Z")] = None
    completed_at: Annotated[Moment | None, about("When it was completed, for an import.", None)] = None
    position: Annotated[
        Position | None,
        about(
            "Its place in the hand order, for an import, with at most 40 digits before the point.",
            EXAMPLE_TODO["position"],
        ),
    ] = None


class TodoDelete(RequestModel):
    """A todo to be moved to the trash."""

    id: Annotated[UUID, about("The id.", EXAMPLE_ID)]
    base: Annotated[VersionNumber | None, about("The version that the client has seen.", 7)] = None


@dataclass(frozen=True)
class InvalidItem:
    """An item that is not valid, except for its id, and why."""

    id: UUID
    errors: list[InvalidField]

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Return a schema without a description, because no client sends this."""
        return core_schema.is_instance_schema(cls)


# pydantic takes a second for the errors of 90,000 unknown fields, which 1 MiB may have.
_TOO_MANY = {"loc": (), "msg": "Object should have fewer fields", "type": "too_many_fields"}
_ID: TypeAdapter[UUID] = TypeAdapter(UUID)
_ERRORS: TypeAdapter[list[InvalidField]] = TypeAdapter(list[InvalidField])


def _each(kind: type[RequestModel]) -> BeforeValidator:
    """Return the validator of an item, which keeps the errors as a `InvalidItem`."""

    def validate(value: Any) -> Any:
        errors: list[Any] = [_TOO_MANY]
        if not isinstance(value, dict) or len(value) <= len(kind.model_fields) + MAX_ERRORS:
            try:
                return kind.model_validate(value)
            except ValidationError as error:
                errors = error.errors(include_url=False, include_input=False, include_context=False)
        try:
            todo_id = _ID.validate_python(value.get("id") if isinstance(value, dict) else None)
        except ValidationError:
            raise PydanticCustomError("item_id", "Item should have an id, which is a UUID") from None
        return InvalidItem(todo_id, _ERRORS.validate_python(described(errors)))

    return BeforeValidator(validate)


_ITEMS: dict[str, Any] = {"max_length": MAX_ITEMS, "default_factory": list}
_PUT = about("The todos to be created or replaced.", [{"id": EXAMPLE_ID, "title": "Buy milk"}], **_ITEMS)
_DELETE = about("The todos to be moved to the trash.", [{"id": EXAMPLE_ID, "base": 7}], **_ITEMS)


class Batch(RequestModel):
    """Puts and deletes, at most 500 together."""

    put: Annotated[list[Annotated[TodoPut | SkipJsonSchema[InvalidItem], _each(TodoPut)]], _PUT]
    delete: Annotated[list[Annotated[TodoDelete | SkipJsonSchema[InvalidItem], _each(TodoDelete)]], _DELETE]

    @model_validator(mode="before")
    @classmethod
    def _refuse_many_fields(cls, value: Any) -> Any:
        if isinstance(value, dict) and len(value) > MAX_ERRORS:
            raise PydanticCustomError("too_many_fields", "Object should have fewer fields")
        return value

    @model_validator(mode="after")
    def _check_ids(self) -> Self:
        items = [*self.put, *self.delete]
        if len(items) > MAX_ITEMS:
            raise PydanticCustomError("too_long", f"Batch should have at most {MAX_ITEMS} items")
        if len({item.id for item in items}) < len(items):
            raise PydanticCustomError("id_repeated", "Each id should be there once")
        return self


_EXAMPLE_ERRORS = [{"loc": ["title"], "msg": "Field required", "type": "missing"}]


class BatchResult(SQLModel):
    """The result of one item."""

    id: Annotated[UUID, about("The id of the todo.", EXAMPLE_ID)]
    status: Annotated[int, about("What the single request would have answered.", 200)]
    version: Annotated[VersionNumber | None, about("The version of the todo now, null if there is none.", 8)]
    current: Annotated[TodoRead | SkipJsonSchema[None], about("With 412: the todo as it is.", EXAMPLE_TODO)] = None
    errors: Annotated[
        Annotated[list[InvalidField], Field(max_length=MAX_ERRORS)] | SkipJsonSchema[None],
        about("With 422: the fields that are not valid.", _EXAMPLE_ERRORS),
    ] = None


class BatchResults(SQLModel):
    """The results of all items, in the order sent, puts first."""

    results: Annotated[
        list[BatchResult],
        about("One for each item.", [{"id": EXAMPLE_ID, "status": 200, "version": 8}], max_length=MAX_ITEMS),
    ]
