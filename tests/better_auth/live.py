"""A real Better Auth: a node of its own, with a database that the tests give it."""

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
"""Of every server here: one that is restarted can still read its private keys."""

PASSWORD = secrets.token_hex(16)
"""Of everybody who signs up."""

_numbers = count()


@dataclass(frozen=True)
class Account:
    """Somebody who signed up, and is signed in."""

    id: str
    email: str
    session: str
    """The session token of the answer's body."""
    signed_session: str
    """The one of the header `set-auth-token`: with its HMAC."""
    cookies: Mapping[str, str]


@dataclass(frozen=True)
class BetterAuth:
    """A running Better Auth."""

    origin: str
    migrated: list[str]
    """The tables that its migrations made or changed when it started."""
    log: Path

    def ask(self, method: str, path: str, session: str | None = None, **sent: Any) -> httpx.Response:
        """Send one request to an endpoint; without cookies, unless they are sent."""
        headers = sent.pop("headers", {}) | ({"Authorization": f"Bearer {session}"} if session else {})
        url = f"{self.origin}/api/auth{path}"
        return httpx.request(method, url, headers=headers, timeout=30, trust_env=False, **sent)

    def sign_up(self, **fields: str) -> Account:
        """Make an account of somebody new."""
        email = f"somebody-{next(_numbers)}@example.com"
        body = {"name": "Somebody", "email": email, "password": PASSWORD, **fields}
        answer = self.ask("POST", "/sign-up/email", json=body)
        assert answer.status_code == 200, f"{answer.text}\n{self.log.read_text()}"
        told = answer.json()
        return Account(
            told["user"]["id"], email, told["token"], answer.headers["set-auth-token"], dict(answer.cookies.items())
        )

    def token(self, account: Account, **sent: Any) -> str:
        """Get a fresh JWT."""
        answer = self.ask("GET", "/token", account.session, **sent)
        assert answer.status_code == 200, f"{answer.text}\n{self.log.read_text()}"
        token: str = answer.json()["token"]
        return token

    def key_ids(self) -> set[str]:
        """Name the keys that are published."""
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
    """Run Better Auth until the block ends; its migrations run first.

    Args:
        database: where its tables are, or shall be.
        port: where it listens; a restarted one takes the old one's, as the API expects it there.
        ids: `text`, `uuid` or `serial`: what `user.id` is.
        algorithm: what new keys sign with.
        jwks: more of the plugin's options `jwks`.
        jwt: more of the plugin's options.
        options: more of Better Auth's options.
        variables: what else the environment holds; an empty one is taken out of it.
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
            # Not SIGTERM: it has nothing to tidy up, and would wait for nobody either.
            process.kill()
            process.wait()


def _wait_until_it_listens(process: subprocess.Popen[bytes], log: Path) -> list[str]:
    deadline = time.monotonic() + 30
    while not (line := re.search(r"^Better Auth listens on .*; migrated: (.*)\n", log.read_text(), re.MULTILINE)):
        if process.poll() is not None or time.monotonic() > deadline:
            raise AssertionError(f"Better Auth did not start:\n{log.read_text()}")
        time.sleep(0.02)
    return [] if line[1] == "nothing" else line[1].split(", ")
