"""Test `docs/scale.md`: its statements run on a table with todos, and the API works on what they leave."""

import os
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any
from uuid import uuid4

import pytest

from benchmarks.backends import KINDS, Cost
from benchmarks.capacity import need
from benchmarks.growing import Year
from benchmarks.scale import partition_sql
from dev.postgres import programs
from tests.conftest import Database, Person, creating_people, new_user_id
from tests.expect import expect_unauthorized, expect_unavailable
from tests.issuer import Issuer
from tests.live import ROOT, Api, environment, running, wait_for, wait_until_ready
from tests.template.page import blocks, marked
from tests.test_statements import READS, REQUESTS, Request
from tests.wire import Wire
from tests.writers import EXPECTED, Writer, no_deadlock

PAGE = ROOT / "docs" / "scale.md"
OLD = "old-user"
_DEFINITION = """
    SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = 'todo'::regclass
    UNION ALL
    SELECT tgname, pg_get_triggerdef(oid) FROM pg_trigger WHERE tgrelid = 'todo'::regclass AND NOT tgisinternal
    UNION ALL
    SELECT indexrelid::regclass::text, replace(pg_get_indexdef(indexrelid), ' ON ONLY ', ' ON ') FROM pg_index
    WHERE indrelid = 'todo'::regclass ORDER BY 1, 2
"""
_ROWS = "SELECT to_jsonb(todo) FROM todo ORDER BY user_id, id"


