"""Verify Better Auth's JWTs. Only this module reads tokens, and it does not depend on FastAPI."""

import re
from collections import OrderedDict
from collections.abc import Collection, Mapping
from time import time
from typing import Any

import jwt

from auth.keys import ALGORITHMS, KeySet, SigningKey

MAX_LENGTH = 16 * 1024
"""Refuse a token of more characters. Better Auth writes the whole user into it, also a picture in a data URL."""
LEEWAY = 10
"""Accept clocks that differ by this many seconds."""
MAX_REMEMBERED, MAX_REMEMBERED_CHARACTERS = 4096, 8 * 1024 * 1024
"""Remember at most this many verified tokens, and at most this many characters of them. A character
of a verified token takes one byte."""

# Better Auth's cookie and its bearer() plugin use these tokens. A token has 32 characters. A dot and
# the HMAC in base64 may follow, percent-encoded in a cookie.
_SESSION_TOKEN = re.compile(r"[A-Za-z0-9]{32}(\.[A-Za-z0-9+/%]{43,}=?)?")

_REASONS: dict[type[Exception], str] = {
    jwt.ExpiredSignatureError: "The token has expired. Get a new one from Better Auth.",
    jwt.ImmatureSignatureError: "The token is not valid yet. The clocks of Better Auth and this API differ.",
}


class InvalidToken(Exception):
    """Report that a token proves nothing. The message is a sentence for the client."""


class WrongKey(InvalidToken):
    """Report that the key of the token's `kid` did not sign it."""


class TokenVerifier:
    """Verify tokens against one key set and the expected issuers and audiences.

    Checking a signature takes 155 µs, and a client sends the same token for 15 minutes, so verified
    tokens are remembered. A token is verified again after the key set has changed or expired.
    """

    def __init__(self, key_set: KeySet, issuers: Collection[str], audiences: Collection[str]) -> None:
        self.key_set = key_set
        self.issuers = issuers
        self.audiences = audiences
        self._verified = _VerifiedTokens()
        self._verified_with: Mapping[str, SigningKey] = {}

    async def verify(self, token: str) -> str:
        """Check signature, times, issuer and audience. Return the subject, which is the user's id.

        Raises:
            InvalidToken: The token proves nothing.
            auth.keys.KeysUnavailable: The token's key could not be searched for.
        """
        if self._verified_with is self.key_set.keys:
            subject = self._verified.find(token)
            if subject is not None and self.key_set.is_fresh():
                return subject
        claims = await self._check(token)
        if self._verified_with is not self.key_set.keys:
            self._verified, self._verified_with = _VerifiedTokens(), self.key_set.keys
        self._verified.add(token, claims["sub"], int(claims["exp"]) + LEEWAY)
        return str(claims["sub"])

    async def _check(self, token: str) -> dict[str, Any]:
        kid = _read_kid(token)
        key = await self.key_set.find(kid)
        try:
            claims = _decode(token, key)
        except WrongKey:
            # Better Auth reuses a kid when its database is made anew with serial ids.
            replacement = await self.key_set.find(kid, instead_of=key)
            if replacement == key:
                raise
            claims = _decode(token, replacement)
        if "cnf" in claims:
            # RFC 7800: its sender has to prove the possession of a key, and this API cannot check that.
            raise InvalidToken("The token is bound to a key of its owner (cnf). This API accepts only bearer tokens.")
        audiences = claims["aud"] if isinstance(claims["aud"], list) else [claims["aud"]]
        _expect("issuer", claims["iss"], [claims["iss"]], self.issuers)
        _expect("audience", claims["aud"], audiences, self.audiences)
        return claims


