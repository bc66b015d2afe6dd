"""Probes: whether the process runs, and whether it can serve requests."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from auth import signing_keys
from db import report_database
from errors import Unavailable
from openapi import ProblemDetails, about
from routers.routing import Route

router = APIRouter(tags=["health"], route_class=Route, generate_unique_id_function=lambda route: route.name)


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
    """Return 200 if requests can be served, and a line for each service that they need."""
    report = await report_database()
    if not signing_keys.keys:
        await signing_keys.renew()
    unknown = "The signing keys could not be fetched. Check that BETTER_AUTH_JWKS_URL answers."
    report["signing_keys"] = "ok" if signing_keys.keys else unknown
    if wrong := [line for line in report.values() if line != "ok"]:
        raise Unavailable(" ".join(wrong), **report)
    return {"status": "ready", **report}
