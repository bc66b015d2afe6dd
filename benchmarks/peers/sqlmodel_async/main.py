"""Do the same as `usual`, asynchronously, with an AsyncSession and asyncpg."""

import os
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID, uuid4

import jwt
from fastapi import Depends, FastAPI, HTTPException, Query
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from sqlalchemy import BigInteger
from sqlalchemy.ext.asyncio import create_async_engine
from sqlmodel import Field, SQLModel, col, select
from sqlmodel.ext.asyncio.session import AsyncSession

ORIGIN = os.environ["BETTER_AUTH_URL"]
DATABASE_URL = os.environ["DATABASE_URL"].replace("postgresql://", "postgresql+asyncpg://", 1)

engine = create_async_engine(DATABASE_URL, pool_pre_ping=True, pool_size=5, max_overflow=0)
jwks = jwt.PyJWKClient(f"{ORIGIN}/api/auth/jwks")
bearer = HTTPBearer()
app = FastAPI()


class Todo(SQLModel, table=True):
    """Map the table `todo`."""

    id: UUID = Field(default_factory=uuid4, primary_key=True)
    user_id: str = Field(index=True)
    title: str
    description: str | None = None
    completed: bool = False
    created_at: datetime = Field(default_factory=lambda: datetime.now(UTC))
    updated_at: datetime | None = None
    version: int = Field(default=0, sa_type=BigInteger)  # a trigger sets the next one


class TodoCreate(SQLModel):
    """Validate a new todo."""

    title: str = Field(min_length=1, max_length=200)
    description: str | None = None
    completed: bool = False


class TodoUpdate(SQLModel):
    """Validate changes to a todo."""

    title: str | None = Field(default=None, min_length=1, max_length=200)
    description: str | None = None
    completed: bool | None = None


class TodoRead(SQLModel):
    """Describe a todo in an answer."""

    id: UUID
    user_id: str
    title: str
    description: str | None
    completed: bool
    created_at: datetime
    updated_at: datetime | None
    version: int


class Changes(SQLModel):
    """Describe a page of changes."""

    todos: list[TodoRead]
    next: str


async def get_session() -> AsyncIterator[AsyncSession]:
    """Open a session for one request."""
    async with AsyncSession(engine) as session:
        yield session


async def get_current_user(credentials: Annotated[HTTPAuthorizationCredentials, Depends(bearer)]) -> str:
    """Verify the token, and return the user's id."""
    token = credentials.credentials
    try:
        key = jwks.get_signing_key_from_jwt(token)
        claims = jwt.decode(token, key, algorithms=["EdDSA"], issuer=ORIGIN, audience=ORIGIN)
    except jwt.PyJWTError as error:
        raise HTTPException(401, "Invalid token") from error
    return str(claims["sub"])


SessionDep = Annotated[AsyncSession, Depends(get_session)]
CurrentUser = Annotated[str, Depends(get_current_user)]


async def find(session: AsyncSession, user_id: str, todo_id: UUID) -> Todo:
    """Return a todo of this user."""
    todo = (await session.exec(select(Todo).where(Todo.id == todo_id, Todo.user_id == user_id))).first()
    if todo is None:
        raise HTTPException(404, "Todo not found")
    return todo


async def save(session: AsyncSession, todo: Todo) -> Todo:
    """Write a todo, and read the stored values."""
    session.add(todo)
    await session.commit()
    await session.refresh(todo)
    return todo


@app.get("/api/todos", response_model=list[TodoRead])
async def list_todos(session: SessionDep, user_id: CurrentUser) -> Sequence[Todo]:
    """List the newest hundred todos."""
    newest = select(Todo).where(Todo.user_id == user_id).order_by(col(Todo.created_at).desc(), col(Todo.id).desc())
    return (await session.exec(newest.limit(100))).all()


@app.post("/api/todos", response_model=TodoRead, status_code=201)
async def create_todo(session: SessionDep, user_id: CurrentUser, new: TodoCreate) -> Todo:
    """Create a todo."""
    return await save(session, Todo(user_id=user_id, **new.model_dump()))


@app.get("/api/todos/{todo_id}", response_model=TodoRead)
async def get_todo(session: SessionDep, user_id: CurrentUser, todo_id: UUID) -> Todo:
    """Return a todo."""
    return await find(session, user_id, todo_id)


@app.put("/api/todos/{todo_id}", response_model=TodoRead)
async def replace_todo(session: SessionDep, user_id: CurrentUser, todo_id: UUID, new: TodoCreate) -> Todo:
    """Replace all fields."""
    todo = await find(session, user_id, todo_id)
    todo.sqlmodel_update(new.model_dump(), update={"updated_at": datetime.now(UTC)})
    return await save(session, todo)


@app.patch("/api/todos/{todo_id}", response_model=TodoRead)
async def update_todo(session: SessionDep, user_id: CurrentUser, todo_id: UUID, changes: TodoUpdate) -> Todo:
    """Change the fields that are sent."""
    todo = await find(session, user_id, todo_id)
    todo.sqlmodel_update(changes.model_dump(exclude_unset=True), update={"updated_at": datetime.now(UTC)})
    return await save(session, todo)


@app.post("/api/todos/{todo_id}/toggle", response_model=TodoRead)
async def toggle_todo(session: SessionDep, user_id: CurrentUser, todo_id: UUID) -> Todo:
    """Flip `completed`."""
    todo = await find(session, user_id, todo_id)
    todo.completed = not todo.completed
    todo.updated_at = datetime.now(UTC)
    return await save(session, todo)


@app.get("/api/changes", response_model=Changes)
async def list_changes(
    session: SessionDep,
    user_id: CurrentUser,
    since: Annotated[int, Query(ge=0)] = 0,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> dict[str, Any]:
    """List what has a later version."""
    changed = select(Todo).where(Todo.user_id == user_id, Todo.version > since).order_by(col(Todo.version))
    todos = (await session.exec(changed.limit(limit))).all()
    return {"todos": todos, "next": str(todos[-1].version if todos else since)}
