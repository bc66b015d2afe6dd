"""Bring the schema up to date, through DATABASE_MIGRATION_URL: `make migrate`."""

import signal
import sys
from time import sleep

# Ctrl-C ends the command without a traceback. PostgreSQL then undoes the migration that runs.
signal.signal(signal.SIGINT, signal.SIG_DFL)

from sqlalchemy.exc import SQLAlchemyError  # noqa: E402  # see above

from config import settings  # noqa: E402  # see above
from db.migrations import Busy, engine_without_pool, newest, upgrade  # noqa: E402  # see above
from db.schema import PAUSE, check_schema  # noqa: E402  # see above
from db.waiting import at_most  # noqa: E402  # see above
from errors import Unavailable  # noqa: E402  # see above

ATTEMPTS = 5

url = settings.database_migration_url
try:
    with at_most(settings.db_timeout):
        check_schema(engine_without_pool(url).execution_options(isolation_level="AUTOCOMMIT"))
    for attempt in range(1, ATTEMPTS + 1):
        try:
            upgrade(url)  # without a limit of time, because an index on many rows takes long
            break
        except Busy as busy:
            if attempt == ATTEMPTS:
                raise Unavailable(
                    f"{busy.detail} {ATTEMPTS} attempts failed, and the schema is not up to date."
                ) from None
            pause = f"Attempt {attempt} of {ATTEMPTS} failed. The next one is in {PAUSE:.0f} s."
            print(busy.detail, pause, file=sys.stderr, flush=True)  # noqa: T201  # the command's answer
            sleep(PAUSE)
except (Unavailable, SQLAlchemyError) as error:
    raise SystemExit(str(getattr(error, "orig", None) or error).strip()) from None
print(f"The schema is up to date: version {newest()}.")  # noqa: T201  # the command's answer
