"""The key set from the inside, against a real server of keys: when it fetches, and what it takes."""

import asyncio
import json
from collections.abc import Callable, Iterator
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from auth import keys
from auth.keys import KeySet, KeysUnavailable, parse_key_set
from tests.issuer import Issuer, new_private_key


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    """An issuer with one key."""
    with Issuer().serving() as issuer:
        issuer.add_key("first")
        yield issuer
        issuer.gate.set()


@pytest.fixture
def key_set(issuer: Issuer) -> KeySet:
    """The issuer's key set, not fetched yet."""
    return KeySet(f"{issuer.origin}/api/auth/jwks")


async def until(condition: Callable[[], object]) -> None:
    """Let others run until something is so."""
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110  # what it waits for happens in a thread
            await asyncio.sleep(0.005)


def test_the_set_is_fetched_once_however_many_wait(issuer: Issuer, key_set: KeySet) -> None:
    async def scenario() -> None:
        issuer.gate.clear()
        waiting = [asyncio.create_task(key_set.find("first")) for _ in range(100)]
        await until(lambda: issuer.fetches)
        issuer.gate.set()
        assert all(await asyncio.gather(*waiting))

    asyncio.run(scenario())
    assert issuer.fetches == 1


def test_a_request_that_goes_away_does_not_end_the_fetch_of_the_others(issuer: Issuer, key_set: KeySet) -> None:
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
            found = await asyncio.gather(*(key_set.find(f"made-up-{number}") for number in range(at_once)))
            assert set(found) == {None}

    asyncio.run(scenario())
    assert issuer.fetches <= 3


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
    monkeypatch.setattr(keys, "RETRY", 3600)

    async def scenario() -> None:
        issuer.answer, issuer.headers = (status, body), headers
        for _ in range(20):
            with pytest.raises(KeysUnavailable):
                await key_set.find("first")
        assert issuer.fetches == 1, "and it is not asked again at once"
        issuer.answer, issuer.headers = None, {}
        monkeypatch.setattr(keys, "RETRY", 0)
        assert await key_set.find("first")

    asyncio.run(scenario())


def test_a_set_that_is_too_long_is_none(issuer: Issuer, key_set: KeySet) -> None:
    async def scenario() -> None:
        await key_set.find("first")
        issuer.add_key("second")
        issuer.answer = 200, json.dumps({"keys": issuer.jwks}).encode() + b" " * keys.MAX_BYTES
        assert await key_set.find("second") is None
        assert await key_set.find("first")

    asyncio.run(scenario())


def test_a_server_that_never_answers_is_given_up(
    issuer: Issuer, key_set: KeySet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keys, "TIMEOUT", 0.1)
    issuer.gate.clear()
    with pytest.raises(KeysUnavailable):
        asyncio.run(key_set.find("first"))


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


def test_a_key_that_was_taken_back_is_refused_when_the_set_has_expired(
    issuer: Issuer, key_set: KeySet, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        assert await key_set.find("first")
        issuer.jwks = []
        issuer.add_key("second")
        assert await key_set.find("first"), "not known yet"
        monkeypatch.setattr(keys, "EXPIRE_AFTER", -1)
        assert await key_set.find("first") is None
        assert await key_set.find("second")

    asyncio.run(scenario())
    assert keys.RENEW_AFTER < 600


def published(algorithm: str = "EdDSA", **changes: Any) -> dict[str, Any]:
    """Give a key as a set has it; a change to None leaves a member out."""
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
    "a point that is none": published("ES256", x="AAAA"),
    "no key at all": "key",
}


@pytest.mark.parametrize("jwk", IGNORED.values(), ids=IGNORED)
def test_keys_that_must_not_verify_are_left_out(jwk: object) -> None:
    assert list(parse_key_set({"keys": [jwk, published(kid="good")]})) == ["good"]
    with pytest.raises(ValueError, match="no usable key"):
        parse_key_set({"keys": [jwk]})


def test_what_a_key_verifies_is_told_by_its_type_and_not_by_its_alg() -> None:
    (key,) = parse_key_set({"keys": [published("ES256", alg="EdDSA", key_ops=None)]}).values()
    assert key.algorithms == ("ES256",)
