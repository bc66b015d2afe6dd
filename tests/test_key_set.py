"""Test the key set against a real server of keys, without the API: when it fetches, and which keys it accepts."""

import asyncio
import json
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from http.client import HTTPConnection, HTTPException
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from auth import download, keys
from auth.keys import KeySet, KeysUnavailable, SigningKey, parse_key_set
from tests.issuer import Issuer, new_private_key


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    """Serve an issuer with one key."""
    with Issuer().serving() as issuer:
        issuer.add_key("first")
        yield issuer
        issuer.gate.set()


@pytest.fixture
def key_set(issuer: Issuer) -> KeySet:
    """Return the issuer's key set, which is not fetched yet."""
    return KeySet(f"{issuer.origin}/api/auth/jwks")


async def until(condition: Callable[[], object]) -> None:
    """Wait until `condition` is true."""
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110  # a thread changes the condition
            await asyncio.sleep(0.005)


def test_100_searches_at_the_same_time_cause_one_fetch(issuer: Issuer, key_set: KeySet) -> None:
    async def scenario() -> None:
        issuer.gate.clear()
        waiting = [asyncio.create_task(key_set.find("first")) for _ in range(100)]
        await until(lambda: issuer.fetches)
        issuer.gate.set()
        assert all(await asyncio.gather(*waiting))

    asyncio.run(scenario())
    assert issuer.fetches == 1


def test_a_cancelled_search_does_not_cancel_the_fetch_of_others(issuer: Issuer, key_set: KeySet) -> None:
    async def scenario() -> None:
        issuer.gate.clear()
        first, second = (asyncio.create_task(key_set.find("first")) for _ in range(2))
        await until(lambda: issuer.fetches)
        first.cancel()
        issuer.gate.set()
        assert await second

    asyncio.run(scenario())
    assert issuer.fetches == 1


def test_a_known_key_never_waits_for_a_fetch_in_progress(issuer: Issuer, key_set: KeySet) -> None:
    async def scenario() -> None:
        await key_set.find("first")
        issuer.gate.clear()
        waiting = asyncio.create_task(key_set.find("made-up"))
        await until(lambda: issuer.fetches == 2)
        assert await key_set.find("first")
        assert not waiting.done()
        issuer.gate.set()
        assert await waiting is None

    asyncio.run(scenario())


