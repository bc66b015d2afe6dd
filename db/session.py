"""`SessionDep`: a session for one request."""

from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import Depends
from fastapi.concurrency import run_in_threadpool
from sqlalchemy.exc import ProgrammingError, SQLAlchemyError
from sqlmodel import Session

from db.budget import turn
from db.engine import as_unavailable, engine, was_lost
from db.schema import schema


class RequestSession(Session):
    """A session that reads once more when its connection is lost under a statement.

    A write is never sent twice: it may have happened before the connection was lost.
    """

    def exec(self, statement: Any, **options: Any) -> Any:
        """Execute, as `sqlmodel.Session.exec` does."""
        try:
            return super().exec(statement, **options)
        except SQLAlchemyError as error:
            if not (was_lost(error) and statement.is_select):
                raise
        self.rollback()  # gives the lost connection back; the pool makes another
        return super().exec(statement, **options)


async def get_session() -> AsyncIterator[Session]:
    """Open a session; its first statement takes a connection, its end gives it back.

    Asynchronous, though the session is not: opening and closing wait for nothing, and a hop to a
    worker thread for each costs more than the statement in between.

    Raises:
        Unavailable: the database is away, too slow, or not set up.
    """
    async with turn():
        if not schema.ready:
            await run_in_threadpool(schema.prepare)
        with RequestSession(engine, autoflush=False, expire_on_commit=False) as session:
            try:
                yield session
            except SQLAlchemyError as error:
                if isinstance(error, ProgrammingError):
                    schema.forget()
                if unavailable := as_unavailable(error):
                    raise unavailable from None
                raise


# scope: given back before the answer is sent, so that a slow client holds no connection.
SessionDep = Annotated[Session, Depends(get_session, scope="function")]
