"""Serve a JWK set with keys of every type that Better Auth makes, and sign tokens with them."""

import json
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import get_default_algorithms
from jwt.utils import base64url_encode

from tests.listener import serving

ALGORITHMS = ("EdDSA", "ES256", "ES512", "RS256", "PS256")
"""List the algorithms that Better Auth's jwt() plugin can be set to. The first is its default."""


def new_private_key(algorithm: str) -> Any:
    """Return a new key of the same type and length as Better Auth makes."""
    match algorithm:
        case "EdDSA":
            return ed25519.Ed25519PrivateKey.generate()
        case "ES256":
            return ec.generate_private_key(ec.SECP256R1())
        case "ES512":
            return ec.generate_private_key(ec.SECP521R1())
        case _:
            return rsa.generate_private_key(65537, 2048)


def _server(host: str, handler: type[BaseHTTPRequestHandler]) -> ThreadingHTTPServer:
    class Server(ThreadingHTTPServer):
        address_family = socket.AF_INET6 if ":" in host else socket.AF_INET

    return Server((host, 0), handler)


class Issuer:
    """Sign tokens, and answer `GET /api/auth/jwks` with the keys in `jwks`."""

    def __init__(self, host: str = "127.0.0.1") -> None:
        self._server = _server(host, self._handler())
        self.port = self._server.server_port
        self.origin = f"http://{f'[{host}]' if ':' in host else host}:{self.port}"
        self.private_keys: dict[str, tuple[str, Any]] = {}
        self.jwks: list[dict[str, Any]] = []
        self.answer: tuple[int, bytes] | None = None
        """Replace the key set by this status and body, unless it is None."""
        self.headers: dict[str, str] = {}
        """Add these headers to every answer."""
        self.received: Mapping[str, str] = {}
        """Keep the headers of the last request, with names in lower case."""
        self.gate = Event()
        """Delay every answer until this event is set."""
        self.gate.set()
        self.fetches = 0
        """Count the requests."""

    def add_key(self, kid: str, algorithm: str = "EdDSA") -> None:
        """Make a key and publish it. It replaces a key of the same kid."""
        private = new_private_key(algorithm)
        public = get_default_algorithms()[algorithm].to_jwk(private.public_key(), as_dict=True)
        self.private_keys[kid] = algorithm, private
        published = {"alg": algorithm, "kid": kid, **public}
        published.pop("key_ops", None)
        self.jwks = [*(key for key in self.jwks if key["kid"] != kid), published]

    def claims(self, subject: str, **changes: Any) -> dict[str, Any]:
        """Return the claims that Better Auth would sign. A change to None removes a claim."""
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
        """Return a token signed with the key `kid`. `headers` extend or replace `alg` and `kid`."""
        header = {"alg": self.private_keys[kid][0], "kid": kid, **(headers or {})}
        return self.sign(json.dumps(header), json.dumps(self.claims(subject, **changes)), kid=kid)

    def sign(self, header: str | bytes, claims: str | bytes, *, kid: str = "first") -> str:
        """Return a token with these parts and a valid signature. The parts may be any bytes."""
        algorithm, private = self.private_keys[kid]
        parts = [part.encode() if isinstance(part, str) else part for part in (header, claims)]
        message = b".".join(base64url_encode(part) for part in parts)
        signature = get_default_algorithms()[algorithm].sign(message, private)
        return b".".join((message, base64url_encode(signature))).decode()

    def _handler(issuer) -> type[BaseHTTPRequestHandler]:  # noqa: N805  # the handler's methods have the name self
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                status, body = issuer.answer or (200, json.dumps({"keys": issuer.jwks}).encode())
                issuer.fetches += 1
                issuer.received = {name.lower(): value for name, value in self.headers.items()}
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
        """Serve until the block ends."""
        with serving(self._server):
            yield self
