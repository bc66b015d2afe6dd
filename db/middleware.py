"""The middleware that lets requests wait for the database without blocking the event loop."""

from starlette.types import ASGIApp, Receive, Scope, Send

from db.greenlets import run_request
from db.slots import requester
from db.waiting import budget


class GreenletMiddleware:
    """Run each request and the lifespan in a greenlet.

    It is outside of all other middleware, so that those may use a session too.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # uvicorn starts a pipelined request in the context of the request before it.
        requester.set(None)
        budget.set(None)
        await run_request(self.app, scope, receive, send)
