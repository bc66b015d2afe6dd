"""`make migrate`: bring the schema up to date, over DATABASE_MIGRATION_URL."""

from sqlalchemy.exc import SQLAlchemyError

from config import settings
from db.budget import at_most
from db.migrations import engine_without_pool, newest, upgrade
from db.schema import look_at_schema
from errors import Unavailable

url = settings.database_migration_url
try:
    with at_most(settings.db_timeout):
        look_at_schema(engine_without_pool(url).execution_options(isolation_level="AUTOCOMMIT"))
    upgrade(url)  # without a limit: an index on many rows takes its time
except (Unavailable, SQLAlchemyError) as error:
    raise SystemExit(str(getattr(error, "orig", None) or error).strip()) from None
print(f"The schema is up to date: version {newest()}.")  # noqa: T201  # a command's answer
