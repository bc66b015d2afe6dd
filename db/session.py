"""`SessionDep`: a session for one request."""

from contextlib import AsyncExitStack
from typing import Annotated, Any, Self

from fastapi import Depends, Request
from fastapi.concurrency import run_in_threadpool
from sqlalchemy.exc import ProgrammingError, SQLAlchemyError
from sqlmodel import Session

from db.budget import Turn
from db.engine import as_unavailable, engine, was_lost
from db.prepared import Prepared
from db.schema import schema
from db.waiting import run_on_loop

_prepared: dict[Any, Prepared] = {}


class RequestSession(Session):
    """A session that reads once more when its connection is lost under a statement.

    A write is never sent twice: it may have happened before the connection was lost.

    Statements with the execution option `prepared`, which are built once, are compiled once. They
    take no part in a transaction of the session: each is one of its own.
    """

    def __init__(self) -> None:
        super().__init__(engine, autoflush=False, expire_on_commit=False)
        self._turn = Turn()

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

    async def __aenter__(self) -> Self:
        """Wait for a turn.

        Raises:
            Unavailable: none came in time, or the database is away or not set up.
        """
        await self._turn.__aenter__()
        try:
            if not schema.ready:
                await run_in_threadpool(schema.prepare)
        except BaseException:
            await self._turn.__aexit__()
            raise
        return self

    async def __aexit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        """Close, give the turn to the next one, and say what an error of the database means.

        Raises:
            Unavailable: the database is away, too slow, or not set up.
        """
        try:
            if self.in_transaction():  # closing costs as much as opening, and mostly nothing is open
                await run_on_loop(self.close)
        finally:
            await self._turn.__aexit__()
        if isinstance(error, ProgrammingError):
            schema.forget()
        if isinstance(error, SQLAlchemyError) and (unavailable := as_unavailable(error)):
            raise unavailable from None


async def get_session(request: Request) -> Session:
    """Open a session; its first statement takes a connection, its end gives it back.

    It ends with the endpoint, before the answer is sent, so that a slow client holds no connection.
    `yield` with `scope="function"` means the same; this puts the end where FastAPI 0.165 would,
    without a generator and two layers around it, which are a sixth of a request's CPU time.

    Raises:
        Unavailable: as `RequestSession.__aenter__`.
    """
    ends: AsyncExitStack = request.scope["fastapi_function_astack"]
    return await ends.enter_async_context(RequestSession())


SessionDep = Annotated[Session, Depends(get_session)]
