"""The pages of `docs/how-to/`. Each is followed in a copy of the project, and its promises are checked over HTTP."""

import json
import re
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from textwrap import indent
from threading import Event
from typing import Any
from uuid import uuid4

import httpx
import psycopg2
import pytest

from tests.conftest import Database, Person, new_user_id
from tests.expect import expect_invalid, expect_problem, expect_unauthorized, expect_unavailable
from tests.issuer import Issuer
from tests.listener import serving
from tests.live import Api, wait_for, wait_until_ready
from tests.template.how_to import Copy, blocks

NewCopy = Callable[..., Copy]


@pytest.fixture(scope="module")
def new_copy(new_database: Callable[..., Database], issuer: Issuer) -> Iterator[NewCopy]:
    """Make a copy of the project, and a database for it."""
    with tempfile.TemporaryDirectory(prefix="copies ") as folder:

        def make(name: str, **variables: str) -> Copy:
            return Copy(Path(folder) / name, new_database(), issuer, {"MYPY_CACHE_DIR": f"{folder}/mypy", **variables})

        yield make


@dataclass
class Site:
    """A running API of a copy, and its users."""

    copy: Copy
    api: Api
    owner: Person
    stranger: Person
    leaver: Person
    anonymous: httpx.Client

    def rows(self, columns: str = "title") -> list[Any]:
        """Return the owner's todos as the database has them, oldest first, without the trash."""
        rows = self.copy.database.execute(
            f"SELECT {columns} FROM todo WHERE user_id = %s AND deleted_at IS NULL ORDER BY created_at, title",
            (self.owner.id,),
        )
        return [row[0] if len(row) == 1 else row for row in rows]


@contextmanager
def served(copy: Copy, app: str = "main:app", **variables: str) -> Iterator[Site]:
    """Serve an app of a copy. Its users are new."""
    with copy.serve(app, **variables) as api, ExitStack() as clients:
        wait_until_ready(api)

        def sign_up() -> Person:
            user_id = new_user_id()
            copy.database.add_user(user_id)
            token = copy.issuer.token(user_id)
            return Person(user_id, token, clients.enter_context(api.client(token)))

        yield Site(copy, api, sign_up(), sign_up(), sign_up(), clients.enter_context(api.client()))


def expect_none(answer: httpx.Response, detail: str = "Todo not found.") -> None:
    """Assert that the user has nothing of that id."""
    assert expect_problem(answer, 404, "Not Found")["detail"] == detail


# --- add-a-field.md


@pytest.fixture(scope="module")
def field(new_copy: NewCopy) -> Iterator[Site]:
    copy = new_copy("field")
    copy.run("make migrate")
    copy.database.add_user("somebody")
    copy.database.execute("INSERT INTO todo (user_id, title) VALUES ('somebody', 'Older than the fields')")
    assert list(copy.follow("add-a-field.md")) == [
        'make migration NAME="add remind_at and starred"',
        "make migrate",
        "make openapi",
        'make test ARGS="tests/test_remind_at.py tests/test_todos.py tests/test_openapi.py"',
        "make check",
    ]
    with served(copy, MIGRATE_ON_START="false") as site:
        yield site


def test_add_a_field_changes_one_file(field: Site) -> None:
    assert field.copy.changed() == {"models/todo.py"}
    assert (field.copy.root / "db/migrations/versions/0004_add_remind_at_and_starred.py").exists()


def test_a_row_that_is_older_than_the_fields_has_their_defaults(field: Site) -> None:
    with field.api.client(field.copy.issuer.token("somebody")) as http:
        (todo,) = http.get("/api/todos").json()
    assert (todo["title"], todo["remind_at"], todo["starred"]) == ("Older than the fields", None, False)


def test_the_fields_are_stored_changed_and_returned(field: Site) -> None:
    todo = field.owner.create(remind_at="2026-11-24T09:00:00+01:00", starred=True)
    url = f"/api/todos/{todo['id']}"
    assert (todo["remind_at"], todo["starred"]) == ("2026-11-24T08:00:00Z", True)
    expect_none(field.stranger.http.patch(url, json={"starred": False}))
    changes = {"remind_at": "2026-12-24T00:00:00Z", "starred": False}
    answer = field.owner.http.patch(url, json=changes)
    assert answer.status_code == 200
    assert answer.json() == todo | changes | {name: answer.json()[name] for name in ("version", "updated_at")}
    assert field.owner.http.patch(url, json={"remind_at": None}).json()["remind_at"] is None
    assert field.owner.http.get("/api/todos").json()[0]["remind_at"] is None


@pytest.mark.parametrize(
    "values",
    [{"remind_at": "2026-11-24T09:00:00"}, {"remind_at": "0001-01-01T00:00:00Z"}, {"starred": None}, {"starred": "on"}],
    ids=str,
)
def test_a_value_that_a_field_cannot_have_is_422(field: Site, values: dict[str, object]) -> None:
    todo = field.owner.create()
    (name,) = values
    expect_invalid(field.owner.http.post("/api/todos", json={"title": "x"} | values), ["body", name])
    expect_invalid(field.owner.http.patch(f"/api/todos/{todo['id']}", json=values), ["body", name])


