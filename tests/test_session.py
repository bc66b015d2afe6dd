"""`SessionDep` as a copy uses it: one request, one transaction, on every kind of route."""

import json
import re
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from typing import Any
from uuid import uuid4

import httpx
import psycopg2
import pytest

from tests.conftest import Database, Person, new_user_id
from tests.expect import again, expect_problem, expect_unauthorized, expect_unavailable
from tests.extended import DDL
from tests.issuer import Issuer
from tests.live import Api, running, wait_for, wait_until_ready
from tests.wire import Wire


@pytest.fixture(scope="module")
def database(new_database: Callable[..., Database]) -> Database:
    return new_database()


@pytest.fixture(scope="module")
def api(database: Database, issuer: Issuer, wire: Wire) -> Iterator[Api]:
    """The extended app, with two connections for each user."""
    url = wire.url(database.name, "todo_api")
    with running("tests.extended:app", DATABASE_URL=url, BETTER_AUTH_URL=issuer.origin, DB_POOL_SIZE="4") as api:
        wait_until_ready(api)
        database.execute(DDL)
        yield api


@pytest.fixture
def owner(api: Api, database: Database, issuer: Issuer) -> Iterator[Person]:
    user_id = new_user_id()
    database.add_user(user_id)
    with api.client(issuer.token(user_id)) as http:
        yield Person(user_id, issuer.token(user_id), http)


def titles(database: Database, person: Person) -> list[str]:
    rows = database.execute("SELECT title FROM todo WHERE user_id = %s ORDER BY created_at, title", (person.id,))
    return [title for (title,) in rows]


def backends(database: Database) -> int:
    ((count,),) = database.execute(
        "SELECT count(*) FROM pg_stat_activity WHERE usename = 'todo_api' AND datname = current_database()"
    )
    return int(count)


def open_transactions(database: Database) -> int:
    ((count,),) = database.execute(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in%'"
    )
    return int(count)


def asleep(database: Database) -> set[tuple[Any, ...]]:
    """Return the statements that sleep at the server."""
    here = "datname = current_database() AND wait_event = 'PgSleep'"
    return set(database.execute(f"SELECT pid, query_start FROM pg_stat_activity WHERE {here}"))


@contextmanager
def locked(database: Database, *ids: str) -> Iterator[None]:
    """Lock todos in another transaction until the block ends."""
    with closing(psycopg2.connect(database.url)) as connection:
        connection.cursor().execute("SELECT FROM todo WHERE id = ANY(%s::uuid[]) FOR UPDATE", (list(ids),))
        yield


# --- transactions


@pytest.mark.parametrize("path", ["two", "mixed", "flushed"])
def test_nothing_remains_of_a_transaction_that_fails(database: Database, owner: Person, path: str) -> None:
    answer = owner.http.post(f"/api/copy/{path}?fail=true")
    assert answer.status_code in (409, 418)
    assert answer.json()["detail"] in ("No two today.", "Tea first.")
    assert titles(database, owner) == []


@pytest.mark.parametrize(
    ("path", "kept"), [("two", ["one", "two"]), ("mixed", ["by the ORM"]), ("flushed", ["flushed"])]
)
def test_a_transaction_is_committed_before_the_answer(
    database: Database, owner: Person, path: str, kept: list[str]
) -> None:
    assert owner.http.post(f"/api/copy/{path}").status_code == 200
    assert titles(database, owner) == kept


def test_rollback_undoes_what_a_session_and_crud_did(database: Database, owner: Person) -> None:
    assert owner.http.post("/api/copy/rolled-back").json() == 1
    assert titles(database, owner) == ["kept"]


def test_a_savepoint_undoes_only_its_part(database: Database, owner: Person) -> None:
    assert owner.http.post("/api/copy/nested").json() == ["instead", "kept"]
    assert titles(database, owner) == ["instead", "kept"]


def test_a_swallowed_error_of_a_transaction_is_no_success(database: Database, owner: Person) -> None:
    expect_problem(owner.http.post("/api/copy/swallowed"), 500, "Internal Server Error")
    assert titles(database, owner) == []


