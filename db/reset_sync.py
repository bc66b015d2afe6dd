"""End all tokens of `/api/changes`, after a database was restored in place: `make reset-sync`.

Versions go on far above those that clients may have seen before, so that none comes back with other
content. It connects through DATABASE_MIGRATION_URL, and needs the rights of the tables' owner.
"""

from secrets import randbits

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from config import settings
from db.migrations import engine_without_pool
from db.waiting import at_most
from errors import Unavailable

_STEP = 2**32  # versions stay below 2**53, the integers of JavaScript, for two million resets
_EPOCH = "CREATE OR REPLACE FUNCTION todo_epoch() RETURNS bigint LANGUAGE sql STABLE RETURN {}"
_VERSIONS = text("SELECT setval('todo_version_seq', todo_last_version() + :step)")

try:
    with at_most(settings.db_timeout), engine_without_pool(settings.database_migration_url).begin() as connection:
        connection.execute(text(_EPOCH.format(randbits(52))))
        connection.execute(_VERSIONS, {"step": _STEP})
except (Unavailable, SQLAlchemyError) as error:
    raise SystemExit(str(getattr(error, "orig", None) or error).strip().partition("\n")[0]) from None
print("All tokens of /api/changes have ended. Clients begin anew.")  # noqa: T201  # the command's answer
