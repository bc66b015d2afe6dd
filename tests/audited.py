"""The extended app with a middleware that uses a session: `uvicorn tests.audited:app`."""

from collections.abc import Awaitable, Callable

from fastapi import Request, Response
from sqlmodel import Session, func, select

import tests.extended  # noqa: F401  # adds its routes
from db import engine
from main import app


@app.middleware("http")
async def audit(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
    if seconds := request.headers.get("x-middleware"):
        with Session(engine) as session:
            session.exec(select(func.sleep(float(seconds)))).all()
    if request.query_params.get("crash"):
        raise RuntimeError("the middleware failed")
    return await call_next(request)
