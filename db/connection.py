"""The life of a connection: made with patience, looked at before it is used again."""

import logging
import re
import select
from time import sleep, time
from typing import Any

import psycopg2
from sqlalchemy import exc

from db.budget import at_most, remaining
from db.waiting import run_off_loop

log = logging.getLogger("todo.db")

TRUSTED_FOR = 5.0
"""Seconds that a connection may have been idle and is still taken without asking the server."""
PATIENCE = 2.0
"""Seconds that a server has to prove that an idle connection still works."""

# What another attempt would not change. Texts of PostgreSQL, PgBouncer, Neon's proxy and libpq:
# before a connection is there, psycopg2 gives no code.
_FINAL = re.compile(
    r"authentication failed|does not exist|no such (database|user)|no pg_hba\.conf entry|startup parameter"
    r"|not allowed to connect|could not be found|Endpoint ID|is insecure|is disabled|have exceeded"
    r"|certificate|SSL error|does not support SSL|channel binding|invalid .* value|Name or service not known"
)


def connect(_dialect: Any, _record: Any, arguments: Any, options: Any) -> Any:
    """Connect, again and again while that may help and time is left: a Neon compute may be waking up.

    A listener for SQLAlchemy's event `do_connect`. Off the event loop, because libpq looks up the
    host's name, and asks nobody how long that may take.

    Raises:
        psycopg2.OperationalError: the last attempt's.
    """
    return run_off_loop(_connect, arguments, options)


def _connect(arguments: Any, options: Any) -> Any:
    pause, reason = 0.1, ""
    while True:
        try:
            return psycopg2.connect(*arguments, **options)
        except psycopg2.OperationalError as error:
            if _FINAL.search(str(error)):
                raise
            if remaining() < pause:
                # What went wrong before tells more than that time is up.
                raise psycopg2.OperationalError(reason or str(error)) from None
            reason = str(error)
        sleep(pause)
        pause = min(2 * pause, 1)


def note_idle(_connection: Any, record: Any) -> None:
    """Remember when a connection was given back: a listener for the event `checkin`."""
    # The wall clock, because the other one may stand still while a process is frozen.
    record.info["idle_since"] = time()


def check_idle(connection: Any, record: Any, _: Any) -> None:
    """Look whether a connection from the pool still works: a listener for the event `checkout`.

    Closed ones show at their socket, without asking the server. It is asked only after
    `TRUSTED_FOR` seconds, because a firewall, or a freeze, may have lost the connection silently.

    Raises:
        exc.InvalidatePoolError: it does not; the pool makes a new one.
    """
    idle_since = record.info.get("idle_since")
    if idle_since is None or (abs(time() - idle_since) < TRUSTED_FOR and not _has_news(connection)):
        return
    try:
        with at_most(PATIENCE), connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except psycopg2.Error as error:
        log.info("a connection was lost while idle: %s", str(error).strip().partition("\n")[0])
        raise exc.InvalidatePoolError from None


def _has_news(connection: Any) -> bool:
    """Say whether the server sent something unasked, which mostly is that it has hung up."""
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    return bool(poll.poll(0))
