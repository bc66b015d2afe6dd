"""A Better Auth JWT -> its claims. The only module that knows JWTs; it knows nothing of HTTP."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from time import time
from typing import Any

import jwt

from auth.keys import KeySet, SigningKey

MAX_LENGTH = 16 * 1024
"""Characters of a token. Better Auth puts the whole user into it, a picture in a data URL too."""
LEEWAY = 10
"""Seconds by which clocks may differ."""
MAX_REMEMBERED = 4096
"""Tokens whose verification is remembered; 4 MB of them when each has 1,000 characters."""

# What Better Auth's bearer() plugin gives out, and its cookie holds: 32 characters, alone or with
# their HMAC in base64, which a cookie percent-encodes.
_SESSION_TOKEN = re.compile(r"[A-Za-z0-9]{32}(\.[A-Za-z0-9+/%]{43,}=?)?")


_REASONS: dict[type[Exception], str] = {
    jwt.ExpiredSignatureError: "has expired: get a new one from Better Auth",
    jwt.ImmatureSignatureError: "is not valid yet: one of the clocks is wrong",
    jwt.InvalidAlgorithmError: "names an algorithm that its key may not be used with",
}


class InvalidToken(Exception):
    """The token proves nothing; the message says why, in a sentence for whoever sent it."""


class WrongSignature(InvalidToken):
    """The key that the token names did not sign it."""


@dataclass(frozen=True, slots=True)
class _Verified:
    subject: str
    expires: float
    keys: Mapping[str, SigningKey]


class TokenVerifier:
    """Verifies tokens against one key set and the issuers and audiences that are expected.

    What was verified is remembered, up to `MAX_REMEMBERED` tokens: a signature takes 155 µs to
    check, and a token comes with every request for 15 minutes. A token is checked anew when the
    key set has changed or expired.
    """

    def __init__(self, keys: KeySet, issuers: Collection[str], audiences: Collection[str]) -> None:
        self.keys = keys
        self.issuers = issuers
        self.audiences = audiences
        self._verified: dict[str, _Verified] = {}

    async def verify(self, token: str) -> str:
        """Check signature, times, issuer and audience, and give the subject: the user's id.

        Raises:
            InvalidToken: it proves nothing.
            auth.keys.KeysUnavailable: there is nothing to check it against.
        """
        known = self._verified.get(token)
        if known and known.keys is self.keys.keys and known.expires > time() and self.keys.is_fresh():
            return known.subject
        claims = await self._check(token)
        if len(self._verified) >= MAX_REMEMBERED:
            del self._verified[next(iter(self._verified))]  # the one that was remembered first
        self._verified[token] = _Verified(claims["sub"], int(claims["exp"]) + LEEWAY, self.keys.keys)
        return str(claims["sub"])

    async def _check(self, token: str) -> dict[str, Any]:
        kid = _kid(token)
        key = await self.keys.find(kid)
        try:
            claims = _claims(token, key)
        except WrongSignature:
            # With serial ids, a recreated Better Auth database gives a new key an old one's name.
            claims = _claims(token, await self.keys.find(kid, instead_of=key))
        audiences = claims["aud"] if isinstance(claims["aud"], list) else [claims["aud"]]
        _expect("issuer", claims["iss"], [claims["iss"]], self.issuers)
        _expect("audience", claims["aud"], audiences, self.audiences)
        return claims


def _expect(name: str, value: object, items: list[object], expected: Collection[str]) -> None:
    """Compare exactly; a difference of a slash is one. Both values are told, so that it is seen."""
    if not any(item in expected for item in items):
        # The signature was good, so the value is Better Auth's own. In ASCII, as any JSON holds it.
        shown, wanted = ascii(value)[:200], " or ".join(expected)
        raise InvalidToken(f"The token's {name} is {shown}, and not {wanted}.")


def _kid(token: str) -> str:
    """Read the name of the key from the header of a token that nobody has checked yet."""
    if _SESSION_TOKEN.fullmatch(token):
        raise InvalidToken(
            "This is a Better Auth session token, not a JWT: "
            "exchange it for one at GET /api/auth/token of the Better Auth server."
        )
    if len(token) > MAX_LENGTH:
        raise InvalidToken(
            f"The token is longer than {MAX_LENGTH} characters: "
            "leave pictures out of it with definePayload in Better Auth's jwt() plugin."
        )
    try:
        header = jwt.get_unverified_header(token)
    except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
        raise InvalidToken("The token is malformed: it is not a JWT.") from None
    if header.get("typ") == "better-auth.session-cache+jwt":
        raise InvalidToken("This is Better Auth's session cache, not a token for an API.")
    if not (kid := header.get("kid")):
        raise InvalidToken("The token names no key: its header has no kid.")
    return str(kid)


def _claims(token: str, key: SigningKey | None) -> dict[str, Any]:
    if key is None:
        raise InvalidToken("The token is signed with an unknown key: Better Auth does not list it.")
    try:
        return jwt.decode(
            token,
            key.public,
            algorithms=key.algorithms,
            leeway=LEEWAY,
            # Issuer and audience are compared above, where both values can be told.
            options={"require": ["exp", "sub", "iss", "aud"], "verify_iss": False, "verify_aud": False},
        )
    except jwt.InvalidSignatureError:
        raise WrongSignature("The token's signature is wrong.") from None
    except jwt.MissingRequiredClaimError as error:
        raise InvalidToken(f"The token lacks {error.claim}.") from None
    except (jwt.PyJWTError, ValueError, TypeError, RecursionError) as error:
        reason = _REASONS.get(type(error), "is malformed: its claims cannot be read")
        raise InvalidToken(f"The token {reason}.") from None
