"""A JWKS server with keys of every kind that Better Auth makes, and the tokens they sign."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import get_default_algorithms
from jwt.utils import base64url_encode

ALGORITHMS = ("EdDSA", "ES256", "ES512", "RS256", "PS256")
"""What Better Auth's jwt() plugin can be set to sign with; the first is its default."""


def new_private_key(algorithm: str) -> Any:
    """Make a key as Better Auth makes them."""
    match algorithm:
        case "EdDSA":
            return ed25519.Ed25519PrivateKey.generate()
        case "ES256":
            return ec.generate_private_key(ec.SECP256R1())
        case "ES512":
            return ec.generate_private_key(ec.SECP521R1())
        case _:
            return rsa.generate_private_key(65537, 2048)


class Issuer:
    """Signs tokens, and answers `GET /api/auth/jwks` with what is in `jwks`."""

    def __init__(self) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.origin = f"http://127.0.0.1:{self._server.server_port}"
        self.private_keys: dict[str, tuple[str, Any]] = {}
        self.jwks: list[dict[str, Any]] = []
        self.answer: tuple[int, bytes] | None = None
        """Given instead of the key set when it is not None: status and body."""
        self.headers: dict[str, str] = {}
        """Sent along."""
        self.gate = Event()
        """Closed, it keeps every answer back until it opens."""
        self.gate.set()
        self.fetches = 0

    def add_key(self, kid: str, algorithm: str = "EdDSA") -> None:
        """Make a key, and publish it."""
        private = new_private_key(algorithm)
        public = get_default_algorithms()[algorithm].to_jwk(private.public_key(), as_dict=True)
        self.private_keys[kid] = algorithm, private
        published = {"alg": algorithm, "kid": kid, **public}
        published.pop("key_ops", None)
        self.jwks = [*(key for key in self.jwks if key["kid"] != kid), published]

    def claims(self, subject: str, **changes: Any) -> dict[str, Any]:
        """Give the claims that Better Auth would sign; a change to None leaves one out."""
        now = int(time.time())
        claims = {
            "iat": now,
            "name": "Somebody",
            "id": subject,
            "sub": subject,
            "exp": now + 900,
            "iss": self.origin,
            "aud": self.origin,
        }
        claims |= changes
        return {name: value for name, value in claims.items() if value is not None}

    def token(self, subject: str, *, kid: str = "first", headers: dict[str, Any] | None = None, **changes: Any) -> str:
        """Sign a token with the key `kid`; `headers` are added to `alg` and `kid`."""
        header = {"alg": self.private_keys[kid][0], "kid": kid, **(headers or {})}
        return self.sign(json.dumps(header), json.dumps(self.claims(subject, **changes)), kid=kid)

    def sign(self, header: str | bytes, claims: str | bytes, *, kid: str = "first") -> str:
        """Put a good signature under any bytes at all."""
        algorithm, private = self.private_keys[kid]
        parts = [part.encode() if isinstance(part, str) else part for part in (header, claims)]
        message = b".".join(base64url_encode(part) for part in parts)
        signature = get_default_algorithms()[algorithm].sign(message, private)
        return b".".join((message, base64url_encode(signature))).decode()

    def _handler(issuer) -> type[BaseHTTPRequestHandler]:  # noqa: N805  # the handler has the name self
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                status, body = issuer.answer or (200, json.dumps({"keys": issuer.jwks}).encode())
                issuer.fetches += 1
                assert issuer.gate.wait(20)
                self.send_response(status if self.path == "/api/auth/jwks" else 404)
                self.send_header("Content-Type", "application/json")
                for name, value in issuer.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        return Handler

    @contextmanager
    def serving(self) -> Iterator["Issuer"]:
        """Serve for as long as the block lasts."""
        Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self._server.server_close()
