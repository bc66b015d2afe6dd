"""Test the verifier without the API: which tokens it accepts.

Better Auth 1.7.7 signed the recorded tokens. They have expired, and their keys are used nowhere.
"""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest

from auth import tokens
from auth.keys import KeySet, KeysUnavailable
from auth.tokens import InvalidToken, TokenVerifier
from tests.issuer import ALGORITHMS, Issuer
from tests.live import ROOT

RECORDED = ROOT / "tests" / "recorded"
KEY_SETS: dict[str, dict[str, Any]] = json.loads((RECORDED / "jwks.json").read_text())["responses"]
TOKENS: list[dict[str, Any]] = json.loads((RECORDED / "tokens.json").read_text())["tokens"]


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    """Serve an issuer with one key."""
    with Issuer().serving() as issuer:
        issuer.add_key("first")
        yield issuer


@pytest.fixture
def key_set(issuer: Issuer) -> KeySet:
    """Return the issuer's key set, which is not fetched yet."""
    return KeySet(f"{issuer.origin}/api/auth/jwks")


@pytest.fixture
def verifier(issuer: Issuer, key_set: KeySet) -> TokenVerifier:
    """Return a verifier of the issuer's tokens."""
    return TokenVerifier(key_set, [issuer.origin], [issuer.origin])


async def refused(verifier: TokenVerifier, token: str) -> str:
    """Assert that a token is refused, and return the reason."""
    with pytest.raises(InvalidToken) as raised:
        await verifier.verify(token)
    return str(raised.value)


def forged(issuer: Issuer) -> str:
    """Return a token with the signature of another token."""
    signature = issuer.token("somebody else").rpartition(".")[2]
    return f"{issuer.token('somebody').rpartition('.')[0]}.{signature}"


@pytest.mark.parametrize("algorithm", ALGORITHMS[1:])
def test_a_key_of_another_algorithm_may_replace_a_key_of_the_same_kid(
    issuer: Issuer, verifier: TokenVerifier, algorithm: str
) -> None:
    async def scenario() -> None:
        old = issuer.token("old")
        assert await verifier.verify(old) == "old"
        issuer.add_key("first", algorithm)
        assert await verifier.verify(issuer.token("new")) == "new"
        assert "algorithm" in await refused(verifier, old)

    asyncio.run(scenario())
    assert issuer.fetches <= 3


@pytest.mark.parametrize("changes", [{"alg": "ES256"}, {}], ids=["another algorithm", "forged signature"])
def test_wrong_keys_and_unknown_keys_share_one_budget_of_fetches(
    issuer: Issuer, verifier: TokenVerifier, changes: dict[str, Any]
) -> None:
    wrong = issuer.token("somebody", headers=changes) if changes else forged(issuer)

    async def scenario() -> None:
        await verifier.verify(issuer.token("somebody"))
        reasons = {await refused(verifier, wrong) for _ in range(10)}
        assert len(reasons) == 1, "The answer stays the same when the budget is spent."
        assert issuer.fetches == 3
        with pytest.raises(KeysUnavailable):
            await verifier.verify(issuer.token("somebody", headers={"kid": "made-up"}))

    asyncio.run(scenario())
    assert issuer.fetches == 3


@pytest.mark.parametrize("algorithm", ["none", "HS256", "RS512", "ES384", "eddsa", "", None, 5, ["EdDSA"], {}], ids=str)
def test_an_algorithm_that_no_key_has_causes_no_fetch(issuer: Issuer, verifier: TokenVerifier, algorithm: Any) -> None:
    token = issuer.token("somebody", headers={"alg": algorithm})
    assert "algorithm" in asyncio.run(refused(verifier, token))
    assert issuer.fetches == 0


@pytest.mark.parametrize("answer", [None, (500, b"")], ids=["the same key set", "a failed fetch"])
def test_a_forged_signature_is_checked_once_for_each_key(
    issuer: Issuer, verifier: TokenVerifier, decoded: list[str], answer: tuple[int, bytes] | None
) -> None:
    good, wrong = issuer.token("somebody"), forged(issuer)

    async def scenario() -> None:
        await verifier.verify(good)
        issuer.answer = answer
        for fetches in (2, 3, 3):
            decoded.clear()
            assert "signature is wrong" in await refused(verifier, wrong)
            assert decoded == [wrong]
            assert issuer.fetches == fetches

    asyncio.run(scenario())


