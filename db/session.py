"""`SessionDep`: a session for one request."""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import Depends
from fastapi.concurrency import run_in_threadpool
from sqlalchemy.exc import ProgrammingError, SQLAlchemyError
from sqlmodel import Session

from db.engine import as_unavailable, engine
from db.schema import schema


async def get_session() -> AsyncIterator[Session]:
    """Open a session; its first statement takes a connection, its end gives it back.

    Asynchronous, though the session is not: opening and closing wait for nothing, and a hop to a
    worker thread for each costs more than the statement in between.

    Raises:
        Unavailable: the database is away, too slow, or not set up.
    """
    if not schema.ready:
        await run_in_threadpool(schema.prepare)
    with Session(engine, autoflush=False, expire_on_commit=False) as session:
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
