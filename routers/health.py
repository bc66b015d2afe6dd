"""Probes: whether the process runs, and whether it can serve requests."""

import asyncio
from time import time

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
