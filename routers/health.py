"""Whether it runs, and whether it can work."""

from fastapi import APIRouter, Request

from auth.dependencies import signing_keys
from db.schema import report_database
from errors import Unavailable, documented
from routers import operation_id

router = APIRouter(tags=["health"], generate_unique_id_function=operation_id)


@router.head("/", include_in_schema=False)
@router.get("/")
async def index(request: Request) -> dict[str, str]:
    """What this is."""
    app = request.app
    return {"name": app.title, "version": app.version, "docs": app.docs_url, "health": "/health"}


@router.head("/health", include_in_schema=False)
@router.get("/health")
async def health() -> dict[str, str]:
    """Whether the process runs: asks nobody, so it answers while the database hangs."""
    return {"status": "healthy"}


@router.get("/ready", responses=documented(503))
async def ready() -> dict[str, str]:
    """Whether requests can be served: a line for each thing that they need."""
    report = await report_database()
    if not signing_keys.keys:
        await signing_keys.renew()
    unknown = "The signing keys could not be fetched: see that BETTER_AUTH_JWKS_URL answers."
    report["signing_keys"] = "ok" if signing_keys.keys else unknown
    if wrong := [line for line in report.values() if line != "ok"]:
        raise Unavailable(" ".join(wrong), **report)
    return {"status": "ready", **report}
