"""`SessionDep`: the session of a request."""

from contextlib import AsyncExitStack
from typing import Annotated, Any

from fastapi import Depends
from fastapi.responses import JSONResponse
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import SessionTransaction, SessionTransactionOrigin
from sqlmodel import Session
from starlette.requests import HTTPConnection

from db.errors import as_problem, is_missing
from db.greenlets import run_in_greenlet
from db.schema import require_schema, schema
from db.transaction import engine
from db.waiting import Budget, budget
from errors import problem_response


class RequestSession(Session):
    """A session of SQLModel's; its objects keep their values after a commit.

    What its ORM objects do is one transaction, which `get_session` ends. A `Statement` outside of
    a transaction is a transaction by itself.
    """

    def __init__(self) -> None:
        super().__init__(engine, expire_on_commit=False)

    def begin(self, nested: bool = False) -> SessionTransaction:
        """Begin a transaction, as `sqlmodel.Session.begin` does; also after reads.

        A read begins a transaction too, and SQLAlchemy refuses a second one. Here that
        transaction is continued.
        """
        current = self.get_transaction()
        if nested or current is None or current.origin is not SessionTransactionOrigin.AUTOBEGIN:
            return super().begin(nested)
        current.origin = SessionTransactionOrigin.BEGIN
        return current


class _End:
    """Ends the transaction of a session: with a commit, or with a rollback if there was an error."""

    __slots__ = ("session",)

    def __init__(self, session: Session) -> None:
        self.session = session

    async def __call__(self, _kind: object, error: BaseException | None, _traceback: object) -> None:
        if self.session.in_transaction():
            await run_in_greenlet(self._commit_or_rollback, error)

    def _commit_or_rollback(self, error: BaseException | None) -> None:
        try:
            if error is None:
                self.session.commit()
        finally:
            self.session.rollback()


class _EndOfEndpoint(_End):
    """Ends the transaction and the time budget of a request, before its answer is sent."""

    __slots__ = ()

    async def __call__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        try:
            await super().__call__(kind, error, traceback)
        finally:
            budget.set(None)  # background tasks and streams may last longer


async def get_session(connection: HTTPConnection) -> Session:
    """Return a session, whose transaction is committed when the endpoint returns.

    The session acquires a connection with its first statement. It may be used after the endpoint, in
    background tasks and streamed answers; what they leave uncommitted is committed when they end.

    `yield` would do the same with two more layers of generators, which take more CPU time. So this
    uses the stacks in which FastAPI 0.165 keeps generators. One ends with the endpoint, the other
    after the answer. Their names are not documented. If they change, every test fails.

    Raises:
        Unavailable: the schema is not up to date, and cannot be brought up to date.
    """
    scope: dict[str, Any] = connection.scope  # type: ignore[assignment]  # a MutableMapping that is a dict
    if scope["type"] == "http":
        client = scope.get("state", {}).get("client")
        budget.set(Budget(client and client.has_left))
    await require_schema()
    session = RequestSession()
    after_answer: AsyncExitStack = scope["fastapi_inner_astack"]
    after_answer.push_async_exit(_End(session))
    if scope["type"] == "http":
        after_endpoint: AsyncExitStack = scope["fastapi_function_astack"]
        after_endpoint.push_async_exit(_EndOfEndpoint(session))
    return session


SessionDep = Annotated[Session, Depends(get_session)]


async def on_database_error(request: HTTPConnection, error: SQLAlchemyError) -> JSONResponse:
    """Answer an error of the database.

    Raises:
        SQLAlchemyError: it is a bug.
    """
    if is_missing(error):
        schema.forget()
    if problem := as_problem(error):
        return await problem_response(request, problem)
    raise error
