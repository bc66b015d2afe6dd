"""Extend the app as a team may extend a copy. `uvicorn tests.extended:app` serves it. See test_session.py."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import closing, suppress
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any
from uuid import UUID, uuid4

from fastapi import APIRouter, BackgroundTasks, Body, Depends, HTTPException, Query, Request, Response, WebSocket
from fastapi.responses import StreamingResponse
from psycopg2.extras import execute_values
from psycopg2.sql import SQL, Identifier
from pydantic import BaseModel, computed_field, field_serializer
from sqlalchemy import Column, ForeignKeyConstraint, Table, Text, Uuid, bindparam, func, insert, inspect, text
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlmodel import Field, Session, SQLModel, col, select

from auth import CurrentUser
from crud import todo as crud
from crud.listing import list_todos
from crud.move import move_todo
from db import SessionDep, Statement, columns
from errors import Conflict, found
from models.listing import TodoPage
from models.todo import Todo, TodoCreate, TodoRead, TodoUpdate
from routers.routing import add_routers, api_router
from tests.unswept import app

router = api_router("/copy")
plain = APIRouter(prefix="/plain")

DDL = """
    CREATE TABLE price (
        id uuid PRIMARY KEY, amount numeric NOT NULL, weight float NOT NULL, times int NOT NULL,
        changed timestamptz NOT NULL, due timestamptz, CHECK (times >= 0)
    );
    CREATE TABLE label (
        user_id text, todo_id uuid, name text, FOREIGN KEY (user_id, todo_id) REFERENCES todo ON DELETE CASCADE
    );
    CREATE FUNCTION sleep(seconds float) RETURNS int LANGUAGE sql AS 'SELECT 1 FROM pg_sleep(seconds)';
    GRANT ALL ON price, label TO todo_api;
