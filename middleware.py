"""Middleware around every request, as pure ASGI: id, headers, log line, CORS, gzip, size of the body, crashes."""

import logging
import re
import zlib
from time import perf_counter
from urllib.parse import quote
from uuid import uuid4

import anyio.to_thread
from fastapi import Request
from fastapi.middleware.cors import CORSMiddleware
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from errors import CRASH, Problem, problem_response

log = logging.getLogger("todo")

MAX_BODY = 64 * 1024
"""Bytes of a request's body."""

MIN_COMPRESSED = 1024
"""Bytes of a body that is sent as it is."""

_LARGE = 128 * 1024
"""Bytes from which on a body is compressed in a thread, because the event loop would wait for a millisecond."""

_LEVEL = 4

_SANE_ID = re.compile(r"[A-Za-z0-9._:-]{1,64}")


class RequestLog:
    """Set the id of each request, the client's if it is sane, and log a line when it is answered.

    Add the headers that every answer has, too.

    It is the outermost middleware, because CORS answers a preflight by itself.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = perf_counter()
        request_id = dict(scope["headers"]).get(b"x-request-id", b"").decode("latin-1")
        if not _SANE_ID.fullmatch(request_id):
            request_id = uuid4().hex
        state = scope.setdefault("state", {})
        state |= {"request_id": request_id, "status": 0, "is_answered": False}

        path = scope["path"].removeprefix(scope.get("root_path", ""))
        is_private = path.startswith("/api/") or path == "/api"

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                state["status"] = message["status"]
                headers = MutableHeaders(scope=message)
                headers["X-Request-ID"] = request_id
                headers.setdefault("X-Content-Type-Options", "nosniff")
                if is_private:
                    headers.setdefault("Cache-Control", "private, no-store")
            elif message["type"] == "http.response.body":
                state["is_answered"] = not message.get("more_body", False)
            await send(message)

        try:
            await self.app(scope, receive, send_with_headers)
        finally:
            # The path is percent-encoded, so that nobody can forge a line. Mangum has no raw path.
            path = (scope.get("raw_path") or quote(scope["path"]).encode()).decode("ascii", "replace")
            milliseconds = (perf_counter() - started) * 1000
            log.info("%s %s %d %.1fms %s", scope["method"], path, state["status"], milliseconds, request_id)


class CORS(CORSMiddleware):
    """Starlette's CORS, which answers a refused preflight with the same JSON as other errors."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope) if scope.get("method") == "OPTIONS" else Headers()
        if "origin" not in headers or "access-control-request-method" not in headers:
            await super().__call__(scope, receive, send)
            return
        answer = self.preflight_response(headers)
        if answer.status_code == 400:
            del answer.headers["content-length"], answer.headers["content-type"]
            problem = Problem(400, f"{bytes(answer.body).decode()}.", dict(answer.headers))
            answer = await problem_response(Request(scope), problem)
        await answer(scope, receive, send)


_GZIP = re.compile(rb"(?:^|[,\s])gzip\s*(?:,|$|;(?!\s*q=0(?:\.0*)?\s*(?:,|$)))", re.IGNORECASE)
_TEXT = re.compile(rb"text/|application/(?:[\w.-]+\+)?(?:json|xml|javascript)|image/svg", re.IGNORECASE)


class Compress:
    """Compress bodies over a KiB with gzip, for clients that accept it. Streams are sent as they are.

    Starlette's GZipMiddleware also compresses each chunk of a stream, and costs more per request.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        start: Message = {}

        async def send_compressed(message: Message) -> None:
            nonlocal start
            if message["type"] == "http.response.start":
                start = message  # the length is a header, and it is known with the body
                return
            if start:
                first, start = start, {}
                body = message.get("body", b"")
                if len(body) > MIN_COMPRESSED and not message.get("more_body"):
                    message["body"] = await _compress(scope, first, body)
                await send(first)
            await send(message)

        await self.app(scope, receive, send_compressed)


async def _compress(scope: Scope, start: Message, body: bytes) -> bytes:
    """Return the body as the client accepts it, and change the headers."""
    headers = MutableHeaders(scope=start)
    content_type = headers.get("content-type", "").encode("latin-1")
    if start["status"] == 206 or "content-encoding" in headers or not _TEXT.match(content_type):
        return body
    headers.add_vary_header("Accept-Encoding")
    if not _GZIP.search(dict(scope["headers"]).get(b"accept-encoding", b"")):
        return body
    if len(body) < _LARGE:
        body = _gzip(body)
    else:
        body = await anyio.to_thread.run_sync(_gzip, body)
    headers["Content-Encoding"] = "gzip"
    headers["Content-Length"] = str(len(body))
    return body


def _gzip(body: bytes) -> bytes:
    return zlib.compress(body, _LEVEL, wbits=31)  # 31: gzip


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
            await self.app(scope, await _bounded(scope, receive), send)
        except Exception as error:
            if state["status"]:
                log.exception("crash after the answer to request %s", state["request_id"])
                if not state["is_answered"]:
                    raise  # a stream broke off: the server closes the connection, so the client notices
                return  # a background task failed
            if not isinstance(error, Problem):
                log.exception("crash in request %s", state["request_id"])
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
