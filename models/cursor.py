"""Cursors: the place in a list where the next page begins (keyset pagination)."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from types import SimpleNamespace
from typing import Any

from pydantic import BeforeValidator, TypeAdapter, WithJsonSchema
from pydantic_core import PydanticCustomError


class Order:
    """A stable order of a list, and the cursors of its pages.

    A cursor has the name of its order, and the values of the last item in it, so the cursor of
    another order is refused. It is opaque to clients.

    Args:
        name: the order's name.
        fields: the fields that the list is sorted by, and their types. The last one is unique. Further
            ones are kept for the next page.
    """

    def __init__(self, name: str, /, **fields: Any) -> None:
        self.name = name
        self.fields = tuple(fields)
        types: Any = tuple[tuple(fields.values())]  # type: ignore[misc]  # known at run time only
        self._values: TypeAdapter[tuple[Any, ...]] = TypeAdapter(types)

    def cursor(self, last: object) -> str:
        """Return the cursor of the page after an item with these fields."""
        kept = tuple(getattr(last, name) for name in self.fields)
        values = self._values.dump_python(kept, mode="json", exclude_defaults=True)
        text = json.dumps([self.name, *values], separators=(",", ":"), ensure_ascii=False)
        return urlsafe_b64encode(text.encode()).decode().rstrip("=")

    def parse(self, cursor: str) -> dict[str, Any]:
        """Return the fields of the item that a cursor was made of.

        Raises:
            PydanticCustomError: it is not a cursor of this order.
        """
        try:
            name, *values = json.loads(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
            place = dict(zip(self.fields, self._values.validate_python(tuple(values)), strict=True))
            if name == self.name and self.cursor(SimpleNamespace(**place)) == cursor:
                return place
        except (ValueError, TypeError, RecursionError):
            pass
        raise PydanticCustomError("cursor_invalid", "Cursor should be one from the Link header of the same list")

    @property
    def validator(self) -> tuple[Any, ...]:
        """The annotations of a parameter for cursors: `Annotated[dict[str, Any], *order.validator]`."""
        return BeforeValidator(self.parse), WithJsonSchema({"type": "string"})
