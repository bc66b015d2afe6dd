"""Read classes: the columns that a statement selects for one, and the objects made of its rows."""

from collections.abc import Callable
from functools import cache
from typing import Any, TypeVar
from uuid import UUID

from pydantic import BaseModel, TypeAdapter
from pydantic_core import SchemaValidator, core_schema
from sqlalchemy import ColumnElement, FromClause, Integer, Numeric, Text, Uuid, cast
from sqlmodel import SQLModel

Read = TypeVar("Read", bound=BaseModel)


def columns(table: type[SQLModel] | FromClause, read: type[BaseModel]) -> list[ColumnElement[Any]]:
    """Return the columns of a table class, or of a sub-select, that are the fields of a Read class.

    Raises:
        AttributeError: there is no column for a field.
    """
    source: Any = table.c if isinstance(table, FromClause) else table
    return [_column(getattr(source, name), field.annotation).label(name) for name, field in read.model_fields.items()]


def _column(column: Any, annotation: Any) -> ColumnElement[Any]:
    # The database writes ids as text, because pydantic reads them faster than psycopg2 does.
    as_text = annotation in (str, UUID) and isinstance(column.type, Uuid | Integer | Numeric)
    return cast(column, Text) if as_text else column


@cache
def reader(read: type[Read]) -> Callable[[list[dict[str, Any]]], list[Read]]:
    """Return the function that makes objects of a class, validated, from rows by name.

    For each object of an SQLModel class, pydantic would call `__new__` and `__init__` of SQLModel,
    which take five times as long as the validation. Here pydantic validates the fields, and the
    object is made of them, as `model_construct()` does. A class with validators of the whole model,
    or with private attributes, is left to pydantic.
    """
    schema: Any = read.__pydantic_core_schema__
    fields = schema.get("schema", {})
    if schema["type"] != "model" or fields.get("type") != "model-fields" or "post_init" in schema:
        return TypeAdapter(list[read]).validate_python  # type: ignore[valid-type]  # known at run time only
    validate = SchemaValidator(core_schema.list_schema(fields), schema.get("config")).validate_python
    new, set_attribute = object.__new__, object.__setattr__

    def make(values: dict[str, Any], extra: Any, fields_set: set[str]) -> Read:
        made = new(read)
        set_attribute(made, "__dict__", values)
        set_attribute(made, "__pydantic_fields_set__", fields_set)
        set_attribute(made, "__pydantic_extra__", extra)
        set_attribute(made, "__pydantic_private__", None)
        return made

    return lambda rows: [make(*row) for row in validate(rows)]
