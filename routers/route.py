"""How every route answers: its endpoint runs on the event loop, and the rows it gives are encoded as they are."""

from collections.abc import Callable
from functools import wraps
from inspect import iscoroutinefunction
from typing import Any

from fastapi import Response
from pydantic_core import to_json

from auth.dependencies import TokenFirstRoute
from crud.rows import by_name
from db.waiting import run_on_loop


class RowRoute(TokenFirstRoute):
    """A route whose endpoint waits for nothing but its session, and gives rows.

    It runs on the event loop, which goes on while the session waits. Whatever else blocks in it
    blocks every other request: that belongs into `BackgroundTasks`, or onto a plain APIRoute.

    The columns of its rows are the fields of its `response_model`. FastAPI would validate them, and
    encode the copy. What crosses the wire was chosen by the statement, so that it need not be
    chosen again. Endpoints that give something else, or are asynchronous, are answered as usual.
    """

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        status = options.get("status_code") or 200

        @wraps(endpoint)
        def run(**arguments: Any) -> Any:
            content = endpoint(**arguments)
            if (rows := by_name(content)) is None:
                return content
            answer = Response(to_json(rows), status, media_type="application/json")
            if given := arguments.get("response"):
                answer.raw_headers += given.raw_headers  # what the endpoint has set
            return answer

        @wraps(endpoint)
        async def answer_on_loop(**arguments: Any) -> Any:
            return await run_on_loop(run, **arguments)

        super().__init__(path, endpoint if iscoroutinefunction(endpoint) else answer_on_loop, **options)