class _VerifiedTokens:
    """Remember the subjects of verified tokens. Forget the least recently used tokens first."""

    def __init__(self) -> None:
        # A plain dict finds its first entry slowly after many removals.
        self._entries: OrderedDict[str, tuple[str, int]] = OrderedDict()
        self._characters = 0

    def find(self, token: str) -> str | None:
        """Return the subject of a token that was added and has not expired."""
        entry = self._entries.get(token)
        if entry is None or entry[1] <= time():
            return None
        self._entries.move_to_end(token)
        return entry[0]

    def add(self, token: str, subject: str, expires: int) -> None:
        """Remember a token until `expires`, and forget others if there are too many."""
        if self._entries.pop(token, None) is None:
            self._characters += len(token)
        self._entries[token] = subject, expires
        while len(self._entries) > MAX_REMEMBERED or self._characters > MAX_REMEMBERED_CHARACTERS:
            forgotten, _ = self._entries.popitem(last=False)
            self._characters -= len(forgotten)


def _expect(name: str, value: object, items: list[object], expected: Collection[str]) -> None:
    """Raise `InvalidToken` unless one of `items` is expected. A final slash makes a different value."""
    if not any(item in expected for item in items):
        # Better Auth signed the value, so the message may repeat it. ascii() makes it printable.
        shown, wanted = ascii(value)[:200], " or ".join(expected)
        raise InvalidToken(f"The token's {name} is {shown}, and not {wanted}.")


def _read_kid(token: str) -> str:
    """Return the `kid` of a token. Nothing has verified the token yet.

    Raises:
        InvalidToken: No key of Better Auth can have signed this token for an API.
    """
    if _SESSION_TOKEN.fullmatch(token):
        raise InvalidToken(
            "This is a Better Auth session token and not a JWT. "
            "You can exchange it for one at GET /api/auth/token of the Better Auth server."
        )
    if len(token) > MAX_LENGTH:
        raise InvalidToken(
            f"The token is longer than {MAX_LENGTH} characters. "
            "Leave pictures out of it with definePayload in Better Auth's jwt() plugin."
        )
    try:
        header = jwt.get_unverified_header(token)
    except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
        raise InvalidToken("The token is malformed. It is not a JWT.") from None
    _check_type(header.get("typ", "JWT"))
    if header.get("alg") not in ALGORITHMS:
        # No key can fit this algorithm, so the key set is not fetched for it.
        raise InvalidToken("The token's algorithm is not one that Better Auth signs with.")
    if not (kid := header.get("kid")):
        raise InvalidToken("The token names no key. Its header has no kid.")
    return str(kid)


def _check_type(typ: object) -> None:
    """Raise `InvalidToken` unless `typ` is the media type of a JWT (RFC 7515, section 4.1.9)."""
    media_type = typ.lower().removeprefix("application/") if isinstance(typ, str) else None
    if media_type == "better-auth.session-cache+jwt":
        raise InvalidToken("This is Better Auth's session cache and not a token for an API.")
    if media_type != "jwt":
        # RFC 8725, section 3.11: such a token was signed for another purpose.
        raise InvalidToken("The token was not made for an API. The typ in its header is not JWT.")


def _decode(token: str, key: SigningKey | None) -> dict[str, Any]:
    """Verify the signature and the times of a token, and return its claims."""
    if key is None:
        raise InvalidToken(
            "The token is signed with an unknown key. The keys fetched from Better Auth do not include it."
        )
    try:
        return jwt.decode(
            token,
            key.public,
            algorithms=key.algorithms,
            leeway=LEEWAY,
            # PyJWT's errors do not include both values, so _expect() compares issuer and audience.
            options={"require": ["exp", "sub", "iss", "aud"], "verify_iss": False, "verify_aud": False},
        )
    except jwt.InvalidSignatureError:
        raise WrongKey("The token's signature is wrong.") from None
    except jwt.InvalidAlgorithmError:
        raise WrongKey("The token's algorithm does not fit the key that it names.") from None
    except jwt.MissingRequiredClaimError as error:
        raise InvalidToken(f"The token lacks {error.claim}.") from None
    except (jwt.PyJWTError, ValueError, TypeError, RecursionError) as error:
        reason = _REASONS.get(type(error), "The token is malformed. Its claims cannot be read.")
        raise InvalidToken(reason) from None