def test_the_document_has_the_fields(field: Site) -> None:
    schemas = field.anonymous.get("/openapi.json").json()["components"]["schemas"]
    assert {"remind_at", "starred"} <= set(schemas["TodoRead"]["required"])
    assert schemas["TodoCreate"]["required"] == ["title"]
    assert "default" not in schemas["TodoUpdate"]["properties"]["starred"]


def test_an_import_keeps_the_fields(field: Site) -> None:
    todo = field.owner.create(remind_at="2026-11-24T08:00:00Z", starred=True)
    url = f"API_URL={field.api.url}"
    field.copy.run(f"TOKEN={field.owner.token} {url} .venv/bin/python -m dev export > todos.jsonl")
    field.copy.run(f"TOKEN={field.leaver.token} {url} .venv/bin/python -m dev import < todos.jsonl")
    copied = field.leaver.find(todo["id"])
    assert (copied["remind_at"], copied["starred"]) == ("2026-11-24T08:00:00Z", True)


def test_a_downgrade_removes_the_fields_and_keeps_the_rows(field: Site) -> None:
    columns = "SELECT column_name FROM information_schema.columns WHERE table_name = 'todo'"
    assert {("remind_at",), ("starred",)} <= set(field.copy.database.execute(columns))
    count = field.copy.database.execute("SELECT count(*) FROM todo")
    field.copy.run(".venv/bin/alembic downgrade -1")
    assert {("remind_at",), ("starred",)}.isdisjoint(field.copy.database.execute(columns))
    assert field.copy.database.execute("SELECT count(*) FROM todo") == count


# --- add-a-resource.md


@pytest.fixture(scope="module")
def projects(new_copy: NewCopy) -> Iterator[Site]:
    copy = new_copy("resource")
    copy.run("make migrate")
    copy.database.add_user("somebody")
    copy.database.execute("INSERT INTO todo (user_id, title) VALUES ('somebody', 'Older than projects')")
    commands = ['make migration NAME="add projects"', "make migrate", "make openapi", "make check"]
    assert list(copy.follow("add-a-resource.md")) == commands
    with served(copy, MIGRATE_ON_START="false") as site:
        yield site


def create_project(person: Person, name: str) -> dict[str, Any]:
    """Create a project, and return it."""
    answer = person.http.post("/api/projects", json={"name": name})
    assert answer.status_code == 201, answer.text
    project: dict[str, Any] = answer.json()
    return project


def test_add_a_resource_changes_six_files(projects: Site) -> None:
    link = {"crud/todo_project.py", "routers/todo_projects.py"}
    assert projects.copy.changed() == {"crud/project.py", "main.py", "models/project.py", "routers/projects.py"} | link
    assert (projects.copy.root / "db/migrations/versions/0004_add_projects.py").exists()


def test_a_project_is_created_returned_renamed_and_deleted(projects: Site) -> None:
    answer = projects.owner.http.post("/api/projects", json={"name": " home "})
    project = answer.json()
    assert (answer.status_code, set(project), project["name"]) == (201, {"id", "name"}, "home")
    url = f"/api/projects/{project['id']}"
    assert answer.headers["location"] == url
    assert projects.owner.http.get(url).json() == project
    renamed = projects.owner.http.put(url, json={"name": "house"})
    assert (renamed.status_code, renamed.json()) == (200, project | {"name": "house"})
    assert projects.owner.http.get("/api/projects").json() == [renamed.json()]
    deleted = projects.owner.http.delete(url)
    assert (deleted.status_code, deleted.content) == (204, b"")
    expect_none(projects.owner.http.get(url), "Project not found.")
    expect_none(projects.owner.http.put(url, json={"name": "house"}), "Project not found.")
    expect_none(projects.owner.http.delete(url), "Project not found.")


def test_two_projects_of_a_user_have_different_names(projects: Site) -> None:
    create_project(projects.owner, "once")
    twice = create_project(projects.owner, "twice")
    expect_problem(projects.owner.http.post("/api/projects", json={"name": "once"}), 409, "Conflict")
    expect_problem(projects.owner.http.put(f"/api/projects/{twice['id']}", json={"name": "once"}), 409, "Conflict")
    assert create_project(projects.stranger, "once")["name"] == "once"


NAMES = {
    "missing": {},
    "empty": {"name": " "},
    "too long": {"name": "x" * 51},
    "NUL": {"name": "\0"},
    "null": {"name": None},
}


@pytest.mark.parametrize("name", NAMES)
def test_a_project_with_a_name_that_is_not_valid_is_422(projects: Site, name: str) -> None:
    url = f"/api/projects/{create_project(projects.owner, f'not {name}')['id']}"
    expect_invalid(projects.owner.http.post("/api/projects", json=NAMES[name]), ["body", "name"])
    expect_invalid(projects.owner.http.put(url, json=NAMES[name]), ["body", "name"])
    assert projects.owner.http.get(url).json()["name"] == f"not {name}"


