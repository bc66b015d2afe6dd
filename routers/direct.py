"""Endpoints that get the user, the session, the query and the headers without FastAPI's resolution."""

from collections.abc import Callable
from dataclasses import replace
from functools import wraps
from inspect import isasyncgenfunction, isgeneratorfunction, unwrap
from typing import Any, Self

from fastapi import Request
from fastapi._compat import ModelField
from fastapi._compat.shared import field_annotation_is_sequence
from fastapi.dependencies.models import Dependant
from fastapi.dependencies.utils import request_params_to_args
from pydantic import BaseModel

from auth import get_current_user
from db import get_session
from routers.query import kinds

# FastAPI does not document `ModelField`, `Dependant`, and the functions that read parameters. Other modules do not use
# them, and tests/test_direct.py compares the results with FastAPI's.
_DIRECT: tuple[Callable[..., Any], ...] = (get_current_user, get_session)
_NO_NAME = "the request"
"""The name of the request for an endpoint that has no argument for it. No argument can have this name."""
_READ = "todo.read"
"""The key of the values that were read, in the scope of a request."""


class DirectEndpoint:
    """An endpoint whose only dependencies are the user and the session.

    For each of them, FastAPI 0.165 looks for parameters in path, query, headers and cookies, and
    computes a key of a cache. For each field of a query, also if it is not sent, it finds out
    whether its type is a list. Decision 20 has the CPU time. Here the dependencies are called. Query
    and headers are read here, and of a query model and of optional headers only what was sent.
    FastAPI's handler still reads path, cookies and body, and encodes the answer.

    Args:
        dependant: FastAPI's description of the endpoint.
    """

    def __init__(self, dependant: Dependant) -> None:
        self._dependencies = [(part.call, part.name) for part in dependant.dependencies]
        self._request_name = dependant.request_param_name
        self._query = dependant.query_params
        self._model = _QueryModel.of(dependant.query_params)
        optional = [field for field in dependant.header_params if _is_none_unless_sent(field)]
        self._headers = [field for field in dependant.header_params if field not in optional]
        self._optional_headers = [(field.alias.lower().encode("latin-1"), field) for field in optional]
        self.dependant = replace(
            dependant,
            call=self._calling(dependant.call),
            dependencies=[],
            query_params=[],
            header_params=[],
            request_param_name=self._request_name or _NO_NAME,
        )
        """The description of this endpoint for FastAPI's handler."""

    @classmethod
    def of(cls, dependant: Dependant) -> Self | None:
        """Return the endpoint; `None` if it has another dependency, or is a generator."""
        if is_generator(dependant.call):
            return None
        return cls(dependant) if all(map(_is_direct, dependant.dependencies)) else None

    def read(self, request: Request) -> bool:
        """Read query and headers, and return whether they are valid. The endpoint gets them from the request."""
        sent = {name for name, _ in request.scope["headers"]}
        values: dict[str, Any] = {field.name: None for name, field in self._optional_headers if name not in sent}
        headers = [*self._headers, *(field for name, field in self._optional_headers if name in sent)]
        read = [request_params_to_args(headers, request.headers)]
        if self._model:
            read.append(self._model.read(request))
        else:
            read.append(request_params_to_args(self._query, request.query_params))
        for found, errors in read:
            if errors:
                return False
            values |= found
        request.scope[_READ] = values
        return True

    def _calling(self, endpoint: Any) -> Callable[..., Any]:
        name = self._request_name or _NO_NAME

        @wraps(endpoint)
        async def call(**values: Any) -> Any:
            request: Request = values[name] if self._request_name else values.pop(name)
            values |= request.scope[_READ]
            called: dict[Any, Any] = {}
            for dependency, argument in self._dependencies:
                if dependency not in called:
                    called[dependency] = await dependency(request)  # type: ignore[misc]  # one of _DIRECT
                if argument:
                    values[argument] = called[dependency]
            return await endpoint(**values)

        return call


class _QueryModel:
    """A query that is one model (`Annotated[TodoPage, Query()]`)."""

    def __init__(self, field: ModelField, model: type[BaseModel]) -> None:
        self._field = field
        self._names = {name: field_annotation_is_sequence(info.annotation) for name, info in model.model_fields.items()}

    @classmethod
    def of(cls, fields: list[ModelField]) -> Self | None:
        """Return the model; `None` if there is none, or FastAPI has to find out the names of its parameters."""
        model = fields[0].field_info.annotation if len(fields) == 1 else None
        if not (isinstance(model, type) and issubclass(model, BaseModel)) or model.model_config.get("extra") == "allow":
            return None
        has_alias = any(info.alias or info.validation_alias for info in model.model_fields.values())
        return None if has_alias else cls(fields[0], model)

    def read(self, request: Request) -> tuple[dict[str, Any], list[Any]]:
        """Return the value, by the name of the argument, and the errors."""
        query = request.query_params
        sent = {
            name: query.getlist(name) if is_list else query[name]
            for name, is_list in self._names.items()
            if name in query
        }
        value, errors = self._field.validate(sent, {}, loc=("query",))
        return {self._field.name: value}, errors


def is_generator(endpoint: Any) -> bool:
    """Return whether an endpoint is a generator, of which FastAPI streams what it yields; also behind decorators."""
    endpoint = unwrap(endpoint)
    return isgeneratorfunction(endpoint) or isasyncgenfunction(endpoint)


def _is_direct(part: Dependant) -> bool:
    """Return whether a dependency is the user or the session, without an option of `Depends` or `Security`."""
    return part.call in _DIRECT and part.use_cache and not part.own_oauth_scopes and part.concurrency is None


def _is_none_unless_sent(field: ModelField) -> bool:
    """Return whether an argument is `None` if the header of its alias is not sent."""
    info = field.field_info
    is_optional = not info.is_required() and info.default is None and not info.validate_default
    has_model = any(isinstance(kind, type) and issubclass(kind, BaseModel) for kind in kinds(info.annotation))
    return is_optional and not has_model and info.validation_alias in (None, field.alias)
