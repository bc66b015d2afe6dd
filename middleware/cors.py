"""CORS, with errors as JSON."""

from fastapi import Request
from fastapi.middleware.cors import CORSMiddleware
from starlette.datastructures import Headers
from starlette.types import Receive, Scope, Send

from errors import Problem, problem_response


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