@pytest.mark.parametrize(
    ("verb", "path", "body", "detail"),
    [
        ("GET", "/api/projects", None, ""),
        ("POST", "/api/projects", {"name": "x"}, ""),
        ("GET", "/api/projects/{project}", None, "Project not found."),
        ("PUT", "/api/projects/{project}", {"name": "x"}, "Project not found."),
        ("DELETE", "/api/projects/{project}", None, "Project not found."),
        ("GET", "/api/todos/{todo}/projects", None, "Todo not found."),
        ("PUT", "/api/todos/{todo}/projects/{project}", None, "Todo or project not found."),
        ("DELETE", "/api/todos/{todo}/projects/{project}", None, "Project not found."),
    ],
)
def test_a_project_of_another_user_is_not_found(
    projects: Site, verb: str, path: str, body: dict[str, object] | None, detail: str
) -> None:
    project, todo = create_project(projects.owner, f"{verb} {path}"), projects.owner.create()
    assert projects.owner.http.put(f"/api/todos/{todo['id']}/projects/{project['id']}").status_code == 204
    url = path.format(project=project["id"], todo=todo["id"])
    expect_unauthorized(projects.anonymous.request(verb, url, json=body), "There is no token")
    answer = projects.stranger.http.request(verb, url, json=body)
    if detail:
        expect_none(answer, detail)
    assert project not in projects.stranger.http.get("/api/projects").json()
    assert projects.owner.http.get(f"/api/todos/{todo['id']}/projects").json() == [project]


@pytest.mark.parametrize("whose", ["todo", "project", "both"])
def test_a_link_needs_a_todo_and_a_project_of_the_same_user(projects: Site, whose: str) -> None:
    todo = (projects.stranger if whose in ("todo", "both") else projects.owner).create()
    project = create_project(projects.stranger if whose in ("project", "both") else projects.owner, f"link {whose}")
    links = projects.copy.database.execute("SELECT count(*) FROM todoproject")
    expect_none(
        projects.owner.http.put(f"/api/todos/{todo['id']}/projects/{project['id']}"), "Todo or project not found."
    )
    expect_none(projects.owner.http.delete(f"/api/todos/{todo['id']}/projects/{project['id']}"), "Project not found.")
    assert projects.copy.database.execute("SELECT count(*) FROM todoproject") == links


def test_two_users_have_a_todo_of_the_same_id_with_projects_of_their_own(projects: Site) -> None:
    url = f"/api/todos/{uuid4()}"
    for person in (projects.owner, projects.stranger):
        assert person.http.put(url, json={"title": "Buy milk"}).status_code == 201
    project = create_project(projects.owner, "of the owner")
    assert projects.owner.http.put(f"{url}/projects/{project['id']}").status_code == 204
    assert projects.owner.http.get(f"{url}/projects").json() == [project]
    assert projects.stranger.http.get(f"{url}/projects").json() == []
    expect_none(projects.stranger.http.delete(f"{url}/projects/{project['id']}"), "Project not found.")
    assert projects.owner.http.get(f"{url}/projects").json() == [project]


def test_a_todo_has_many_projects_and_a_project_many_todos(projects: Site) -> None:
    todos = [projects.owner.create(), projects.owner.create()]
    both = [create_project(projects.owner, "link b"), create_project(projects.owner, "link a")]
    for todo in todos:
        for project in (*both, both[0]):  # the first project twice
            assert projects.owner.http.put(f"/api/todos/{todo['id']}/projects/{project['id']}").status_code == 204
        assert projects.owner.http.get(f"/api/todos/{todo['id']}/projects").json() == both[::-1]
    url = f"/api/todos/{todos[0]['id']}/projects/{both[0]['id']}"
    assert projects.owner.http.delete(url).status_code == 204
    expect_none(projects.owner.http.delete(url), "Project not found.")
    assert projects.owner.http.delete(f"/api/projects/{both[1]['id']}").status_code == 204
    assert [projects.owner.http.get(f"/api/todos/{todo['id']}/projects").json() for todo in todos] == [[], [both[0]]]
    last, link = f"/api/todos/{todos[1]['id']}", f"projects/{both[0]['id']}"
    assert projects.owner.http.delete(last).status_code == 204
    for verb, path in (("GET", "projects"), ("PUT", link), ("DELETE", link)):
        expect_problem(projects.owner.http.request(verb, f"{last}/{path}"), 404, "Not Found")
    assert projects.owner.http.post(f"/api/trash/{todos[1]['id']}/restore").status_code == 200
    assert projects.owner.http.get(f"{last}/projects").json() == [both[0]], "the trash keeps the projects"
    for path in (last, f"/api/trash/{todos[1]['id']}"):
        assert projects.owner.http.delete(path).status_code == 204
    assert (
        projects.copy.database.execute("SELECT todo_id FROM todoproject WHERE project_id = %s", (both[0]["id"],)) == []
    )


