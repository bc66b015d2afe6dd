"""Run a real Better Auth in its own Node process, on a database of the tests."""

import json
import re
import secrets
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import httpx

from tests.conftest import Database
from tests.live import environment

HERE = Path(__file__).parent

SECRET = secrets.token_hex(32)
"""Use the same secret for every server, so that a restarted server can read its private keys."""

PASSWORD = secrets.token_hex(16)
"""Use the same password for every account."""

_numbers = count()


@dataclass(frozen=True)
class Account:
    """Describe a user who has signed up and is signed in."""

    id: str
    email: str
    session: str
    """The session token of the answer's body."""
    signed_session: str
    """The session token of the header `set-auth-token`, with its HMAC."""
    cookies: Mapping[str, str]


@dataclass(frozen=True)
class BetterAuth:
    """Describe a running Better Auth."""

    origin: str
    migrated: list[str]
    """The tables that its migrations created or changed when it started."""
    log: Path

    def ask(self, method: str, path: str, session: str | None = None, **sent: Any) -> httpx.Response:
        """Send a request to an endpoint. It has only the cookies in `sent`."""
        headers = sent.pop("headers", {}) | ({"Authorization": f"Bearer {session}"} if session else {})
        url = f"{self.origin}/api/auth{path}"
        return httpx.request(method, url, headers=headers, timeout=30, trust_env=False, **sent)

    def sign_up(self, **fields: str) -> Account:
        """Create an account for a new user."""
        email = f"somebody-{next(_numbers)}@example.com"
        body = {"name": "Somebody", "email": email, "password": PASSWORD, **fields}
        answer = self.ask("POST", "/sign-up/email", json=body)
        assert answer.status_code == 200, f"{answer.text}\n{self.log.read_text()}"
        told = answer.json()
        return Account(
            told["user"]["id"], email, told["token"], answer.headers["set-auth-token"], dict(answer.cookies.items())
        )

    def token(self, account: Account, **sent: Any) -> str:
        """Return a new JWT."""
        answer = self.ask("GET", "/token", account.session, **sent)
        assert answer.status_code == 200, f"{answer.text}\n{self.log.read_text()}"
        token: str = answer.json()["token"]
        return token

    def key_ids(self) -> set[str]:
        """Return the ids of the published keys."""
        return {key["kid"] for key in self.ask("GET", "/jwks").json()["keys"]}


@contextmanager
def better_auth(
    database: Database,
    port: int,
    *,
    ids: str = "text",
    algorithm: str = "EdDSA",
    jwks: Mapping[str, Any] | None = None,
    jwt: Mapping[str, Any] | None = None,
    options: Mapping[str, Any] | None = None,
    **variables: str,
) -> Iterator[BetterAuth]:
    """Run Better Auth until the block ends. Its migrations run first.

    Args:
        database: the database of its tables.
        port: its port. A restarted server uses the same port, because the API expects it there.
        ids: the type of `user.id`, which is `text`, `uuid` or `serial`.
        algorithm: the algorithm of new keys.
        jwks: more of the plugin's options `jwks`.
        jwt: more of the plugin's options.
        options: more of Better Auth's options.
        variables: more environment variables. A variable with an empty value is removed.
    """
    origin = f"http://127.0.0.1:{port}"
    plugin = {"jwks": {"keyPairConfig": {"alg": algorithm}, **(jwks or {})}, **(jwt or {})}
    kind = {} if ids == "text" else {"advanced": {"database": {"generateId": ids}}}
    variables = {
        "PORT": str(port),
        "DATABASE_URL": database.url,
        "BETTER_AUTH_URL": origin,
        "BETTER_AUTH_SECRET": SECRET,
        "JWT": json.dumps(plugin),
        "OPTIONS": json.dumps({**kind, **(options or {})}),
        **variables,
    }
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log"
        with log.open("w") as output:
            process = subprocess.Popen(
                ["node", "server.mjs"],
                cwd=HERE,
                env=environment(**{name: value for name, value in variables.items() if value}),
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        try:
            yield BetterAuth(origin, _wait_until_it_listens(process, log), log)
        finally:
            # SIGKILL is enough, because the server has nothing to clean up.
            process.kill()
            process.wait()


def _wait_until_it_listens(process: subprocess.Popen[bytes], log: Path) -> list[str]:
    deadline = time.monotonic() + 30
    while not (line := re.search(r"^Better Auth listens on .*; migrated: (.*)\n", log.read_text(), re.MULTILINE)):
        if process.poll() is not None or time.monotonic() > deadline:
            raise AssertionError(f"Better Auth did not start:\n{log.read_text()}")
        time.sleep(0.02)
    return [] if line[1] == "nothing" else line[1].split(", ")
