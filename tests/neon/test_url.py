"""Test the URLs that Neon's console shows, and variants of them."""

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg2
import pytest

from tests.expect import expect_unavailable
from tests.live import environment, free_port
from tests.neon.conftest import ENDPOINT, PASSWORD, Neon
from tests.neon.servers import REGION, Certificates, make_certificates


@pytest.mark.parametrize("scheme", ["postgres", "postgresql"])
def test_the_url_of_the_console_works_unchanged(neon: Neon, scheme: str) -> None:
    before = len(neon.front.clients)
    with neon.running(DATABASE_URL=neon.url(scheme)) as api, neon.client(api) as http:
        assert http.post("/api/todos", json={"title": "x"}).status_code == 201
    came = neon.front.clients[before:]
    assert came
    for client in came:
        assert client.mechanism == "SCRAM-SHA-256-PLUS"
        assert client.host == f"{ENDPOINT}-pooler.{REGION}"
        assert (client.parameters["user"], client.parameters["database"]) == ("todo_api", neon.name)
        assert client.refused == ""


def test_nothing_of_the_query_string_is_lost(neon: Neon, certificates: Certificates, tmp_path: Path) -> None:
    options = f"-c timezone=Asia/Tokyo endpoint={ENDPOINT}-pooler"
    query: dict[str, Any] = {"application_name": "mine", "options": options, "sslmode": "verify-full"}
    url = neon.url(**query, sslrootcert=str(certificates.authority))
    with neon.running(DATABASE_URL=url) as api, neon.client(api) as http:
        assert http.get("/api/todos").status_code == 200
    sent = neon.front.clients[-1].parameters
    assert (sent["application_name"], sent["options"]) == ("mine", options)
    insisted = {
        "certificate verify failed": neon.url(**query, sslrootcert=str(make_certificates(tmp_path).authority)),
        "channel binding": neon.url(port=neon.pooler.port),  # PgBouncer does not support it
    }
    for reason, url in insisted.items():
        with neon.running(DATABASE_URL=url) as api, neon.client(api) as http:
            expect_unavailable(http.get("/api/todos"), "The database cannot")
            assert reason in api.log.read_text()


def test_without_the_pooler_every_option_is_allowed(neon: Neon) -> None:
    url = f"{neon.direct_url}&options={quote('-c search_path=public -c statement_timeout=5s')}"
    with neon.running(DATABASE_URL=url) as api, neon.client(api) as http:
        assert http.get("/api/todos").status_code == 200


@pytest.mark.parametrize(
    ("option", "name"),
    [
        ("-c search_path=mine", "search_path"),
        ("-cstatement_timeout=5s", "statement_timeout"),
        ("-c timezone=UTC --lock_timeout=1s", "lock_timeout"),
    ],
)
def test_an_option_that_the_pooler_refuses_is_refused_by_name_at_the_start(
    neon: Neon, tmp_path: Path, option: str, name: str
) -> None:
    url = neon.url(options=option)
    with pytest.raises(psycopg2.OperationalError, match=f"unsupported startup parameter in options: {name}[.]"):
        psycopg2.connect(url)
    stopped = subprocess.run(
        [sys.executable, "-m", "uvicorn", "main:app", f"--port={free_port()}"],
        cwd=tmp_path,
        env=environment(**neon.variables | {"DATABASE_URL": url}),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert stopped.returncode != 0
    (line,) = stopped.stderr.splitlines()
    assert line.startswith("DATABASE_URL")
    assert name in line
    assert "timezone" not in line
    assert PASSWORD not in line
    assert quote(PASSWORD, safe="") not in line


WRONG: dict[str, tuple[Callable[[Neon], str], str]] = {
    "password": (lambda neon: neon.url(password="s3cret/%"), "password authentication failed for user"),
    "endpoint": (lambda neon: neon.url(endpoint="ep-other-1-pooler"), "endpoint could not be found"),
    "host": (
        lambda neon: neon.url().replace(f"{REGION}:", "invalid:").partition("&hostaddr")[0],
        "translate host name",
    ),
    "database": (lambda neon: neon.url(database="other"), 'database "other" does not exist'),
}


@pytest.mark.parametrize(("url", "reason"), WRONG.values(), ids=WRONG)
def test_an_error_in_the_url_is_one_readable_line_without_the_password(
    neon: Neon, url: Callable[[Neon], str], reason: str
) -> None:
    variables = {"DATABASE_URL": url(neon), "DB_TIMEOUT": "3", "LOG_LEVEL": "debug"}
    with neon.running(**variables) as api, neon.client(api) as http:
        answers = [http.get("/api/todos"), http.get("/ready"), http.post("/api/todos", json={"title": "x"})]
        for answer in answers:
            expect_unavailable(answer, "The database cannot" if answer.url.path != "/ready" else "")
        log = api.log.read_text()
    lines = log.splitlines()
    assert [line for line in lines if reason in line]
    assert [line for line in lines if not re.match(r"\S+Z (DEBUG|INFO|WARNING|ERROR)\b", line)] == []
    for text in (log, *(answer.text for answer in answers)):
        for password in (PASSWORD, "s3cret"):
            assert password not in text
            assert quote(password, safe="") not in text
