"""Better Auth's signing keys: fetched on first need, kept, renewed beside the requests.

Better Auth 1.7 serves them without cache headers, makes a new one the moment it first signs with
it, and answers 429 to more than ten requests a second. So a set is kept, refetched when a token
names a key that is not in it, and never given up because a fetch failed.
"""

import asyncio
import json
import logging
from contextlib import suppress
from dataclasses import dataclass
from time import monotonic
from typing import Any

import httpx
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from jwt import PyJWK
from jwt.exceptions import PyJWTError

log = logging.getLogger("todo.auth")

TIMEOUT = 5.0
"""Seconds that a fetch may take, connecting included."""
MAX_BYTES = 256 * 1024
"""A key set that is longer is none."""
COOL_DOWN = 5.0
"""Seconds after a fetch that failed or brought nothing new, before the next one."""
RETRY = 1.0
"""Seconds between two fetches while no key set was ever had."""
RENEW_AFTER = 300.0
"""Seconds after which a set is renewed in the background."""
EXPIRE_AFTER = 600.0
"""Seconds after which a set is renewed before it is used again."""

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


class KeySet:
    """The keys at `url`. For one event loop, without locks: every step between awaits is whole."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._keys: dict[str, SigningKey] = {}
        self._fetched_at = self._tried_at = float("-inf")
        self._fetch: asyncio.Task[None] | None = None

    @property
    def known(self) -> bool:
        """Whether a key set was ever fetched."""
        return bool(self._keys)

    async def find(self, kid: str) -> SigningKey | None:
        """Give the key named `kid`; `None` when Better Auth has none of that name.

        A known key is given at once, a fetch in progress or not, until the set has expired.

        Raises:
            KeysUnavailable: no key set was ever fetched.
        """
        age = monotonic() - self._fetched_at
        if kid not in self._keys or age > EXPIRE_AFTER:
            await self.renew()
        elif age > RENEW_AFTER:
            self._start_fetch()
        if not self._keys:
            raise KeysUnavailable
        return self._keys.get(kid)

    async def renew(self) -> None:
        """Fetch the set, unless that was in vain a moment ago; wait for a fetch in progress."""
        self._start_fetch()
        if self._fetch:
            # Shielded: a client that goes away must not end the fetch that others wait for.
            await asyncio.shield(self._fetch)

    def _start_fetch(self) -> None:
        cool_down = COOL_DOWN if self._keys else RETRY
        if self._fetch is None and monotonic() - self._tried_at > cool_down:
            self._tried_at = monotonic()
            self._fetch = asyncio.create_task(self._fetch_set())

    async def _fetch_set(self) -> None:
        try:
            async with asyncio.timeout(TIMEOUT):
                keys = parse_key_set(await self._download())
            self._fetched_at = monotonic()
            if keys != self._keys:
                # The cool-down is for fetches in vain: the next new key may come at once.
                self._keys, self._tried_at = keys, float("-inf")
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError, ValueError, RecursionError) as error:
            log.warning("signing keys not renewed: %s: %r", self.url, error)
        finally:
            self._fetch = None

    async def _download(self) -> Any:
        async with (
            httpx.AsyncClient(timeout=TIMEOUT) as client,
            client.stream("GET", self.url, headers={"Accept": "application/json"}) as response,
        ):
            if response.status_code != httpx.codes.OK:
                raise ValueError(f"answered {response.status_code}")
            body = b""
            async for chunk in response.aiter_bytes():
                body += chunk
                if len(body) > MAX_BYTES:
                    raise ValueError(f"longer than {MAX_BYTES} bytes")
        return json.loads(body)
