"""Test the container for Cloud Run, Fly and others: its files, its command, and its end."""

import signal
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import httpx
import psycopg2
import pytest

from tests.expect import expect_unavailable
from tests.hosts.bare import VERCELS_OWN, Place, docker_takes, vercel_takes
from tests.hosts.conftest import Backend
from tests.hosts.contract import ASK, expect_alive, expect_the_contract
from tests.hosts.image import INSTALL, built, container, expanded, steps
from tests.live import ROOT, Api, wait_for

GRACE = 10.0
"""Expect the end within these seconds from SIGTERM. Cloud Run and Fly (docs/deploy.md) send SIGKILL then."""
PROMPT = 6.0
"""Expect an end that waits for nothing within these seconds. Requests that wait have 8 seconds."""


@pytest.fixture(scope="module")
def place(python: str) -> Iterator[Place]:  # noqa: ARG001  # the steps run this Python
    """Build the image."""
    with built() as place:
        yield place


def expect_the_end(api: Api, within: float) -> None:
    """Assert that the container ends without an error after SIGTERM."""
    # uvicorn sends the signal to itself again at the end. The first process of a container ignores it
    # without a handler, and exits with 0. Here the signal ends the process.
    assert api.process.wait(within) in (0, -signal.SIGTERM)
    with pytest.raises(httpx.ConnectError), api.client() as anyone:
        anyone.get("/health")


def test_the_image_contains_the_same_files_as_vercel(tmp_path: Path) -> None:
    assert docker_takes(ROOT) == vercel_takes(ROOT) - VERCELS_OWN
    for secret in (".env", "x/main.py", "tests/conftest.py", "db/__pycache__/engine.pyc", "auth/keys.py", "main.py"):
        (tmp_path / secret).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / secret).touch()
    assert docker_takes(tmp_path) == {"main.py", "auth/keys.py"}


def test_the_dockerfile_installs_requirements_first_and_drops_root() -> None:
    names = ["FROM", "WORKDIR", "COPY", "RUN", "COPY", "RUN", "USER", "EXPOSE", "ENV", "CMD"]
    assert [name for name, _ in steps()] == names
    given = [rest for _, rest in steps()]
    assert given[0].endswith("-slim")
    assert (given[2], given[3]) == ("requirements.txt ./", INSTALL)
    assert int(given[6].partition(":")[0]) > 0


def test_the_command_listens_everywhere_on_the_port_that_the_host_names() -> None:
    assert expanded(PORT="8080").startswith("uvicorn main:app --host 0.0.0.0 --port 8080 ")
    assert expanded() == expanded(PORT="8000")


def test_the_contract_holds_behind_a_proxy(backend: Backend, place: Place) -> None:
    with container(place, **backend.variables) as api, backend.client(api.url) as me:
        me.headers.update({"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "https", "X-Forwarded-Host": "x"})
        expect_the_contract(me, backend.user_id)
        assert "Traceback" not in api.log.read_text()


def test_probes_are_answered_without_the_database(backend: Backend, place: Place) -> None:
    backend.link.hang()
    started = time.monotonic()
    with container(place, **backend.variables) as api, backend.client(api.url) as me:
        expect_alive(me)  # AWS's Lambda Web Adapter waits for one of these, GET /
        assert time.monotonic() - started < 7.5, "the start waited for the database"
        api.process.terminate()
        expect_the_end(api, within=PROMPT)


def test_a_request_that_is_under_way_is_answered_before_the_end(backend: Backend, place: Place) -> None:
    with (
        container(place, **backend.variables) as api,
        backend.client(api.url) as me,
        backend.client(api.url) as idle,
        ThreadPoolExecutor(1) as pool,
    ):
        assert me.get("/api/todos").status_code == 200
        expect_alive(idle)  # its connection stays open
        with closing(psycopg2.connect(backend.database.url)) as connection, connection.cursor() as cursor:
            cursor.execute("LOCK TABLE todo")
            waiting = pool.submit(ASK["POST"], me)
            wait_for(lambda: backend.database.execute("SELECT pid FROM pg_locks WHERE NOT granted"))
            api.process.terminate()
            time.sleep(1.5)
            assert not waiting.done()
        assert waiting.result().status_code == 201
        expect_the_end(api, within=PROMPT)
        assert "Traceback" not in api.log.read_text()


def test_idle_connections_do_not_delay_the_end(backend: Backend, place: Place) -> None:
    with container(place, **backend.variables) as api, backend.client(api.url) as idle:
        assert idle.get("/api/todos").status_code == 200
        api.process.terminate()
        expect_the_end(api, within=PROMPT)


def test_neither_a_database_that_hangs_nor_half_a_request_delays_the_end(backend: Backend, place: Place) -> None:
    with (
        container(place, **backend.variables) as api,
        backend.client(api.url) as me,
        socket.create_connection(("127.0.0.1", int(api.url.rpartition(":")[2]))) as half,
        ThreadPoolExecutor(4) as pool,
    ):
        token = me.headers["Authorization"].encode()
        half.sendall(b"POST /api/todos HTTP/1.1\r\nHost: x\r\nAuthorization: %b\r\nContent-Length: 9\r\n\r\n{" % token)
        assert me.get("/api/todos").status_code == 200
        backend.link.hang()
        waiting = [pool.submit(ASK["GET"], me) for _ in range(4)]
        wait_for(lambda: backend.link.accepted > 3)
        api.process.terminate()
        expect_the_end(api, within=GRACE)
        for answer in waiting:
            expect_unavailable(answer.result(), "The database ")