"""
"""Create the tables that the migrations of the copy would create."""


class Price(SQLModel, table=True):
    id: UUID = Field(default_factory=uuid4, primary_key=True)
    amount: Decimal
    weight: float
    times: int = Field(default=7)
    changed: datetime = Field(
        default_factory=lambda: datetime.now(UTC), sa_column_kwargs={"onupdate": lambda: datetime.now(UTC)}
    )
    due: datetime | None = None


class PriceRead(SQLModel):
    amount: Decimal
    weight: float
    times: int
    changed: datetime
    due: datetime | None


class PriceCreate(SQLModel):
    amount: Decimal = Decimal("1.10")
    weight: float = 2.5
    due: datetime | None = None


LABEL = Table(
    "label",
    SQLModel.metadata,
    Column("user_id", Text, primary_key=True),
    Column("todo_id", Uuid, primary_key=True),
    Column("name", Text),
    ForeignKeyConstraint(["user_id", "todo_id"], ["todo.user_id", "todo.id"]),
)


class Labelled(BaseModel):
    id: UUID
    labels: str | None


_OF_TODO = LABEL.c.user_id == Todo.user_id, LABEL.c.todo_id == Todo.id
_LABELS = select(func.string_agg(LABEL.c.name, ",")).where(*_OF_TODO).scalar_subquery()
_CREATE_LABELLED = Statement(
    Labelled,
    insert(Todo)
    .values(user_id=bindparam("user_id"), title=bindparam("title"), completed=False)
    .returning(col(Todo.id), _LABELS.label("labels")),
)
_PRICE = columns(Price, PriceRead)
_CREATE_PRICE = Statement(
    PriceRead,
    insert(Price)
    .values(amount=bindparam("amount"), weight=bindparam("weight"), due=bindparam("due"))
    .returning(*_PRICE),
)
_LIST_PRICES = Statement(PriceRead, select(*_PRICE).order_by(col(Price.times)))


class Slept(BaseModel):
    slept: int


_SLEEP: Statement[Slept] = Statement(Slept, select(func.sleep(bindparam("seconds", type_=None)).label("slept")))


# --- transactions


@router.post("/two")
def two(user: CurrentUser, session: SessionDep, fail: bool = False) -> list[TodoRead]:
    with session.begin():
        todos = [crud.create_todo(session, user.id, TodoCreate(title=title)) for title in ("one", "two")]
        if fail:
            raise Conflict("No two today.")
    return todos


@router.post("/moved")
def moved(user: CurrentUser, session: SessionDep) -> list[str]:
    with session.begin():
        low, high = (crud.create_todo(session, user.id, TodoCreate(title=title)) for title in ("low", "high"))
        found(move_todo(session, user.id, low.id, None), "Todo")
        found(move_todo(session, user.id, low.id, high.id), "Todo")
        found(move_todo(session, user.id, low.id, None), "Todo")
    return [todo.title for todo in list_todos(session, user.id, TodoPage()).todos]


@router.post("/mixed")
async def mixed(user: CurrentUser, session: SessionDep, fail: bool = False) -> int:
    assert session.exec(select(Todo).where(Todo.user_id == user.id)).all() == []
    todo = Todo(id=uuid4(), user_id=user.id, title="by the ORM")
    with session.begin():
        session.add(todo)
        assert found(crud.toggle_todo(session, user.id, todo.id), "Todo").completed
        assert found(crud.get_todo(session, user.id, todo.id), "Todo").completed
        if fail:
            raise HTTPException(418, "Tea first.")
    return len(session.exec(select(Todo).where(Todo.user_id == user.id)).all())


@router.post("/flushed")
def flushed(user: CurrentUser, session: SessionDep, fail: bool = False) -> str:
    session.add(Todo(user_id=user.id, title="flushed"))
    session.flush()
    if fail:
        raise HTTPException(418, "Tea first.")
    return "committed when this returns"


@router.post("/rolled-back")
def rolled_back(user: CurrentUser, session: SessionDep) -> int:
    session.add(Todo(user_id=user.id, title="gone"))
    session.flush()
    crud.create_todo(session, user.id, TodoCreate(title="gone, too"))
    session.rollback()
    crud.create_todo(session, user.id, TodoCreate(title="kept"))
    return len(session.exec(select(Todo).where(Todo.user_id == user.id)).all())


@router.post("/nested")
def nested(user: CurrentUser, session: SessionDep) -> list[str]:
    with session.begin():
        session.add(Todo(user_id=user.id, title="kept"))
        try:
            with session.begin_nested():
                session.add(Todo(user_id="nobody", title="refused"))
        except IntegrityError:
            session.add(Todo(user_id=user.id, title="instead"))
    return [todo.title for todo in session.exec(select(Todo).where(Todo.user_id == user.id).order_by(Todo.title))]


@router.post("/swallowed")
def swallowed(user: CurrentUser, session: SessionDep) -> str:
    crud_first = Todo(user_id=user.id, title="lost")
    session.add(crud_first)
    session.flush()
    with suppress(DBAPIError):
        session.exec(text("SELECT 1 / 0"))  # type: ignore[call-overload]  # SQLModel does not type text()
    return "saved?"


@router.post("/one-read")
def one_read(user: CurrentUser, session: SessionDep) -> int:
    return len(session.exec(select(Todo).where(Todo.user_id == user.id)).all())


@router.post("/commits")
def commits(user: CurrentUser, session: SessionDep) -> UUID:
    todo = Todo(user_id=user.id, title="committed")
    session.add(todo)
    session.commit()
    session.refresh(todo)
    return todo.id


@router.put("/body")
async def body(user: CurrentUser, session: SessionDep, request: Request) -> str:
    list_todos(session, user.id, TodoPage())
    return (await request.body()).decode()


@router.post("/repeatable-read")
def repeatable_read(user: CurrentUser, session: SessionDep) -> list[int]:
    session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
    counts = []
    for _ in range(2):
        counts.append(len(session.exec(select(Todo).where(Todo.user_id == user.id)).all()))
        with Session(session.get_bind()) as other:
            other.add(Todo(user_id=user.id, title="meanwhile"))
            other.commit()
    session.rollback()
    return [*counts, len(session.exec(select(Todo).where(Todo.user_id == user.id)).all())]


@router.post("/read-after-write")
def read_after_write(user: CurrentUser, session: SessionDep, seconds: float) -> int:
    session.add(Todo(user_id=user.id, title="half"))
    session.flush()
    _SLEEP.all(session, seconds=seconds)
    return len(session.exec(select(Todo).where(Todo.user_id == user.id)).all())


@router.post("/serialize")
def serialize(user: CurrentUser, session: SessionDep, todo_id: UUID) -> str:
    session.connection(execution_options={"isolation_level": "SERIALIZABLE"})
    todo = session.get_one(Todo, (user.id, todo_id))
    todo.title += "+"
    session.add(todo)
    return todo.title


@router.post("/deadlock")
def deadlock(user: CurrentUser, session: SessionDep, first: UUID, second: UUID) -> None:
    with session.begin():
        for todo_id in (first, second):
            session.get_one(Todo, (user.id, todo_id), with_for_update=True)  # crud's writes wait for each other before
            _SLEEP.all(session, seconds=0.5)


@router.post("/replace/{todo_id}")
def replace(user: CurrentUser, session: SessionDep, todo_id: UUID) -> None:
    with session.begin():
        found(crud.update_todo(session, user.id, todo_id, TodoUpdate(title="replaced")), "Todo")
        _SLEEP.all(session, seconds=0.5)
        crud.create_todo(session, user.id, TodoCreate(title="instead"))
        found(crud.delete_todo(session, user.id, todo_id), "Todo")


@router.get("/stream-rows")
def stream_rows(user: CurrentUser, session: SessionDep) -> list[str]:
    todos = session.exec(select(Todo).where(Todo.user_id == user.id).execution_options(yield_per=10))
    return [todo.title for todo in todos]


@router.post("/raw")
def raw(user: CurrentUser, session: SessionDep) -> list[list[str]]:
    values = [(user.id, f"raw {number}") for number in range(3)]
    cursor: Any = session.connection().connection.cursor()
    titles = SQL("SELECT title FROM {} WHERE user_id = %s ORDER BY title").format(Identifier("todo"))
    with closing(cursor):
        execute_values(cursor, "INSERT INTO todo (user_id, title) VALUES %s", values)
        cursor.execute(titles, (user.id,))
        return [list(row) for row in cursor]


@router.get("/reflect")
def reflect(session: SessionDep) -> list[str]:
    return [column["name"] for column in inspect(session.get_bind()).get_columns("todo")]


# --- the loop, slots


def _sleep_and_add(session: Session, user_id: Any, seconds: float) -> None:
    session.add(Todo(user_id=user_id, title="by a task"))
    session.flush()
    session.exec(select(func.sleep(seconds))).all()


async def _use(session: Session, user_id: Any, seconds: float) -> None:
    _sleep_and_add(session, user_id, seconds)


@router.post("/shared")
async def shared(user: CurrentUser, session: SessionDep) -> None:
    await asyncio.gather(_use(session, user.id, 0.3), _use(session, user.id, 0.3))


@router.post("/forgotten")
async def forgotten(user: CurrentUser, session: SessionDep) -> None:
    _tasks.add(asyncio.create_task(_use(session, user.id, 0.5)))
    await asyncio.sleep(0.1)


_tasks: set[asyncio.Task[None]] = set()


@router.post("/failing")
async def failing(user: CurrentUser, session: SessionDep) -> None:
    async def fail() -> None:
        await asyncio.sleep(0.1)
        raise RuntimeError("another task failed")

    await asyncio.gather(_use(session, user.id, 0.5), fail())


@router.get("/sleep")
async def sleep(session: SessionDep, seconds: float) -> int:
    return len(_SLEEP.all(session, seconds=seconds))


@router.get("/sleep-twice")
def sleep_twice(session: SessionDep, seconds: float) -> int:
    return len(_SLEEP.all(session, seconds=seconds) + _SLEEP.all(session, seconds=seconds))


@router.get("/gather")
async def gather(session: SessionDep, seconds: float) -> int:
    async def one() -> int:
        with Session(session.get_bind()) as own:
            return len(own.exec(select(func.sleep(seconds))).all())

    return sum(await asyncio.gather(one(), one(), one()))


_answered = {""}
"""Names other services that answered."""


@router.get("/elsewhere")
async def elsewhere(user: CurrentUser, session: SessionDep, service: str) -> int:
    session.exec(select(Todo).where(Todo.user_id == user.id)).all()
    crud.get_todo(session, user.id, uuid4())
    while service not in _answered:  # noqa: ASYNC110  # another thread adds it
        await asyncio.sleep(0.01)
    return len(session.exec(select(Todo).where(Todo.user_id == user.id)).all())


@plain.get("/elsewhere")
def elsewhere_in_a_thread(user: CurrentUser, session: SessionDep, service: str) -> int:
    session.exec(select(Todo).where(Todo.user_id == user.id)).all()
    while service not in _answered:
        time.sleep(0.01)
    return len(session.exec(select(Todo).where(Todo.user_id == user.id)).all())


@plain.post("/answered")
def answer_elsewhere(service: str) -> None:
    _answered.add(service)


@router.get("/blocks")
def blocks() -> None:
    time.sleep(0.3)


# --- every kind of route


def names(session: SessionDep, user: CurrentUser) -> list[str]:
    return [todo.title for todo in session.exec(select(Todo).where(Todo.user_id == user.id)).all()]


def audited(session: SessionDep, user: CurrentUser) -> Iterator[Session]:
    yield session
    session.add(Todo(user_id=user.id, title="audited"))
    session.commit()


@plain.post("/thread")
def in_a_thread(user: CurrentUser, session: SessionDep, known: Annotated[list[str], Depends(names)]) -> list[str]:
    session.add(Todo(user_id=user.id, title="in a thread"))
    return known


@app.post("/direct")
async def direct(user: CurrentUser, session: SessionDep) -> int:
    return session.exec(select(func.count()).select_from(Todo).where(col(Todo.user_id) == user.id)).one()


@plain.post("/audited", dependencies=[Depends(audited)])
async def audit() -> str:
    return "audited after the answer"


def work(session: Session, user_id: Any, seconds: float, fail: bool) -> None:
    session.exec(select(func.sleep(seconds))).all()
    session.add(Todo(user_id=user_id, title="in the background"))
    if fail:
        raise RuntimeError("the background failed")


@plain.post("/background")
def background(
    tasks: BackgroundTasks, user: CurrentUser, session: SessionDep, seconds: float = 0, fail: bool = False
) -> str:
    tasks.add_task(work, session, user.id, seconds, fail)
    return "later"


@router.get("/stream")
async def stream(user: CurrentUser, session: SessionDep, seconds: float = 0) -> StreamingResponse:
    async def lines() -> AsyncIterator[str]:
        for todo in session.exec(select(Todo).where(Todo.user_id == user.id)).all():
            _SLEEP.all(session, seconds=seconds)
            yield f"{todo.title}\n"

    return StreamingResponse(lines())


@router.get("/lines")
async def yield_lines(user: CurrentUser, session: SessionDep) -> AsyncIterator[TodoRead]:
    for todo in list_todos(session, user.id, TodoPage()).todos:
        yield todo


@router.get("/lines-in-thread")
def yield_lines_in_thread(user: CurrentUser, session: SessionDep) -> Iterator[TodoRead]:
    yield from list_todos(session, user.id, TodoPage()).todos


@router.post("/text")
def take_text(body: Annotated[str, Body(media_type="text/plain")]) -> None:
    raise Conflict(body) if body == "problem" else HTTPException(409, {"code": 7} if body == "data" else "Mine.")


@router.get("/broken-stream")
async def broken_stream() -> StreamingResponse:
    async def lines() -> AsyncIterator[str]:
        yield "one\n"
        raise RuntimeError("the stream broke")

    return StreamingResponse(lines())


@router.get("/cancels")
async def cancels() -> bool:
    task = asyncio.create_task(asyncio.sleep(9))
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    return task.cancelled()


@app.websocket("/socket")
async def socket(websocket: WebSocket, user: CurrentUser, session: SessionDep) -> None:
    await websocket.accept()
    while (title := await websocket.receive_text()) != "bye":
        with session.begin():
            todo = crud.create_todo(session, user.id, TodoCreate(title=title))
        await websocket.send_text(todo.title.upper())
    await websocket.close()


# --- answers and types


class Words(BaseModel):
    flag: bool = False
    word: Annotated[list[str], Field(alias="words")] = []


class Open(BaseModel, extra="allow"):
    flag: bool = False


@router.get("/words")
def get_words(query: Annotated[Words, Query()]) -> list[str]:
    return query.word


@router.get("/open")
def get_open(query: Annotated[Open, Query()]) -> dict[str, Any]:
    return query.model_dump()


def named(name: Annotated[str, Query(validation_alias="from")] = "nobody") -> str:
    return name


@router.get("/plain")
def get_plain(
    name: Annotated[str, Depends(named)], flag: bool | None = None, word: Annotated[list[str] | None, Query()] = None
) -> list[Any]:
    return [name, flag, word]


@router.get("/events")
async def get_events(big: bool = False) -> StreamingResponse:
    async def events() -> AsyncIterator[str]:
        yield "data: " + "x" * (2000 if big else 1) + "\n\n"

    headers = {"Cache-Control": "no-cache"}
    return StreamingResponse(events(), headers=headers, media_type="text/event-stream")


@router.get("/picture")
def get_picture() -> Response:
    return Response(b"x" * 2000, media_type="image/png")


class Shout(TodoRead):
    @computed_field  # type: ignore[prop-decorator]  # pydantic documents it so
    @property
    def shouted(self) -> str:
        return self.title.upper()

    @field_serializer("title")
    def _quote(self, title: str) -> str:
        return f"'{title}'"


class Brief(BaseModel):
    title: str


def set_headers(response: Response) -> None:
    response.headers["X-Dependency"] = "set"
    response.set_cookie("seen", "yes")


@router.post("/shout", dependencies=[Depends(set_headers)])
def shout(user: CurrentUser, session: SessionDep, answer: Response) -> Shout:
    answer.status_code = 202
    return Shout(**crud.create_todo(session, user.id, TodoCreate(title="hello")).model_dump())


@router.post("/brief", response_model=list[Brief])
def brief(user: CurrentUser, session: SessionDep) -> list[TodoRead]:
    return [crud.create_todo(session, user.id, TodoCreate(title="hello"))]


@router.post("/prices")
def create_price(session: SessionDep, new: PriceCreate) -> PriceRead:
    return _CREATE_PRICE.one(session, **new.model_dump())


@router.get("/prices")
def list_prices(session: SessionDep) -> list[PriceRead]:
    return _LIST_PRICES.all(session)


@router.post("/prices/{times}")
def orm_price(session: SessionDep, times: int, new: PriceCreate) -> PriceRead:
    price = Price(**new.model_dump(), times=times)
    session.add(price)
    session.flush()
    return PriceRead.model_validate(price, from_attributes=True)


@router.post("/labelled")
def labelled(user: CurrentUser, session: SessionDep) -> Labelled:
    return _CREATE_LABELLED.one(session, user_id=user.id, title="labelled")


@router.post("/twice")
def twice(user: CurrentUser, session: SessionDep, todo_id: UUID) -> None:
    for _ in range(2):
        session.add(Todo(id=todo_id, user_id=user.id, title="twice"))
        session.flush()
        session.expunge_all()


app.include_router(plain)
add_routers(app, router)
