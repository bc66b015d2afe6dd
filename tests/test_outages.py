"""Test that a missing database or table is a 503, and that the API needs no restart when it is back."""

import socket
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import httpx
import psutil
import psycopg2
from sqlalchemy.exc import DBAPIError

from db.errors import as_unavailable
from tests.conftest import BETTER_AUTH_SQL, Database, Person
from tests.expect import again, expect_unauthorized, expect_unavailable
from tests.faults import Faults
from tests.issuer import Issuer
from tests.live import Api, environment, free_port, running, wait_for, wait_until_ready
from tests.wire import Wire

READY = {"status": "ready", "database": "ok", "schema": "ok", "signing_keys": "ok"}


def expect_healthy(api: Api) -> None:
    """Assert that routes without a database work."""
    with api.client() as http:
        assert http.get("/health").json() == {"status": "healthy"}
        assert http.get("/").json()["health"] == "/health"
        assert http.get("/openapi.json").status_code == 200


def test_a_database_that_is_away_is_503_without_its_password(issuer: Issuer) -> None:
    url = f"postgresql://somebody:s3cret@127.0.0.1:{free_port()}/todo"
    with (
        running(DATABASE_URL=url, BETTER_AUTH_URL=issuer.origin, DB_TIMEOUT="0.5") as api,
        api.client(issuer.token("somebody")) as http,
    ):
        expect_healthy(api)
        http.headers["Origin"] = "http://localhost:3000"
        answers = [http.get("/api/todos"), http.post("/api/todos", json={"title": "x"}), http.get("/api/me")]
        for answer in answers:
            expect_unavailable(answer, "The database cannot")
            assert answer.headers["access-control-allow-origin"] == http.headers["Origin"]
        with api.client() as anonymous:
            expect_unauthorized(anonymous.get("/api/me"), "There is no token")
        ready = http.get("/ready")
        report = expect_unavailable(ready, "DATABASE_URL")
        assert report["signing_keys"] == "ok"
        assert "ok" not in (report["database"], report["schema"])
        told = [answer.text for answer in (*answers, ready)]
        for secret in ("s3cret", "somebody", "127.0.0.1"):
            assert not [text for text in told if secret in text]
        log = api.log.read_text()
    assert "s3cret" not in log
    assert "Traceback" not in log


def test_a_database_that_never_answers_is_503_and_health_answers_meanwhile(issuer: Issuer) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as silent:
        port = silent.getsockname()[1]
        url = f"postgresql://somebody:s3cret@127.0.0.1:{port}/todo"
        with (
            running(DATABASE_URL=url, BETTER_AUTH_URL=issuer.origin, DB_TIMEOUT="3") as api,
            api.client() as http,
            ThreadPoolExecutor(40) as pool,  # as many as the server has worker threads
        ):
            waiting = [pool.submit(http.get, "/ready") for _ in range(40)]
            healthy = 0
            while not any(answer.done() for answer in waiting):
                expect_healthy(api)
                healthy += 1
            assert healthy > 2, "each time three answers that did not wait for the database"
            for answer in waiting:
                expect_unavailable(answer.result(), "The database ")
            connections = psutil.Process(api.process.pid).net_connections()
            assert port not in [getattr(one.raddr, "port", None) for one in connections], "a connection is still open"
            assert "Traceback" not in api.log.read_text()


def test_a_slow_statement_and_the_requests_that_wait_for_it_are_503(
    new_database: Callable[..., Database], issuer: Issuer
) -> None:
    database = new_database()
    database.add_user("somebody")
    with (
        running(DATABASE_URL=database.api_url, BETTER_AUTH_URL=issuer.origin, DB_TIMEOUT="2", DB_POOL_SIZE="1") as api,
        api.client(issuer.token("somebody")) as http,
        ThreadPoolExecutor(4) as pool,
    ):
        wait_until_ready(api)
        with closing(psycopg2.connect(database.url)) as connection, connection.cursor() as cursor:
            cursor.execute("LOCK TABLE todo")
            for answer in pool.map(lambda _: http.get("/api/todos"), range(4)):
                expect_unavailable(answer, "The database ")
            expect_healthy(api)
        assert http.get("/api/todos").status_code == 200
        assert database.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'todo-api' AND datname = current_database()"
        ) == [(1,)]
        assert "Traceback" not in api.log.read_text()


