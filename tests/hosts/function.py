"""Call a Lambda function in the place of AWS. `invoke.py` receives the calls."""

import base64
import json
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import PIPE
from urllib.parse import unquote

import httpx

from tests.hosts.bare import Place, Process, freeze

HANDLER = "lambda_function.lambda_handler"
"""Call this handler, which is the default of AWS."""


class Function(httpx.BaseTransport):
    """Call a function in its process. As a transport of httpx this replaces the function URL."""

    def __init__(self, process: Process, place: Place) -> None:
        self.process = process
        self.log = place.log
        self.freezes = False
        """Freeze the process between calls if this is set."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        http = {"method": request.method, "path": unquote(request.url.path), "protocol": "HTTP/1.1"}
        event = {
            "version": "2.0",
            "routeKey": "$default",
            "rawPath": request.url.path,
            "rawQueryString": request.url.query.decode(),
            "headers": dict(request.headers.items()),
            "requestContext": {"http": {**http, "sourceIp": "203.0.113.9"}},
            "body": base64.b64encode(request.read()).decode(),
            "isBase64Encoded": True,
        }
        self._send(event)
        assert self.process.stdout
        line = self.process.stdout.readline()
        assert line, f"the handler failed:\n{self.log.read_text()}"
        if self.freezes:
            freeze(self.process)
        answer = json.loads(line)
        text = answer.get("body", "")
        content = base64.b64decode(text) if answer["isBase64Encoded"] else text.encode()
        return httpx.Response(answer["statusCode"], headers=answer["headers"], content=content)

    def sleep(self, seconds: float) -> None:
        """Move only the wall clock forward, as in a frozen machine."""
        self._send(seconds)

    def _send(self, line: object) -> None:
        self.process.send_signal(signal.SIGCONT)
        assert self.process.stdin
        self.process.stdin.write(json.dumps(line) + "\n")
        self.process.stdin.flush()


@contextmanager
def function(python: str, place: Place, **variables: str) -> Iterator[Function]:
    """Run a function until the block ends, with one connection as in docs/deploy.md."""
    # Mangum 0.22 requests the current event loop before it creates one, which causes a warning.
    variables["PYTHONWARNINGS"] = "error,ignore:There is no current event loop:DeprecationWarning"
    program = (Path(__file__).parent / "invoke.py").read_text()
    command = (python, "-c", program, HANDLER)
    with place.process(*command, env={"DB_POOL_SIZE": "1", **variables}, stdin=PIPE, stdout=PIPE) as process:
        yield Function(process, place)
