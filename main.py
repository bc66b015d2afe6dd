"""The app, put together. `uvicorn main:app` serves it."""

import gc

# What is imported stays: looking for garbage among it is a tenth of a cold start.
gc.disable()

import logging
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware

import errors
from config import settings
from db.schema import lifespan
from middleware import CORS, Guard, RequestLog
from routers import health, me, todos

logging.basicConfig(format="%(levelname)s %(name)s: %(message)s")
logging.getLogger("todo").setLevel(settings.log_level.upper())
logging.getLogger("uvicorn.access").handlers.clear()  # RequestLog writes the line


class TodoAPI(FastAPI):
    """FastAPI, with errors that are problem+json in the OpenAPI document too."""

    def openapi(self) -> dict[str, Any]:
        """Give the OpenAPI document."""
        return errors.name_media_type(super().openapi())


app = TodoAPI(
    title="SQLModel Todo API",
    version="0.1.0",
    description="Todos of the users that Better Auth signs in.",
    lifespan=lifespan,
    redirect_slashes=False,
    middleware=[
        Middleware(RequestLog),
        Middleware(
            CORS,
            allow_origins=settings.cors_origins,
            allow_credentials=True,
            allow_methods=["GET", "POST", "PATCH", "DELETE"],
            allow_headers=["Authorization", "Content-Type", "X-Request-ID"],
            expose_headers=["Link", "Location", "X-Request-ID", "Retry-After"],
        ),
        Middleware(Guard),
    ],
    exception_handlers={
        errors.Problem: errors.problem_response,
        HTTPException: errors.on_http_exception,
        RequestValidationError: errors.on_validation_error,
    },
)
# Not include_router(): FastAPI 0.165 then builds each route twice, the second time in the first
# request. Before its own routes, because they are looked through in this order.
app.router.routes[:0] = [*todos.router.routes, *me.router.routes, *health.router.routes]

gc.freeze()
gc.enable()