def test_a_read_that_timed_out_is_not_tried_again_without_time(
    new_database: Callable[..., Database], issuer: Issuer, wire: Wire
) -> None:
    database = new_database()
    database.add_user("somebody")
    with Faults(wire.port).serving() as link:
        url = f"postgresql://todo_api@127.0.0.1:{link.port}/{database.name}?sslmode=disable&gssencmode=disable"
        settings = {"BETTER_AUTH_URL": issuer.origin, "DB_TIMEOUT": "1", "DB_POOL_SIZE": "1"}
        with (
            running("tests.unswept:app", DATABASE_URL=url, **settings) as api,
            api.client(issuer.token("somebody")) as http,
        ):
            assert any(answer.status_code == 200 for answer in again(lambda: http.get("/api/todos")))
            connections = link.accepted
            link.hang()
            expect_unavailable(http.get("/api/todos"), "The database cannot")
            assert link.accepted == connections, "A second attempt would need a new connection."


def test_connections_that_the_server_ends_are_503_at_most_and_made_again(
    new_database: Callable[..., Database], issuer: Issuer
) -> None:
    database = new_database()
    database.add_user("somebody")
    with (
        running(DATABASE_URL=database.api_url, BETTER_AUTH_URL=issuer.origin) as api,
        api.client(issuer.token("somebody")) as http,
    ):
        assert http.get("/api/todos").status_code == 200
        database.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name = 'todo-api' AND datname = current_database()"
        )
        for answer in again(lambda: http.get("/api/todos")):
            if answer.status_code == 200:
                break
            expect_unavailable(answer, "The database cannot")
        assert answer.status_code == 200
        assert "Traceback" not in api.log.read_text()


def test_better_auths_tables_may_come_later_go_and_come_back(
    new_database: Callable[..., Database], issuer: Issuer
) -> None:
    database = new_database(better_auth=False)
    reason = "Better Auth's migrations"
    with (
        running(DATABASE_URL=database.api_url, BETTER_AUTH_URL=issuer.origin) as api,
        api.client(issuer.token("somebody")) as http,
    ):
        expect_healthy(api)
        expect_unavailable(http.get("/api/todos"), reason)
        expect_unavailable(http.get("/api/me"), reason)
        report = expect_unavailable(http.get("/ready"), reason)
        assert reason in report["schema"]
        assert (report["database"], report["signing_keys"]) == ("ok", "ok")
        assert database.execute("SELECT to_regclass('todo')") == [(None,)]

        database.execute(BETTER_AUTH_SQL)
        database.add_user("somebody")
        answers = again(lambda: http.post("/api/todos", json={"title": "x"}))
        assert any(answer.status_code == 201 for answer in answers)
        wait_for(lambda: http.get("/ready").json() == READY)  # a report is a second old at most

        database.execute('DROP TABLE todo; ALTER TABLE "user" RENAME TO people')
        expect_unavailable(http.get("/api/todos"), "database")
        for answer in (http.get("/api/me"), http.post("/api/todos", json={"title": "x"})):
            expect_unavailable(answer, "BETTER_AUTH_USER_TABLE=people")
        database.execute('ALTER TABLE people RENAME TO "user"')
        answers = again(lambda: http.get("/api/me"))
        expect_unavailable(next(answer for answer in answers if "people" not in answer.text), "drop todo_version")
        database.execute("DROP TABLE todo_version")
        assert any(answer.status_code == 200 for answer in again(lambda: http.get("/api/me")))
        assert http.get("/api/todos").json() == []
        assert "Traceback" not in api.log.read_text()


