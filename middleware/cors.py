"""CORS, with errors as JSON."""

from fastapi import Request
from fastapi.middleware.cors import CORSMiddleware
from starlette.datastructures import Headers
from starlette.types import Message, Receive, Scope, Send

from errors import Problem, problem_response


class CORS(CORSMiddleware):
    """Starlette's CORS, which answers a refused preflight with the same JSON as other errors."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope.get("method") == "OPTIONS":
            headers = Headers(scope=scope)
            if "origin" in headers and "access-control-request-method" in headers:
                await self._answer_preflight(headers, scope, receive, send)
                return
        await super().__call__(scope, receive, send)

    async def _answer_preflight(self, headers: Headers, scope: Scope, receive: Receive, send: Send) -> None:
        answer = self.preflight_response(headers)
        if answer.status_code == 400:
            del answer.headers["content-length"], answer.headers["content-type"]
            problem = Problem(400, f"{bytes(answer.body).decode()}.", dict(answer.headers))
            answer = await problem_response(Request(scope), problem)
        await answer(scope, receive, send)

    async def send(self, message: Message, send: Send, request_headers: Headers) -> None:
        """Send a message. Starlette would decode all headers for `Vary`, also without an Origin."""
        if message["type"] == "http.response.start" and "origin" not in request_headers:
            message["headers"] = [*message.get("headers", ()), (b"vary", b"Origin")]
            await send(message)
        else:
            await super().send(message, send, request_headers)
