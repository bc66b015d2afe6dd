"""Test which tokens the API accepts, and the reason in each 401."""

import asyncio
import hmac
import json
import re
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import httpx
import jwt
import pytest
from fastapi import FastAPI
from jwt.utils import base64url_encode

from auth import AuthenticatedUser, CurrentUser, get_current_user
from tests.conftest import Database, Person
from tests.expect import expect_not_found, expect_unauthorized
from tests.issuer import ALGORITHMS, Issuer

Maker = Callable[[Issuer], str]

SESSION = "k3Jq9ZtXw0B7yLmNcVf2RgHs8DpQaE5u"
SIGNED_SESSION = f"{SESSION}.mZk0pQ+v3d8Jt1Lr5yNw/2bXc7GfHs9Ea4UqTi6Oj0M="
NESTED = "[" * 10_000
NOW = int(time.time())


def ask(http: httpx.Client, authorization: str) -> httpx.Response:
    value = authorization.encode(errors="surrogateescape")
    return http.get("/api/todos", headers=[(b"Authorization", value)])


def claims(**changes: Any) -> Maker:
    """Make tokens that are valid except for these claims."""
    return lambda issuer: issuer.token("somebody", **changes)


def header(**changes: Any) -> Maker:
    """Make tokens that are valid except for these members of the header."""
    return lambda issuer: issuer.token("somebody", headers=changes)


def body(text: str | bytes) -> Maker:
    """Make tokens with this text instead of claims, and with a valid signature."""
    return lambda issuer: issuer.sign('{"alg":"EdDSA","kid":"first"}', text)


def signed_by(key: str, **headers: Any) -> Maker:
    """Make tokens that one key signed and that name another key."""
    return lambda issuer: issuer.token("somebody", kid=key, headers=headers)


def with_another_signature(issuer: Issuer) -> str:
    mine, another = issuer.token("somebody"), issuer.token("somebody else")
    return f"{mine.rpartition('.')[0]}.{another.rpartition('.')[2]}"


def with_public_key_as_secret(issuer: Issuer) -> str:
    """Return a token that is accepted by a verifier which lets the token choose the algorithm."""
    parts = {"alg": "HS256", "kid": "first"}, issuer.claims("somebody")
    message = b".".join(base64url_encode(json.dumps(part).encode()) for part in parts)
    secret = issuer.private_keys["first"][1].public_key().public_bytes_raw()
    return (message + b"." + base64url_encode(hmac.digest(secret, message, "sha256"))).decode()


def with_rs512(issuer: Issuer) -> str:
    key = issuer.private_keys["RS256"][1]
    return jwt.encode(issuer.claims("somebody"), key, "RS512", {"kid": "RS256"})