def run_page(url: str, folder: Path) -> None:
    """Write the files of the page, and run its commands with the mark ✓."""
    for block in blocks(PAGE.read_text()):
        if block.file:
            (folder / block.file).write_text(block.text)
    variables = environment(DIRECT=url) | {"PATH": f"{programs()}:{os.environ['PATH']}"}
    for command in marked(PAGE):
        done = subprocess.run(
            command, shell=True, cwd=folder, env=variables, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def database(new_database: Callable[..., Database], tmp_path_factory: pytest.TempPathFactory) -> Database:
    """Create a database with todos, and follow the page."""
    database = new_database()
    database.run("-m", "db")
    for user in (OLD, "another"):
        database.add_user(user)
        database.execute(
            "INSERT INTO todo (user_id, title, completed, deleted_at)"
            " SELECT %s, 'todo ' || n, mod(n, 2) = 0, CASE mod(n, 5) WHEN 0 THEN now() END"
            " FROM generate_series(1, 50) n",
            (user,),
        )
    database.execute("DELETE FROM todo WHERE title = 'todo 7'")  # this leaves two tombstones
    before = [database.execute(sql) for sql in (_DEFINITION, _ROWS)]
    run_page(database.api_url, tmp_path_factory.mktemp("scale"))
    assert [database.execute(sql) for sql in (_DEFINITION, _ROWS)] == before
    return database


@pytest.fixture(scope="module")
def replica(database: Database, issuer: Issuer) -> Iterator[Api]:
    """Run the API as the page does for a replica, with a role that can only read."""
    database.execute("CREATE ROLE reader LOGIN; ALTER ROLE reader SET default_transaction_read_only = on")
    database.execute('GRANT SELECT ON todo, todo_version, "user" TO reader')
    url = database.url.replace("postgres@", "reader@", 1)
    with running(DATABASE_URL=url, BETTER_AUTH_URL=issuer.origin, MIGRATE_ON_START="false") as replica:
        wait_until_ready(replica)
        yield replica


@pytest.fixture(scope="module")
def api(database: Database, issuer: Issuer, wire: Wire) -> Iterator[Api]:
    """Run the API on the partitions."""
    with running(DATABASE_URL=wire.url(database.name, "todo_api"), BETTER_AUTH_URL=issuer.origin) as api:
        wait_until_ready(api)
        yield api
        assert "Traceback" not in api.log.read_text()


def partition_of(database: Database, user_id: str) -> str:
    """Return the name of the partition of a user."""
    ((name,),) = database.execute("SELECT DISTINCT tableoid::regclass::text FROM todo WHERE user_id = %s", (user_id,))
    return str(name)


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield a node of a plan, and those below it."""
    yield plan
    for below in plan.get("Plans", []):
        yield from nodes(below)


def tables_of(database: Database, message: str) -> set[str]:
    """Return the tables whose rows the last statement of a message reads, updates or deletes."""
    statement = re.sub(r"^SELECT todo_next_version\(.*?; ", "", message, flags=re.DOTALL).replace("%", "%%")
    ((found,),) = database.execute(f"EXPLAIN (FORMAT JSON) {statement}")
    tables = set()
    for node in nodes(found[0]["Plan"]):
        # The table of a ModifyTable is `todo`. What it updates is below it, or in a list if it is several tables.
        if node["Node Type"] != "ModifyTable" and "Relation Name" in node:
            tables.add(node["Relation Name"])
        tables |= {target["Relation Name"] for target in node.get("Target Tables", [])}
    return tables


def test_the_table_has_partitions_and_the_models_agree(database: Database) -> None:
    assert database.execute("SELECT count(*) FROM pg_inherits WHERE inhparent = 'todo'::regclass") == [(16,)]
    assert "The schema is up to date" in database.run("-m", "db")
    assert "No new upgrade operations detected" in database.run("-m", "alembic", "check")


def test_migrations_run_on_partitions(database: Database) -> None:
    rows = database.execute("SELECT user_id, id, title FROM todo ORDER BY 1, 2")
    database.run("-m", "alembic", "downgrade", "0002")
    database.run("-m", "alembic", "upgrade", "head")
    assert "No new upgrade operations detected" in database.run("-m", "alembic", "check")
    assert database.execute("SELECT user_id, id, title FROM todo ORDER BY 1, 2") == rows


@pytest.mark.parametrize("request_", REQUESTS.values(), ids=REQUESTS)
def test_a_request_touches_one_partition(owner: Person, database: Database, wire: Wire, request_: Request) -> None:
    todo = request_.todo(owner)
    sent = len(wire.messages)
    assert request_.ask(owner, todo).is_success
    (message,) = wire.messages[sent:]
    found = tables_of(database, message)
    assert found <= {partition_of(database, owner.id), "user"}
    assert found or message.startswith("INSERT")


def test_a_statement_without_an_owner_touches_all_partitions(database: Database) -> None:
    assert len(tables_of(database, "SELECT id FROM todo WHERE deleted_at IS NULL")) == 16


def test_todos_from_before_are_listed_page_by_page(api: Api, issuer: Issuer) -> None:
    with api.client(issuer.token(OLD)) as http:
        titles, path = [], "/api/todos?limit=7"
        while path:
            answer = http.get(path)
            titles += [todo["title"] for todo in answer.json()]
            path = answer.links.get("next", {}).get("url", "")
        assert len(titles) == len(set(titles)) == 39
        assert len(http.get("/api/trash?limit=500").json()) == 10


def test_random_writes_and_changes_agree(new_person: Callable[[], Person], database: Database) -> None:
    with no_deadlock(database):
        for person in (new_person(), new_person()):
            ids = [str(uuid4()) for _ in range(20)]
            writer = Writer(person.http, ids, Random(1).random())
            for _ in range(150):
                writer.write()
            assert {status for _, status in writer.statuses} <= EXPECTED
            changed: dict[str, Any] = {}
            path = "/api/changes?limit=50"
            while True:
                page = person.http.get(path).json()
                changed |= {todo["id"]: todo for todo in page["todos"]}
                if not page["more"]:
                    break
                path = f"/api/changes?limit=50&since={page['next']}"
            here = person.http.get("/api/todos?limit=500").json() + person.http.get("/api/trash?limit=500").json()
            assert sorted(changed.values(), key=lambda todo: todo["id"]) == sorted(here, key=lambda todo: todo["id"])


@pytest.mark.parametrize("request_", READS.values(), ids=READS)
def test_a_read_works_on_a_replica(owner: Person, replica: Api, request_: Request) -> None:
    todo = request_.todo(owner)
    with replica.client(owner.token) as http:
        reader = Person(owner.id, owner.token, http)
        answer = request_.ask(reader, todo)
        assert answer.status_code == 200
        if "next" not in answer.text:  # a token has a time
            assert answer.json() == request_.ask(owner, todo).json()


def test_a_write_on_a_replica_is_refused(owner: Person, replica: Api) -> None:
    with replica.client(owner.token) as http:
        expect_unavailable(http.post("/api/todos", json={"title": "x"}), "The database is read-only.")
    assert owner.http.get("/api/todos").json() == []


def test_the_log_of_a_replica_names_the_sweep(replica: Api) -> None:
    message = "a job at the start was not done: The database is read-only."
    wait_for(lambda: message in replica.log.read_text(), 30)


def test_a_replica_that_is_behind_answers_410_to_a_newer_token(owner: Person, database: Database) -> None:
    owner.create()
    newer = owner.http.get("/api/changes").json()["next"]
    database.execute("UPDATE todo SET version = 2 WHERE user_id = %s", (owner.id,))  # as the replica has it
    assert owner.http.get(f"/api/changes?since={newer}").status_code == 410


def test_a_delete_of_psql_leaves_a_tombstone(owner: Person, database: Database) -> None:
    todo = owner.create()
    since = owner.http.get("/api/changes").json()["next"]
    database.execute("DELETE FROM todo WHERE user_id = %s", (owner.id,))
    assert owner.http.get(f"/api/changes?since={since}").json()["gone"] == [todo["id"]]


def test_the_deletion_of_an_account_leaves_nothing(owner: Person, database: Database) -> None:
    owner.purge(owner.create())
    owner.trash(owner.create())
    owner.create()
    database.execute('DELETE FROM "user" WHERE id = %s', (owner.id,))
    assert database.execute("SELECT count(*) FROM todo WHERE user_id = %s", (owner.id,)) == [(0,)]
    assert owner.http.get("/api/todos").json() == []


def test_a_write_after_the_deletion_of_the_account_is_401(owner: Person, database: Database) -> None:
    owner.create()
    database.execute('DELETE FROM "user" WHERE id = %s', (owner.id,))
    expect_unauthorized(owner.http.post("/api/todos", json={"title": "x"}), "no longer exists")


def test_the_sweep_purges_and_forgets(new_person: Callable[[], Person], database: Database) -> None:
    people = [new_person() for _ in range(4)]  # most often in several partitions
    for person in people:
        person.create()
        person.trash(person.create("in the trash"))
        person.purge(person.create())
    back = "UPDATE todo SET deleted_at = deleted_at - interval '40 days', purged_at = purged_at - interval '40 days'"
    database.execute(f"{back} WHERE user_id = ANY (%s)", ([person.id for person in people],))
    for person in people:
        person.create()  # the newest row of a user stays
    assert "Purged or deleted" in database.run("-m", "crud")
    rows = "SELECT count(*), count(purged_at) FROM todo WHERE user_id = ANY (%s)"
    assert database.execute(rows, ([person.id for person in people],)) == [(12, 4)]


def test_two_users_may_have_todos_with_the_same_id(api: Api, database: Database, issuer: Issuer) -> None:
    todo_id = str(uuid4())
    with creating_people(api, database, issuer) as make:
        for person in (make(), make()):
            answer = person.http.put(f"/api/todos/{todo_id}", json={"title": new_user_id()})
            assert answer.status_code == 201


def test_the_benchmark_runs_the_file_of_the_page() -> None:
    (block,) = (block for block in blocks(PAGE.read_text()) if block.file)
    assert (block.file, block.text) == ("partition.sql", partition_sql())


@pytest.mark.parametrize(
    ("cores", "compute"), [(0.125, 0.25), (0.126, 0.5), (1.6, 4), (8.1, 18), (10, 20), (10.011, 22)]
)
def test_the_compute_is_the_smallest_that_neon_has(cores: float, compute: float) -> None:
    costs = dict.fromkeys(KINDS, Cost(database=1, api=1, answer=1))
    year = Year({}, {}, {}, 365, 0.5, 200_750, 0, 0, 0, 0, 200_750_000, 0, (0, 0, 0), {})
    of_one = need(1, costs, year).cpu
    assert need(int(cores / of_one), costs, year).compute == compute


def test_the_need_grows_with_the_users_until_no_compute_is_large_enough() -> None:
    costs = dict.fromkeys(KINDS, Cost(database=0.5, api=1, answer=1))
    sizes = {"table": 10_000_000}
    year = Year(sizes, sizes, sizes, 365, 0.5, 200_750, 0, 0, 0, 0, 200_750_000, 100.0, (0, 0, 0), {})
    few, many, all_people = (need(users, costs, year) for users in (1_000, 10_000_000, 1_000_000_000))
    assert many.peak == pytest.approx(10_000 * few.peak)
    assert few.compute == 0.25
    assert many.cpu == pytest.approx(many.peak * 0.0005)
    assert many.compute == 14
    assert many.storage == pytest.approx(1000)  # 100 users had 10 MB
    assert all_people.compute is None