def test_another_isolation_level_can_be_chosen(owner: Person) -> None:
    assert owner.http.post("/api/copy/repeatable-read").json() == [0, 0, 2]


def test_the_cursor_of_psycopg2_can_be_used(database: Database, owner: Person) -> None:
    assert owner.http.post("/api/copy/raw").json() == [["raw 0"], ["raw 1"], ["raw 2"]]
    assert sorted(titles(database, owner)) == ["raw 0", "raw 1", "raw 2"]


def test_tables_can_be_reflected(owner: Person) -> None:
    assert "title" in owner.http.get("/api/copy/reflect").json()


def test_rows_can_be_read_through_a_cursor_of_the_server(database: Database, owner: Person) -> None:
    for number in range(25):
        owner.create(str(number))
    assert len(owner.http.get("/api/copy/stream-rows").json()) == 25
    assert open_transactions(database) == 0


@pytest.mark.parametrize(
    ("path", "messages"),
    [
        ("two", ["BEGIN", "INSERT", "COMMIT"]),
        ("one-read", ["SELECT"]),
        ("commits", ["BEGIN", "COMMIT", "SELECT"]),
        ("flushed", ["BEGIN", "COMMIT"]),
    ],
)
def test_begin_and_commit_are_sent_only_where_needed(owner: Person, wire: Wire, path: str, messages: list[str]) -> None:
    sent = len(wire.messages)
    assert owner.http.post(f"/api/copy/{path}").status_code == 200
    assert [message.split()[0] for message in wire.messages[sent:]] == messages


def test_a_violation_that_nobody_catches_is_a_conflict(database: Database, owner: Person) -> None:
    problem = expect_problem(owner.http.post(f"/api/copy/twice?todo_id={uuid4()}"), 409, "Conflict")
    assert problem["detail"] == "This conflicts with what is stored already."
    assert titles(database, owner) == []


# --- lost connections, conflicts of transactions


def test_a_connection_lost_in_a_transaction_is_503_without_a_trace(database: Database, owner: Person) -> None:
    with ThreadPoolExecutor() as pool:
        answer = pool.submit(owner.http.post, "/api/copy/read-after-write?seconds=20")
        kill = """
            SELECT pg_terminate_backend(pid) FROM pg_stat_activity
            WHERE query LIKE '%sleep(%' AND wait_event = 'PgSleep'"""
        wait_for(lambda: database.execute(kill))
        expect_unavailable(answer.result(), "The database cannot")
    assert titles(database, owner) == []
    assert owner.http.post("/api/copy/flushed").status_code == 200


def test_a_serialization_failure_is_503_and_nothing_is_kept(database: Database, owner: Person) -> None:
    todo = owner.create("a")["id"]
    with ThreadPoolExecutor() as pool:
        with locked(database, todo):  # both have read it when it is unlocked
            asked = [pool.submit(owner.http.post, f"/api/copy/serialize?todo_id={todo}") for _ in range(2)]
            wait_for(lambda: database.waiting() == 2)
        answers = [answer.result() for answer in asked]
    assert sorted(answer.status_code for answer in answers) == [200, 503]
    expect_unavailable(max(answers, key=lambda answer: answer.status_code), "Try again.")
    assert titles(database, owner) == ["a+"]


def test_a_deadlock_is_503_for_one_and_the_other_succeeds(database: Database, owner: Person) -> None:
    first, second = (owner.create(title)["id"] for title in "ab")
    with ThreadPoolExecutor() as pool:
        with locked(database, first, second):  # each gets its first todo when they are unlocked
            asked = [
                pool.submit(owner.http.post, f"/api/copy/deadlock?first={a}&second={b}")
                for a, b in ((first, second), (second, first))
            ]
            wait_for(lambda: database.waiting() == 2)
        answers = [answer.result() for answer in asked]
    assert sorted(answer.status_code for answer in answers) == [200, 503]


# --- the event loop and the slots


