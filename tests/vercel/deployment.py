"""Run both services of a deployment with the variables that Vercel and Neon's integration set."""

import re
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import httpx

from dev.processes import running
from tests.hosts.bare import Place
from tests.hosts.vercel import instance
from tests.live import NO_TLS, environment, free_port, wait_for
from tests.vercel.output import Output
from tests.vercel.proxy import ADDRESS, Https, proxy

HANDLER = "vc__handler__python"
"""The module of the function that Vercel imports."""
_numbers = count(1)
PASSWORD = secrets.token_hex(16)
# Better Auth, Next.js and Python write these words.
_PROBLEM = re.compile(r"\b(ERROR|WARN|WARNING|Error|Traceback)\b|\u2a2f|\u26a0")
# While Next.js compiles its pages, a small machine may not run the API for that long.
_BUSY = re.compile(r"WARNING:? .* blocked all requests for \d+ ms")

PRODUCTION = {
    "VERCEL": "1",
    "VERCEL_ENV": "production",
    "VERCEL_URL": "todo-4f9c8f0e1-team.vercel.app",
    "VERCEL_BRANCH_URL": "todo-git-main-team.vercel.app",
    "VERCEL_PROJECT_PRODUCTION_URL": "todos.example.com",
}
PREVIEW = {
    "VERCEL": "1",
    "VERCEL_ENV": "preview",
    "VERCEL_URL": "todo-1d2c3b4a5-team.vercel.app",
    "VERCEL_BRANCH_URL": "todo-git-due-dates-team.vercel.app",
    "VERCEL_PROJECT_PRODUCTION_URL": "todos.example.com",
}


@dataclass(frozen=True)
class Deployment:
    """Describe a running deployment."""

    port: int
    """The port of its proxy."""
    services: dict[str, str]
    """The addresses of the services on this machine."""
    web: Path
    """The log of Next.js."""
    api: Path
    """What the API has written to standard error."""

    @contextmanager
    def open(self, host: str) -> Iterator[httpx.Client]:
        """Open a browser's client for one of its domains. Each one has an address of its own."""
        origin = f"https://{host}"
        # Better Auth limits the sign-ups of an address.
        headers = {"Origin": origin, ADDRESS: f"203.0.113.{next(_numbers) % 256}"}
        with httpx.Client(
            base_url=origin, headers=headers, transport=Https(self.port), timeout=60, verify=NO_TLS
        ) as client:
            yield client


@contextmanager
def next_start(output: Output, log: Path, port: int, **variables: str) -> Iterator[str]:
    """Run the Next.js app of a build until the block ends, without waiting for it. Yield its URL."""
    node = shutil.which("node") or ""
    command = (node, "node_modules/next/dist/bin/next", "start", "--hostname", "127.0.0.1", "--port", str(port))
    settings = environment(NODE_ENV="production", NEXT_TELEMETRY_DISABLED="1", **variables)
    with log.open("w") as written, running("Next.js", command, output.web, settings, output=written, patience=5):
        yield f"http://127.0.0.1:{port}"


@contextmanager
def deployment(
    output: Output, python: str, place: Place, database: str, secret: str, variables: dict[str, str]
) -> Iterator[Deployment]:
    """Run a deployment until the block ends: the API in Vercel's runtime, and the app with `next start`."""
    common = {**variables, "DATABASE_URL": database, "DATABASE_URL_UNPOOLED": database}
    web_port = free_port()
    web = f"http://127.0.0.1:{web_port}"
    own = dict(output.settings["environment"]) | {"WEB_URL": web}
    if variables["VERCEL_ENV"] == "production":
        # The domain does not lead to this machine. tests/test_deployment.py checks the default.
        own["BETTER_AUTH_JWKS_URL"] = f"{web}/api/auth/jwks"
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "next.log"
        with (
            instance(python, place, HANDLER, **common, **own) as (_, api),
            next_start(output, log, web_port, **common, API_URL=api, BETTER_AUTH_SECRET=secret),
            proxy(output.routes, {"web": web, "api": api}) as port,
        ):
            wait_for(lambda: is_up(f"{web}/api/auth/ok"), 60, log)
            yield Deployment(port, {"web": web, "api": api}, log, place.log)


def problems(text: str) -> list[str]:
    """Return the lines of a log that report a problem."""
    return [line for line in text.splitlines() if _PROBLEM.search(line) and not _BUSY.search(line)]


def is_up(url: str) -> bool:
    """Return whether a server answers with 200."""
    try:
        return httpx.get(url, trust_env=False, verify=NO_TLS, timeout=30).status_code == 200
    except httpx.TransportError:
        return False


def sign_up(client: httpx.Client, email: str) -> dict[str, Any]:
    """Create a user, who is signed in then by the client's cookies, and return the answer."""
    body = {"name": "Somebody", "email": email, "password": PASSWORD}
    answer = client.post("/api/auth/sign-up/email", json=body)
    assert answer.status_code == 200, answer.text
    user: dict[str, Any] = answer.json()
    return user


def token_of(client: httpx.Client) -> str:
    """Return a new token of the user who is signed in."""
    answer = client.get("/api/auth/token")
    assert answer.status_code == 200, answer.text
    token: str = answer.json()["token"]
    return token