def test_the_pages_contain_every_project_once(projects: Site) -> None:
    for project in projects.stranger.http.get("/api/projects").json():
        projects.stranger.http.delete(f"/api/projects/{project['id']}")
    names = [create_project(projects.stranger, name)["name"] for name in ("e", "B", "a", "ä", "1", "c d&e")]
    url: str | None = "/api/projects?limit=2"
    pages = []
    while url:
        answer = projects.stranger.http.get(url)
        assert answer.status_code == 200
        pages.append([project["name"] for project in answer.json()])
        url = answer.links["next"]["url"] if "next" in answer.links else None
    ordered = sorted(names)
    assert pages == [ordered[:2], ordered[2:4], ordered[4:]]
    assert projects.stranger.http.get("/api/projects").links == {}
    todos = projects.owner.http.get("/api/todos?limit=1").links["next"]["url"].partition("cursor=")[2]
    expect_invalid(projects.stranger.http.get(f"/api/projects?cursor={todos}"), ["query", "cursor"])


def test_the_document_has_the_operations_and_their_errors(projects: Site) -> None:
    paths = projects.anonymous.get("/openapi.json").json()["paths"]
    operations = {
        operation["operationId"]: " ".join(sorted(operation["responses"]))
        for verbs in paths.values()
        for operation in verbs.values()
        if operation["tags"] == ["projects"]
    }
    assert operations == {
        "list_projects": "200 401 413 422 429 500 503",
        "create_project": "201 401 409 413 415 422 429 500 503",
        "get_project": "200 401 404 413 422 429 500 503",
        "rename_project": "200 401 404 409 413 415 422 429 500 503",
        "delete_project": "204 401 404 413 422 429 500 503",
        "list_projects_of_todo": "200 401 404 413 422 429 500 503",
        "add_to_project": "204 401 404 413 422 429 500 503",
        "remove_from_project": "204 401 404 413 422 429 500 503",
    }


def test_a_new_resource_is_described_like_the_others(projects: Site) -> None:
    document = projects.anonymous.get("/openapi.json").json()
    assert {"name": "projects", "description": "The projects of the user."} in document["tags"]
    path = document["paths"]["/api/projects/{project_id}"]["get"]["parameters"][0]
    assert (path["description"], path["schema"]["examples"]) == (
        "The id of the project.",
        [path["schema"]["examples"][0]],
    )
    listed = document["paths"]["/api/projects"]["get"]["responses"]["200"]
    assert listed["content"]["application/json"]["schema"]["maxItems"] == 500
    assert set(listed["headers"]) == {"Link", "X-Request-ID"}


def test_a_new_resource_answers_head_and_refuses_unknown_parameters(projects: Site) -> None:
    project = create_project(projects.owner, "head")
    assert projects.owner.http.head(f"/api/projects/{project['id']}").headers["content-length"] == str(
        len(json.dumps(project)) - 3
    )
    expect_invalid(projects.owner.http.get("/api/projects?name=head"), ["query", "name"])
    expect_invalid(projects.owner.http.put(f"/api/projects/{project['id']}?x=1", json={"name": "x"}), ["query", "x"])


def test_a_page_on_another_origin_may_rename_a_project(projects: Site) -> None:
    headers = {"Origin": "http://localhost:3000", "Access-Control-Request-Method": "PUT"}
    assert projects.anonymous.options(f"/api/projects/{uuid4()}", headers=headers).status_code == 200
    assert sorted(projects.owner.http.post(f"/api/projects/{uuid4()}").headers["allow"].split(", ")) == [
        *("DELETE", "GET", "HEAD", "PUT")
    ]


def test_a_deleted_user_has_no_projects(projects: Site) -> None:
    project, todo = create_project(projects.leaver, "left"), projects.leaver.create()
    assert projects.leaver.http.put(f"/api/todos/{todo['id']}/projects/{project['id']}").status_code == 204
    projects.copy.database.execute('DELETE FROM "user" WHERE id = %s', (projects.leaver.id,))
    assert projects.copy.database.execute("SELECT id FROM project WHERE user_id = %s", (projects.leaver.id,)) == []
    expect_unauthorized(projects.leaver.http.post("/api/projects", json={"name": "late"}), "no longer exists")


def test_a_downgrade_removes_the_tables_and_keeps_the_todos(projects: Site) -> None:
    tables = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
    assert {("project",), ("todoproject",)} <= set(projects.copy.database.execute(tables))
    projects.copy.run(".venv/bin/alembic downgrade -1")
    assert {("project",), ("todoproject",)}.isdisjoint(projects.copy.database.execute(tables))
    assert projects.copy.database.execute("SELECT title FROM todo WHERE user_id = 'somebody'") == [
        ("Older than projects",)
    ]


# --- transactions.md


