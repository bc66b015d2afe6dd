"""Run the API as in production, with uvicorn in its own process and configured only by the environment."""

import os
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from random import sample
from typing import Any

import httpx

ROOT = Path(__file__).parent.parent
NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Create clients with this empty context. Without it each one reads the machine's certificates for 20 ms."""


@dataclass(frozen=True)
class Api:
    """Describe a running API."""

    url: str
    process: subprocess.Popen[str]
    log: Path

    def client(self, token: str | None = None) -> httpx.Client:
        """Open a client that sends `token`."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return httpx.Client(base_url=self.url, headers=headers, timeout=30, trust_env=False, verify=NO_TLS)


def environment(**variables: str) -> dict[str, str]:
    """Return an environment that configures only `variables`."""
    names = ("PATH", "HOME", "TMPDIR", "COVERAGE_PROCESS_CONFIG")  # make coverage sets the last one
    kept = {name: os.environ[name] for name in names if name in os.environ}
    return {**kept, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "error", **variables}


def free_port() -> int:
    """Return a port that no program listens on, and that the system does not use for outgoing connections."""
    for port in sample(range(20_000, 32_768), 100):  # systems use the ports above for outgoing connections
        with socket.socket() as listener, suppress(OSError):
            listener.bind(("127.0.0.1", port))
            return port
    raise AssertionError("no port is free")


def launch(port: int, folder: Path, app: str = "main:app", **variables: str) -> Api:
    """Start uvicorn without waiting for it. `folder` is empty, so that no `.env` is read."""
    log = folder / f"{port}.log"
    with log.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "uvicorn", app, "--host=127.0.0.1", f"--port={port}"],
            cwd=folder,
            env=environment(**variables),
            stdout=output,
            stderr=subprocess.STDOUT,
            text=True,
        )
    return Api(f"http://127.0.0.1:{port}", process, log)


@contextmanager
def running(app: str = "main:app", **variables: str) -> Iterator[Api]:
    """Run the API with `variables` until the block ends."""
    with tempfile.TemporaryDirectory() as folder:
        api = launch(free_port(), Path(folder), app, **variables)
        try:
            wait_until_healthy(api)
            yield api
        finally:
            stop(api)


def wait_for(what: Callable[[], object], seconds: float = 30, log: Path | None = None) -> Any:
    """Wait until a function returns a true value, and return that value. Fail with the log after `seconds`."""
    deadline = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < deadline, f"nothing happened within {seconds} s\n{log.read_text() if log else ''}"
        time.sleep(0.005)
    return found


def wait_until_healthy(api: Api, seconds: float = 60) -> None:
    """Wait until `/health` answers. Fail with the log if it does not."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            if httpx.get(f"{api.url}/health", trust_env=False, verify=NO_TLS).status_code == 200:
                return
        except httpx.TransportError:
            if api.process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"the API did not start:\n{api.log.read_text()}") from None
            time.sleep(0.02)


def wait_until_ready(api: Api) -> None:
    """Wait until the schema exists, because `/health` does not wait for it. Fail with the log if it does not."""
    with api.client() as http:
        wait_for(lambda: http.get("/ready").json()["schema"] == "ok", 60, api.log)


def stop(api: Api) -> None:
    """Stop the process with SIGTERM, as a host does."""
    api.process.send_signal(signal.SIGTERM)
    try:
        api.process.wait(30)
    except subprocess.TimeoutExpired:
        api.process.kill()
        raise
