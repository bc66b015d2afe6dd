"""How every route answers: what an endpoint gives is encoded in the worker thread that ran it."""

from collections.abc import Callable
from functools import wraps
from inspect import iscoroutinefunction
from typing import Any

from fastapi import Response
from pydantic_core import to_json

from auth.dependencies import TokenFirstRoute
from crud.rows import by_name


class RowRoute(TokenFirstRoute):
    """A route whose endpoint gives rows, whose columns are the fields of its `response_model`.

    FastAPI would validate them, in another hop to a worker thread, and encode the copy. What
    crosses the wire was chosen by the statement, so that it need not be chosen again. Endpoints
    that give something else, or are asynchronous, are answered by FastAPI as usual.
    """

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        status = options.get("status_code") or 200

        @wraps(endpoint)
        def encoded(**arguments: Any) -> Any:
            content = endpoint(**arguments)
            if (rows := by_name(content)) is None:
                return content
            answer = Response(to_json(rows), status, media_type="application/json")
            if given := arguments.get("response"):
                answer.raw_headers += given.raw_headers  # what the endpoint has set
            return answer

        super().__init__(path, endpoint if iscoroutinefunction(endpoint) else encoded, **options)
