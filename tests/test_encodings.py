"""Test databases whose encoding is not UTF8, and URLs that ask for another encoding."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from dev.postgres import Server
from tests.conftest import BETTER_AUTH_SQL, GRANTS, Database
from tests.expect import expect_invalid, expect_unavailable
from tests.issuer import Issuer
from tests.live import environment, running, wait_for

C_LOCALE = "TEMPLATE template0 LOCALE_PROVIDER libc LC_COLLATE 'C' LC_CTYPE 'C'"


def encoded(server: Server, encoding: str) -> Database:
    """Create a database with an encoding, with Better Auth's tables and the user "somebody"."""
    name = f"test_{encoding.lower()}"
    Database(server.url("postgres")).execute(f"CREATE DATABASE {name} ENCODING '{encoding}' {C_LOCALE}")
    database = Database(server.url(name))
    database.execute(BETTER_AUTH_SQL + GRANTS)
    database.add_user("somebody")
    return database


def test_a_database_in_latin1_stores_what_it_can_and_refuses_the_rest(server: Server, issuer: Issuer) -> None:
    database = encoded(server, "LATIN1")
    with (
        running(DATABASE_URL=database.api_url, BETTER_AUTH_URL=issuer.origin) as api,
        api.client(issuer.token("somebody")) as http,
    ):
        assert http.get("/ready").status_code == 200
        todo = http.post("/api/todos", json={"title": "Café"}).json()
        assert todo["title"] == "Café"
        for refused in (
            http.post("/api/todos", json={"title": "☕"}),
            http.patch(f"/api/todos/{todo['id']}", json={"description": "☕"}),
        ):
            (error,) = expect_invalid(refused, [])
            assert error["type"] == "not_storable"
        assert [one["title"] for one in http.get("/api/todos").json()] == ["Café"]
    assert database.execute("SELECT length(title), octet_length(title) FROM todo") == [(4, 4)]


def test_sql_ascii_is_refused_with_one_sentence(server: Server, issuer: Issuer, tmp_path: Path) -> None:
    database = encoded(server, "SQL_ASCII")
    settings = {"DATABASE_URL": database.api_url, "BETTER_AUTH_URL": issuer.origin}
    reason = "Use a database with the encoding UTF8, because SQL_ASCII does not check text."
    with running(**settings) as api, api.client(issuer.token("somebody")) as http:
        wait_for(lambda: f"not ready: {reason}" in api.log.read_text())
        expect_unavailable(http.get("/api/todos"), reason)
        report = expect_unavailable(http.get("/ready"), reason)
        assert (report["database"], report["schema"]) == ("ok", reason)
    migrate = [sys.executable, "-m", "db"]
    done = subprocess.run(
        migrate, cwd=tmp_path, env=environment(**settings), capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr.strip()) == (1, reason)
    assert database.execute("SELECT to_regclass('todo')") == [(None,)]


@pytest.mark.parametrize("query", ["client_encoding=latin1", "options=-c%20client_encoding%3Dlatin1"])
def test_an_encoding_in_the_url_of_the_database_has_no_effect(
    new_database: Callable[..., Database], issuer: Issuer, query: str
) -> None:
    database = new_database()
    database.add_user("somebody")
    with (
        running(DATABASE_URL=f"{database.api_url}&{query}", BETTER_AUTH_URL=issuer.origin) as api,
        api.client(issuer.token("somebody")) as http,
    ):
        assert http.post("/api/todos", json={"title": "☕"}).json()["title"] == "☕"
    assert database.execute("SELECT title FROM todo") == [("☕",)]
