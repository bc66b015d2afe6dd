"""Test what slow statements and busy users cost the server and the other users."""

import json
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from urllib.parse import urlsplit
from uuid import uuid4

import psycopg2
import pytest

from tests.conftest import Database, new_user_id
from tests.expect import expect_unavailable
from tests.extended import DDL
from tests.issuer import Issuer
from tests.live import Api, running, wait_for, wait_until_ready
from tests.wire import Wire

SIZE = 4
"""Set DB_POOL_SIZE to this number. A user has half of the connections at most."""


@pytest.fixture(scope="module")
def database(new_database: Callable[..., Database]) -> Database:
    return new_database()


@pytest.fixture(scope="module")
def url(database: Database, wire: Wire) -> str:
    return wire.url(database.name, "todo_api")


@pytest.fixture(scope="module")
def api(database: Database, url: str, issuer: Issuer) -> Iterator[Api]:
    with running("tests.extended:app", DATABASE_URL=url, BETTER_AUTH_URL=issuer.origin, DB_POOL_SIZE=str(SIZE)) as api:
        wait_for(lambda: database.execute("SELECT to_regclass('todo_sweep_idx')") != [(None,)])  # of the last migration
        database.execute(DDL)
        wait_until_ready(api)
        yield api


@pytest.fixture(scope="module")
def impatient(url: str, issuer: Issuer) -> Iterator[Api]:
    """Run an API whose requests wait for two seconds."""
    variables = {"DATABASE_URL": url, "BETTER_AUTH_URL": issuer.origin, "DB_POOL_SIZE": str(SIZE), "DB_TIMEOUT": "2"}
    with running("tests.unswept:app", **variables) as api:
        wait_until_ready(api)
        yield api


@contextmanager
def table_locked(database: Database) -> Iterator[None]:
    """Lock the table in another transaction, so that statements wait."""
    with closing(psycopg2.connect(database.url)) as connection:
        connection.cursor().execute("LOCK TABLE todo")
        yield


def backends(database: Database, condition: str = "true") -> int:
    """Count the connections of the API at the server."""
    ((count,),) = database.execute(
        "SELECT count(*) FROM pg_stat_activity"
        f" WHERE datname = current_database() AND usename = 'todo_api' AND {condition}"
    )
    return int(count)


def test_statements_of_requests_that_gave_up_end_at_the_server(
    database: Database, impatient: Api, issuer: Issuer
) -> None:
    with ExitStack() as stack:
        people = [stack.enter_context(impatient.client(issuer.token(new_user_id()))) for _ in range(3)]
        pool = stack.enter_context(ThreadPoolExecutor(3 * SIZE))
        with table_locked(database):
            for _ in range(3):
                answers = [pool.submit(http.get, "/api/todos") for http in people for _ in range(SIZE)]
                most = 0
                while not all(answer.done() for answer in answers):
                    most = max(most, backends(database))
                assert 0 < most <= SIZE + 1
                for answer in answers:
                    expect_unavailable(answer.result(), "The database ")
            # They end a tenth of a second before the request gives up.
            wait_for(lambda: backends(database, "state = 'active'") == 0, 8)
        assert people[0].get("/api/todos").status_code == 200


def test_each_statement_has_the_time_that_is_left(impatient: Api, issuer: Issuer, wire: Wire) -> None:
    user = new_user_id()
    with impatient.client(issuer.token(user)) as http:
        sent = len(wire.messages)
        assert http.get("/api/todos").status_code == 200
        limits = zip(wire.messages[sent:], wire.limits[sent:], strict=True)
        (limit,) = (limit for sql, limit in limits if user in sql)
        assert limit is not None
        assert limit in range(500, 1901, 100)


