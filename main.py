"""The app, assembled. `uvicorn main:app` serves it."""

import gc

# Imported objects are never freed. Without the garbage collector a cold start is a tenth shorter.
gc.disable()

from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.types import ASGIApp

import errors
import logs
import telemetry
from config import settings
from crud.sweep import sweep
from db import GreenletMiddleware, lifespan, on_database_error
from middleware import CORS, Compress, Guard, RequestLog
from openapi import DocumentedAPI
from routers import counts, docs, health, me, sync, tags, todos, trash
from routers.routing import add_routers

logs.configure()


class TodoAPI(DocumentedAPI):
    """The app. All of its middleware runs in a greenlet, also what is added later."""

    def build_middleware_stack(self) -> ASGIApp:
        """Return the middleware, in a greenlet."""
        return GreenletMiddleware(super().build_middleware_stack())


app = TodoAPI(
    title="SQLModel Todo API",
    version="0.1.0",
    description="Todos of the users that Better Auth signs in.",
    license_info={"name": "MIT", "identifier": "MIT"},
    servers=[{"url": "/", "description": "The server of this document."}],
    docs_url=None,  # routers/docs.py serves it, without the internet
    redoc_url=None,
    swagger_ui_oauth2_redirect_url=None,
    lifespan=lifespan(sweep),
    redirect_slashes=False,
    telemetry=telemetry.CONFIG,
    middleware=[
        Middleware(RequestLog),
        Middleware(
            CORS,
            allow_origins=settings.cors_origins,
            allow_credentials=True,
            allow_methods=["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"],
            allow_headers=[
                *("Authorization", "Content-Type", "If-Match", "If-None-Match", "Idempotency-Key"),
                *("X-Request-ID", "traceparent"),
            ],
            expose_headers=["ETag", "Link", "Location", "X-Request-ID", "Retry-After"],
            max_age=7200,  # seconds; Chrome keeps a preflight no longer
        ),
        Middleware(Compress),
        Middleware(Guard, larger={"/api/batch": 1024 * 1024}),
    ],
    exception_handlers={
        errors.Problem: errors.problem_response,
        HTTPException: errors.on_http_exception,
        RequestValidationError: errors.on_validation_error,
        SQLAlchemyError: on_database_error,
        Exception: errors.on_crash,
    },
)
add_routers(
    app,
    *(todos.router, trash.router, tags.router, counts.router, sync.router, me.router),
    *(health.router, docs.router),
)

gc.freeze()
# Python's default, 700 new objects, is about one collection for each request, a twentieth of its CPU time.
gc.set_threshold(10_000)
gc.enable()