@pytest.mark.parametrize("path", ["shared", "forgotten", "failing"])
def test_a_session_used_by_two_tasks_hurts_only_its_own_request(
    api: Api, database: Database, owner: Person, path: str
) -> None:
    for _ in range(3):
        assert owner.http.post(f"/api/copy/{path}").status_code in (200, 500)
        with api.client() as http:
            assert http.get("/health", timeout=8).status_code == 200
        assert owner.http.post("/api/copy/flushed", timeout=8).status_code == 200
    wait_for(lambda: open_transactions(database) == 0)
    assert titles(database, owner).count("flushed") == 3
    assert owner.create("kept")["title"] in titles(database, owner)


def test_a_cursor_of_the_server_has_the_deadline_of_the_request(
    database: Database, issuer: Issuer, owner: Person
) -> None:
    variables = {"DATABASE_URL": database.api_url, "BETTER_AUTH_URL": issuer.origin, "DB_TIMEOUT": "0.5"}
    with running("tests.extended:app", **variables) as api, api.client(owner.token) as http:
        wait_until_ready(api)
        with closing(psycopg2.connect(database.url)) as other, other.cursor() as cursor:
            cursor.execute("LOCK TABLE todo")
            expect_unavailable(http.get("/api/copy/stream-rows"), "The database cannot")
        # A busy machine may need longer than half a second.
        assert any(answer.status_code == 200 for answer in again(lambda: http.get("/api/copy/stream-rows")))


@pytest.mark.parametrize("path", ["sleep?seconds=3", "gather?seconds=1.5"])
def test_waiting_for_the_database_leaves_the_loop_free(owner: Person, api: Api, database: Database, path: str) -> None:
    with ThreadPoolExecutor() as pool, api.client() as http:
        answer = pool.submit(owner.http.get, f"/api/copy/{path}")
        statements = wait_for(lambda: asleep(database))
        assert http.get("/health").status_code == 200
        assert statements & asleep(database), "each statement takes longer"
    assert answer.result().status_code == 200


def test_a_middleware_of_a_copy_may_use_a_session(database: Database, issuer: Issuer, owner: Person) -> None:
    variables = {"DATABASE_URL": database.api_url, "BETTER_AUTH_URL": issuer.origin, "DB_POOL_SIZE": "1"}
    with (
        running("tests.audited:app", **variables) as api,
        api.client(owner.token) as http,
        ThreadPoolExecutor() as pool,
    ):
        wait_until_ready(api)

        def ask(seconds: str) -> Future[httpx.Response]:
            return pool.submit(http.get, "/api/copy/gather?seconds=0.1", headers={"X-Middleware": seconds})

        answers = [ask("3")]
        statements = wait_for(lambda: asleep(database))
        answers += [ask("0.1"), ask("0.1")]
        assert http.get("/health").status_code == 200
        assert statements & asleep(database), "the middleware's statement takes three seconds"
        assert [answer.result().json() for answer in answers] == [3, 3, 3]
        crashed = http.get("/health?crash=1")
        assert (crashed.status_code, crashed.headers["content-type"]) == (500, "application/problem+json")


@pytest.mark.parametrize(("path", "reads"), [("/api/copy/elsewhere", 2), ("/plain/elsewhere", 1)])
def test_who_waits_for_another_service_has_no_connection(owner: Person, wire: Wire, path: str, reads: int) -> None:
    with ThreadPoolExecutor() as pool:
        sent = len(wire.messages)
        try:
            answers = [pool.submit(owner.http.get, f"{path}?service={path}") for _ in range(6)]  # of two connections
            wait_for(lambda: sum(owner.id in sql for sql in wire.messages[sent:]) == 6 * reads)
            assert owner.http.get("/api/todos").status_code == 200
            assert not any(answer.done() for answer in answers)
        finally:
            assert owner.http.post(f"/plain/answered?service={path}").status_code == 200
        assert [answer.result().status_code for answer in answers] == [200] * 6


def test_an_endpoint_that_blocks_the_loop_is_named_in_the_log(api: Api, owner: Person) -> None:
    assert owner.http.get("/api/copy/blocks").status_code == 200
    named = r"blocks blocked all requests for \d+ ms: see docs/how-to/"
    wait_for(lambda: re.search(named, api.log.read_text()))


