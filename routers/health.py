"""Probes: whether the process runs, and whether it can serve requests."""

from fastapi import APIRouter, Request

from auth import signing_keys
from db import report_database
from errors import Unavailable
from openapi import documented

router = APIRouter(tags=["health"], generate_unique_id_function=lambda route: route.name)


@router.head("/", include_in_schema=False)
@router.get("/")
async def index(request: Request) -> dict[str, str]:
    """Return the name and version of the API, and where to go from here."""
    app = request.app
    return {"name": app.title, "version": app.version, "docs": app.docs_url, "health": "/health"}


@router.head("/health", include_in_schema=False)
@router.get("/health")
async def health() -> dict[str, str]:
    """Return 200 if the process runs. It asks no other service, and answers while the database hangs."""
    return {"status": "healthy"}


@router.get("/ready", responses=documented(503))
async def ready() -> dict[str, str]:
    """Return 200 if requests can be served, and a line for each service that they need."""
    report = await report_database()
    if not signing_keys.keys:
        await signing_keys.renew()
    unknown = "The signing keys could not be fetched. Check that BETTER_AUTH_JWKS_URL answers."
    report["signing_keys"] = "ok" if signing_keys.keys else unknown
    if wrong := [line for line in report.values() if line != "ok"]:
        raise Unavailable(" ".join(wrong), **report)
    return {"status": "ready", **report}
