"""Probes: whether the process runs, and whether it can serve requests."""

import asyncio
from time import time
from typing import Annotated, Any, Literal

from fastapi import Request
from pydantic import BaseModel, Field

from auth import signing_keys
from db import report_database
from errors import Unavailable
from models.about import about
from openapi import ProblemDetails
from routers.routing import public_router

router = public_router(tags=["health"])


class Root(BaseModel):
    """The API, and where to go from here."""

    name: Annotated[str, about("The name of the API.", "SQLModel Todo API")]
    version: Annotated[str, about("The version of the API.", "0.1.0")]
    docs: Annotated[str, about("The path of the documentation.", "/docs")]
    health: Annotated[str, about("The path of the probe.", "/health")]


class Health(BaseModel):
    """The state of the process."""

    status: Annotated[Literal["healthy"], about("The process runs.", "healthy")]


class Services(BaseModel):
    """A line for each service: `ok`, or what is wrong and what to do."""

    database: Annotated[str, about("Whether the database answers.", "ok")]
    schema_: Annotated[str, Field(alias="schema"), about("Whether the schema is up to date.", "ok")]
    signing_keys: Annotated[str, about("Whether Better Auth's signing keys are known.", "ok")]


class Readiness(Services):
    """All services are available."""

    status: Annotated[Literal["ready"], about("Requests can be served.", "ready")]


class ReadinessProblemDetails(ProblemDetails, Services):
    """An error that has a line for each service."""


@router.get("/")
async def get_root(request: Request) -> Root:
    """Return the name and version of the API, and where to go from here."""
    return Root(name=request.app.title, version=request.app.version, docs="/docs", health="/health")


@router.get("/health")
async def get_health() -> Health:
    """Return 200 if the process runs. It asks no other service, and answers while the database hangs."""
    return Health(status="healthy")


_NOT_READY = {"model": ReadinessProblemDetails, "description": "A service is not available. Its line says why."}


@router.get("/ready", response_model=Readiness, responses={503: _NOT_READY})
async def get_readiness() -> dict[str, Any]:
    """Return 200 if requests can be served, and a line for each service that they need.

    Anyone may ask, so a report is made once a second at most. All who ask meanwhile get the same one.
    """
    report = await _report.get()
    if wrong := [line for line in report.values() if line != "ok"]:
        raise Unavailable(" ".join(wrong), **report)
    return {"status": "ready", **report}


async def _make_report() -> dict[str, str]:
    report = await report_database()
    if not signing_keys.keys:
        await signing_keys.renew()
    unknown = "The signing keys could not be fetched. Check that BETTER_AUTH_JWKS_URL answers."
    report["signing_keys"] = "ok" if signing_keys.keys else unknown
    return report


class _Report:
    """The newest report, which all requests share."""

    def __init__(self) -> None:
        self._task: asyncio.Task[dict[str, str]] | None = None
        self._made_at = 0.0

    async def get(self) -> dict[str, str]:
        """Return a report that is a second old at most."""
        task = self._task
        if task and task.done() and abs(time() - self._made_at) < 1:  # the clock may be set back
            return task.result()
        # A task of another event loop may never end, because some hosts run each call on its own.
        if not task or task.done() or task.get_loop() is not asyncio.get_running_loop():
            self._task = task = asyncio.create_task(self._make())
        return await asyncio.shield(task)  # the others go on if this request is cancelled

    async def _make(self) -> dict[str, str]:
        try:
            return await _make_report()
        finally:
            self._made_at = time()


_report = _Report()
