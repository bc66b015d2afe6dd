"""Versions of todos: as an ETag, and as a client names them in If-Match and If-None-Match."""

import re
from typing import Annotated, Any, Self

from pydantic import Field, GetCoreSchemaHandler, GetJsonSchemaHandler, WithJsonSchema
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

# RFC 9110, section 8.8.3. An empty element of a list is permitted.
_ETAG = re.compile(r'[\s,]*(?:W/)?"([\x21\x23-\x7e\x80-\xff]*)"\s*(?:,|$)')
_NUMBER = re.compile(r"0|[1-9][0-9]{0,17}")

# Without the format, clients in some languages read 32 bits. It includes the largest number, which the
# document would round.
VersionNumber = Annotated[
    int, Field(ge=0, le=2**63 - 1, strict=True), WithJsonSchema({"type": "integer", "format": "int64"})
]
"""A version in a body."""


def etag(version: int) -> str:
    """Return the ETag of a version. It is weak, because proxies that compress make or drop strong ones."""
    return f'W/"{version}"'


class Versions(tuple[int, ...]):
    """The versions that If-Match or If-None-Match names. An ETag that is no version is left out.

    Weak and strong ETags are the same here, because proxies change the one into the other.
    """

    anything = False
    """Whether the header is `*`."""

    @classmethod
    def parse(cls, lines: list[str]) -> Self:
        """Return the versions in the lines of a header.

        Raises:
            PydanticCustomError: they are neither `*` nor a list of ETags.
        """
        text, place, numbers = ",".join(lines).strip(), 0, []
        if text == "*":
            every = cls()
            every.anything = True
            return every
        while place < len(text) and (found := _ETAG.match(text, place)):
            place = found.end()
            if _NUMBER.fullmatch(found[1]):
                numbers.append(int(found[1]))
        if not place or text[place:].strip(" \t,"):
            raise PydanticCustomError("etag_invalid", 'Header should be * or a list of ETags, such as W/"7"')
        return cls(numbers)

    def matches(self, version: int) -> bool:
        """Return whether a version is one of these."""
        return self.anything or version in self

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Return the schema of the lines of a header."""
        lines = core_schema.list_schema(core_schema.str_schema())
        return core_schema.no_info_after_validator_function(cls.parse, lines)

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """Return the schema of a client, which sends one line."""
        return {"type": "string"}


class KnownVersions(Versions):
    """The versions that the client has, of If-None-Match. A header that cannot be read names none."""

    @classmethod
    def parse(cls, lines: list[str]) -> Self:
        """Return the versions in the lines of a header."""
        try:
            return super().parse(lines)
        except PydanticCustomError:
            return cls()
