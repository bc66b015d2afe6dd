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
from db import GreenletMiddleware, lifespan, on_database_error
from middleware import CORS, Guard, RequestLog
from openapi import DocumentedAPI
from routers import health, me, todos
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
    lifespan=lifespan,
    redirect_slashes=False,
    telemetry=telemetry.CONFIG,
    middleware=[
        Middleware(RequestLog),
        Middleware(
            CORS,
            allow_origins=settings.cors_origins,
            allow_credentials=True,
            allow_methods=["GET", "POST", "PUT", "PATCH", "DELETE"],
            allow_headers=["Authorization", "Content-Type", "X-Request-ID"],
            expose_headers=["Link", "Location", "X-Request-ID", "Retry-After"],
        ),
        Middleware(Guard),
    ],
    exception_handlers={
        errors.Problem: errors.problem_response,
        HTTPException: errors.on_http_exception,
        RequestValidationError: errors.on_validation_error,
        SQLAlchemyError: on_database_error,
        Exception: errors.on_crash,
    },
)
add_routers(app, todos.router, me.router, health.router)

gc.freeze()
gc.enable()