REFUSED: dict[str, dict[str, Maker]] = {
    "is malformed": {
        "one segment": lambda _: "nonsense",
        "two segments": lambda issuer: issuer.token("somebody").rpartition(".")[0],
        "five segments": lambda issuer: issuer.token("somebody") + ".more.more",
        "three dots too many": lambda issuer: issuer.token("somebody") + "...",
        "only dots": lambda _: "..",
        "not base64": lambda _: "%%%%%.%%%%%.%%%%%",
        "not ASCII": lambda _: "tökén.ÿÿÿÿ.☕☕☕☕",
        "not UTF-8": lambda _: "\udcff\udcfe\udcfd.\udcff\udcfe\udcfd.\udcff\udcfe\udcfd",
        "header not JSON": lambda issuer: issuer.sign("alg=EdDSA", "{}"),
        "header not UTF-8": lambda issuer: issuer.sign(b'{"alg":"EdDSA","kid":"\xff"}', "{}"),
        "header a list": lambda issuer: issuer.sign('["EdDSA"]', "{}"),
        "header null": lambda issuer: issuer.sign("null", "{}"),
        "header deeply nested": lambda issuer: issuer.sign(NESTED, "{}"),
        "header a number of 5,000 digits": lambda issuer: issuer.sign("9" * 5_000, "{}"),
        "critical extension": header(crit=["exp"]),
        "kid a list": header(kid=["first"]),
        "kid a number": header(kid=1),
        "kid an object": header(kid={}),
        "claims not JSON": body("sub=somebody"),
        "claims not UTF-8": body(b'{"sub":"\xff"}'),
        "claims empty": body(""),
        "claims a list": body("[]"),
        "claims null": body("null"),
        "claims deeply nested": body(NESTED),
        "exp a text": claims(exp="soon"),
        "exp infinite": claims(exp=float("inf")),
        "exp NaN": claims(exp=float("nan")),
        "iat infinite": claims(iat=float("inf")),
        "sub a number": claims(sub=5),
        "sub a list": claims(sub=["somebody"]),
    },
    "names no key": {"no kid": lambda issuer: issuer.sign('{"alg":"EdDSA"}', "{}"), "kid empty": header(kid="")},
    "signature is wrong": {
        "no signature": lambda issuer: issuer.token("somebody").rpartition(".")[0] + ".",
        "signature of another token": with_another_signature,
        "signed by another key": signed_by("EdDSA", kid="first"),
        "signed by the key that it brings": signed_by("EdDSA", kid="first", jwk={"kty": "OKP"}),
    },
    "algorithm": {
        "alg none": lambda issuer: header(alg="none")(issuer).rpartition(".")[0] + ".",
        "alg a list": header(alg=["EdDSA"]),
        "public key as the secret of HS256": with_public_key_as_secret,
        "alg of another type of key": signed_by("EdDSA", kid="ES256"),
        "alg that is not Better Auth's": with_rs512,
        "alg unheard of": header(alg="ES384"),
    },
    "has expired": {"exp a minute ago": claims(exp=NOW - 60), "exp in 1970": claims(exp=3600)},
    "not valid yet": {"signed in 2 h": claims(iat=NOW + 7200), "good in 2 h": claims(nbf=NOW + 7200)},
    "lacks": {
        "no exp": claims(exp=None),
        "no sub": claims(sub=None),
        "no iss": claims(iss=None),
        "no aud": claims(aud=None),
    },
    "subject": {
        "sub empty": claims(sub=""),
        "sub with NUL": claims(sub="a\0b"),
        "sub with a lone surrogate": claims(sub="\ud800"),
    },
    "/api/auth/token": {
        "session token": lambda _: SESSION,
        "signed session token": lambda _: SIGNED_SESSION,
        "session cookie": lambda _: quote(SIGNED_SESSION, safe=""),
    },
    "session cache": {"session cache": header(typ="application/better-auth.session-cache+jwt")},
    "typ": {
        "typ of an access token": header(typ="at+jwt"),
        "typ of a logout token": header(typ="logout+jwt"),
        "typ of a security event": header(typ="secevent+jwt"),
        "typ a number": header(typ=5),
    },
    "cnf": {"bound to a key": claims(cnf={"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"})},
    "longer than": {"20 KB": claims(image="x" * 20_000)},
}


@pytest.mark.parametrize(
    ("todo_id", "query", "content"),
    [(str(uuid4()), "", None), ("12", "?limit=x", b'{"title": '), ("12", "?limit=x", b"\xff")],
    ids=["without a mistake", "broken JSON", "not UTF-8"],
)
@pytest.mark.parametrize("token", [None, "nonsense"], ids=["no token", "bad token"])
def test_every_operation_checks_the_token_first(
    anonymous: httpx.Client, token: str | None, todo_id: str, query: str, content: bytes | None
) -> None:
    headers = {"Content-Type": "application/json"}
    headers |= {"Authorization": f"Bearer {token}"} if token else {}
    paths = anonymous.get("/openapi.json").json()["paths"]
    operations = [
        (verb, re.sub(r"{.*?}", todo_id, path) + query)
        for path, verbs in paths.items()
        for verb in verbs
        if path.startswith("/api/")
    ]
    assert len(operations) >= 7  # a copy has more
    for verb, path in operations:
        answer = anonymous.request(verb, path, content=content, headers=headers)
        expect_unauthorized(answer, "is malformed" if token else "There is no token")


@pytest.mark.parametrize(
    "authorization",
    [None, "Basic dXNlcjpwYXNzd29yZA==", "Bearer", "nonsense", ""],
    ids=["no header", "Basic", "Bearer alone", "no scheme", "empty"],
)
def test_without_a_token_the_challenge_names_no_error(anonymous: httpx.Client, authorization: str | None) -> None:
    answer = anonymous.get("/api/todos") if authorization is None else ask(anonymous, authorization)
    expect_unauthorized(answer, "'Authorization: Bearer <JWT>'")
    assert answer.headers["www-authenticate"] == 'Bearer realm="todo"'