@pytest.fixture(scope="module")
def backlog(new_copy: NewCopy) -> Iterator[Site]:
    copy = new_copy("transactions")
    assert list(copy.follow("transactions.md")) == ["make openapi", "make check"]
    # Code that the page describes, and does not recommend.
    (copy.root / "extended.py").write_text("""
from contextlib import suppress
from uuid import UUID

from sqlalchemy.exc import IntegrityError

from auth import CurrentUser
from crud.backlog import import_todo
from crud.todo import create_todo
from db import SessionDep
from errors import Conflict
from main import app
from models.todo import Todo, TodoCreate, TodoRead


@app.post("/savepoint")
def savepoint(user: CurrentUser, session: SessionDep) -> None:
    with session.begin():
        for key in ("a", "a", "b"):
            with suppress(Conflict):
                import_todo(session, user.id, key, key)


@app.post("/no-savepoint")
def no_savepoint(user: CurrentUser, session: SessionDep) -> None:
    with session.begin():
        todo = create_todo(session, user.id, TodoCreate(title="first"))
        with suppress(IntegrityError):
            session.add(Todo(id=todo.id, user_id=user.id, title="second"))
            session.flush()


@app.post("/orm")
def by_the_orm(user: CurrentUser, session: SessionDep) -> list[TodoRead]:
    todo = Todo(user_id=user.id, title="by the ORM", completed=True)
    session.add(todo)
    found = []
    for completed in (True, False, True):
        todo.completed = completed
        session.flush()
        session.refresh(todo)
        found.append(TodoRead.model_validate(todo))
    return found


@app.delete("/orm/{todo_id}")
def delete_by_the_orm(user: CurrentUser, session: SessionDep, todo_id: UUID) -> None:
    session.delete(session.get_one(Todo, (user.id, todo_id)))
""")
    with served(copy, "extended:app") as site:
        yield site


def test_transactions_changes_three_files_and_none_in_db(backlog: Site) -> None:
    assert backlog.copy.changed() - {"extended.py"} == {"crud/backlog.py", "main.py", "routers/backlog.py"}


def test_splitting_a_todo_does_everything_or_nothing(backlog: Site) -> None:
    todo = backlog.owner.create("Travel")
    url, parts = f"/api/backlog/{todo['id']}/split", [{"title": "Book"}, {"title": "Pack"}]
    expect_unauthorized(backlog.anonymous.post(url, json=parts), "There is no token")
    expect_none(backlog.stranger.http.post(url, json=parts))
    assert backlog.stranger.http.get("/api/todos").json() == []
    assert backlog.rows() == ["Travel"]

    answer = backlog.owner.http.post(url, json=parts)
    assert answer.status_code == 200
    assert [part["title"] for part in answer.json()] == ["Book", "Pack"]
    assert len({part["created_at"] for part in answer.json()}) == 1
    assert all(backlog.owner.http.get(f"/api/todos/{part['id']}").json() == part for part in answer.json())
    expect_none(backlog.owner.http.post(url, json=parts))
    assert sorted(backlog.rows()) == ["Book", "Pack"]


