"""Purge what is due, until nothing is left: `make sweep`."""

import signal

# Ctrl-C ends the command without a traceback. Each step is complete.
signal.signal(signal.SIGINT, signal.SIG_DFL)

from sqlalchemy.exc import SQLAlchemyError  # noqa: E402  # see above

from crud.sweep import sweep  # noqa: E402  # see above
from db.session import RequestSession  # noqa: E402  # see above
from errors import Unavailable  # noqa: E402  # see above

total = 0
try:
    with RequestSession() as session:
        while rows := sweep(session):
            total += rows
except (Unavailable, SQLAlchemyError) as error:
    raise SystemExit(str(getattr(error, "orig", None) or error).strip().partition("\n")[0]) from None
print(f"Purged or deleted {total} rows.")  # noqa: T201  # the command's answer
