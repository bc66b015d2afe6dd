"""Fetch Better Auth's signing keys on first use, keep them, and renew them in the background.

Better Auth 1.7 serves its key set without cache headers. It publishes a new key when it first signs
with it, and it answers 429 above ten requests a second. So this module keeps a key set, fetches it
again when a token names an unknown key, and does not drop it when a fetch fails.
"""

import asyncio
import json
import logging
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPException
from time import time
from typing import Any

import anyio
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from jwt import PyJWK
from jwt.exceptions import PyJWTError

from auth.download import TIMEOUT, download

log = logging.getLogger("todo.auth")

RETRY_AFTER = 1.0
"""Wait this many seconds between two fetches while there is no key set."""
FETCH_BUDGET, FETCH_WINDOW = 2, 10.0
"""Allow this many fetches that fail or bring no change within this many seconds. Tokens cannot
cause more fetches than that, however many unknown keys and wrong signatures they have."""
RENEW_AFTER = 300.0
"""Renew the key set in the background when it is older than this many seconds."""
EXPIRE_AFTER = 600.0
"""Renew the key set before its next use when it is older than this many seconds. A process that was
frozen for hours would otherwise accept a key that Better Auth has withdrawn."""

# The type of a key decides, not its `alg`. Before version 1.7 Better Auth wrote the configured
# algorithm into `alg`, also for older keys of another type.
_ALGORITHMS_BY_TYPE = {
    "OKP Ed25519": ("EdDSA",),
    "EC P-256": ("ES256",),
    "EC P-521": ("ES512",),
    "RSA": ("RS256", "PS256"),
}
ALGORITHMS = tuple(name for names in _ALGORITHMS_BY_TYPE.values() for name in names)
"""List every algorithm that Better Auth can sign with (RFC 7518, RFC 8037)."""


class KeysUnavailable(Exception):
    """Report that a key could not be searched for. The message is a sentence for the client."""


@dataclass(frozen=True)
class SigningKey:
    """Pair a public key with the algorithms that it may verify."""

    public: Any
    algorithms: tuple[str, ...]


def parse_key_set(document: Any) -> dict[str, SigningKey]:
    """Return the usable keys of a JWK set (RFC 7517) by their `kid`.

    Keys without `kid`, symmetric keys, keys for encryption, RSA keys under 2048 bits (RFC 7518,
    section 3.3) and malformed keys are left out.

    Raises:
        ValueError: The document has no usable key.
    """
    keys = {}
    with suppress(KeyError, TypeError):
        for jwk in document["keys"]:
            with suppress(PyJWTError, KeyError, TypeError, ValueError, AttributeError):
                keys[jwk["kid"]] = _signing_key(jwk)
    if not keys:
        raise ValueError("The key set has no usable key.")
    return keys


def _signing_key(jwk: dict[str, Any]) -> SigningKey:
    algorithms = _ALGORITHMS_BY_TYPE[f"{jwk['kty']} {jwk.get('crv', '')}".strip()]
    public = PyJWK(jwk, algorithm=algorithms[0]).key
    encrypts = jwk.get("use", "sig") != "sig" or "verify" not in jwk.get("key_ops", ["verify"])
    if encrypts or (isinstance(public, RSAPublicKey) and public.key_size < 2048):
        raise ValueError
    return SigningKey(public, algorithms)


def _seconds_since(moment: float) -> float:
    # The monotonic clock may stop while a process is frozen, so this uses the wall clock. The wall
    # clock may be set back, so this counts in both directions.
    return abs(time() - moment)


