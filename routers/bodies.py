"""What every route with a JSON body asks of it."""

import re

from fastapi import Request

from auth.dependencies import CurrentUser
from errors import Problem

_JSON = re.compile(r"application/([\w.-]+\+)?json\s*(;|$)", re.IGNORECASE)


async def require_json(request: Request, _: CurrentUser) -> None:
    """Refuse a body that does not say it is JSON; the token is asked for first.

    Raises:
        Problem: 415; `curl -d` without a header says it is a form, for one.
    """
    if not _JSON.match(request.headers.get("content-type", "")) and await request.body():
        raise Problem(415, "Send JSON, and the header 'Content-Type: application/json'.")
