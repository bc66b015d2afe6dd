"""The innermost middleware: the size of a body, and crashes."""

import logging
from collections.abc import Mapping

from fastapi import Request
from starlette._utils import get_route_path
from starlette.types import ASGIApp, Message, Receive, Scope, Send

import telemetry
from errors import CRASH, Problem, problem_response
from middleware.client import Client

log = logging.getLogger("todo")

MAX_BODY = 64 * 1024
"""Bytes of a request's body, unless its path may have more."""


class Guard:
    """Refuse bodies over `MAX_BODY`, and answer a crash with a readable 500.

    It is inside of CORS, because a browser hides an answer without CORS headers from the page.

    Args:
        app: the rest of the application.
        larger: the bytes that a body may have, for paths that may have more than `MAX_BODY`.
    """

    def __init__(self, app: ASGIApp, larger: Mapping[str, int] | None = None) -> None:
        self.app = app
        self._larger = larger or {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        state = scope["state"]
        try:
            state["client"] = client = Client(
                await _bounded(scope, receive, self._larger.get(get_route_path(scope), MAX_BODY))
            )
            await self.app(scope, client, send)
        except Exception as error:
            telemetry.record_crash(error)
            if state["status"]:
                log.exception("crash after the answer")
                if not state["is_answered"]:
                    raise  # a stream broke off: the server closes the connection, so the client notices
                return  # a background task failed
            if not isinstance(error, Problem):
                log.exception("crash")
                error = Problem(500, CRASH)
            answer = await problem_response(Request(scope), error)
            await answer(scope, receive, send)


async def _bounded(scope: Scope, receive: Receive, limit: int) -> Receive:
    """Return a `receive` that reads no more than `limit` bytes.

    Content-Length is trusted, because the server reads no more than it says. A chunked body is
    read here, before anything else happens.
    """
    headers = dict(scope["headers"])
    length = headers.get(b"content-length", b"")
    if length.isdigit() and int(length.lstrip(b"0")[:9] or 0) > limit:
        raise _too_large(limit)
    if b"transfer-encoding" not in headers:
        return receive
    body, more = b"", True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return receive
        body += message.get("body", b"")
        more = message.get("more_body", False)
        if len(body) > limit:
            raise _too_large(limit)
    messages = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        return messages.pop() if messages else await receive()

    return replay


def _too_large(limit: int) -> Problem:
    # The connection is closed, so that the server does not have to read the rest.
    return Problem(413, f"The body is over {limit // 1024} KiB.", {"Connection": "close"})
