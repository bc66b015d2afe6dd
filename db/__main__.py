"""Bring the schema up to date, through DATABASE_MIGRATION_URL: `make migrate`."""

from sqlalchemy.exc import SQLAlchemyError

from config import settings
from db.migrations import engine_without_pool, newest, upgrade
from db.schema import check_schema
from db.waiting import at_most
from errors import Unavailable

url = settings.database_migration_url
try:
    with at_most(settings.db_timeout):
        check_schema(engine_without_pool(url).execution_options(isolation_level="AUTOCOMMIT"))
    upgrade(url)  # without a limit of time, because an index on many rows takes long
except (Unavailable, SQLAlchemyError) as error:
    raise SystemExit(str(getattr(error, "orig", None) or error).strip()) from None
print(f"The schema is up to date: version {newest()}.")  # noqa: T201  # the command's answer
