"""Test which verified tokens the verifier remembers, and when it checks them again."""

import asyncio
import time
import tracemalloc
from collections.abc import Awaitable, Callable, Iterator

import pytest

from auth import keys, tokens
from auth.keys import KeySet
from auth.tokens import InvalidToken, TokenVerifier
from tests.issuer import Issuer


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    """Serve an issuer with one key."""
    with Issuer().serving() as issuer:
        issuer.add_key("first")
        yield issuer


@pytest.fixture
def verifier(issuer: Issuer) -> TokenVerifier:
    """Return a verifier of the issuer's tokens."""
    return TokenVerifier(KeySet(f"{issuer.origin}/api/auth/jwks"), [issuer.origin], [issuer.origin])


async def times(number: int, verify: Callable[[], Awaitable[str]]) -> set[str]:
    return {await verify() for _ in range(number)}


def test_a_token_is_checked_once_and_then_remembered(
    issuer: Issuer, verifier: TokenVerifier, decoded: list[str]
) -> None:
    token = issuer.token("somebody")
    assert asyncio.run(times(10, lambda: verifier.verify(token))) == {"somebody"}
    assert decoded == [token]


def test_a_remembered_token_is_refused_after_it_has_expired(
    issuer: Issuer, verifier: TokenVerifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tokens, "LEEWAY", 0)
    expires = int(time.time()) + 5
    token = issuer.token("somebody", exp=expires)

    async def scenario() -> None:
        assert await verifier.verify(token) == "somebody"
        await asyncio.sleep(expires - time.time() + 0.05)
        with pytest.raises(InvalidToken, match="expired"):
            await verifier.verify(token)

    asyncio.run(scenario())


def test_tokens_are_forgotten_when_the_key_set_changes(
    issuer: Issuer, verifier: TokenVerifier, decoded: list[str]
) -> None:
    token = issuer.token("somebody")

    async def scenario() -> None:
        await verifier.verify(token)
        issuer.jwks = []
        issuer.add_key("second")
        await verifier.verify(issuer.token("somebody", kid="second"))
        with pytest.raises(InvalidToken, match="unknown key"):
            await verifier.verify(token)

    asyncio.run(scenario())
    assert decoded[0] == token


def test_a_remembered_token_is_checked_again_after_the_key_set_expired(
    issuer: Issuer, verifier: TokenVerifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = issuer.token("somebody")

    async def scenario() -> None:
        await verifier.verify(token)
        issuer.jwks = []
        issuer.add_key("second")
        assert await verifier.verify(token) == "somebody"
        monkeypatch.setattr(keys, "EXPIRE_AFTER", -1)
        with pytest.raises(InvalidToken, match="unknown key"):
            await verifier.verify(token)

    asyncio.run(scenario())


async def verify_all(verifier: TokenVerifier, tokens: list[str], decoded: list[str]) -> list[str]:
    """Verify tokens, and return those that had been forgotten."""
    decoded.clear()
    for token in tokens:
        await verifier.verify(token)
    return list(decoded)


def test_the_least_recently_used_token_is_forgotten_above_a_number(
    issuer: Issuer, verifier: TokenVerifier, monkeypatch: pytest.MonkeyPatch, decoded: list[str]
) -> None:
    monkeypatch.setattr(tokens, "MAX_REMEMBERED", 2)
    a, b, c = (issuer.token(name) for name in "abc")

    async def scenario() -> None:
        assert await verify_all(verifier, [a, b, a, c], decoded) == [a, b, c]
        assert await verify_all(verifier, [c, a, b], decoded) == [b], "a was used after b."
        assert await verify_all(verifier, [a, c], decoded) == [c]

    asyncio.run(scenario())


def test_the_least_recently_used_token_is_forgotten_above_a_length(
    issuer: Issuer, verifier: TokenVerifier, monkeypatch: pytest.MonkeyPatch, decoded: list[str]
) -> None:
    long, a, b, c = issuer.token("long", name="x" * 4000), *(issuer.token(name) for name in "abc")
    monkeypatch.setattr(tokens, "MAX_REMEMBERED_CHARACTERS", len(long) + len(a) + len(b))

    async def scenario() -> None:
        assert await verify_all(verifier, [a, long, b, a], decoded) == [a, long, b]
        assert await verify_all(verifier, [c, b, a, c], decoded) == [c], "Only the long token was forgotten."
        assert await verify_all(verifier, [long, a, c, b], decoded) == [long, b], "b was used before a and c."

    asyncio.run(scenario())


def test_a_token_longer_than_all_that_may_be_remembered_is_accepted(
    issuer: Issuer, verifier: TokenVerifier, monkeypatch: pytest.MonkeyPatch, decoded: list[str]
) -> None:
    token = issuer.token("somebody")
    monkeypatch.setattr(tokens, "MAX_REMEMBERED_CHARACTERS", len(token) - 1)
    assert asyncio.run(times(2, lambda: verifier.verify(token))) == {"somebody"}
    assert decoded == [token, token]


def test_remembered_tokens_take_little_more_memory_than_their_text(
    issuer: Issuer, verifier: TokenVerifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tokens, "MAX_REMEMBERED_CHARACTERS", 500_000)
    many = [issuer.token(f"user {number}", name="x" * 7_000) for number in range(100)]

    async def scenario() -> int:
        await verifier.verify(issuer.token("somebody"))
        tracemalloc.start()
        for token in many:
            # A request has a copy of the text, so join() makes one.
            await verifier.verify("".join(token))
        return tracemalloc.get_traced_memory()[0]

    try:
        assert asyncio.run(scenario()) < 600_000
    finally:
        tracemalloc.stop()


def test_a_token_is_counted_once_however_often_it_is_verified_again(
    issuer: Issuer, verifier: TokenVerifier, monkeypatch: pytest.MonkeyPatch, decoded: list[str]
) -> None:
    a, b = issuer.token("a"), issuer.token("b")
    monkeypatch.setattr(tokens, "MAX_REMEMBERED_CHARACTERS", len(a) + len(b))

    async def scenario() -> None:
        await verify_all(verifier, [a, b], decoded)
        monkeypatch.setattr(keys, "EXPIRE_AFTER", -1)
        assert await verify_all(verifier, [a, b] * 5, decoded) == [a, b] * 5
        monkeypatch.setattr(keys, "EXPIRE_AFTER", 600)
        assert await verify_all(verifier, [a, b], decoded) == []

    asyncio.run(scenario())


def test_a_refused_token_is_not_remembered(issuer: Issuer, verifier: TokenVerifier, decoded: list[str]) -> None:
    token = issuer.token("somebody", aud="another")

    async def scenario() -> None:
        for _ in range(2):
            with pytest.raises(InvalidToken, match="audience"):
                await verifier.verify(token)

    asyncio.run(scenario())
    assert decoded == [token, token]