def test_a_request_that_waited_for_its_connection_has_less_time(
    database: Database, impatient: Api, issuer: Issuer, wire: Wire
) -> None:
    user = new_user_id()
    with impatient.client(issuer.token(user)) as http, ThreadPoolExecutor(SIZE) as pool:
        with table_locked(database):
            first = [pool.submit(http.get, "/api/todos") for _ in range(SIZE // 2)]
            wait_for(lambda: backends(database, "state = 'active'") == SIZE // 2)
            last = pool.submit(http.get, "/api/todos")
            sent = len(wire.messages)
            for answer in [*first, last]:
                expect_unavailable(answer.result(), "The database ")
        limits = zip(wire.messages[sent:], wire.limits[sent:], strict=True)
        late = [limit for sql, limit in limits if user in sql]
        assert late
        assert all(limit is not None and limit < 1000 for limit in late)


def test_the_writes_of_a_user_use_one_connection(database: Database, api: Api, issuer: Issuer) -> None:
    busy = new_user_id()
    database.add_user(busy)
    with ExitStack() as stack:
        http = stack.enter_context(api.client(issuer.token(busy)))
        todo = f"/api/todos/{http.post('/api/todos', json={'title': 'x'}).json()['id']}"
        others = [stack.enter_context(api.client(issuer.token(new_user_id()))) for _ in range(5)]
        pool = stack.enter_context(ThreadPoolExecutor(40))
        with closing(psycopg2.connect(database.url)) as connection:
            connection.cursor().execute("SELECT FROM todo WHERE user_id = %s FOR UPDATE", (busy,))
            answers = [pool.submit(http.patch, todo, json={"title": "y"}) for _ in range(40)]
            wait_for(lambda: backends(database, "wait_event_type = 'Lock'") == 1)
            assert [other.get("/api/todos").status_code for other in others * 4] == [200] * 20
            assert http.get(todo).status_code == 200
            assert backends(database, "wait_event_type = 'Lock'") == 1
            assert not any(answer.done() for answer in answers)
        assert [answer.result().status_code for answer in answers] == [200] * 40


def test_statements_of_clients_that_left_are_not_begun(
    database: Database, api: Api, issuer: Issuer, wire: Wire
) -> None:
    token, place = issuer.token(new_user_id()), urlsplit(api.url)
    request = f"GET /api/todos HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\r\n".encode()
    read = api.log.read_text()
    with ExitStack() as stack, api.client(token) as http:
        with table_locked(database):
            for _ in range(20):
                client = stack.enter_context(closing(socket.create_connection((place.hostname, place.port))))
                client.sendall(request)
            wait_for(lambda: backends(database, "wait_event_type = 'Lock'") == SIZE // 2)
            assert http.get("/health").status_code == 200  # the process has read all requests
            stack.close()
            time.sleep(0.2)  # requests that waited for longer than `db.slots.LONG` check their clients
            assert http.get("/health").status_code == 200  # the process has read that they left
            sent = len(wire.messages)
        wait_for(lambda: api.log.read_text()[len(read) :].count("GET /api/todos ") == 20)
        assert wire.messages[sent:] == []
        assert http.get("/api/todos").status_code == 200


def test_large_batches_of_clients_that_left_are_not_begun(database: Database, api: Api, issuer: Issuer) -> None:
    """Uvicorn stops reading after 64 KiB of a body, so it has not read that the client left."""
    user_id, place, read = new_user_id(), urlsplit(api.url), api.log.read_text()
    database.add_user(user_id)
    token = issuer.token(user_id)
    with ExitStack() as stack:
        with closing(psycopg2.connect(database.url)) as connection:
            connection.cursor().execute("SELECT todo_next_version(%s)", (user_id,))
            for number in range(8):
                put = [{"id": str(uuid4()), "title": f"{number}", "description": "x" * 2000} for _ in range(200)]
                body = json.dumps({"put": put}).encode()
                head = f"POST /api/batch HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n"
                head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
                client = stack.enter_context(closing(socket.create_connection((place.hostname, place.port))))
                client.sendall(head.encode() + body)
            wait_for(lambda: backends(database, "wait_event_type = 'Lock'") == 1)
            with api.client() as anonymous:
                for _ in range(10):  # a process that answers reads the bodies, and the others wait for their turn
                    time.sleep(0.05)
                    assert anonymous.get("/health").status_code == 200
                stack.close()
                assert anonymous.get("/health").status_code == 200
        wait_for(lambda: api.log.read_text()[len(read) :].count("POST /api/batch ") == 8)
    stored = database.execute("SELECT DISTINCT title FROM todo WHERE user_id = %s", (user_id,))
    assert len(stored) == 1, "only the batch that had begun"


def test_a_body_that_arrives_while_a_request_waits_is_read(database: Database, api: Api, issuer: Issuer) -> None:
    with api.client(issuer.token(new_user_id())) as http, ThreadPoolExecutor(10) as pool:
        with table_locked(database):
            answers = [pool.submit(http.put, "/api/copy/body", content=f"body {number}") for number in range(10)]
            wait_for(lambda: backends(database, "wait_event_type = 'Lock'") == SIZE // 2)
        assert [answer.result().json() for answer in answers] == [f"body {number}" for number in range(10)]


def test_all_who_ask_whether_it_is_ready_share_a_report(api: Api, wire: Wire) -> None:
    with api.client() as http, ThreadPoolExecutor(20) as pool:
        time.sleep(1.1)  # an earlier report is out of date
        sent, began = len(wire.messages), time.monotonic()
        answers = list(pool.map(lambda _: http.get("/ready"), range(200)))
        checks = len([sql for sql in wire.messages[sent:] if "pg_attribute" in sql])
        assert {answer.status_code for answer in answers} == {200}
        assert len({answer.headers["x-request-id"] for answer in answers}) == 200
        assert 1 <= checks <= 2 + time.monotonic() - began


def test_all_who_ask_while_the_database_hangs_wait_for_one_report(database: Database, impatient: Api) -> None:
    with (
        closing(psycopg2.connect(database.url)) as connection,
        impatient.client() as http,
        ThreadPoolExecutor(20) as pool,
    ):
        connection.cursor().execute("LOCK TABLE todo_version")
        time.sleep(1.1)  # an earlier report is out of date
        answers = [pool.submit(http.get, "/ready") for _ in range(20)]
        wait_for(lambda: backends(database, "wait_event_type = 'Lock'") == 1)
        for answer in answers:
            expect_unavailable(answer.result(), "The database ")
        wait_for(lambda: backends(database, "state = 'active'") == 0, 8)


def test_a_pipelined_request_is_not_of_the_user_before_it(database: Database, api: Api, issuer: Issuer) -> None:
    """Uvicorn starts it in the context of the request before it."""
    busy, place = new_user_id(), urlsplit(api.url)
    database.add_user(busy)
    head = f"Host: x\r\nAuthorization: Bearer {issuer.token(busy)}\r\n\r\n"
    with ExitStack() as stack:
        http = stack.enter_context(api.client(issuer.token(busy)))
        anonymous = stack.enter_context(api.client())
        todo = f"/api/todos/{http.post('/api/todos', json={'title': 'x'}).json()['id']}"
        pool = stack.enter_context(ThreadPoolExecutor(SIZE))
        client = stack.enter_context(closing(socket.create_connection((place.hostname, place.port))))
        with closing(psycopg2.connect(database.url)) as connection:
            connection.cursor().execute("SELECT FROM todo WHERE user_id = %s FOR UPDATE", (busy,))
            answers = [pool.submit(http.post, f"{todo}/toggle") for _ in range(SIZE // 2)]
            wait_for(lambda: backends(database, "wait_event_type = 'Lock'") == 1)
            time.sleep(1.1)  # the report of an earlier test is out of date
            client.sendall(f"GET /api/todos/x HTTP/1.1\r\n{head}GET /ready HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            received = b""
            while b'"schema":"ok"' not in received:
                received += client.recv(65536)
            assert anonymous.get("/ready").status_code == 200
            assert not any(answer.done() for answer in answers)
        assert [answer.result().status_code for answer in answers] == [200] * len(answers)
