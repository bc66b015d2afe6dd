"""The API works beside each schema of Better Auth, and names a wrong setting with its right value."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import create_engine
from sqlmodel import Session, select

from models.user import User
from tests.conftest import BETTER_AUTH_SQL, Database
from tests.expect import expect_not_found, expect_unauthorized, expect_unavailable
from tests.issuer import Issuer
from tests.live import ROOT, Api, environment, running


def recorded(name: str) -> str:
    """Return the DDL that Better Auth 1.7.7, or the generator of its adapter, wrote."""
    return (ROOT / "tests" / "recorded" / f"schema-postgres-{name}.sql").read_text()


@dataclass(frozen=True)
class Stack:
    """A way to run Better Auth: its DDL, the ids of two users, and the settings that it needs."""

    ddl: str
    ids: tuple[str, str]
    settings: dict[str, str]

    @property
    def table(self) -> str:
        """The user table, quoted."""
        return ".".join(f'"{part}"' for part in self.settings.get("BETTER_AUTH_USER_TABLE", "user").split("."))

    def add_user(self, database: Database, user_id: str) -> None:
        """Insert a user as Better Auth does."""
        snake = self.settings.get("BETTER_AUTH_COLUMN_CASE") == "snake"
        names = ("email_verified", "updated_at") if snake else ("emailVerified", "updatedAt")
        database.execute(
            f'INSERT INTO {self.table} (id, name, email, "{names[0]}", "{names[1]}")'  # of this module
            " VALUES (%s, 'Somebody', %s, true, '2026-11-20 12:00')",
            (user_id, f"{user_id}@example.com"),
        )


TEXT = ("a7Dd3HhxcqAGmwbaYHdorcneHC6vNmad", "z1h0ZTJHeefL5k6hyq4YUvQpGj2bS52X")
UUIDS = ("cd1184c9-0ea1-453f-9099-a61d750b0522", "f0438675-6e69-4c48-b07b-f58515135ed5")
SERIAL = ("1", "2147483647")

STACKS = {
    "built-in": Stack(BETTER_AUTH_SQL, TEXT, {}),
    "built-in, uuid": Stack(recorded("uuid"), UUIDS, {"BETTER_AUTH_ID_TYPE": "uuid"}),
    "built-in, serial": Stack(recorded("serial"), SERIAL, {"BETTER_AUTH_ID_TYPE": "integer"}),
    "built-in, snake by hand": Stack(recorded("fields-snake"), TEXT, {"BETTER_AUTH_COLUMN_CASE": "snake"}),
    "Drizzle": Stack(recorded("snake"), TEXT, {"BETTER_AUTH_COLUMN_CASE": "snake"}),
    "Drizzle, uuid": Stack(
        recorded("snake-uuid"), UUIDS, {"BETTER_AUTH_COLUMN_CASE": "snake", "BETTER_AUTH_ID_TYPE": "uuid"}
    ),
    "Drizzle, plural": Stack(
        recorded("snake").replace('public."user"', "public.users"),
        TEXT,
        {"BETTER_AUTH_COLUMN_CASE": "snake", "BETTER_AUTH_USER_TABLE": "users"},
    ),
    "Prisma": Stack(recorded("prisma"), TEXT, {}),
    "Prisma, without @@map": Stack(
        recorded("prisma").replace('public."user"', 'public."User"'), TEXT, {"BETTER_AUTH_USER_TABLE": "User"}
    ),
    "Neon Auth": Stack(
        "CREATE SCHEMA neon_auth;"
        + recorded("uuid").replace("public.", "neon_auth.")
        + 'GRANT USAGE ON SCHEMA neon_auth TO todo_api; GRANT SELECT, REFERENCES ON neon_auth."user" TO todo_api;',
        UUIDS,
        {"BETTER_AUTH_ID_TYPE": "uuid", "BETTER_AUTH_USER_TABLE": "neon_auth.user"},
    ),
}
MISFITS = {
    "text": ("",),
    "uuid": ("", "1", TEXT[0], UUIDS[0].upper(), f"{{{UUIDS[0]}}}", UUIDS[0].replace("-", "")),
    "integer": ("", "0", "-1", "01", " 1", "1.0", "1_0", "٣", "2147483648", "9" * 5000, TEXT[0]),
}

Served = tuple[Stack, Database, Api]


@pytest.fixture(scope="module")
def served(new_database: Callable[..., Database], issuer: Issuer) -> Iterator[dict[str, Served]]:
    """Start an API for each stack, all at once."""
    with ExitStack() as stacks, ThreadPoolExecutor(4) as pool:
        databases = {}
        for name, stack in STACKS.items():
            databases[name] = new_database(better_auth=False)
            databases[name].execute(stack.ddl)
            for user_id in stack.ids:
                stack.add_user(databases[name], user_id)

        def start(name: str) -> Served:
            variables = {"DATABASE_URL": databases[name].api_url, "BETTER_AUTH_URL": issuer.origin}
            api = stacks.enter_context(running(**variables, **STACKS[name].settings))
            return STACKS[name], databases[name], api

        yield dict(zip(STACKS, pool.map(start, STACKS), strict=True))


@pytest.mark.parametrize("name", STACKS)
def test_the_api_works_beside_every_stack(served: dict[str, Served], issuer: Issuer, name: str) -> None:
    stack, database, api = served[name]
    mine, theirs = stack.ids
    with api.client(issuer.token(mine)) as me, api.client(issuer.token(theirs)) as stranger:
        assert me.get("/ready").json()["schema"] == "ok"
        assert me.get("/api/me").json() == {
            "id": mine,
            "name": "Somebody",
            "email": f"{mine}@example.com",
            "image": None,
        }
        todo = me.post("/api/todos", json={"title": "Buy milk"}).json()
        path = f"/api/todos/{todo['id']}"
        assert todo["user_id"] == mine
        assert me.get("/api/todos").json() == [todo]
        assert me.patch(path, json={"title": "Buy oat milk"}).json()["title"] == "Buy oat milk"
        assert me.post(f"{path}/toggle").json()["completed"] is True
        expect_not_found(stranger.get(path))
        assert me.delete(path).status_code == 204
        me.post("/api/todos", json={"title": "To be cascaded"})

        database.execute(f"DELETE FROM {stack.table} WHERE id = %s", (mine,))  # of this module
        assert database.execute("SELECT count(*) FROM todo") == [(0,)]
        expect_unauthorized(me.post("/api/todos", json={"title": "Late"}), "no longer exists")
        expect_unauthorized(me.get("/api/me"), "no longer exists")
    types = database.execute(
        "SELECT DISTINCT format_type(atttypid, NULL) FROM pg_attribute"
        f" WHERE (attrelid = 'todo'::regclass AND attname = 'user_id')"
        f" OR (attrelid = '{stack.table}'::regclass AND attname = 'id')"
    )
    assert types == [({"text": "text", "uuid": "uuid", "integer": "integer"}[id_type(stack)],)]


def id_type(stack: Stack) -> str:
    return stack.settings.get("BETTER_AUTH_ID_TYPE", "text")


@pytest.mark.parametrize("name", ["built-in", "built-in, uuid", "built-in, serial"])
def test_a_subject_that_no_user_can_have_is_401(served: dict[str, Served], issuer: Issuer, name: str) -> None:
    stack, _, api = served[name]
    for subject in MISFITS[id_type(stack)]:
        with api.client(issuer.token(subject)) as somebody:
            expect_unauthorized(somebody.get("/api/todos"), "subject")
    assert " 500 " not in api.log.read_text()


def test_times_without_a_zone_are_utc(new_database: Callable[..., Database]) -> None:
    database = new_database(better_auth=False)
    database.execute(STACKS["Prisma"].ddl)
    STACKS["Prisma"].add_user(database, "somebody")
    engine = create_engine(database.url.replace("postgresql://", "postgresql+psycopg2://"))
    with Session(engine) as session:
        user = session.exec(select(User)).one()
    engine.dispose()
    assert user.updated_at == datetime(2026, 11, 20, 12, tzinfo=UTC)


WRONG: dict[str, tuple[str, dict[str, str], str]] = {
    "camel for snake": (
        "Drizzle",
        {},
        "Set BETTER_AUTH_COLUMN_CASE=snake. The table public.user has the column email_verified.",
    ),
    "snake for camel": (
        "built-in",
        {"BETTER_AUTH_COLUMN_CASE": "snake"},
        "Set BETTER_AUTH_COLUMN_CASE=camel. The table public.user has the column emailVerified.",
    ),
    "text for uuid": ("built-in, uuid", {}, "Set BETTER_AUTH_ID_TYPE=uuid. In public.user the type of id is uuid."),
    "text for integer": (
        "built-in, serial",
        {},
        "Set BETTER_AUTH_ID_TYPE=integer. In public.user the type of id is integer.",
    ),
    "uuid for text": (
        "built-in",
        {"BETTER_AUTH_ID_TYPE": "uuid"},
        "Set BETTER_AUTH_ID_TYPE=text. In public.user the type of id is text.",
    ),
    "another name": (
        "Drizzle, plural",
        {"BETTER_AUTH_COLUMN_CASE": "snake"},
        "Set BETTER_AUTH_USER_TABLE=users. There is no table user.",
    ),
    "another schema": (
        "Neon Auth",
        {"BETTER_AUTH_ID_TYPE": "uuid"},
        "Set BETTER_AUTH_USER_TABLE=neon_auth.user. There is no table user.",
    ),
}


@pytest.mark.parametrize(("stack", "settings", "sentence"), WRONG.values(), ids=WRONG)
def test_a_wrong_setting_is_named_with_its_right_value(
    new_database: Callable[..., Database], tmp_path: Path, stack: str, settings: dict[str, str], sentence: str
) -> None:
    database = new_database(better_auth=False)
    database.execute(STACKS[stack].ddl)
    assert migrate(tmp_path, database, **settings) == (1, f"{sentence}\n")
    assert database.execute("SELECT to_regclass('todo')") == [(None,)]


def migrate(folder: Path, database: Database, **settings: str) -> tuple[int, str]:
    """Run the command of `make migrate`, and return its exit code and standard error."""
    variables = {"DATABASE_URL": database.api_url, "BETTER_AUTH_URL": "http://127.0.0.1:1", **settings}
    done = subprocess.run(
        [sys.executable, "-m", "db"],
        cwd=folder,
        env=environment(**variables),
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stderr


OTHERS: dict[str, tuple[str, str]] = {
    "a migration of Better Auth's is missing": (
        'ALTER TABLE "user" DROP COLUMN image, DROP COLUMN email',
        "Run Better Auth's migrations. The table public.user lacks email, image.",
    ),
    "ids of another type": (
        'ALTER TABLE "user" ALTER id TYPE bytea USING id::bytea',
        "Set BETTER_AUTH_USER_TABLE to Better Auth's user table. In public.user the type of id is bytea.",
    ),
    "no ids": (
        'ALTER TABLE "user" DROP COLUMN id',
        "Set BETTER_AUTH_USER_TABLE to Better Auth's user table. The table public.user has no column id.",
    ),
}


@pytest.mark.parametrize(("change", "sentence"), OTHERS.values(), ids=OTHERS)
def test_a_wrong_user_table_is_reported(
    new_database: Callable[..., Database], tmp_path: Path, change: str, sentence: str
) -> None:
    database = new_database()
    database.execute('ALTER TABLE session DROP CONSTRAINT "session_userId_fkey"')
    database.execute('ALTER TABLE account DROP CONSTRAINT "account_userId_fkey"')
    database.execute(change)
    assert migrate(tmp_path, database) == (1, f"{sentence}\n")


def test_ids_that_changed_their_type_are_reported(
    new_database: Callable[..., Database], issuer: Issuer, tmp_path: Path
) -> None:
    database = new_database()
    assert migrate(tmp_path, database) == (0, "")
    database.execute('DROP TABLE session, account, verification, jwks, "user" CASCADE;' + STACKS["built-in, uuid"].ddl)
    database.execute('GRANT SELECT, REFERENCES ON "user" TO todo_api')
    settings = {"DATABASE_URL": database.api_url, "BETTER_AUTH_URL": issuer.origin, "BETTER_AUTH_ID_TYPE": "uuid"}
    with running(**settings) as api, api.client() as http:
        sentence = "The type of todo.user_id is text, and the type of users' ids is uuid."
        assert sentence in expect_unavailable(http.get("/ready"), sentence)["schema"]


def test_the_api_starts_with_a_wrong_setting_and_reports_it(
    new_database: Callable[..., Database], issuer: Issuer
) -> None:
    database = new_database(better_auth=False)
    database.execute(STACKS["Drizzle"].ddl)
    sentence = WRONG["camel for snake"][2]
    with (
        running(DATABASE_URL=database.api_url, BETTER_AUTH_URL=issuer.origin) as api,
        api.client(issuer.token(str(uuid4()))) as somebody,
    ):
        assert somebody.get("/health").status_code == 200
        expect_unavailable(somebody.get("/api/todos"), sentence)
        report = expect_unavailable(somebody.get("/ready"), sentence)
        assert report["schema"] == sentence
        assert sentence in api.log.read_text()


@pytest.mark.parametrize("id_type", ["uuid", "integer"])
def test_a_wrong_id_type_is_503_and_not_the_users_fault(
    new_database: Callable[..., Database], issuer: Issuer, id_type: str
) -> None:
    database = new_database()
    database.add_user("somebody")
    variables = {"DATABASE_URL": database.api_url, "BETTER_AUTH_URL": issuer.origin, "BETTER_AUTH_ID_TYPE": id_type}
    with running(**variables) as api, api.client(issuer.token("somebody")) as http:
        for path in ("/api/todos", "/api/me"):
            expect_unavailable(http.get(path), "BETTER_AUTH_ID_TYPE=text")
