"""Run Vercel's Python runtime, with this process in the place of Vercel's platform.

This follows vercel_runtime/vc_init.py of the package vercel-runtime. The platform listens on a Unix
socket, reads JSON messages that end with NUL, and sends HTTP to the port in one of the messages.
"""

import base64
import json
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from threading import Thread
from typing import Any

import httpx

from tests.hosts.bare import Place, Process, freeze
from tests.live import wait_for

ENTRYPOINT = {
    "__VC_HANDLER_ENTRYPOINT": "main.py",
    "__VC_HANDLER_MODULE_NAME": "main",
    "__VC_HANDLER_VARIABLE_NAME": "app",
}


class Instance(httpx.BaseTransport):
    """Send requests to a running instance. As a transport of httpx this replaces Vercel's platform."""

    def __init__(self, process: Process) -> None:
        self.process = process
        self.freezes = False
        """Freeze the process between requests if this is set."""
        self._messages: list[dict[str, Any]] = []
        self._http = httpx.HTTPTransport(trust_env=False)
        self._numbers = count(1)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        number = next(self._numbers)
        request.headers["x-vercel-internal-invocation-id"] = f"invocation-{number}"
        request.headers["x-vercel-internal-request-id"] = str(number)
        self.process.send_signal(signal.SIGCONT)
        answer = self._http.handle_request(request)
        answer.read()
        wait_for(lambda: number in [end["context"]["requestId"] for end in self.told("end")])
        if self.freezes:
            freeze(self.process)
        return answer

    def close(self) -> None:
        self._http.close()

    def told(self, kind: str) -> list[dict[str, Any]]:
        """Return the payloads of the messages of a kind."""
        return [message["payload"] for message in list(self._messages) if message["type"] == kind]

    def log_lines(self, request_id: int) -> list[str]:
        """Return the lines that were logged during a request. The number 0 means outside of requests."""
        logged = [line for line in self.told("log") if line["context"]["requestId"] == request_id]
        lines = [base64.b64decode(line["message"]).decode() for line in logged]
        return [line for line in lines if " blocked all requests for " not in line]  # a busy machine stops any code

    def listen(self, platform: socket.socket) -> None:
        """Read the messages of the runtime until it ends."""
        connection, pending = platform.accept()[0], b""
        with connection:
            while chunk := connection.recv(65536):
                *whole, pending = (pending + chunk).split(b"\0")
                self._messages += [json.loads(message) for message in whole]


@contextmanager
def instance(
    python: str, place: Place, module: str = "vercel_runtime.vc_init", **variables: str
) -> Iterator[tuple[Instance, str]]:
    """Run an instance until the block ends, and yield it with its URL. The import of `module` starts the runtime."""
    path = place.home / "ipc.sock"
    path.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX) as platform:
        platform.bind(str(path))
        platform.listen()
        path.chmod(0o777)
        runtime = {"VERCEL_IPC_PATH": str(path), "__VC_HANDLER_ENTRYPOINT_ABS": f"{place.app}/main.py", **ENTRYPOINT}
        with place.process(python, "-c", f"import {module}", env=runtime | variables) as process:
            running = Instance(process)
            Thread(target=running.listen, args=[platform], daemon=True).start()
            started = wait_for(lambda: running.told("server-started") or process.poll() is not None, 20, place.log)
            assert isinstance(started, list), f"{running.told('unrecoverable-error')}\n{place.log.read_text()}"
            yield running, f"http://127.0.0.1:{started[0]['httpPort']}"