@pytest.mark.parametrize(
    ("detail", "make"),
    [pytest.param(detail, make, id=name) for detail, makers in REFUSED.items() for name, make in makers.items()],
)
def test_a_token_that_proves_nothing_is_refused_and_told_why(
    anonymous: httpx.Client, issuer: Issuer, detail: str, make: Maker
) -> None:
    token = make(issuer)
    answer = ask(anonymous, f"Bearer {token}")
    expect_unauthorized(answer, detail)
    assert answer.headers["www-authenticate"] == 'Bearer realm="todo", error="invalid_token"'
    sent_back = answer.text + str(answer.headers)
    assert not [part for part in token.split(".") if len(part) > 4 and part in sent_back]
    assert "somebody" not in sent_back.lower()


@pytest.mark.parametrize(
    ("claim", "word", "value"),
    [
        ("iss", "issuer", "https://evil.example"),
        ("iss", "issuer", ""),
        ("iss", "issuer", 5),
        ("aud", "audience", "https://evil.example"),
        ("aud", "audience", "better-auth:session-cache"),
        ("aud", "audience", ""),
        ("aud", "audience", 5),
        ("aud", "audience", {}),
        ("aud", "audience", []),
        ("aud", "audience", [["https://evil.example"], None]),
        ("aud", "audience", "\ud800 ☕ \0"),
    ],
    ids=str,
)
def test_a_wrong_issuer_or_audience_is_named_with_the_expected_one(
    anonymous: httpx.Client, issuer: Issuer, claim: str, word: str, value: Any
) -> None:
    answer = ask(anonymous, f"Bearer {issuer.token('somebody', **{claim: value})}")
    expect_unauthorized(answer, f"The token's {word} is {value!a}")
    assert issuer.origin in answer.json()["detail"]


@pytest.mark.parametrize("claim", ["iss", "aud"])
def test_a_slash_at_the_end_makes_another_issuer_and_audience(
    anonymous: httpx.Client, issuer: Issuer, claim: str
) -> None:
    changes: dict[str, Any] = {claim: f"{issuer.origin}/"}
    answer = ask(anonymous, f"Bearer {issuer.token('somebody', **changes)}")
    expect_unauthorized(answer, f" is '{issuer.origin}/'")
    assert f" {issuer.origin}." in answer.json()["detail"]


def test_an_issuer_is_one_and_an_audience_may_be_a_list(anonymous: httpx.Client, issuer: Issuer) -> None:
    several = [issuer.origin, "https://other.example"]
    token = issuer.token("somebody", iss=several)
    expect_unauthorized(ask(anonymous, f"Bearer {token}"), "issuer is [")
    token = issuer.token("somebody", aud=several)
    assert ask(anonymous, f"Bearer {token}").status_code == 200


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_key_of_every_kind_that_better_auth_makes_is_good(
    anonymous: httpx.Client, issuer: Issuer, algorithm: str
) -> None:
    answer = ask(anonymous, f"Bearer {issuer.token('somebody', kid=algorithm)}")
    assert (answer.status_code, answer.json()) == (200, [])


@pytest.mark.parametrize(("claim", "seconds"), [("exp", -5), ("iat", 5), ("nbf", 5)])
def test_clocks_may_differ_by_a_few_seconds(anonymous: httpx.Client, issuer: Issuer, claim: str, seconds: int) -> None:
    times: dict[str, Any] = {claim: int(time.time()) + seconds}
    assert ask(anonymous, f"Bearer {issuer.token('somebody', **times)}").status_code == 200


def test_the_case_of_the_scheme_does_not_matter(owner: Person, anonymous: httpx.Client) -> None:
    assert ask(anonymous, f"bearer {owner.token}").status_code == 200


def test_a_token_of_a_deleted_user_has_no_todos_and_makes_none(owner: Person, database: Database) -> None:
    todo = owner.create()
    database.execute('DELETE FROM "user" WHERE id = %s', (owner.id,))
    no_longer = "The user that the token names no longer exists."
    expect_unauthorized(owner.http.post("/api/todos", json={"title": "x"}), no_longer)
    expect_unauthorized(owner.http.get("/api/me"), no_longer)
    assert owner.http.get("/api/todos").json() == []
    expect_not_found(owner.http.get(f"/api/todos/{todo['id']}"))


def test_an_application_can_override_get_current_user() -> None:
    app = FastAPI()

    @app.get("/")
    async def index(user: CurrentUser) -> str:
        return str(user.id)

    async def request() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
            return await client.get("/")

    app.dependency_overrides[get_current_user] = lambda: AuthenticatedUser("somebody")
    assert asyncio.run(request()).json() == "somebody"
