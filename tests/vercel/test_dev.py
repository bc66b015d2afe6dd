"""Test `vercel dev`: both services behind one port of this machine."""

import secrets
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import httpx
import psutil
import pytest

from dev.postgres import Server
from tests.conftest import Database
from tests.live import NO_TLS, free_port, wait_for
from tests.vercel.cli import EXAMPLE, VERCEL, cli_environment, copy_packages, copy_project
from tests.vercel.deployment import is_up, problems, sign_up, token_of
from tests.wire import Wire


@pytest.fixture(params=["BETTER_AUTH_URL", "VERCEL_URL"])
def served(
    server: Server, new_database: Callable[..., Database], tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[tuple[str, psutil.Process, Path]]:
    """Run `vercel dev` without an account, with the settings in `.env`. Yield its URL, its process, and its log."""
    folder, log, port = tmp_path / "project", tmp_path / "log", free_port()
    folder.mkdir()
    copy_project(folder)
    copy_packages(folder / EXAMPLE)
    # The CLI replaces the value of VERCEL_URL by the address where it listens.
    host, own = ("localhost", "http://localhost:{port}") if request.param == "BETTER_AUTH_URL" else ("127.0.0.1", "")
    origin = f"http://{host}:{port}"
    with ExitStack() as stack:
        wire = stack.enter_context(Wire(server.socket_dir).open())
        url = wire.url(new_database(better_auth=False).name)
        secret = secrets.token_hex(32)
        settings = {"DATABASE_URL": url, request.param: own.format(port=port), "BETTER_AUTH_SECRET": secret}
        (folder / ".env").write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
        written = stack.enter_context(log.open("w"))
        command = (VERCEL, "dev", "--local", "--listen", f"127.0.0.1:{port}", "--yes")
        process = subprocess.Popen(
            (*command, "--global-config", tmp_path / "config"),
            cwd=folder,
            env=cli_environment(),
            stdout=written,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
        started = psutil.Process(process.pid)
        try:
            wait_for(lambda: is_up(f"{origin}/health") or process.poll() is not None, 120, log)
            yield origin, started, log
        finally:
            # Its services have process groups of their own.
            everything = [started, *started.children(recursive=True)] if started.is_running() else []
            for one in everything:
                with suppress(psutil.NoSuchProcess):
                    one.terminate()
            for one in psutil.wait_procs(everything, timeout=10)[1]:
                one.kill()
            process.wait(10)


def addresses(process: psutil.Process) -> set[str]:
    """Return the addresses where a process and its children listen."""
    every = [process, *process.children(recursive=True)]
    found = [connection for one in every for connection in one.net_connections() if connection.status == "LISTEN"]
    return {connection.laddr.ip for connection in found}


def test_both_services_run_behind_one_port_without_an_account(served: tuple[str, psutil.Process, Path]) -> None:
    origin, process, log = served
    assert process.is_running(), log.read_text()
    with httpx.Client(
        base_url=origin, headers={"Origin": origin}, verify=NO_TLS, trust_env=False, timeout=120
    ) as client:
        assert client.get("/health").json() == {"status": "healthy"}
        assert client.get("/api/auth/ok").json() == {"ok": True}
        signed_out = client.get("/")
        assert (signed_out.status_code, signed_out.headers["location"]) == (307, "/sign-in")
        assert "<form" in client.get("/sign-in").text
        assert "swagger-ui" in client.get("/docs").text
        sign_up(client, "somebody@example.com")
        headers = {"Authorization": f"Bearer {token_of(client)}"}
        made = client.post("/api/todos", json={"title": "Buy milk"}, headers=headers)
        assert made.status_code == 201, made.text
        assert client.get("/api/todos", headers=headers).json() == [made.json()]
        wait_for(lambda: client.get("/ready").status_code == 200, 10, log)
        assert "Buy milk" in client.get("/", headers={"Accept": "text/html"}).text
        client.cookies.clear()
        fields = {"name": "Somebody", "email": "another@example.com", "password": secrets.token_hex(8)}
        sent = client.post("/sign-up/submit", data=fields)
        assert (sent.status_code, sent.headers["location"]) == (303, "/?signed-in="), sent.text
    assert addresses(process) == {"127.0.0.1"}
    text = log.read_text().replace("WARNING!", "")  # the CLI says that no account is used
    assert problems(text) == []