class KeySet:
    """Fetch and keep the keys of `url`. Each fetch sends the headers.

    An instance is used on one event loop. It needs no locks, because no other code runs between two
    awaits.
    """

    def __init__(self, url: str, headers: Mapping[str, str] | None = None) -> None:
        self.url = url
        self._headers = headers
        self.keys: Mapping[str, SigningKey] = {}
        """Map each `kid` to its key. A change replaces the whole mapping. It is empty before the first fetch."""
        self._renewed_at = self._started_at = self._ended_at = float("-inf")
        self._spent: deque[float] = deque(maxlen=FETCH_BUDGET)
        self._fetch: asyncio.Task[None] | None = None
        self._fetches = 0
        """Count the fetches that have started."""
        self._succeeded = 0
        """Number the last fetch that brought a key set, in the order of the starts."""

    def is_fresh(self) -> bool:
        """Return whether the key set may be used at once. Start to renew it when it is old.

        A key set stays valid when it was due and the fetch failed.
        """
        if _seconds_since(self._renewed_at) > RENEW_AFTER:
            self._start_fetch()
        return _seconds_since(self._ended_at) < EXPIRE_AFTER

    async def find(self, kid: str, instead_of: SigningKey | None = None) -> SigningKey | None:
        """Return the key named `kid`, or `None` when Better Auth has no such key.

        A known key is returned at once until the key set has expired, also during a fetch.

        Args:
            kid: The name of the key.
            instead_of: The key of that name that did not fit a token. The key set is fetched again
                to find its replacement. The same key is returned when there is none.

        Raises:
            KeysUnavailable: There is no key set yet, or the key is unknown and no fetch that started
                during this search succeeded. Such a fetch failed, or the budget for fetches is spent.
        """
        fetches, in_progress = self._fetches, self._fetch is not None
        if self.is_fresh() and self._has(kid, instead_of):
            return self.keys[kid]
        await self.renew()
        if in_progress and not self._has(kid, instead_of):
            # Better Auth may have answered the fetch in progress before it made the key.
            await self.renew()
        if not self.keys:
            raise KeysUnavailable("Better Auth's signing keys could not be fetched yet.")
        if kid not in self.keys and self._succeeded <= fetches:
            # Only an answer to a fetch that started after this search proves that there is no such key.
            raise KeysUnavailable(
                "The token's key is not known yet. Better Auth's signing keys could not be fetched again. Try again."
            )
        return self.keys.get(kid)

    def _has(self, kid: str, instead_of: SigningKey | None) -> bool:
        return self.keys.get(kid) not in (None, instead_of)

    async def renew(self) -> None:
        """Wait for the fetch in progress. Start one if there is none and the budget allows it."""
        self._start_fetch()
        if self._fetch:
            # Other requests wait for the same fetch, so a client that disconnects must not cancel it.
            await asyncio.shield(self._fetch)

    def _start_fetch(self) -> None:
        if self._fetch and self._fetch.get_loop() is not asyncio.get_running_loop():
            # Some hosts run each call on a new event loop. The fetch ended with its loop.
            self._fetch = None
        if self.keys:
            wait = len(self._spent) == FETCH_BUDGET and _seconds_since(self._spent[0]) < FETCH_WINDOW
        else:
            wait = _seconds_since(self._started_at) < RETRY_AFTER
        if self._fetch is None and not wait:
            self._started_at = time()
            self._fetches += 1
            self._fetch = asyncio.create_task(self._fetch_keys())

    async def _fetch_keys(self) -> None:
        try:
            async with asyncio.timeout(TIMEOUT):
                document = await anyio.to_thread.run_sync(download, self.url, self._headers, abandon_on_cancel=True)
                keys = parse_key_set(json.loads(document))
            self._renewed_at = time()
            self._succeeded = self._fetches
            if keys == self.keys:
                self._spent.append(time())
            else:
                self.keys = keys
                self._spent.clear()
        except (OSError, HTTPException, ValueError, RecursionError) as error:
            # The last key set stays valid, because Better Auth may be down or answer 429 for a while.
            self._spent.append(time())
            log.warning("The signing keys were not renewed from %s: %r", self.url, error)
        finally:
            self._ended_at = time()
            self._fetch = None
