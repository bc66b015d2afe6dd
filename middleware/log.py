"""The outermost middleware: the id of a request, its line in the log, and the headers of every answer."""

import logging
import re
from collections.abc import Iterator
from secrets import token_hex
from time import perf_counter
from typing import TypeGuard
from urllib.parse import quote

from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

import logs
import telemetry

log = logging.getLogger("todo")

_PUBLIC = [(b"x-content-type-options", b"nosniff")]
_PRIVATE = [*_PUBLIC, (b"cache-control", b"private, no-store")]
"""Headers of answers, unless the answer has others."""
_SANE_ID = re.compile(r"[A-Za-z0-9._:-]{1,64}")


class RequestLog:
    """Set the id of each request, the client's if it is sane, and log a line when it is answered.

    Add the headers that every answer has, too.

    It is the outermost middleware, because CORS answers a preflight by itself.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        started = perf_counter()
        request_id = dict(scope["headers"]).get(b"x-request-id", b"").decode("latin-1")
        if not _SANE_ID.fullmatch(request_id):
            request_id = token_hex(16)
        logs.request_id.set(request_id)
        telemetry.redact_query(scope)
        state = scope.setdefault("state", {})
        state |= {"request_id": request_id, "status": 0, "is_answered": False}

        path = scope["path"].removeprefix(scope.get("root_path", ""))
        is_private = path.startswith("/api/") or path == "/api"

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                state["status"] = message["status"]
                if _has_text(route := _route(scope)):
                    telemetry.replace_path(route)
                sent = [header for header in message.get("headers", ()) if header[0] != b"x-request-id"]
                names = {name for name, _ in sent}  # in lower case (ASGI 3.0)
                ours = (header for header in (_PRIVATE if is_private else _PUBLIC) if header[0] not in names)
                message["headers"] = [*sent, (b"x-request-id", request_id.encode()), *ours]
            elif message["type"] == "http.response.body":
                state["is_answered"] = not message.get("more_body", False)
            await send(message)

        try:
            await self.app(scope, receive, send_with_headers)
        finally:
            if scope["type"] == "http" and log.isEnabledFor(logging.INFO):
                _log_answer(scope, state["status"], (perf_counter() - started) * 1000)


def _log_answer(scope: Scope, status: int, milliseconds: float) -> None:
    route = _route(scope)
    # The path is percent-encoded, so that it is one word. Mangum has no raw path.
    path = (
        route
        if _has_text(route)
        else (scope.get("raw_path") or quote(scope["path"]).encode()).decode("ascii", "replace")
    )
    fields = {"method": scope["method"], "route": route, "status": status, "milliseconds": round(milliseconds, 1)}
    log.info("%s %s %d %.1fms", scope["method"], path, status, milliseconds, extra=fields)


def _has_text(route: str | None) -> TypeGuard[str]:
    """Return whether the path of a route has a parameter for any text. A user may have written it, so it is private."""
    return route is not None and ":text}" in route


def _route(scope: Scope) -> str | None:
    """Return the template of the path, like `/api/todos/{todo_id}`; `None` if no route matched.

    CORS answers a preflight, and Guard a large body, before a route is matched. A route with a parameter
    for any text is found for these, too, because its path is private.
    """
    # FastAPI 0.165 keeps here the path with the prefix of `app.include_router()`, without a document.
    included = scope.get("fastapi", {}).get("effective_route_context")
    path: str | None = getattr(included or scope.get("route"), "path", None)
    return path or next(filter(_has_text, _possible_routes(scope)), None)


def _possible_routes(scope: Scope) -> Iterator[str]:
    path = scope["path"].removeprefix(scope.get("root_path", ""))
    for route in scope["app"].routes:
        if isinstance(route, Route) and route.path_regex.match(path):
            yield route.path
