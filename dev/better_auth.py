"""A stand-in for Better Auth: a demo user, and tokens that the API verifies as in production.

It is another *issuer*, never a bypass: it has a signing key of its own, and the API trusts it only
where `make run` starts the API with the stand-in's address as `BETTER_AUTH_URL`. Tables, tokens and
key set have the form of Better Auth 1.7. Unlike Better Auth it asks for no session, so it listens
on 127.0.0.1 alone and only while `make run` does.
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

# Better Auth's tokens live for 15 minutes. Here nobody renews them: pasted lines should go on
# working while somebody tries things out.
TOKEN_LIFETIME = 3600  # seconds

_TABLES = Path(__file__).with_name("better-auth.sql")


def demo_user(database_url: str) -> dict[str, Any]:
    """Make Better Auth's tables and the demo user where missing.

    Returns:
        The user's row as Better Auth writes it in JSON.
    """
    with (
        closing(psycopg2.connect(database_url)) as connection,
        connection,  # one transaction: all of it or nothing
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
    """Who signs, and whom the tokens name; kept in a file, so that tokens can be made later on."""

    origin: str
    user: dict[str, Any]
    key: dict[str, str]  # the private one, as JWK

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read what `prepare` wrote.

        Raises:
            FileNotFoundError: it never did.
        """
        return cls(**json.loads(path.read_text()))

    @classmethod
    def prepare(cls, path: Path, origin: str, user: dict[str, Any]) -> Self:
        """Make the stand-in for this origin and user, keep the key that the file has, and save."""
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
        """Answer the public key as Better Auth's `/api/auth/jwks` does: without `use`."""
        return {"keys": [{name: self.key[name] for name in ("alg", "crv", "x", "kty", "kid")}]}

    def token(self) -> str:
        """Sign a token as Better Auth's `/api/auth/token` does: the whole user, and no `typ`."""
        now = int(time.time())
        claims = {"iat": now, **self.user, "sub": self.user["id"], "exp": now + TOKEN_LIFETIME}
        claims |= {"iss": self.origin, "aud": self.origin}
        headers = {"kid": self.key["kid"], "typ": None}
        return jwt.encode(claims, jwt.PyJWK(self.key).key, "EdDSA", headers)


@contextmanager
def serve(stand_in: StandIn) -> Iterator[None]:
    """Answer `/api/auth/jwks` and `/api/auth/token` at the stand-in's origin while the block lasts.

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
        # No CORS headers, and no other host name: a web page that makes its own name point to
        # 127.0.0.1 (DNS rebinding) must not read a token.
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

    # http.server's names, hence the noqa.
    do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = _not_found  # noqa: N815  # http.server names them

    def _answer(self, status: HTTPStatus, body: dict[str, Any]) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(json.dumps(body).encode())

    def log_message(self, *_: object) -> None:
        """Say nothing: the API's log is what matters."""


def _random_id() -> str:
    return "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(32))


def _json(value: object) -> object:
    if isinstance(value, datetime):  # as JavaScript's Date does it
        return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return value