def test_nothing_remains_of_a_transaction_whose_connection_is_lost(backlog: Site) -> None:
    database, todo = backlog.copy.database, backlog.owner.create("Lost")
    before, url = backlog.rows(), f"/api/backlog/{todo['id']}/split"
    database.execute("""
        CREATE FUNCTION sleep() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(9); RETURN NEW; END';
        CREATE TRIGGER sleep BEFORE INSERT ON todo FOR EACH ROW WHEN (NEW.title = 'Part') EXECUTE FUNCTION sleep()""")
    with ThreadPoolExecutor() as pool:
        answer = pool.submit(backlog.owner.http.post, url, json=[{"title": "Part"}])
        sleeps = "wait_event = 'PgSleep' AND datname = current_database()"
        wait_for(lambda: database.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {sleeps}"))
        expect_unavailable(answer.result(), "The database")
    database.execute("DROP FUNCTION sleep CASCADE")
    assert backlog.rows() == before
    assert backlog.owner.http.post(url, json=[{"title": "Part"}]).status_code == 200


def test_concurrent_calls_complete_different_todos(backlog: Site) -> None:
    url = "/api/backlog/next"
    expect_unauthorized(backlog.anonymous.post(url), "There is no token")
    for todo in backlog.rows("id"):
        backlog.owner.http.delete(f"/api/todos/{todo}")
    expect_none(backlog.owner.http.post(url))
    todos = [backlog.owner.create(f"todo {number}") for number in range(8)]
    backlog.stranger.create("On top of all")

    assert backlog.owner.http.post(url).json()["title"] == "todo 7"
    with ThreadPoolExecutor(7) as pool:
        answers = list(pool.map(lambda _: backlog.owner.http.post(url), range(7)))
    completed = sorted(answer.json()["title"] for answer in answers)
    assert completed == [todo["title"] for todo in todos[:7]]
    expect_none(backlog.owner.http.post(url))
    assert backlog.rows("completed") == [True] * 8


def test_an_import_with_a_known_key_stores_nothing(backlog: Site) -> None:
    url, before = "/api/backlog/import", backlog.rows()
    expect_unauthorized(backlog.anonymous.post(url, json={"1": "One"}), "There is no token")
    answer = backlog.owner.http.post(url, json={"1": "One", "2": "Two"})
    assert (answer.status_code, [todo["title"] for todo in answer.json()]) == (201, ["One", "Two"])
    assert all(backlog.owner.http.get(f"/api/todos/{todo['id']}").json() == todo for todo in answer.json())

    problem = expect_problem(backlog.owner.http.post(url, json={"3": "Three", "2": "Two"}), 409, "Conflict")
    assert problem["detail"] == "You imported one of these todos before."
    assert backlog.rows() == [*before, "One", "Two"]
    assert backlog.stranger.http.post(url, json={"1": "One"}).status_code == 201, "the keys of others do not matter"
    nobody = backlog.api.client(backlog.copy.issuer.token(new_user_id()))
    with nobody as http:
        expect_unauthorized(http.post(url, json={"1": "One"}), "no longer exists")


@contextmanager
def held_writes(site: Site) -> Iterator[Callable[[int], object]]:
    """Let the owner's writes wait until the block ends. Yield a function that waits until so many of them do."""
    waiting = "SELECT pid FROM pg_stat_activity WHERE wait_event = 'advisory' AND datname = current_database()"
    with closing(psycopg2.connect(site.copy.database.url)) as other, other.cursor() as cursor:
        cursor.execute("SELECT todo_next_version(%s)", (site.owner.id,))
        yield lambda number: wait_for(lambda: len(site.copy.database.execute(waiting)) == number)


def test_a_todo_is_split_once_by_concurrent_calls(backlog: Site) -> None:
    url = f"/api/backlog/{backlog.owner.create('Once')['id']}/split"
    with ThreadPoolExecutor() as pool:
        with held_writes(backlog) as wait_until:
            answers = [pool.submit(backlog.owner.http.post, url, json=[{"title": "The part"}]) for _ in range(2)]
            wait_until(2)
        assert sorted(answer.result().status_code for answer in answers) == [200, 404]
    assert backlog.rows().count("The part") == 1


def test_a_change_and_a_transaction_of_one_todo_are_no_deadlock(backlog: Site) -> None:
    todos = backlog.owner.http
    while todos.post("/api/backlog/next").status_code == 200:
        pass
    todo = backlog.owner.create("The only open one")["id"]
    with ThreadPoolExecutor() as pool:
        with held_writes(backlog) as wait_until:
            change = pool.submit(todos.patch, f"/api/todos/{todo}", json={"description": "changed"})
            wait_until(1)
            completion = pool.submit(todos.post, "/api/backlog/next")
            wait_until(2)
        assert (change.result().status_code, completion.result().status_code) == (200, 200)
    completed = todos.get(f"/api/todos/{todo}").json()
    assert completed == completion.result().json()
    assert (completed["completed"], completed["description"]) == (True, "changed")


def changes_since(person: Person, token: str = "") -> dict[str, Any]:
    """Return what has changed since a token, or everything."""
    answer = person.http.get("/api/changes", params={"limit": 500} | ({"since": token} if token else {}))
    assert answer.status_code == 200
    changes: dict[str, Any] = answer.json()
    return changes


def test_changes_by_the_orm_have_versions_and_times(backlog: Site) -> None:
    before = changes_since(backlog.owner)["next"]
    made, opened, completed = backlog.owner.http.post("/orm").json()
    assert made["version"] < opened["version"] < completed["version"]
    assert [made["updated_at"], opened["completed_at"]] == [None, None]
    assert made["completed_at"] == made["created_at"]
    assert completed["completed_at"] == completed["updated_at"] == opened["updated_at"]
    assert backlog.owner.http.get(f"/api/todos/{made['id']}").json() == completed
    changes = changes_since(backlog.owner, before)
    assert (changes["todos"], changes["gone"]) == ([completed], [])


def test_a_todo_that_the_orm_deletes_is_gone_for_good(backlog: Site) -> None:
    todo = backlog.owner.create("deleted by the ORM")
    token = changes_since(backlog.owner)["next"]
    assert backlog.owner.http.delete(f"/orm/{todo['id']}").status_code == 200
    expect_none(backlog.owner.http.get(f"/api/todos/{todo['id']}"))
    changes = changes_since(backlog.owner, token)
    assert (changes["todos"], changes["gone"]) == ([], [todo["id"]])
    assert todo["id"] not in {deleted["id"] for deleted in backlog.owner.http.get("/api/trash").json()}


def test_a_transaction_continues_after_its_savepoint(backlog: Site) -> None:
    before = backlog.rows()
    assert backlog.owner.http.post("/savepoint").status_code == 200
    assert backlog.rows() == [*before, "a", "b"]


def test_without_a_savepoint_nothing_remains_of_a_transaction(backlog: Site) -> None:
    before = backlog.rows()
    assert backlog.owner.http.post("/no-savepoint").status_code == 200
    assert backlog.rows() == before


# --- call-another-service.md


class Service:
    """The other service. Its answer begins when `gate` is open, and is complete after `seconds`."""

    def __init__(self) -> None:
        self.gate = Event()
        self.seconds = 0.0
        self.answer = 200, '{"summary": "Short"}'
        self.calls: list[str] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_port}/"

    @contextmanager
    def serving(self) -> Iterator["Service"]:
        with serving(self._server):
            yield self

    def _handler(service) -> type[BaseHTTPRequestHandler]:  # noqa: N805  # the handler's methods have the name self
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                service.calls.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
                service.gate.wait()
                status, body = service.answer
                with suppress(OSError):  # the client did not wait
                    self.send_response(status)
                    self.send_header("Content-Length", str(len(body)))
                    self.end_headers()
                    for byte in body.encode():  # one by one, so that no step exceeds the timeouts of httpx
                        time.sleep(service.seconds / len(body))
                        self.wfile.write(bytes([byte]))

            def log_message(self, *_: object) -> None:
                pass

        return Handler


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    with Service().serving() as service:
        yield service


