"""`SessionDep`: a session for one request."""

from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import Depends
from fastapi.concurrency import run_in_threadpool
from sqlalchemy.exc import ProgrammingError, SQLAlchemyError
from sqlmodel import Session

from db.budget import Turn
from db.engine import as_unavailable, engine, was_lost
from db.prepared import Prepared
from db.schema import schema

_prepared: dict[Any, Prepared] = {}


class RequestSession(Session):
    """A session that reads once more when its connection is lost under a statement.

    A write is never sent twice: it may have happened before the connection was lost.

    Statements with the execution option `prepared`, which are built once, are compiled once. They
    take no part in a transaction of the session: each is one of its own.
    """

    def exec(self, statement: Any, **options: Any) -> Any:
        """Execute, as `sqlmodel.Session.exec` does."""
        try:
            return self._exec(statement, **options)
        except SQLAlchemyError as error:
            if not (was_lost(error) and statement.is_select):
                raise
        self.rollback()  # gives the lost connection back; the pool makes another
        return self._exec(statement, **options)

    def _exec(self, statement: Any, **options: Any) -> Any:
        if not options.get("execution_options", {}).get("prepared"):
            return super().exec(statement, **options)
        if not (prepared := _prepared.get(statement)):
            prepared = _prepared[statement] = Prepared(statement)
        return prepared.run(options["params"])


async def get_session() -> AsyncIterator[Session]:
    """Open a session; its first statement takes a connection, its end gives it back.

    Asynchronous, though the session is not: opening and closing wait for nothing, and a hop to a
    worker thread for each costs more than the statement in between.

    Raises:
        Unavailable: the database is away, too slow, or not set up.
    """
    async with Turn():
        if not schema.ready:
            await run_in_threadpool(schema.prepare)
        session = RequestSession(engine, autoflush=False, expire_on_commit=False)
        try:
            yield session
        except SQLAlchemyError as error:
            if isinstance(error, ProgrammingError):
                schema.forget()
            if unavailable := as_unavailable(error):
                raise unavailable from None
            raise
        finally:
            if session.in_transaction():  # closing costs as much as opening, and mostly nothing is open
                session.close()


# scope: given back before the answer is sent, so that a slow client holds no connection.
SessionDep = Annotated[Session, Depends(get_session, scope="function")]
