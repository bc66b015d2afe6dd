"""Limit the requests of each user to one process by RATE_LIMIT.

This is the generic cell rate algorithm (GCRA; ITU-T I.371), which is a token bucket that needs one
number for each user: the moment when the user's allowance is whole again. A user may send the
requests of a whole minute at once. After that, each 60 / RATE_LIMIT seconds allow one more request.
"""

from collections import OrderedDict
from threading import Lock
from time import monotonic_ns

from starlette.requests import HTTPConnection

from config import settings
from errors import Problem
from models.user import UserId

_SECOND = 1_000_000_000
_MINUTE = 60 * _SECOND


class RateLimit:
    """Count the requests of users, on all threads and event loops of the process.

    Only users whose tokens were verified are counted, and at most those of the last minute are
    remembered, about 200 bytes for each.

    The monotonic clock may stand still while a process is frozen, and the wall clock may be set. So
    this uses the monotonic clock. A freeze never allows more requests. It may lengthen a wait by its
    own duration.
    """

    def __init__(self, requests_per_minute: int) -> None:
        # Whole nanoseconds, because sums of floats could refuse the last request of a burst.
        self._interval = _MINUTE // requests_per_minute
        self._whole_at: OrderedDict[UserId, int] = OrderedDict()
        """Map users to the moment when their allowance is whole again, least recently accepted first."""
        self._lock = Lock()

    def wait_seconds(self, user_id: UserId) -> int:
        """Accept a request and return 0, or return the whole seconds after which one is accepted.

        A refused request is not counted.
        """
        now = monotonic_ns()
        with self._lock:
            whole_at = max(self._whole_at.get(user_id, now), now) + self._interval
            if (excess := whole_at - now - _MINUTE) > 0:
                return -(-excess // _SECOND)
            self._whole_at[user_id] = whole_at
            self._whole_at.move_to_end(user_id)
            self._forget(now)
        return 0

    def _forget(self, now: int) -> None:
        """Forget users whose allowance is whole. Each request adds at most one user, and checks two."""
        for _ in range(2):
            user_id = next(iter(self._whole_at))
            if self._whole_at[user_id] > now:
                # Each later user was accepted later. So this one hides them for a minute at most.
                return
            del self._whole_at[user_id]


_limit = RateLimit(settings.rate_limit) if settings.rate_limit else None


def count_request(connection: HTTPConnection, user_id: UserId) -> None:
    """Count a request, or the handshake of a WebSocket, once, however often its token is verified.

    Raises:
        Problem: 429. The user has sent too many requests.
    """
    if _limit is None or "is_counted" in connection.scope:
        return
    if seconds := _limit.wait_seconds(user_id):
        detail = f"You have sent too many requests. Try again in {seconds} s."
        raise Problem(429, detail, {"Retry-After": str(seconds)})
    connection.scope["is_counted"] = True
