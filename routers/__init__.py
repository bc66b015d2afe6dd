"""Routes: HTTP in, HTTP out."""

from fastapi.routing import APIRoute


def operation_id(route: APIRoute) -> str:
    """Name an operation like its function: what generated clients call it."""
    return route.name