@pytest.mark.parametrize("at_once", [1, 500])
def test_500_made_up_keys_cause_at_most_three_fetches(issuer: Issuer, key_set: KeySet, at_once: int) -> None:
    async def scenario() -> None:
        for _ in range(500 // at_once):
            searches = (key_set.find(f"made-up-{number}") for number in range(at_once))
            for found in await asyncio.gather(*searches, return_exceptions=True):
                assert found is None or isinstance(found, KeysUnavailable)

    asyncio.run(scenario())
    assert issuer.fetches <= 3


async def spend_the_budget(issuer: Issuer, key_set: KeySet) -> SigningKey:
    """Search for made-up keys until no more fetches are allowed, and return the known key."""
    known = await key_set.find("first")
    for number in (1, 2):
        assert await key_set.find(f"made-up-{number}") is None
    assert issuer.fetches == 3
    assert known
    return known


def test_an_unknown_key_is_unavailable_when_the_budget_is_spent(
    issuer: Issuer, key_set: KeySet, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        await spend_the_budget(issuer, key_set)
        issuer.add_key("second")
        for _ in range(10):
            with pytest.raises(KeysUnavailable, match="not known yet"):
                await key_set.find("second")
        assert issuer.fetches == 3
        monkeypatch.setattr(keys, "FETCH_WINDOW", 0)
        assert await key_set.find("second")
        assert await key_set.find("made-up") is None

    asyncio.run(scenario())


@pytest.mark.parametrize("at_once", [1, 100])
def test_an_unknown_key_is_unavailable_when_the_fetch_for_it_fails(
    issuer: Issuer, key_set: KeySet, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    async def scenario() -> None:
        await key_set.find("first")
        issuer.answer = 500, b"{}"
        for _ in range(100 // at_once):
            searches = (key_set.find("second") for _ in range(at_once))
            for found in await asyncio.gather(*searches, return_exceptions=True):
                assert isinstance(found, KeysUnavailable)
        assert issuer.fetches == 3, "One key name causes no more fetches than the budget allows."
        issuer.answer = None
        monkeypatch.setattr(keys, "FETCH_WINDOW", 0)
        assert await key_set.find("second") is None
        issuer.add_key("second")
        assert await key_set.find("second")

    asyncio.run(scenario())


def test_a_known_key_is_returned_when_the_budget_is_spent(
    issuer: Issuer, key_set: KeySet, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        known = await spend_the_budget(issuer, key_set)
        assert await key_set.find("first") == known
        assert await key_set.find("first", instead_of=known) == known
        monkeypatch.setattr(keys, "EXPIRE_AFTER", -1)
        assert await key_set.find("first") == known
        assert issuer.fetches == 3

    asyncio.run(scenario())


def test_a_fetch_that_began_before_the_search_does_not_decide_it(issuer: Issuer, key_set: KeySet) -> None:
    async def scenario() -> None:
        await key_set.find("first")
        await key_set.find("made-up")
        issuer.gate.clear()
        last_of_the_budget = asyncio.create_task(key_set.find("made-up"))
        await until(lambda: issuer.fetches == 3)
        issuer.add_key("second")
        second = asyncio.create_task(key_set.find("second"))
        await asyncio.sleep(0)
        issuer.gate.set()
        assert await last_of_the_budget is None
        with pytest.raises(KeysUnavailable):
            await second

    asyncio.run(scenario())


def test_a_key_that_is_made_while_a_fetch_is_under_way_is_found(issuer: Issuer, key_set: KeySet) -> None:
    async def scenario() -> None:
        await key_set.find("first")
        issuer.add_key("second")
        issuer.gate.clear()
        second = asyncio.create_task(key_set.find("second"))
        await until(lambda: issuer.fetches == 2)
        issuer.add_key("third")
        third = asyncio.create_task(key_set.find("third"))
        await asyncio.sleep(0)
        issuer.gate.set()
        assert await second
        assert await third

    asyncio.run(scenario())


REFUSALS: dict[str, tuple[int, bytes, dict[str, str]]] = {
    "too many requests": (429, b"{}", {"X-Retry-After": "10"}),
    "crash": (500, b"", {}),
    "no such path": (404, b"{}", {}),
    "redirect": (302, b"", {"Location": "/api/auth/jwks"}),
    "web page": (200, b"<html>", {}),
    "not UTF-8": (200, b'{"keys": "\xff"}', {}),
    "nested too deep": (200, b"[" * 100_000, {}),
    "list": (200, b"[]", {}),
    "null": (200, b'{"keys": null}', {}),
    "empty": (200, b'{"keys": []}', {}),
    "junk": (200, b'{"keys": [1, null, {}, {"kid": []}, {"kid": "first", "kty": "OKP"}]}', {}),
}


@pytest.mark.parametrize(("status", "body", "headers"), REFUSALS.values(), ids=REFUSALS)
def test_a_fetch_that_fails_keeps_the_last_good_set(
    issuer: Issuer, key_set: KeySet, status: int, body: bytes, headers: dict[str, str]
) -> None:
    async def scenario() -> None:
        await key_set.find("first")
        issuer.answer, issuer.headers = (status, body), headers
        await key_set.renew()
        assert issuer.fetches == 2
        assert await key_set.find("first")

    asyncio.run(scenario())


@pytest.mark.parametrize(("status", "body", "headers"), REFUSALS.values(), ids=REFUSALS)
def test_without_any_good_set_it_is_unavailable_until_there_is_one(
    issuer: Issuer, key_set: KeySet, monkeypatch: pytest.MonkeyPatch, status: int, body: bytes, headers: dict[str, str]
) -> None:
    monkeypatch.setattr(keys, "RETRY_AFTER", 3600)

    async def scenario() -> None:
        issuer.answer, issuer.headers = (status, body), headers
        for _ in range(20):
            with pytest.raises(KeysUnavailable):
                await key_set.find("first")
        assert issuer.fetches == 1, "The next fetch waits for RETRY_AFTER."
        issuer.answer, issuer.headers = None, {}
        monkeypatch.setattr(keys, "RETRY_AFTER", 0)
        assert await key_set.find("first")

    asyncio.run(scenario())


def test_a_key_set_that_is_too_long_is_refused(issuer: Issuer, key_set: KeySet) -> None:
    async def scenario() -> None:
        await key_set.find("first")
        issuer.add_key("second")
        issuer.answer = 200, json.dumps({"keys": issuer.jwks}).encode() + b" " * download.MAX_BYTES
        with pytest.raises(KeysUnavailable):
            await key_set.find("second")
        assert await key_set.find("first")

    asyncio.run(scenario())


def test_a_fetch_without_an_answer_ends_after_the_timeout(
    issuer: Issuer, key_set: KeySet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keys, "TIMEOUT", 0.1)
    issuer.gate.clear()
    with pytest.raises(KeysUnavailable):
        asyncio.run(key_set.find("first"))


def test_a_url_may_name_an_ipv6_address_with_or_without_a_port(monkeypatch: pytest.MonkeyPatch) -> None:
    try:
        issuer = Issuer("::1")
    except OSError:
        pytest.skip("This machine has no IPv6 loopback.")
    monkeypatch.setattr(HTTPConnection, "default_port", issuer.port)
    with issuer.serving():
        issuer.add_key("first")
        for url in (f"http://[::1]:{issuer.port}/api/auth/jwks", "http://[::1]/api/auth/jwks"):
            assert asyncio.run(KeySet(url).find("first"))
    assert issuer.fetches == 2


def test_an_old_set_is_renewed_in_the_background(
    issuer: Issuer, key_set: KeySet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keys, "RENEW_AFTER", -1)

    async def scenario() -> None:
        await key_set.find("first")
        issuer.add_key("second")
        assert await key_set.find("first")
        await until(lambda: "second" in key_set.keys)

    asyncio.run(scenario())


def test_a_withdrawn_key_is_refused_when_the_key_set_has_expired(
    issuer: Issuer, key_set: KeySet, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        assert await key_set.find("first")
        issuer.jwks = []
        issuer.add_key("second")
        assert await key_set.find("first"), "The key set is not old enough for a fetch."
        monkeypatch.setattr(keys, "EXPIRE_AFTER", -1)
        assert await key_set.find("first") is None
        assert await key_set.find("second")

    asyncio.run(scenario())
    assert keys.RENEW_AFTER < 600


def published(algorithm: str = "EdDSA", **changes: Any) -> dict[str, Any]:
    """Return a key as a key set contains it. A change to None removes a member."""
    issuer_key = jwt.algorithms.get_default_algorithms()[algorithm]
    public = new_private_key(algorithm).public_key()
    jwk: dict[str, Any] = issuer_key.to_jwk(public, as_dict=True) | {"kid": "key", "alg": algorithm} | changes
    return {name: value for name, value in jwk.items() if value is not None}


def short_rsa_key() -> dict[str, Any]:
    public = rsa.generate_private_key(65537, 1024).public_key()
    return {**jwt.algorithms.RSAAlgorithm.to_jwk(public, as_dict=True), "kid": "key"}


IGNORED: dict[str, Any] = {
    "symmetric": {"kty": "oct", "k": "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3I", "kid": "key"},
    "for encryption": published("RS256", use="enc", key_ops=None),
    "for wrapping": published("RS256", key_ops=["wrapKey"]),
    "RSA of 1024 bits": short_rsa_key(),
    "without kid": published(kid=None),
    "Ed448": {"kty": "OKP", "crv": "Ed448", "x": "AAAA", "kid": "key"},
    "P-384": {"kty": "EC", "crv": "P-384", "x": "AAAA", "y": "AAAA", "kid": "key"},
    "a curve that is a list": published(crv=["Ed25519"]),
    "a point that is not on its curve": published("ES256", x="AAAA"),
    "a text": "key",
}


@pytest.mark.parametrize("jwk", IGNORED.values(), ids=IGNORED)
def test_keys_that_must_not_verify_a_token_are_ignored(jwk: object) -> None:
    assert list(parse_key_set({"keys": [jwk, published(kid="good")]})) == ["good"]
    with pytest.raises(ValueError, match="no usable key"):
        parse_key_set({"keys": [jwk]})


def test_the_type_of_a_key_and_not_its_alg_decides_what_it_verifies() -> None:
    (key,) = parse_key_set({"keys": [published("ES256", alg="EdDSA", key_ops=None)]}).values()
    assert key.algorithms == ("ES256",)


@pytest.mark.parametrize("start", [b"HTTP/1.1 200 OK\r\nX: ", b"HTTP/1.1 200 OK\r\n\r\n"], ids=["headers", "body"])
def test_a_server_that_sends_a_byte_now_and_then_is_given_up(start: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "TIMEOUT", 0.5)
    sent = 0

    def drip() -> None:
        nonlocal sent
        client = listener.accept()[0]
        with closing(client), suppress(OSError):
            client.sendall(start)
            while sent < 500:
                client.sendall(b"x")
                sent += 1
                time.sleep(0.05)

    with closing(socket.create_server(("127.0.0.1", 0))) as listener, ThreadPoolExecutor(1) as pool:
        dripping = pool.submit(drip)
        with suppress(OSError, HTTPException):
            download.download(f"http://127.0.0.1:{listener.getsockname()[1]}/jwks")
        dripping.result()
    assert sent < 500