def test_a_forged_signature_is_checked_again_with_a_replaced_key(
    issuer: Issuer, verifier: TokenVerifier, decoded: list[str]
) -> None:
    async def scenario() -> None:
        wrong = forged(issuer)
        await verifier.verify(issuer.token("somebody"))
        decoded.clear()
        issuer.add_key("first")
        assert "signature is wrong" in await refused(verifier, wrong)
        assert decoded == [wrong, wrong]
        issuer.jwks = []
        issuer.add_key("second")
        assert "unknown key" in await refused(verifier, wrong)

    asyncio.run(scenario())


@pytest.mark.parametrize("typ", ["JWT", "jwt", "Jwt", "application/jwt", "Application/JWT"])
def test_a_token_whose_typ_is_jwt_in_any_case_is_accepted(issuer: Issuer, verifier: TokenVerifier, typ: str) -> None:
    assert asyncio.run(verifier.verify(issuer.token("somebody", headers={"typ": typ}))) == "somebody"


@pytest.mark.parametrize("added", ["!", "~~~~", "=", "\n", " ", "ÿ", "A", "AAAA"], ids=ascii)
@pytest.mark.parametrize("place", [-1, None], ids=["in the signature", "after it"])
def test_a_token_has_no_other_spellings(issuer: Issuer, verifier: TokenVerifier, added: str, place: int | None) -> None:
    # Each spelling would be verified and remembered by itself, and one user could make others be forgotten.
    good = issuer.token("somebody")
    other = good[:place] + added + (good[place:] if place else "")
    assert asyncio.run(refused(verifier, other))


OTHER_TYPES: list[object] = [
    "at+jwt",
    "application/at+jwt",
    "AT+JWT",
    "logout+jwt",
    "secevent+jwt",
    "dpop+jwt",
    "JOSE",
    "JWE",
    "",
    " JWT",
    "application/",
    "application/application/jwt",
    "text/jwt",
    "JWT;a=b",
    None,
    True,
    5,
    ["JWT"],
    {"JWT": 1},
]


@pytest.mark.parametrize("typ", OTHER_TYPES, ids=str)
def test_a_token_of_another_typ_is_refused(issuer: Issuer, verifier: TokenVerifier, typ: object) -> None:
    token = issuer.token("somebody", headers={"typ": typ})
    assert "typ in its header is not JWT" in asyncio.run(refused(verifier, token))
    assert issuer.fetches == 0


@pytest.mark.parametrize("prefix", ["", "application/", "Application/"])
@pytest.mark.parametrize("typ", ["better-auth.session-cache+jwt", "Better-Auth.Session-Cache+JWT"])
def test_the_session_cache_is_refused_with_its_own_sentence(
    issuer: Issuer, verifier: TokenVerifier, prefix: str, typ: str
) -> None:
    token = issuer.token("somebody", headers={"typ": prefix + typ})
    assert "session cache" in asyncio.run(refused(verifier, token))


@pytest.mark.parametrize("cnf", [{"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}, {}, "", 0, False], ids=str)
def test_a_token_that_is_bound_to_another_key_is_refused(issuer: Issuer, verifier: TokenVerifier, cnf: object) -> None:
    assert "cnf" in asyncio.run(refused(verifier, issuer.token("somebody", cnf=cnf)))


def test_a_token_whose_cnf_is_null_is_refused(issuer: Issuer, verifier: TokenVerifier) -> None:
    claims = json.dumps({**issuer.claims("somebody"), "cnf": None})
    assert "cnf" in asyncio.run(refused(verifier, issuer.sign('{"alg":"EdDSA","kid":"first"}', claims)))


def recorded(issuer: Issuer, key_set: KeySet, token: dict[str, Any], keys: str) -> TokenVerifier:
    """Return a verifier that expects a recorded token and uses a recorded key set."""
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


def test_a_token_from_before_a_rotation_is_valid_while_its_key_is_listed(
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
        assert await verifier.verify(after["jwt"]), "An empty key set does not replace the last key set."

    asyncio.run(scenario())


COOKIES: list[dict[str, Any]] = json.loads((RECORDED / "cookies.json").read_text())["cases"]


@pytest.mark.parametrize("case", COOKIES, ids=lambda case: str(case["cookie_cache"]))
def test_session_tokens_and_cookies_of_better_auth_are_refused(
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
