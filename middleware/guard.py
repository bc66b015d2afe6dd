"""The innermost middleware: the size of a body, and crashes."""

import logging

from fastapi import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

import telemetry
from errors import CRASH, Problem, problem_response
from middleware.client import Client

log = logging.getLogger("todo")

MAX_BODY = 64 * 1024
"""Bytes of a request's body."""


class Guard:
    """Refuse bodies over `MAX_BODY`, and answer a crash with a readable 500.

    It is inside of CORS, because a browser hides an answer without CORS headers from the page.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        state = scope["state"]
        try:
            state["client"] = client = Client(await _bounded(scope, receive))
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


async def _bounded(scope: Scope, receive: Receive) -> Receive:
    """Return a `receive` that reads no more than `MAX_BODY`.

    Content-Length is trusted, because the server reads no more than it says. A chunked body is
    read here, before anything else happens.
    """
    headers = dict(scope["headers"])
    length = headers.get(b"content-length", b"")
    if length.isdigit() and int(length.lstrip(b"0")[:9] or 0) > MAX_BODY:
        raise _too_large()
    if b"transfer-encoding" not in headers:
        return receive
    body, more = b"", True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return receive
        body += message.get("body", b"")
        more = message.get("more_body", False)
        if len(body) > MAX_BODY:
            raise _too_large()
    messages = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        return messages.pop() if messages else await receive()

    return replay


def _too_large() -> Problem:
    # The connection is closed, so that the server does not have to read the rest.
    return Problem(413, f"The body is over {MAX_BODY // 1024} KiB.", {"Connection": "close"})