def test_a_request_has_one_budget_and_a_stream_one_for_each_statement(
    database: Database, issuer: Issuer, owner: Person
) -> None:
    for title in ("a", "b", "c"):
        owner.create(title)
    variables = {"DATABASE_URL": database.api_url, "BETTER_AUTH_URL": issuer.origin, "DB_TIMEOUT": "4"}
    with running("tests.extended:app", **variables) as api, api.client(owner.token) as http:
        wait_until_ready(api)
        assert http.get("/api/copy/sleep-twice?seconds=0.3").status_code == 200
        expect_unavailable(http.get("/api/copy/sleep-twice?seconds=2.1"), "The database cannot")
        assert sorted(http.get("/api/copy/stream?seconds=1.5").text.split()) == ["a", "b", "c"]


def test_background_tasks_use_no_more_connections_than_there_are(database: Database, owner: Person) -> None:
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: owner.http.post("/plain/background?seconds=0.1"), range(20)))
        assert {answer.status_code for answer in answers} == {200}
        most = 0
        while len(titles(database, owner)) < 20:
            most = max(most, backends(database))
    assert most <= 2


def test_a_background_task_that_fails_is_answered_once(api: Api, database: Database, owner: Person) -> None:
    answer = owner.http.post("/plain/background?fail=true")
    assert (answer.status_code, answer.json()) == (200, "later")
    log = wait_for(lambda: "the background failed" in (text := api.log.read_text()) and text)
    assert "Unexpected ASGI message" not in log
    assert f"crash after the answer [{answer.headers['x-request-id']}]" in log
    assert "POST /plain/background 500" not in log
    assert titles(database, owner) == []


# --- every kind of route


def test_a_plain_router_has_the_same_session(database: Database, owner: Person) -> None:
    assert owner.http.post("/plain/thread").json() == []
    assert owner.http.post("/plain/thread").json() == ["in a thread"]
    assert owner.http.post("/direct").json() == 2
    assert owner.http.post("/plain/audited").json() == "audited after the answer"
    wait_for(lambda: titles(database, owner) == ["in a thread"] * 2 + ["audited"])
    assert open_transactions(database) == 0


def test_a_streamed_answer_may_use_the_session(api: Api, database: Database, owner: Person) -> None:
    for title in ("a", "b"):
        owner.create(title)
    with ThreadPoolExecutor() as pool, api.client() as http:
        answer = pool.submit(owner.http.get, "/api/copy/stream?seconds=2")
        statements = wait_for(lambda: asleep(database))
        assert http.get("/health").status_code == 200
        assert statements & asleep(database), "each statement takes two seconds"
        assert sorted(answer.result().text.split()) == ["a", "b"]
    wait_for(lambda: open_transactions(database) == 0)


@pytest.mark.parametrize("path", ["lines", "lines-in-thread"])
def test_a_generator_is_streamed_as_json_lines(api: Api, owner: Person, path: str) -> None:
    todos = [owner.create("a"), owner.create("b")]
    with api.client() as anonymous:
        assert anonymous.get(f"/api/copy/{path}").status_code == 401
    answer = owner.http.get(f"/api/copy/{path}")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/jsonl")
    assert [json.loads(line) for line in answer.text.splitlines()] == todos[::-1]


def test_a_client_notices_a_stream_that_breaks(api: Api, owner: Person) -> None:
    with pytest.raises(httpx.RemoteProtocolError):
        owner.http.get("/api/copy/broken-stream")
    wait_for(lambda: "the stream broke" in api.log.read_text())


def test_a_task_that_is_cancelled_at_once_leaves_no_warning(api: Api, owner: Person) -> None:
    assert owner.http.get("/api/copy/cancels").json() is True
    assert owner.http.get("/health").status_code == 200
    assert "never awaited" not in api.log.read_text()


