"""The parameters that a route reads from the query of a URL, and what is not valid in a query."""

from collections.abc import Iterator, Sequence
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from fastapi import Request
from fastapi.dependencies.models import Dependant
from fastapi.security import APIKeyQuery
from pydantic import AliasChoices, BaseModel

MAX_PARAMETERS = 2000
"""The most parameters of a query. To read 32,000, which a URL of 64 KB may have, takes 0.1 s."""


class QueryChecker:
    """The query of a route, as the arguments of its endpoint and of its dependencies declare it.

    FastAPI ignores unknown parameters, accepts "1" and "on" as booleans, and reads the last of
    several values.
    """

    def __init__(self, dependant: Dependant) -> None:
        self._types = dict(_types(dependant))

    def check(self, request: Request) -> list[dict[str, Any]]:
        """Return the errors of a request's query, in pydantic's form. They repeat no value."""
        if request.scope["query_string"].count(b"&") >= MAX_PARAMETERS:
            message = f"Query should have at most {MAX_PARAMETERS} parameters"
            return [{"type": "too_long", "msg": message, "loc": ("query",)}]
        errors: list[tuple[str, str, str]] = []
        seen: set[str] = set()
        for name, value in request.query_params.multi_items():
            kinds = self._types.get(name) or self._types.get(_ANY)
            if not kinds:
                errors.append(("extra_forbidden", "Extra inputs are not permitted", name))
            elif bool in kinds and str not in kinds and value not in ("true", "false"):
                errors.append(("bool_parsing", "Input should be true or false", name))
            elif name in seen and not kinds & _SEVERAL:
                errors.append(("repeated", "Input should be sent once", name))
            seen.add(name)
        return [{"type": kind, "msg": message, "loc": ("query", name)} for kind, message, name in errors]


_SEVERAL = {list, set, frozenset, tuple, Sequence}
_ANY = ""
"""The name under which a model with `extra="allow"` has the types of all other parameters."""


def _types(dependant: Dependant) -> Iterator[tuple[str, set[Any]]]:
    """Yield the name of each parameter and its types."""
    for field in dependant.query_params:
        types = kinds(field.field_info.annotation)
        models = [kind for kind in types if isinstance(kind, type) and issubclass(kind, BaseModel)]
        if not models:
            yield from ((name, types) for name in _names(field.field_info.validation_alias or field.alias))
        for model in models:
            if model.model_config.get("extra") == "allow":
                yield _ANY, {str, list}
            for own_name, info in model.model_fields.items():
                alias = info.validation_alias or info.alias or own_name
                yield from ((name, kinds(info.annotation)) for name in _names(alias))
    if isinstance(dependant.call, APIKeyQuery):
        yield dependant.call.model.name, {str}
    for part in dependant.dependencies:
        yield from _types(part)


def _names(alias: Any) -> list[str]:
    """Return the names that an alias of pydantic accepts."""
    return [str(one) for one in (alias.choices if isinstance(alias, AliasChoices) else [alias])]


def kinds(annotation: Any) -> set[Any]:
    """Return the types of a union, and for `list[str]` its `list`."""
    if get_origin(annotation) is Annotated:
        return kinds(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        return set().union(*map(kinds, get_args(annotation)))
    return {get_origin(annotation) or annotation}
