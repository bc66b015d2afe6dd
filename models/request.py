"""The base of the classes that describe what clients send."""

import json
from typing import Any, ClassVar, Generic

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema
from sqlmodel import SQLModel

OMITTED: Any = None
"""The default of a field that a client may leave out of a change, and that may not be null."""


def _with_strict_booleans(part: Any, cls: type[Any]) -> Any:
    """Return a copy of a part of pydantic's schema. Another model is not changed, because it is not of this request."""
    if isinstance(part, list):
        return [_with_strict_booleans(item, cls) for item in part]
    if not isinstance(part, dict) or (part.get("type") == "model" and part.get("cls") is not cls):
        return part
    strict = {"strict": True} if part.get("type") == "bool" else {}
    kept = {name: item for name, item in part.items() if name in ("default", "metadata")}
    return {name: _with_strict_booleans(item, cls) for name, item in part.items()} | kept | strict


class RequestModel(SQLModel):
    """The base of the body of a request: `class TagCreate(RequestModel)`.

    Unknown fields are refused. Booleans are `true` and `false` alone, where pydantic also accepts
    "off", "1" and 0.0. The OpenAPI document describes a default in words: with the keyword `default`,
    generators make the field required, or send null where null is refused.
    """

    # The text of a ValidationError may be logged, so it does not contain the input. SQLModel has a type
    # for the configuration that is not pydantic's.
    model_config: ClassVar[Any] = {"extra": "forbid", "hide_input_in_errors": True}

    def __init_subclass__(cls, **options: Any) -> None:
        """Refuse a generic class, because SQLModel 0.0 does not validate the fields of its type variables.

        Raises:
            TypeError: the class is generic.
        """
        super().__init_subclass__(**options)
        if Generic in cls.__mro__:
            raise TypeError(f"{cls.__name__} is generic, and SQLModel does not validate it. Use pydantic's BaseModel.")

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Return pydantic's schema with strict booleans."""
        schema: CoreSchema = _with_strict_booleans(handler(source), cls)
        return schema

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """Return pydantic's JSON schema with defaults in words."""
        described = handler(schema)
        for field in handler.resolve_ref_schema(described).get("properties", {}).values():
            default = field.pop("default", None)
            if default is not None:
                sentence = f"The default is `{json.dumps(default)}`."
                field["description"] = " ".join(filter(None, [field.get("description"), sentence]))
        return described
