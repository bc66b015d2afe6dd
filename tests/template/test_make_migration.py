"""`make migration` writes files that run, on one copy of the project with a field of each type."""

import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.conftest import Database
from tests.expect import expect_invalid, expect_problem, expect_unavailable
from tests.issuer import Issuer
from tests.live import ROOT, environment, running
from tests.test_stacks import STACKS

COMPLETED = "completed: Annotated[bool, _COMPLETED]"
FIELDS = """    rank: int = Field(default=0, sa_column_kwargs={"server_default": text("0")})
    level: Level = Field(default=Level.LOW, sa_column_kwargs={"server_default": text("'LOW'")})
    size: Size | None = None
    other_size: Size | None = None
    reviewer_id: UserId | None = Field(
        default=None,
        sa_type=USER_ID_COLUMN_TYPE,
        foreign_key=f"{USER_TABLE.fullname}.id",
        ondelete="SET NULL",
        index=True,
    )
    label_id: int | None = Field(default=None, foreign_key="label.id", ondelete="SET NULL")
    slug: str | None = Field(default=None, unique=True)
    remind_at: datetime | None = None
    labels: list[str] = Field(default_factory=list, sa_type=ARRAY(Text), sa_column_kwargs={"server_default": "{}"})
    starred: bool = Field(default=False, sa_column_kwargs={"server_default": text("false")})
    ratio: float = Field(default=0.5, sa_column_kwargs={"server_default": text("0.5")})
    price: Decimal | None = Field(default=None, max_digits=10, decimal_places=2)
    day: date | None = None
    clock: time | None = None
    span: timedelta | None = None
    raw: bytes | None = None
    kind: Kind | None = Field(
        default=None, sa_type=EnumType(Kind, values_callable=lambda kind: [one.value for one in kind])
    )
    sizes: list[Size] = Field(
        default_factory=list, sa_type=ARRAY(EnumType(Size)), sa_column_kwargs={"server_default": "{}"}
    )
    data: dict[str, Any] = Field(default_factory=dict, sa_type=JSON, sa_column_kwargs={"server_default": text("'{}'")})
    more: dict[str, Any] | None = Field(default=None, sa_type=JSONB)
    owner: str | None = None
    place_id: UUID | None = Field(default=None, foreign_key="place.id", ondelete="SET NULL")
"""
SENT = """    rank: int = 0
    level: Level = Level.LOW
    size: Size | None = None
    reviewer_id: UserIdText | None = None
    label_id: int | None = None
    slug: str | None = None
    remind_at: Moment | None = None
    labels: list[str] = Field(default_factory=list)
    starred: bool = False
    ratio: float = 0.5
    price: Decimal | None = None
    day: date | None = None
    clock: time | None = None
    span: timedelta | None = None
    raw: bytes | None = None
    kind: Kind | None = None
    sizes: list[Size] = Field(default_factory=list)
    data: dict[str, Any] = Field(default_factory=dict)
    more: dict[str, Any] | None = None
    owner: str | None = None
    place_id: UUID | None = None
"""
READ = re.sub(r" = .*", "", SENT).replace("Moment", "datetime")
ARGUMENTS = """        Index("todo_open_idx", "user_id", postgresql_where=text("NOT completed")),
        Index("todo_title_idx", text("lower(title)")),
        UniqueConstraint("user_id", "rank", "id"),
        CheckConstraint("rank < 9", name="todo_rank_check"),
"""
IMPORTS = """from datetime import date, time, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, UniqueConstraint
from sqlalchemy import Enum as EnumType
from sqlalchemy.dialects.postgresql import JSONB

from models.fields import Moment
from models.note import Level
from models.user import USER_ID_COLUMN_TYPE, USER_TABLE, UserId
"""
SIZE = '''class Size(StrEnum):
    """A size."""

    SMALL = "small"
    LARGE = "large"


class Kind(StrEnum):
    """A kind, whose values are stored."""

    WORK = "at work"
    HOME = "at home"


class Place(Owned, table=True):
    """A table with an id that is a UUID."""

    id: UUID = Field(default=None, primary_key=True, sa_column_kwargs={"server_default": text("gen_random_uuid()")})


'''
CHANGES = {
    "from uuid import UUID\n": IMPORTS,
    "class Todo(Owned, table=True):\n": f"{SIZE}class Todo(Owned, table=True):\n",
    "    __table_args__ = (\n": f"    __table_args__ = (\n{ARGUMENTS}",
    "    purged_at: datetime | None = None\n": f"    purged_at: datetime | None = None\n{FIELDS}",
    f"    {COMPLETED} = False\n": f"    {COMPLETED} = False\n{SENT}",
    f"    {COMPLETED} = OMITTED\n": f"    {COMPLETED} = OMITTED\n{SENT}",
    f"    {COMPLETED}\n": f"    {COMPLETED}\n{READ}",
}
"""Lines of models/todo.py, and what a team makes of them."""


