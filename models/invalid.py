"""A field of a request that is not valid, as answers describe it."""

from typing import Annotated

from pydantic import BaseModel

from models.about import about


class InvalidField(BaseModel):
    """A field that is not valid, and why."""

    loc: Annotated[list[str | int], about("The path to the field.", ["body", "title"], max_length=64)]
    msg: Annotated[str, about("The reason, for a person.", "Field required")]
    type: Annotated[str, about("The reason, for a program.", "missing")]
