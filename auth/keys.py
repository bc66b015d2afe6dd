"""Better Auth's signing keys: fetched on first need, kept, renewed beside the requests.

Better Auth 1.7 serves them without cache headers, makes a new one the moment it first signs with
it, and answers 429 to more than ten requests a second. So a set is kept, refetched when a token
names a key that is not in it, and never given up because a fetch failed.
"""

import asyncio
import json
import logging
from collections import deque
from collections.abc import Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from time import monotonic, time
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import anyio
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from jwt import PyJWK
from jwt.exceptions import PyJWTError

log = logging.getLogger("todo.auth")

TIMEOUT = 5.0
"""Seconds that a fetch may take, connecting included."""
MAX_BYTES = 256 * 1024
"""A key set that is longer is none."""
RETRY = 1.0
"""Seconds between two fetches while there is no key set."""
VAIN_FETCHES, VAIN_WINDOW = 2, 10.0
"""Fetches that may fail or bring nothing new within so many seconds; then tokens with unknown keys
cause no more of them."""
RENEW_AFTER = 300.0
"""Seconds after which a set is renewed in the background."""
EXPIRE_AFTER = 600.0
"""Seconds after which a set is renewed before it is used again: a key that Better Auth has taken
back is accepted no longer, also in a process that was frozen meanwhile."""

# What a key is able to sign is told by its type, not by its `alg`: before Better Auth 1.7 that
# member repeated the configuration, whatever the key was.
_ALGORITHMS = {"OKP Ed25519": ("EdDSA",), "EC P-256": ("ES256",), "EC P-521": ("ES512",), "RSA": ("RS256", "PS256")}


class KeysUnavailable(Exception):
    """No key set was ever fetched."""


@dataclass(frozen=True)
class SigningKey:
    """A public key, and the algorithms (RFC 7518, RFC 8037) that it may verify."""

    public: Any
    algorithms: tuple[str, ...]


def parse_key_set(document: Any) -> dict[str, SigningKey]:
    """Take the usable keys out of a JWK set (RFC 7517), by `kid`.

    Left out: keys without `kid`, symmetric ones, ones for encryption, RSA under 2048 bits
    (RFC 7518, section 3.3), and whatever is not a key.

    Raises:
        ValueError: the document has no usable key.
    """
    keys = {}
    with suppress(KeyError, TypeError):
        for jwk in document["keys"]:
            with suppress(PyJWTError, KeyError, TypeError, ValueError, AttributeError):
                keys[jwk["kid"]] = _signing_key(jwk)
    if not keys:
        raise ValueError("no usable key")
    return keys


def _signing_key(jwk: dict[str, Any]) -> SigningKey:
    algorithms = _ALGORITHMS[f"{jwk['kty']} {jwk.get('crv', '')}".strip()]
    public = PyJWK(jwk, algorithm=algorithms[0]).key
    encrypts = jwk.get("use", "sig") != "sig" or "verify" not in jwk.get("key_ops", ["verify"])
    if encrypts or (isinstance(public, RSAPublicKey) and public.key_size < 2048):
        raise ValueError
    return SigningKey(public, algorithms)


def _since(moment: float) -> float:
    # The wall clock, because the other one may stand still while a process is frozen; in both
    # directions, because this one may be set back.
    return abs(time() - moment)


def _download(url: str) -> bytes:
    """Fetch a key set over HTTP/1.1, without following redirects.

    By the standard library and in a worker thread: importing an HTTP client is a tenth of a cold
    start, and every cold start needs the keys.

    Raises:
        OSError, http.client.HTTPException, ValueError: it cannot be had; says why.
    """
    deadline = monotonic() + TIMEOUT
    parts = urlsplit(url)
    connect = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    with closing(connect(parts.hostname or "", parts.port, timeout=TIMEOUT)) as connection:
        target = urlunsplit(("", "", parts.path or "/", parts.query, ""))
        connection.request("GET", target, headers={"Accept": "application/json", "User-Agent": "todo-api"})
        with connection.getresponse() as response:
            if response.status != HTTPStatus.OK:
                raise ValueError(f"answered {response.status}")
            body = b""
            while chunk := response.read1():
                body += chunk
                if len(body) > MAX_BYTES:
                    raise ValueError(f"longer than {MAX_BYTES} bytes")
                if monotonic() > deadline:
                    raise TimeoutError
    return body


class KeySet:
    """The keys at `url`. For one event loop, without locks: every step between awaits is whole."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.keys: Mapping[str, SigningKey] = {}
        """The last good set, replaced as a whole when it has changed; empty: none was ever fetched."""
        self._fetched_at = self._tried_at = self._answered_at = float("-inf")
        self._vain: deque[float] = deque(maxlen=VAIN_FETCHES)
        self._fetch: asyncio.Task[None] | None = None

    def is_fresh(self) -> bool:
        """Say whether the set may be used without waiting; renews it in the background when it is old.

        A set that could not be renewed when it was due stays as good as it was.
        """
        if _since(self._fetched_at) > RENEW_AFTER:
            self._start_fetch()
        return _since(self._answered_at) < EXPIRE_AFTER

    async def find(self, kid: str, instead_of: SigningKey | None = None) -> SigningKey | None:
        """Give the key named `kid`; `None` when Better Auth has none of that name.

        A known key is given at once, a fetch in progress or not, until the set has expired.

        Args:
            kid: the name.
            instead_of: a key of that name that will not do: the set is fetched again for another.

        Raises:
            KeysUnavailable: no key set was ever fetched.
        """
        under_way = self._fetch is not None
        if self.is_fresh() and self._has(kid, instead_of):
            return self.keys[kid]
        await self.renew()
        if under_way and not self._has(kid, instead_of):
            # Better Auth may have answered the fetch that was under way before it made the key.
            await self.renew()
        if not self.keys:
            raise KeysUnavailable
        return self.keys.get(kid)

    def _has(self, kid: str, instead_of: SigningKey | None) -> bool:
        return self.keys.get(kid) not in (None, instead_of)

    async def renew(self) -> None:
        """Fetch the set, unless that was in vain too often just now; wait for a fetch in progress."""
        self._start_fetch()
        if self._fetch:
            # Shielded: a client that goes away must not end the fetch that others wait for.
            await asyncio.shield(self._fetch)

    def _start_fetch(self) -> None:
        if self._fetch and self._fetch.get_loop() is not asyncio.get_running_loop():
            self._fetch = None  # on some hosts each call brings a loop of its own; that one is gone
        spent = len(self._vain) == VAIN_FETCHES and _since(self._vain[0]) < VAIN_WINDOW
        if self._fetch is None and not (spent if self.keys else _since(self._tried_at) < RETRY):
            self._tried_at = time()
            self._fetch = asyncio.create_task(self._fetch_set())

    async def _fetch_set(self) -> None:
        try:
            async with asyncio.timeout(TIMEOUT):
                download = anyio.to_thread.run_sync(_download, self.url, abandon_on_cancel=True)
                keys = parse_key_set(json.loads(await download))
            self._fetched_at = time()
            if keys == self.keys:
                self._vain.append(time())
            else:
                self.keys = keys
                self._vain.clear()
        except (OSError, HTTPException, ValueError, RecursionError) as error:
            # The last good set stays: Better Auth may be down or answer 429 for a while.
            self._vain.append(time())
            log.warning("signing keys not renewed: %s: %r", self.url, error)
        finally:
            self._answered_at = time()
            self._fetch = None