def test_a_column_that_the_database_lacks_is_named(new_database: Callable[..., Database], issuer: Issuer) -> None:
    database = new_database()
    database.add_user("somebody")
    with (
        running(DATABASE_URL=database.api_url, BETTER_AUTH_URL=issuer.origin) as api,
        api.client(issuer.token("somebody")) as http,
    ):
        wait_until_ready(api)
        database.execute("ALTER TABLE todo DROP COLUMN description")
        expect_unavailable(http.get("/api/todos"), "The database lacks")
        for answer in again(lambda: http.get("/ready")):
            if answer.status_code == 503:
                break
        reason = "The table todo has no column description, and the schema is at version"
        assert reason in expect_unavailable(answer, "run make migration")["schema"]
        expect_unavailable(http.get("/api/todos"), reason)


def test_without_migrate_on_start_the_schema_is_left_to_make_migrate(
    new_database: Callable[..., Database], issuer: Issuer, tmp_path: Path
) -> None:
    database = new_database()
    variables = {"DATABASE_URL": database.api_url, "BETTER_AUTH_URL": issuer.origin}
    with running(**variables, MIGRATE_ON_START="false") as api, api.client(issuer.token("somebody")) as http:
        expect_healthy(api)
        expect_unavailable(http.get("/api/todos"), "make migrate")
        assert "make migrate" in expect_unavailable(http.get("/ready"), "make migrate")["schema"]
        assert database.execute("SELECT to_regclass('todo')") == [(None,)]

        migrate = [sys.executable, "-m", "db"]
        subprocess.run(migrate, cwd=tmp_path, env=environment(**variables), check=True)
        answers = again(lambda: http.get("/api/todos"))
        assert any(answer.status_code == 200 for answer in answers)
        wait_for(lambda: http.get("/ready").json() == READY)  # a report is a second old at most


def test_a_preview_does_not_migrate_the_database_of_production(
    new_database: Callable[..., Database], issuer: Issuer
) -> None:
    database = new_database()
    variables = {"DATABASE_URL": database.api_url, "BETTER_AUTH_URL": issuer.origin}
    with running(**variables, MIGRATE_ON_START="empty") as api:
        wait_until_ready(api)  # a database without a schema gets one
    newest = database.execute("SELECT version_num FROM todo_version")
    database.execute("UPDATE todo_version SET version_num = '0000'")
    with running(**variables, MIGRATE_ON_START="empty") as api, api.client(issuer.token("somebody")) as http:
        expect_healthy(api)
        expect_unavailable(http.get("/api/todos"), "make migrate")
        assert "version 0000" in expect_unavailable(http.get("/ready"), "make migrate")["schema"]
        assert database.execute("SELECT version_num FROM todo_version") == [("0000",)] != newest


def test_ready_reports_ok_for_everything(anonymous: httpx.Client) -> None:
    answer = anonymous.get("/ready")
    assert (answer.status_code, answer.json()) == (200, READY)


def test_a_lost_connection_is_503_with_any_error_class_of_the_driver() -> None:
    cause = psycopg2.DatabaseError("SSL SYSCALL error: EOF detected")  # no OperationalError or InternalError
    for lost in (True, False):
        error = DBAPIError.instance("SELECT 1", None, cause, psycopg2.Error, connection_invalidated=lost)
        assert isinstance(error, DBAPIError)
        assert (as_unavailable(error) is not None) is lost


def test_a_statement_that_is_cancelled_before_its_limit_is_executed_again(owner: Person, database: Database) -> None:
    todo = owner.create()
    waits = f"usename = 'todo_api' AND query LIKE '%%{todo['id']}%%'"
    with closing(psycopg2.connect(database.url)) as other, ThreadPoolExecutor(1) as pool:
        with closing(other.cursor()) as cursor:
            cursor.execute("SELECT FROM todo WHERE id = %s FOR UPDATE", (todo["id"],))
        answer = pool.submit(owner.http.post, f"/api/todos/{todo['id']}/toggle")
        wait_for(lambda: database.waiting(waits) == 1)
        began = "SELECT query_start FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND " + waits
        first = database.execute(began)
        database.execute(f"SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE {waits}")
        wait_for(lambda: database.waiting(waits) == 1 and database.execute(began) != first)
        other.rollback()
    assert (answer.result().status_code, answer.result().json()["completed"]) == (200, True)
    assert owner.find(todo["id"])["completed"] is True
