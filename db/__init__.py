"""The database: sessions, statements, and the schema at the start."""

from db.lifespan import lifespan
from db.middleware import GreenletMiddleware
from db.records import Records
from db.results import columns
from db.schema import report_database, require_schema
from db.session import SessionDep, get_session, on_database_error
from db.slots import requester
from db.statement import JoinedStatement, Statement
from db.transaction import engine

__all__ = [
    "GreenletMiddleware",
    "JoinedStatement",
    "Records",
    "SessionDep",
    "Statement",
    "columns",
    "engine",
    "get_session",
    "lifespan",
    "on_database_error",
    "report_database",
    "requester",
    "require_schema",
]
