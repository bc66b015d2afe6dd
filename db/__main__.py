"""`make migrate`: bring the schema up to date, over DATABASE_MIGRATION_URL."""

from sqlalchemy import create_engine
from sqlalchemy.exc import SQLAlchemyError

from config import settings
from db.schema import create_db_and_tables
from errors import Unavailable

try:
    create_db_and_tables(create_engine(settings.database_migration_url, hide_parameters=True))
except (Unavailable, SQLAlchemyError) as error:
    raise SystemExit(str(getattr(error, "orig", None) or error).strip()) from None
print("The schema is up to date.")  # noqa: T201  # a command's answer