def test_a_websocket_may_use_the_session(api: Api, database: Database, owner: Person) -> None:
    from websockets.sync.client import connect  # noqa: PLC0415  # only here

    url = api.url.replace("http", "ws") + "/socket"
    with connect(url, additional_headers={"Authorization": f"Bearer {owner.token}"}, proxy=None) as socket:
        for title in ("one", "two"):
            socket.send(title)
            assert socket.recv() == title.upper()
            assert title in titles(database, owner)
        socket.send("bye")
    wait_for(lambda: open_transactions(database) == 0)


def test_a_websocket_without_a_token_is_refused(api: Api) -> None:
    answer = httpx.get(
        f"{api.url}/socket",
        headers={
            "Connection": "Upgrade",
            "Upgrade": "websocket",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
        },
        trust_env=False,
    )
    assert answer.status_code == 403


# --- answers, types and defaults


def test_response_model_headers_and_status_reach_the_client(owner: Person) -> None:
    answer = owner.http.post("/api/copy/shout")
    assert answer.status_code == 202
    assert (answer.json()["title"], answer.json()["shouted"]) == ("'hello'", "HELLO")
    assert answer.headers["x-dependency"] == "set"
    assert answer.cookies["seen"] == "yes"
    assert owner.http.post("/api/copy/brief").json() == [{"title": "hello"}]


def test_every_route_of_api_router_requires_a_token(api: Api, owner: Person) -> None:
    with api.client() as anonymous:
        for answer in (anonymous.get("/api/copy/cancels"), anonymous.get("/api/copy/prices")):
            expect_unauthorized(answer, "There is no token.")
        document = anonymous.get("/openapi.json").json()
    assert document["paths"]["/api/copy/cancels"]["get"]["security"]
    assert owner.http.get("/api/copy/prices").status_code == 200


def test_an_http_exception_of_an_endpoint_is_answered_as_it_is(owner: Person) -> None:
    answer = owner.http.post("/api/copy/text", content=b"x", headers={"Content-Type": "text/plain"})
    assert expect_problem(answer, 409, "Conflict")["detail"] == "Mine."


def test_a_detail_that_is_no_sentence_is_data(owner: Person) -> None:
    answer = owner.http.post("/api/copy/text", content=b"data", headers={"Content-Type": "text/plain"})
    problem = expect_problem(answer, 409, "Conflict")
    assert (problem["detail"], problem["data"]) == ("Conflict.", {"code": 7})


def test_numbers_defaults_and_times_are_as_sqlalchemy_has_them(owner: Person) -> None:
    first = owner.http.post("/api/copy/prices", json={"due": "2026-11-24T09:00:00+01:00"}).json()
    assert first | {"changed": ""} == {
        "amount": "1.10",
        "weight": 2.5,
        "times": 7,
        "changed": "",
        "due": "2026-11-24T08:00:00Z",
    }
    second = owner.http.post("/api/copy/prices/9", json={}).json()
    assert (second["times"], second["amount"]) == (9, "1.10")
    assert [price["times"] for price in owner.http.get("/api/copy/prices").json()] == [7, 9]


@pytest.mark.parametrize("due", ["2026-11-24T09:00:00", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
@pytest.mark.parametrize("path", ["prices", "prices/9"])
def test_a_time_that_no_column_can_hold_is_422(owner: Person, path: str, due: str) -> None:
    problem = expect_problem(owner.http.post(f"/api/copy/{path}", json={"due": due}), 422, "Unprocessable Content")
    assert problem["errors"][0]["type"] == "not_storable"


def test_a_violated_check_is_422(owner: Person) -> None:
    expect_problem(owner.http.post("/api/copy/prices/-1", json={}), 422, "Unprocessable Content")


def test_a_sub_select_in_returning_means_the_new_row(database: Database, owner: Person) -> None:
    other = owner.create("other")["id"]
    database.execute("INSERT INTO label VALUES (%s, %s, 'of another todo')", (owner.id, other))
    assert owner.http.post("/api/copy/labelled").json()["labels"] is None


def test_moves_in_a_block_warn_of_nothing(owner: Person) -> None:
    answer = owner.http.post("/api/copy/moved")
    assert (answer.status_code, answer.json()) == (200, ["low", "high"])
