"""What the OpenAPI document says of a field."""

from typing import Any

from pydantic import Field


def about(description: str, example: Any, **options: Any) -> Any:
    """Return what the document says of a field, with further options of pydantic's `Field`.

    `limit: Annotated[int, about("How many at most.", 50, ge=1, le=500)] = 100`
    """
    return Field(description=description, examples=[example], **options)