@dataclass(frozen=True)
class Copy:
    """A copy of the project, in a folder with a space in its name."""

    root: Path

    def run(self, *command: str, code: int = 0, **variables: Any) -> str:
        """Run a Python module in the copy, and return its output."""
        variables = {"BETTER_AUTH_URL": "http://127.0.0.1:1", "PYTHONPATH": str(self.root), **variables}
        done = subprocess.run(
            [sys.executable, *command],
            cwd=self.root,
            env=environment(**variables),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert done.returncode == code, done.stdout
        return done.stdout

    def file(self, number: str) -> Path:
        """Return the migration with this number."""
        (path,) = (self.root / "db" / "migrations" / "versions").glob(f"{number}_*.py")
        return path

    def alembic(self, *commands: str, **variables: Any) -> str:
        """Run commands of Alembic's in one process, and return their output."""
        code = "import sys\nfrom alembic.config import main\nfor command in sys.argv[1:]:\n    main(command.split())"
        return self.run("-c", code, *commands, **variables)

    def change(self, model: str, changes: dict[str, str]) -> None:
        """Replace parts of a model."""
        path = self.root / "models" / f"{model}.py"
        code = path.read_text()
        for old, new in changes.items():
            assert code.count(old) == 1, old
            code = code.replace(old, new)
        path.write_text(code)

    def duplicate(self, root: Path) -> "Copy":
        """Copy it again."""
        shutil.copytree(self.root, root, ignore=shutil.ignore_patterns(".*", "__pycache__"))
        return Copy(root)


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Copy:
    root = tmp_path_factory.mktemp("copies") / "my app"
    kept = shutil.ignore_patterns(".*", "tests", "docs", "examples", "benchmarks", "node_modules", "__pycache__")
    shutil.copytree(ROOT, root, ignore=kept)
    shutil.copy(Path(__file__).with_name("note.py"), root / "models")
    copy = Copy(root)
    copy.change("todo", CHANGES)
    copy.run("-m", "ruff", "check", "--fix", "--quiet", "models")
    copy.run("-m", "ruff", "format", "--quiet", "models")
    return copy


@pytest.fixture(scope="module")
def written(copy: Copy) -> Copy:
    answer = copy.run("-m", "dev", "migration", "add everything")
    assert answer == (
        "Wrote db/migrations/versions/0004_add_everything.py. Read it, and then run make migrate."
        " The embedded database needs no make migrate: make run applies it at the next start.\n"
    )
    return copy


@pytest.fixture(scope="module")
def database(new_database: Callable[..., Database], copy: Copy) -> Database:
    """A database at version 0003, with a row in `todo`."""
    database = new_database()
    subprocess.run(
        [sys.executable, "-m", "db"],
        env=environment(DATABASE_URL=database.api_url, BETTER_AUTH_URL="http://127.0.0.1:1"),
        cwd=copy.root.parent,
        check=True,
    )
    database.add_user("somebody")
    database.execute("INSERT INTO todo (user_id, title) VALUES ('somebody', 'old')")
    return database


@pytest.fixture(scope="module")
def migrated(written: Copy, database: Database) -> Copy:
    assert "version 0004" in written.run("-m", "db", DATABASE_URL=database.api_url)
    return written


def test_the_file_names_no_type_of_sqlmodel(written: Copy) -> None:
    code = written.file("0004").read_text()
    assert "sqlmodel" not in code
    assert "UTCDateTime" not in code
    assert "# ###" not in code


def test_the_copy_passes_its_checks(written: Copy) -> None:
    assert "All checks passed!" in written.run("-m", "ruff", "check", "models", "db")
    assert "already formatted" in written.run("-m", "ruff", "format", "--check", "models", "db")
    if (cache := ROOT / ".mypy_cache").exists():  # which saves 6 s
        shutil.copytree(cache, written.root / ".mypy_cache")
    assert "no issues found" in written.run("-m", "mypy", "models", "db/migrations")


def test_rows_get_the_defaults_of_new_fields(migrated: Copy, database: Database) -> None:
    assert migrated
    assert database.execute("SELECT title, rank, level, size, labels FROM todo") == [("old", 0, "LOW", None, [])]


ROW = """
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from uuid import UUID

from sqlalchemy import create_engine
from sqlmodel import Session, select

from config import settings
from models.note import Level, Mood, Note, Odd
from models.todo import Size, Todo

fields = dict(
    name="a", bounded="12345", title="Title", description="", number=2, flag=True, ratio=0.5,
    at=datetime(2026, 11, 24, 9, tzinfo=timezone(timedelta(hours=1))), moment=datetime(1, 1, 2, tzinfo=UTC),
    day=date(2026, 11, 24), clock=time(9, 30), span=timedelta(days=2, seconds=3), price=Decimal("12.30"),
    amount=Decimal("0.12345678901234567890"), key=UUID(int=5), raw=b"\\0\\xff", mood=Mood.bad, level=Level.HIGH,
    other_level=Level.LOW, levels=[Level.LOW, Level.HIGH], odd=Odd.percent, data={"a": [1]}, binary_data={"b": None},
    tags=["x", "it's"], checked=1,
)
fields |= {f"optional_{name}": fields[name] for name in (
    "name", "bounded", "number", "flag", "ratio", "at", "day", "clock", "span", "price", "key", "raw", "mood", "data",
    "binary_data", "tags")}
engine = create_engine(settings.database_url)
with Session(engine) as session:
    session.add(Note(user_id="somebody", **fields))
    session.add(Note(user_id="somebody", **{
        name: value for name, value in fields.items() if not name.startswith("optional_")
    } | {"name": "b", "key": UUID(int=6)}))
    session.add(Todo(user_id="somebody", title="new", size=Size.LARGE, reviewer_id="somebody", labels=["x"]))
    session.commit()
with Session(engine) as session:
    note, other = session.exec(select(Note).order_by(Note.name)).all()
    assert {name: getattr(note, name) for name in fields} == fields
    assert {getattr(other, name) for name in fields if name.startswith("optional_")} == {None}
    assert (note.text_default, note.counted, note.doubled) == ("100% of :x, it's", 1, 4)
    assert len(note.random_default) == 32
    todo = session.exec(select(Todo).where(Todo.size == Size.LARGE)).one()
    assert (todo.size, todo.level, todo.labels, todo.reviewer_id) == (Size.LARGE, "low", ["x"], "somebody")
engine.dispose()
print("All values were read as they were stored.")
"""


def test_what_refers_to_a_todo_goes_with_it(migrated: Copy, database: Database) -> None:
    assert migrated
    (key,) = database.execute(
        "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = 'todo_note'::regclass AND contype = 'f'"
        " AND confrelid = 'todo'::regclass"
    )
    assert key == ("FOREIGN KEY (user_id, todo_id) REFERENCES todo(user_id, id) ON DELETE CASCADE",)


def test_each_type_is_stored_and_read(migrated: Copy, database: Database) -> None:
    assert "All values were read" in migrated.run("-c", ROW, DATABASE_URL=database.api_url)


def test_the_api_serves_the_new_field(migrated: Copy, database: Database, issuer: Issuer) -> None:
    with (
        running(DATABASE_URL=database.api_url, BETTER_AUTH_URL=issuer.origin, PYTHONPATH=str(migrated.root)) as api,
        api.client(issuer.token("somebody")) as http,
    ):
        assert http.post("/api/todos", json={"title": "sent", "rank": 3}).json()["rank"] == 3
        assert {todo["title"]: todo["rank"] for todo in http.get("/api/todos").json()}["old"] == 0
        answer = http.get("/openapi.json").json()["components"]["schemas"]["TodoRead"]
        assert "rank" in answer["required"]

        database.execute("ALTER TABLE note RENAME TO moved")
        expect_unavailable(http.get("/ready"), "There is no table note, and the schema is at version 0004.")
        database.execute("ALTER TABLE moved RENAME TO note")


FIRST: dict[str, object] = {
    "description": "Two litres",
    "completed": True,
    "rank": 1,
    "level": "high",
    "size": "large",
    "reviewer_id": "another",
    "remind_at": "2026-11-24T08:00:00Z",
    "labels": ["x", 'it\'s, "y" {z}'],
    "starred": True,
    "ratio": 0.1,
    "price": "12.30",
    "day": "2026-11-24",
    "clock": "09:30:00",
    "span": "P2DT3.5S",
    "raw": "é",
    "kind": "at work",
    "sizes": ["small", "large"],
    "data": {"b": [1.5, None, "é"], "a": {}},
    "more": {"b": [1.5, None, "é"], "a": {}},
    "owner": "it's 50%",
}
SECOND: dict[str, object] = {
    "description": None,
    "completed": False,
    "rank": 2,
    "level": "low",
    "size": None,
    "reviewer_id": None,
    "remind_at": None,
    "labels": [],
    "starred": False,
    "ratio": -1e300,
    "price": None,
    "day": None,
    "clock": None,
    "span": "-P1DT1H",
    "raw": None,
    "kind": None,
    "sizes": [],
    "data": {},
    "more": None,
    "owner": None,
}
"""Two values for each field that clients send, beside the keys and the title."""


@pytest.fixture(scope="module")
def http(migrated: Copy, database: Database, issuer: Issuer) -> Iterator[httpx.Client]:
    """A client of the copy, whose user has nothing yet."""
    database.add_user("another")
    with (
        running(DATABASE_URL=database.api_url, BETTER_AUTH_URL=issuer.origin, PYTHONPATH=str(migrated.root)) as api,
        api.client(issuer.token("another")) as http,
    ):
        yield http


@pytest.fixture(scope="module")
def keys(migrated: Copy, database: Database) -> dict[str, Any]:
    """Insert rows to which a todo can refer."""
    assert migrated
    ((label,),) = database.execute("INSERT INTO label (user_id) VALUES ('somebody') RETURNING id")
    ((place,),) = database.execute("INSERT INTO place (user_id) VALUES ('somebody') RETURNING id::text")
    return {"label_id": label, "place_id": place}


def sent(answer: httpx.Response, status: int, values: dict[str, Any]) -> dict[str, Any]:
    """Assert that an answer is a todo with these values, and return it."""
    assert answer.status_code == status, answer.text
    todo: dict[str, Any] = answer.json()
    assert {name: todo[name] for name in values} == values
    assert answer.headers["etag"] == f'W/"{todo["version"]}"'
    return todo


def test_post_and_put_set_fields_of_each_type(http: httpx.Client, keys: dict[str, Any]) -> None:
    first = {"title": "sent", "slug": "post", **FIRST, **keys}
    key = {"Idempotency-Key": "one"}
    made = sent(http.post("/api/todos", json=first, headers=key), 201, first)
    assert sent(http.post("/api/todos", json=first, headers=key), 200, first) == made
    url = f"/api/todos/{made['id']}"
    assert sent(http.put(url, json=first), 200, first) == made, "the same content makes no version"
    second = {"title": "put", "slug": None, **SECOND, "label_id": None, "place_id": None}
    put = sent(http.put(url, json=second), 200, second)
    assert put["version"] > made["version"]
    assert sent(http.put(url, json=second), 200, second) == put

    new, third = f"/api/todos/{uuid4()}", first | {"slug": "put"}
    todo = sent(http.put(new, json=third), 201, third)
    assert sent(http.put(new, json=third, headers={"If-None-Match": "*"}), 200, third) == todo
    assert http.get(new).json() == todo
    usual = sent(http.put(new, json={"title": "usual"}), 200, {"title": "usual", "rank": 0, "level": "low"})
    assert (usual["ratio"], usual["labels"], usual["data"], usual["more"]) == (0.5, [], {}, None)

    typed = {"Content-Type": "application/json"}
    assert http.put(new, content='{"title": "x", "ratio": NaN}', headers=typed).status_code == 200
    expect_invalid(http.put(new, content='{"title": "x", "data": {"a": NaN}}', headers=typed), [])
    sent(http.patch(url, json={"slug": "taken"}), 200, {"slug": "taken"})
    again, before = {"title": "again", "slug": "taken"}, http.get("/api/todos").json()
    expect_problem(http.put(new, json=again), 409, "Conflict")
    puts = [{"id": str(uuid4()), "title": "free"}, {"id": str(uuid4()), **again}]
    expect_problem(http.post("/api/batch", json={"put": puts}), 409, "Conflict")
    assert http.get("/api/todos").json() == before
    made = sent(http.post("/api/todos", json={"title": "second", **SECOND}), 201, SECOND)
    assert sent(http.put(f"/api/todos/{made['id']}", json={"title": "second", **SECOND}), 200, SECOND) == made


IN_A_TRANSACTION = """
from sqlmodel import Session

from crud.batch import put_todo
from crud.bulk import delete_todos, update_todos
from crud.move import move_todo
from crud.todo import create_todo, delete_todo, toggle_todo, update_todo
from crud.trash import purge_todo, restore_todo
from db import engine
from db.session import RequestSession
from models.listing import TodoFilter
from models.todo import TodoCreate, TodoUpdate

with RequestSession() as session, session.begin():
    me = session, "another"
    todo = create_todo(*me, TodoCreate(title="x", owner="first"))
    update_todo(*me, todo.id, TodoUpdate(owner="second", title="y"))
    put_todo(*me, todo.id, TodoCreate(title="z", owner="third"), creates=False)
    print(toggle_todo(*me, todo.id).owner, move_todo(*me, todo.id, None).owner)
    delete_todo(*me, todo.id)
    print(restore_todo(*me, todo.id).owner, update_todos(*me, TodoFilter(id=[todo.id]), TodoUpdate(owner="fourth")))
    print(delete_todos(*me, TodoFilter(id=[todo.id])), purge_todo(*me, todo.id))

with Session(engine) as session:
    todo = create_todo(session, "another", TodoCreate(title="x", owner="first"))
    print(update_todo(session, "another", todo.id, TodoUpdate(owner="second")).owner)
"""


def test_writes_in_a_transaction_have_a_field_named_as_their_value(
    migrated: Copy, http: httpx.Client, database: Database
) -> None:
    """The statements of crud have a value `owner`, and the copy has a field with this name."""
    assert http.get("/api/todos").status_code == 200
    printed = migrated.run("-c", IN_A_TRANSACTION, DATABASE_URL=database.api_url)
    assert printed.splitlines() == ["third third", "third 1", "1 True", "second"]


def test_patches_set_fields_of_each_type(http: httpx.Client, keys: dict[str, Any]) -> None:
    todo = http.post("/api/todos", json={"title": "patched"}).json()
    url, many = f"/api/todos/{todo['id']}", f"/api/todos?id={todo['id']}"
    for values in (FIRST | keys, SECOND | {"label_id": None, "place_id": None}):
        for name, value in values.items():
            match = {"If-Match": f'W/"{todo["version"]}"'}
            changed = sent(http.patch(url, json={name: value}, headers=match), 200, {name: value})
            assert sent(http.patch(url, json={name: value}, headers=match), 200, {}) == changed, "the answer was lost"
            answer = http.patch(many, json={name: value})
            assert (answer.status_code, answer.json()) == (200, {"changed": 1})
            todo = http.get(url).json()
            assert todo | {"version": 0, "updated_at": ""} == changed | {"version": 0, "updated_at": ""}
        answer = http.patch(many, json=values)
        assert (answer.status_code, answer.json()) == (200, {"changed": 1})
        todo = sent(http.get(url), 200, values)


def test_a_batch_sets_fields_of_each_type(http: httpx.Client, keys: dict[str, Any]) -> None:
    since = http.get("/api/changes?limit=500").json()["next"]
    one, other = str(uuid4()), str(uuid4())
    put = [{"id": one, "title": "one", **FIRST, **keys}, {"id": other, "title": "other", **SECOND}]

    def apply(statuses: list[int]) -> list[int]:
        results = http.post("/api/batch", json={"put": put}).json()["results"]
        assert [result["status"] for result in results] == statuses, results
        return [result["version"] for result in results]

    versions = apply([201, 201])
    assert apply([200, 200]) == versions, "the same batch does nothing the second time"
    todos = {todo["id"]: todo for todo in http.get(f"/api/changes?since={since}").json()["todos"]}
    assert [{name: todos[item["id"]][name] for name in item} for item in put] == put
    put = [{"title": "changed", **SECOND, "id": one}, {"title": "changed", **FIRST, **keys, "id": other}]
    assert min(apply([200, 200])) > max(versions)
    todos = {todo["id"]: todo for todo in http.get(f"/api/changes?since={since}").json()["todos"]}
    assert [{name: todos[item["id"]][name] for name in item} for item in put] == put


def test_the_trash_keeps_fields_of_each_type_and_a_purge_erases_them(
    http: httpx.Client, database: Database, keys: dict[str, Any]
) -> None:
    values = {"title": "deleted", "slug": "deleted", **FIRST, **keys}
    todo = sent(http.post("/api/todos", json=values), 201, values)
    url, trash = f"/api/todos/{todo['id']}", f"/api/trash/{todo['id']}"
    assert http.delete(url).status_code == 204
    assert {name: http.get("/api/trash").json()[0][name] for name in values} == values
    sent(http.post(f"{trash}/restore"), 200, values)
    assert http.delete(url).status_code == 204
    assert http.delete(trash).status_code == 204
    assert http.get("/api/changes?limit=500").json()["gone"] == []
    server = {"id", "user_id", "version", "created_at", "updated_at", "deleted_at", "purged_at", "position"}
    ((row, usual),) = database.execute(
        "WITH usual AS (INSERT INTO todo (user_id) VALUES ('another') RETURNING to_jsonb(todo) AS row)"
        " SELECT to_jsonb(todo), usual.row FROM todo, usual WHERE id = %s",
        (todo["id"],),
    )
    assert {name: row[name] for name in row.keys() - server} == {name: usual[name] for name in row.keys() - server}
    assert sent(http.put(url, json=values), 201, values)["version"] > todo["version"]


def test_a_downgrade_removes_all_and_an_upgrade_follows(migrated: Copy, database: Database) -> None:
    types = "SELECT typname FROM pg_type WHERE typtype = 'e' ORDER BY 1"
    assert database.execute(types) == [("kind",), ("level",), ("mood",), ("odd",), ("size",)]
    sql = migrated.alembic("downgrade 0003", "upgrade 0003:0004 --sql", DATABASE_URL=database.api_url)
    assert sql.count("CREATE TYPE level AS ENUM ('LOW', 'HIGH')") == 1
    assert database.execute(types) == []
    assert database.execute("SELECT to_regclass('note'), to_regclass('label')") == [(None, None)]
    (columns,) = database.execute("SELECT count(*) FROM information_schema.columns WHERE table_name = 'todo'")
    assert columns == (15,)
    migrated.run("-m", "db", DATABASE_URL=database.api_url)
    assert database.execute("SELECT count(*) FROM todo WHERE title = 'old'") == [(1,)]


def test_make_migration_finds_nothing_to_do_again(written: Copy) -> None:
    answer = written.run("-m", "dev", "migration", "again")
    assert answer == "The models and the migrations agree. There is nothing to do.\n"
    assert not list(written.root.glob("db/migrations/versions/0005*"))


@pytest.mark.parametrize("stack", ["built-in, serial", "Neon Auth"])
def test_the_file_has_the_ids_of_each_stack(new_database: Callable[..., Database], written: Copy, stack: str) -> None:
    database = new_database(better_auth=False)
    database.execute(STACKS[stack].ddl)
    settings = {"DATABASE_URL": database.api_url, **STACKS[stack].settings}
    written.alembic("upgrade head", "check", **settings)
    types = "SELECT DISTINCT data_type FROM information_schema.columns WHERE column_name IN ('user_id', 'reviewer_id')"
    assert database.execute(types) == [(STACKS[stack].settings["BETTER_AUTH_ID_TYPE"],)]
    user = STACKS[stack].ids[0]
    STACKS[stack].add_user(database, user)
    database.execute("INSERT INTO label (user_id) VALUES (%s)", (user,))
    database.execute("INSERT INTO todo (user_id, title, reviewer_id) VALUES (%s, 'x', %s)", (user, user))
    database.execute(f"DELETE FROM {STACKS[stack].table}")
    assert database.execute("SELECT id FROM label UNION ALL SELECT rank FROM todo") == []
    written.alembic("downgrade 0003", "upgrade head", **settings)


REFUSED = {
    "    flag: bool\n": """    flag: bool
    added: int
    number_by_python: int = 5
    text_by_python: str = "it's"
    mood_by_python: Mood = Mood.good
    list_by_python: list[str] = Field(default_factory=list, sa_type=ARRAY(Text))
    size: Size | None = None
""",
    "    optional_ratio: float | None = None\n": "    optional_ratio: float\n",
    'CheckConstraint("number IN (1, 2)", name="note_number_check")': 'CheckConstraint("number IN (1, 2)")',
    '    HIGH = "high"\n': '    TOP = "top"\n',
    "class Label(": 'class Size(StrEnum):\n    BIG = "big"\n\n\nclass Label(',
}
REFUSALS = """\
The table note has a check without a name: number IN (1, 2). Name it: CheckConstraint(..., name="note_..._check")
{}added{}"..."{}
{}number_by_python{}"5"{}
{}text_by_python{}"'it''s'"{}
{}mood_by_python{}"'good'"{}
{}list_by_python{}"'{{}}'"{}
{}optional_ratio{}"..."{}
Two Enums with different values have the name size. Rename one of them.
The type level has the values LOW, HIGH, and the Enum has LOW, TOP. PostgreSQL can only add values. Keep the others in \
their order, or write this migration by hand.
"""


def test_changes_that_cannot_run_are_refused(migrated: Copy, database: Database, tmp_path: Path) -> None:
    changed = migrated.duplicate(tmp_path / "copy")
    changed.change("note", REFUSED)
    command = ("-m", "alembic", "revision", "--autogenerate", "--message", "x")
    answer = changed.run(*command, code=1, DATABASE_URL=database.api_url)
    required = (
        "The column note.",
        " is required, and rows that exist have no value for it. Give the field a server_default, or make it optional:"
        ' Field(..., sa_column_kwargs={"server_default": text(',
        ")})",
    )
    assert answer == REFUSALS.format(*required * 6)
    assert not list(changed.root.glob("db/migrations/versions/0005*"))


@pytest.mark.parametrize("name", ['a "quoted" name', "a\\b", "two\nlines", "x" * 81])
def test_a_name_that_is_no_docstring_is_refused(copy: Copy, name: str) -> None:
    answer = copy.run("-m", "dev", "migration", name, code=2)
    assert answer.startswith("The name of a migration")


LATER = {
    '    HIGH = "high"\n': '    MEDIUM = "medium"\n    HIGH = "high"\n    TOP = "top"\n',
    "    raw: bytes\n": "",
    "    mood: Mood\n": "",
    "    optional_mood: Mood | None = None\n": "",
    "    bounded: str = Field(max_length=5)\n": "    bounded: str = Field(max_length=9)\n",
    "    optional_number: int | None = None\n": (
        '    optional_number: int = Field(sa_column_kwargs={"server_default": text("7")})\n'
    ),
}
"""Fields that change, and fields that go."""


def test_fields_and_tables_change_and_go(migrated: Copy, database: Database, tmp_path: Path) -> None:
    changed = migrated.duplicate(tmp_path / "copy")
    changed.change("note", LATER)
    note = changed.root / "models" / "note.py"
    code = note.read_text()
    code = code[: code.index("class NoteLabel(")] + code[code.index("class NoteLabel(") :].partition("\n\n\n")[2]
    start, end = code.index("class Label("), code.index("class Note(")
    code = code[: code.index("class TodoNote(")].rstrip() + "\n"
    note.write_text(code[:start] + code[end:])
    label = '    label_id: int | None = Field(default=None, foreign_key="label.id", ondelete="SET NULL")\n'
    changed.change("todo", {label: ""})
    changed.run("-m", "dev", "migration", "change everything")
    assert changed.file("0005").read_text().count('sa.Column("user_id", USER_ID_COLUMN_TYPE,') == 2  # label, todo_note

    migrated.run("-c", ROW, DATABASE_URL=database.api_url)
    assert "version 0005" in changed.run("-m", "db", DATABASE_URL=database.api_url)
    assert database.execute("SELECT optional_number FROM note ORDER BY name") == [(2,), (7,)]
    assert database.execute("SELECT to_regclass('label'), to_regtype('mood')") == [(None, None)]
    database.execute("UPDATE note SET level = 'MEDIUM'")
    changed.alembic("downgrade 0004", DATABASE_URL=database.api_url)
    assert database.execute("SELECT DISTINCT mood, raw, level FROM note") == [(None, None, "MEDIUM")]
    assert database.execute("SELECT count(*) FROM label") == [(0,)]
    changed.alembic("upgrade head", DATABASE_URL=database.api_url)
