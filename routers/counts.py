"""The numbers of the user's todos."""

from datetime import UTC, date, datetime
from typing import Annotated

from fastapi import Query, Response

from auth import CurrentUser
from crud import counts as crud
from db import SessionDep
from models.counts import CountsQuery, CountsRead
from models.version import KnownVersions
from routers.routing import api_router
from routers.versions import ETAG, NOT_MODIFIED, Known, tag_or_not_modified

router = api_router("/counts")

_DAYS = 10**7  # more than there are between the years 1 and 9999


@router.get("", responses={200: ETAG, **NOT_MODIFIED})
def get_counts(
    response: Response,
    user: CurrentUser,
    session: SessionDep,
    query: Annotated[CountsQuery, Query()],
    known: Known = None,
) -> CountsRead:
    """Count your todos. Each number is exact up to 10,000; 10,001 stands for more."""
    today = date.fromisoformat(query.today) if query.today else datetime.now(UTC).date()
    # Without a change, todos are overdue tomorrow. So the ETag has the day, too.
    day = today.toordinal()
    versions = KnownVersions(number // _DAYS for number in known or () if number % _DAYS == day)
    counted = crud.get_counts(session, user.id, today.isoformat(), versions)
    tag_or_not_modified(response, counted.version * _DAYS + day, known)
    return counted.counts