@pytest.fixture(scope="module")
def summaries(new_copy: NewCopy, service: Service) -> Iterator[Site]:
    copy = new_copy("service")
    assert list(copy.follow("call-another-service.md")) == ["make openapi", "make check"]
    (wrong,) = (text for _, text in blocks("call-another-service.md") if text.startswith("# Wrong\n"))
    (copy.root / "extended.py").write_text(f"""
import time
from urllib.request import urlopen
from uuid import UUID

from fastapi import APIRouter

from auth import CurrentUser
from config import settings
from crud.todo import toggle_todo
from db import SessionDep
from errors import found
from main import app
from routers.routing import ThreadRoute, add_routers, api_router
from summaries import summarize

loop, api, plain = api_router("/loop"), api_router("/threads", route_class=ThreadRoute), APIRouter(prefix="/plain")


@loop.post("")
def block(user: CurrentUser, session: SessionDep, todo_id: UUID, seconds: float) -> None:
    time.sleep(seconds)


@api.post("")
@plain.post("")
def call(user: CurrentUser, session: SessionDep, todo_id: UUID) -> None:
    urlopen(str(settings.summary_url), b"x").close()
    toggle_todo(session, user.id, todo_id)


@loop.post("/wrong/{{todo_id}}")
async def wrong(user: CurrentUser, session: SessionDep, todo_id: UUID) -> None:
{indent(wrong, "    ")}

add_routers(app, loop, api, plain)
""")
    with served(copy, "extended:app", SUMMARY_URL=service.url, DB_POOL_SIZE="1") as site:
        yield site


@pytest.fixture(autouse=True)
def _usual_answer(service: Service) -> None:
    service.seconds, service.answer = 0, (200, '{"summary": "Short"}')
    service.gate.set()
    service.calls.clear()


def test_call_another_service_changes_five_files(summaries: Site) -> None:
    changed = {"config.py", "main.py", "requirements.in", "routers/summaries.py", "summaries.py"}
    assert summaries.copy.changed() - {"extended.py"} == changed


def test_a_summary_replaces_the_description(summaries: Site, service: Service) -> None:
    todo = summaries.owner.create("Travel", description="To the sea, by train")
    url = f"/api/todos/{todo['id']}/summary"
    expect_unauthorized(summaries.anonymous.post(url), "There is no token")
    expect_none(summaries.stranger.http.post(url))
    assert service.calls == []
    answer = summaries.owner.http.post(url)
    assert answer.status_code == 200
    changed = {name: answer.json()[name] for name in ("version", "updated_at")}
    assert changed["version"] > todo["version"]
    assert answer.json() == todo | {"description": "Short"} | changed
    assert service.calls == ['{"text":"To the sea, by train"}']


FAILURES = {
    "an error": (500, '{"summary": "Short"}'),
    "no JSON": (200, "<html>"),
    "other JSON": (200, "[]"),
    "too long": (200, json.dumps({"summary": "x" * 2001})),
    "not storable": (200, '{"summary": "\\u0000"}'),
}


@pytest.mark.parametrize("failure", FAILURES)
def test_a_failure_of_the_service_is_503(summaries: Site, service: Service, failure: str) -> None:
    todo = summaries.owner.create()
    service.answer = FAILURES[failure]
    answer = summaries.owner.http.post(f"/api/todos/{todo['id']}/summary")
    expect_unavailable(answer, "The service for summaries does not answer")
    assert summaries.owner.http.get(f"/api/todos/{todo['id']}").json() == todo


def test_a_service_that_does_not_answer_is_503_after_5_seconds(summaries: Site, service: Service) -> None:
    todo = summaries.owner.create()
    service.seconds = 30
    began = time.monotonic()
    answer = summaries.owner.http.post(f"/api/todos/{todo['id']}/summary")
    expect_unavailable(answer, "The service for summaries does not answer")
    assert 4.9 < time.monotonic() - began < 20


@contextmanager
def while_waiting(site: Site, service: Service, url: str, number: int) -> Iterator[list[Future[httpx.Response]]]:
    """Send requests, and close the gate of the service for the block, which begins when all of them wait there."""
    service.gate.clear()
    with ThreadPoolExecutor(number) as pool:
        try:
            answers = [pool.submit(site.owner.http.post, url) for _ in range(number)]
            wait_for(lambda: len(service.calls) == number or any(answer.done() for answer in answers))
            assert len(service.calls) == number
            yield answers
        finally:
            service.gate.set()


