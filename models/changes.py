"""`/api/changes`: its query, its answer, and the token of a place in a walk."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import blake2b
from typing import Annotated, NamedTuple, Self
from uuid import UUID

from pydantic import BaseModel, TypeAdapter
from pydantic_core import PydanticCustomError
from sqlmodel import SQLModel

from models.about import about
from models.todo import TRASH_DAYS, TodoRead
from models.user import EXAMPLE_USER_ID, UserId

TOKEN_LIFETIME = TRASH_DAYS * 24 * 60 * 60
"""Seconds for which a token is valid. The tombstones that it needs stay for a day longer."""


class Place(NamedTuple):
    """A place in the changes of a user.

    The time is the one at which the client last had everything. It stays the same during a walk,
    because what was returned at its beginning may be gone at its end.
    """

    version: int
    """The version of the last change that was returned."""
    id: UUID
    """The id of its todo, because several todos may have one version."""
    began: int
    """The newest version at the beginning of a first walk, which leaves out what was gone by then."""
    complete_at: int
    """Seconds since 1970."""
    history: int
    """The history of the database, of `todo_history()`."""

    def token(self, user_id: UserId) -> str:
        """Return the place as an opaque text, with a checksum that includes the user."""
        text = json.dumps([*self[:1], str(self.id), *self[2:]], separators=(",", ":")).encode()
        return urlsafe_b64encode(_checksum(text, user_id) + text).decode().rstrip("=")

    @classmethod
    def parse(cls, token: str, user_id: UserId) -> Self:
        """Return the place that a token was made of.

        Raises:
            PydanticCustomError: it is not a token of this user.
        """
        try:
            content = urlsafe_b64decode(token + "=" * (-len(token) % 4))
            text = content[_SIZE:]
            if content[:_SIZE] == _checksum(text, user_id):
                place = cls(*_FIELDS.validate_json(text))
                if place.token(user_id) == token:
                    return place
        except ValueError:
            pass
        raise PydanticCustomError("token_invalid", "Token should be `next` of an answer of this path")


_SIZE = 6  # bytes: it finds mistakes, and is no secret
_FIELDS = TypeAdapter(tuple[int, UUID, int, int, int])
START = Place(-1, UUID(int=0), 2**63 - 1, 0, 0)
"""The place before all todos, without those that are gone."""


def _checksum(text: bytes, user_id: UserId) -> bytes:
    return blake2b(text, digest_size=_SIZE, key=blake2b(str(user_id).encode()).digest()).digest()


_EXAMPLE_TOKEN = Place(7, UUID(int=0), 0, 1_795_000_000, 1).token(EXAMPLE_USER_ID)


class ChangesPage(BaseModel):
    """The query of the changes."""

    since: Annotated[str | None, about("`next` of an earlier answer.", _EXAMPLE_TOKEN)] = None
    limit: Annotated[int, about("The largest number of todos and of ids together.", 50, ge=1, le=500)] = 100


class Changes(SQLModel):
    """What has changed since an earlier answer."""

    todos: Annotated[list[TodoRead], about("The todos as they are now, also those in the trash.", [], max_length=500)]
    gone: Annotated[list[UUID], about("The ids of those that are gone for good.", [], max_length=500)]
    next: Annotated[str, about("The token for the next request.", _EXAMPLE_TOKEN)]
    more: Annotated[bool, about("Whether to ask again at once.", False)]
