"""The verifier from the inside: what it remembers, and tokens that Better Auth 1.7.7 really signed."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import jwt
import pytest

from auth import keys, tokens
from auth.keys import KeySet
from auth.tokens import InvalidToken, TokenVerifier
from tests.issuer import Issuer
from tests.live import ROOT

RECORDED = ROOT / "tests" / "recorded"
KEY_SETS: dict[str, dict[str, Any]] = json.loads((RECORDED / "jwks.json").read_text())["responses"]
TOKENS: list[dict[str, Any]] = json.loads((RECORDED / "tokens.json").read_text())["tokens"]
"""Long expired, signed with throw-away keys."""


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    """An issuer with one key."""
    with Issuer().serving() as issuer:
        issuer.add_key("first")
        yield issuer


@pytest.fixture
def key_set(issuer: Issuer) -> KeySet:
    """The issuer's key set, not fetched yet."""
    return KeySet(f"{issuer.origin}/api/auth/jwks")


@pytest.fixture
def verifier(issuer: Issuer, key_set: KeySet) -> TokenVerifier:
    """A verifier of the issuer's tokens."""
    return TokenVerifier(key_set, [issuer.origin], [issuer.origin])


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The tokens whose signature was checked."""
    seen: list[str] = []
    decode = jwt.decode

    def counting(token: str, *arguments: Any, **options: Any) -> dict[str, Any]:
        seen.append(token)
        return decode(token, *arguments, **options)

    monkeypatch.setattr(jwt, "decode", counting)
    return seen


async def times(number: int, ask: Callable[[], Awaitable[str]]) -> set[str]:
    return {await ask() for _ in range(number)}


def test_a_token_is_checked_once_and_then_remembered(
    issuer: Issuer, verifier: TokenVerifier, decoded: list[str]
) -> None:
    token = issuer.token("somebody")
    assert asyncio.run(times(10, lambda: verifier.verify(token))) == {"somebody"}
    assert decoded == [token]


def test_a_token_that_expires_is_refused_though_it_was_remembered(
    issuer: Issuer, verifier: TokenVerifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tokens, "LEEWAY", 0)
    expires = int(time.time()) + 2
    token = issuer.token("somebody", exp=expires)

    async def scenario() -> None:
        assert await verifier.verify(token) == "somebody"
        await asyncio.sleep(expires - time.time() + 0.05)
        with pytest.raises(InvalidToken, match="expired"):
            await verifier.verify(token)

    asyncio.run(scenario())


def test_what_is_remembered_ends_with_the_key_set(issuer: Issuer, verifier: TokenVerifier, decoded: list[str]) -> None:
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


def test_what_is_remembered_is_checked_again_when_the_key_set_has_expired(
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


def test_only_so_many_tokens_are_remembered(
    issuer: Issuer, verifier: TokenVerifier, monkeypatch: pytest.MonkeyPatch, decoded: list[str]
) -> None:
    monkeypatch.setattr(tokens, "MAX_REMEMBERED", 2)
    three = [issuer.token(name) for name in ("a", "b", "c")]

    async def scenario() -> None:
        for token in (*three, three[2], three[1], three[0]):
            await verifier.verify(token)

    asyncio.run(scenario())
    assert decoded == [*three, three[0]], "the one that was remembered first was forgotten"


def test_a_refused_token_is_not_remembered(issuer: Issuer, verifier: TokenVerifier, decoded: list[str]) -> None:
    token = issuer.token("somebody", aud="another")

    async def scenario() -> None:
        for _ in range(2):
            with pytest.raises(InvalidToken, match="audience"):
                await verifier.verify(token)

    asyncio.run(scenario())
    assert decoded == [token, token]


def recorded(issuer: Issuer, key_set: KeySet, token: dict[str, Any], keys: str) -> TokenVerifier:
    """Give a verifier that expects this token, and finds a recorded key set."""
    issuer.jwks = KEY_SETS[keys]["keys"]
    audience = token["payload"]["aud"]
    return TokenVerifier(key_set, [token["payload"]["iss"]], audience if isinstance(audience, list) else [audience])


def name(token: dict[str, Any]) -> str:
    return f"{token['case']} {token['payload']['sub'][:4]}"


@pytest.mark.parametrize("token", TOKENS, ids=name)
def test_what_better_auth_signed_is_accepted(
    issuer: Issuer, key_set: KeySet, monkeypatch: pytest.MonkeyPatch, token: dict[str, Any]
) -> None:
    monkeypatch.setattr(tokens, "LEEWAY", 100 * 365 * 86400)
    verifier = recorded(issuer, key_set, token, token["jwks"])
    assert asyncio.run(verifier.verify(token["jwt"])) == token["payload"]["sub"]


@pytest.mark.parametrize("token", TOKENS, ids=name)
def test_what_better_auth_signed_long_ago_has_expired(issuer: Issuer, key_set: KeySet, token: dict[str, Any]) -> None:
    with pytest.raises(InvalidToken, match="has expired"):
        asyncio.run(recorded(issuer, key_set, token, token["jwks"]).verify(token["jwt"]))


@pytest.mark.parametrize("token", TOKENS, ids=name)
def test_what_another_better_auth_signed_is_refused(issuer: Issuer, key_set: KeySet, token: dict[str, Any]) -> None:
    other = "claims_custom" if token["jwks"] != "claims_custom" else "default"
    with pytest.raises(InvalidToken, match="unknown key"):
        asyncio.run(recorded(issuer, key_set, token, other).verify(token["jwt"]))


def test_a_token_signed_before_a_rotation_is_good_while_its_key_is_listed(
    issuer: Issuer, key_set: KeySet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tokens, "LEEWAY", 100 * 365 * 86400)
    (before,) = (token for token in TOKENS if token["case"] == "rotation_before")
    (after,) = (token for token in TOKENS if token["case"] == "rotation_after")
    verifier = recorded(issuer, key_set, before, "rotation_1_first_key")

    async def scenario() -> None:
        assert await verifier.verify(before["jwt"])
        issuer.jwks = KEY_SETS["rotation_3_after_next_token"]["keys"]
        assert await verifier.verify(after["jwt"])
        assert await verifier.verify(before["jwt"])
        issuer.jwks = KEY_SETS["rotation_4_first_key_past_grace"]["keys"]
        await key_set.renew()
        with pytest.raises(InvalidToken, match="unknown key"):
            await verifier.verify(before["jwt"])
        issuer.jwks = KEY_SETS["rotation_5_every_key_past_grace"]["keys"]
        await key_set.renew()
        assert await verifier.verify(after["jwt"]), "an empty set is no reason to lock everybody out"

    asyncio.run(scenario())


COOKIES: list[dict[str, Any]] = json.loads((RECORDED / "cookies.json").read_text())["cases"]


@pytest.mark.parametrize("case", COOKIES, ids=lambda case: str(case["cookie_cache"]))
def test_what_better_auth_keeps_for_itself_is_no_token_for_an_api(
    issuer: Issuer, verifier: TokenVerifier, case: dict[str, Any]
) -> None:
    sessions = [case["session_token_in_database"], case["bearer"], case["cookies"]["better-auth.session_token"]]
    for token in sessions:
        with pytest.raises(InvalidToken, match="GET /api/auth/token"):
            asyncio.run(verifier.verify(token))
    for token in case["cookies"].values():
        with pytest.raises(InvalidToken):
            asyncio.run(verifier.verify(token))
    assert issuer.fetches <= 2