def expect_others_are_served(site: Site, service: Service, url: str) -> None:
    """Assert that requests that wait for the service delay no others, although all have one connection."""
    with while_waiting(site, service, url, 5) as answers:
        for _ in range(5):
            assert site.stranger.http.get("/api/todos").status_code == 200
        assert not any(answer.done() for answer in answers)
    assert [answer.result().status_code for answer in answers] == [200] * 5


def test_requests_that_wait_for_a_service_delay_no_others(summaries: Site, service: Service) -> None:
    todo = summaries.owner.create()
    expect_others_are_served(summaries, service, f"/api/todos/{todo['id']}/summary")
    assert len(service.calls) == 5


def test_a_background_task_runs_after_the_answer(summaries: Site, service: Service) -> None:
    todo = summaries.owner.create()
    url = f"/api/todos/{todo['id']}/summary/later"
    expect_unauthorized(summaries.anonymous.post(url), "There is no token")
    expect_none(summaries.stranger.http.post(url))
    service.gate.clear()
    answer = summaries.owner.http.post(url)
    assert (answer.status_code, answer.json()) == (202, todo)
    one = f"/api/todos/{todo['id']}"
    assert summaries.owner.http.get(one).json() == todo
    service.gate.set()
    wait_for(lambda: summaries.owner.http.get(one).json()["description"] == "Short")

    service.seconds, service.answer = 0, (500, "")
    assert summaries.owner.http.post(url).status_code == 202
    wait_for(lambda: "The service for summaries does not answer" in summaries.api.log.read_text())


@pytest.mark.parametrize("router", ["threads", "plain"])
def test_an_endpoint_in_a_thread_may_block(summaries: Site, service: Service, router: str) -> None:
    todo = summaries.owner.create()
    path = f"/api/{router}" if router == "threads" else "/plain"
    expect_unauthorized(summaries.anonymous.post(f"{path}?todo_id={todo['id']}"), "There is no token")
    expect_others_are_served(summaries, service, f"{path}?todo_id={todo['id']}")
    assert summaries.owner.http.get(f"/api/todos/{todo['id']}").json()["completed"] is True


def test_the_log_names_an_endpoint_that_blocks_the_loop(summaries: Site) -> None:
    (line,) = (text.strip() for language, text in blocks("call-another-service.md") if language == "text")
    todo = summaries.owner.create()

    def logged(seconds: float) -> list[str]:
        answer = summaries.owner.http.post(f"/api/loop?todo_id={todo['id']}&seconds={seconds}")
        named = rf" WARNING todo.db: (block blocked .*) \[{answer.headers['x-request-id']}\]$"
        return re.findall(named, summaries.api.log.read_text(), re.MULTILINE)

    assert any(logged(0.2) == [] for _ in range(5)), "only a busy machine may delay it by 50 ms, and not each time"
    (message,) = logged(0.3)
    assert re.sub(r"\d+(?= ms)", "1000", message).replace("block ", "summarize_todo ", 1) == line


def test_a_transaction_that_waits_for_a_service_delays_others(summaries: Site, service: Service) -> None:
    todo = summaries.owner.create()
    with ThreadPoolExecutor(1) as pool:
        with while_waiting(summaries, service, f"/api/loop/wrong/{todo['id']}", 1) as (answer,):
            other = pool.submit(summaries.stranger.http.get, "/api/todos")
            time.sleep(0.5)
            assert not other.done()
        assert (answer.result().status_code, other.result().status_code) == (200, 200)


# --- export-and-import.md


def test_todos_are_exported_and_imported_as_the_page_says(new_copy: NewCopy) -> None:
    copy = new_copy("export")
    with served(copy) as site:
        kept = site.owner.create(due="2026-11-24", priority="high", tags=["home"])
        trash = site.owner.trash(site.owner.create("in the trash"))
        copy.variables |= {"API_URL": site.api.url, "TOKEN": site.owner.token}
        commands = []
        for command in copy.follow("export-and-import.md"):
            commands.append(command.split(" > ")[0])
            if command.startswith("make import"):
                copy.variables["TOKEN"] = site.stranger.token
        assert [command.split(" -H")[0] for command in commands] == [
            "export TOKEN=$(make token) API_URL=http://localhost:8000",
            "make export",
            "make import < todos.jsonl",
            'curl -fsS "$API_URL/api/changes?limit=100"',
            'curl -fsS "$API_URL/api/batch"',
        ]
        assert list(map(json.loads, (copy.root / "todos.jsonl").read_text().splitlines())) == [kept, trash]
        imported, made = sorted(site.stranger.http.get("/api/todos").json(), key=lambda todo: todo["id"] != kept["id"])
        own = {name: imported[name] for name in ("user_id", "version", "updated_at")}
        assert imported == kept | own
        assert own["user_id"] == site.stranger.id
        page = json.loads((copy.root / "page.json").read_text())
        assert (page["todos"], page["gone"], page["more"]) == ([imported], [], False)
        assert (made["completed_at"], made["due"], made["priority"]) == ("2026-11-25T08:00:00Z", "2026-11-25", "high")
        assert copy.changed() == {"todos.jsonl", "page.json"}
