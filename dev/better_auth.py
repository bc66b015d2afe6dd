"""Replace Better Auth by a stand-in with a demo user. The API verifies its tokens as in production.

The stand-in is another *issuer*. It does not bypass the verification. It has its own signing key, and
the API trusts it only because `make run` sets its address as `BETTER_AUTH_URL`. Tables, tokens and
key set have the format of Better Auth 1.7. Unlike Better Auth it requires no session, so it listens
only on 127.0.0.1 and only while `make run` runs.
"""

import json
import secrets
import string
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, Self
from urllib.parse import urlsplit

import jwt
import psycopg2
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from jwt.algorithms import OKPAlgorithm
from psycopg2.extras import RealDictCursor

# Better Auth's tokens expire after 15 minutes. These tokens are valid for longer, because nothing
# renews a token in a pasted line.
TOKEN_LIFETIME = 3600  # seconds

_TABLES = Path(__file__).with_name("better-auth.sql")


def demo_user(database_url: str) -> dict[str, Any]:
    """Create Better Auth's tables and the demo user, unless they exist.

    Returns:
        The user's row as Better Auth writes it in JSON.
    """
    with (
        closing(psycopg2.connect(database_url)) as connection,
        connection,  # this is one transaction, so either everything or nothing is created
        connection.cursor(cursor_factory=RealDictCursor) as cursor,
    ):
        cursor.execute("SELECT FROM pg_tables WHERE schemaname = 'public' AND tablename = 'user'")
        if cursor.rowcount == 0:
            cursor.execute(_TABLES.read_text())
        cursor.execute(
            'INSERT INTO public."user" (id, name, email, "emailVerified")'
            " VALUES (%s, 'Demo User', 'demo@example.com', true) ON CONFLICT (email) DO NOTHING",
            (_random_id(),),
        )
        cursor.execute("SELECT * FROM public.\"user\" WHERE email = 'demo@example.com'")
        return {name: _json(value) for name, value in cursor.fetchall()[0].items()}


@dataclass(frozen=True)
class StandIn:
    """Sign tokens for the demo user. A file keeps the key and the user, so that `make token` can use them."""

    origin: str
    user: dict[str, Any]
    key: dict[str, str]  # the private key as a JWK

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read the file that `prepare` wrote.

        Raises:
            FileNotFoundError: `prepare` has not written it yet.
        """
        return cls(**json.loads(path.read_text()))

    @classmethod
    def prepare(cls, path: Path, origin: str, user: dict[str, Any]) -> Self:
        """Create the stand-in for this origin and user, and save it. A key in the file is kept."""
        try:
            key = cls.load(path).key
        except FileNotFoundError:
            jwk = OKPAlgorithm.to_jwk(Ed25519PrivateKey.generate(), as_dict=True)
            key = {"alg": "EdDSA", **jwk, "kid": _random_id()}
        stand_in = cls(origin, user, key)
        unfinished = path.with_suffix(".unfinished")
        unfinished.touch(mode=0o600)
        unfinished.write_text(json.dumps(asdict(stand_in), indent=2))
        unfinished.replace(path)
        return stand_in

    def jwks(self) -> dict[str, Any]:
        """Return the public key as Better Auth's `/api/auth/jwks` does, without `use`."""
        return {"keys": [{name: self.key[name] for name in ("alg", "crv", "x", "kty", "kid")}]}

    def token(self) -> str:
        """Return a token as Better Auth's `/api/auth/token` does, with the whole user and without `typ`."""
        now = int(time.time())
        claims = {"iat": now, **self.user, "sub": self.user["id"], "exp": now + TOKEN_LIFETIME}
        claims |= {"iss": self.origin, "aud": self.origin}
        headers = {"kid": self.key["kid"], "typ": None}
        return jwt.encode(claims, jwt.PyJWK(self.key).key, "EdDSA", headers)


@contextmanager
def serve(stand_in: StandIn) -> Iterator[None]:
    """Serve `/api/auth/jwks` and `/api/auth/token` at the stand-in's origin until the block ends.

    Raises:
        OSError: the port is taken.
    """
    with _Server(stand_in) as server:
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        try:
            yield
        finally:
            server.shutdown()


class _Server(ThreadingHTTPServer):
    def __init__(self, stand_in: StandIn) -> None:
        self.stand_in = stand_in
        super().__init__(("127.0.0.1", urlsplit(stand_in.origin).port or 80), _Handler)


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        # There are no CORS headers, and other host names are refused. Otherwise a web page whose name
        # points to 127.0.0.1 (DNS rebinding) could read a token.
        port = self.server.server_port
        if self.headers["Host"] not in (f"127.0.0.1:{port}", f"localhost:{port}"):
            self._answer(HTTPStatus.MISDIRECTED_REQUEST, {"message": "Misdirected Request"})
        elif self.path == "/api/auth/jwks":
            self._answer(HTTPStatus.OK, self.server.stand_in.jwks())
        elif self.path == "/api/auth/token":
            self._answer(HTTPStatus.OK, {"token": self.server.stand_in.token()})
        else:
            self._not_found()

    def _not_found(self) -> None:
        self._answer(HTTPStatus.NOT_FOUND, {"message": "Not Found"})

    # http.server calls these methods by their names.
    do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = _not_found  # noqa: N815  # http.server names them

    def _answer(self, status: HTTPStatus, body: dict[str, Any]) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(json.dumps(body).encode())

    def log_message(self, *_: object) -> None:
        """Log nothing, so that only the API's log is printed."""


def _random_id() -> str:
    return "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(32))


def _json(value: object) -> object:
    if isinstance(value, datetime):  # JavaScript's Date has this format
        return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return value
