"""Authenticate a request by its bearer token. Endpoints declare this as `CurrentUser`."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends
from fastapi.security import HTTPBearer
from fastapi.security.utils import get_authorization_scheme_param
from starlette.requests import HTTPConnection

from auth.keys import FETCH_WINDOW, KeySet, KeysUnavailable
from auth.rate_limit import count_request
from auth.tokens import InvalidToken, TokenVerifier
from config import settings
from db import requester, require_schema
from errors import Unauthorized, Unavailable
from models.user import UserId, parse_user_id

# Vercel's Deployment Protection accepts this header: Protection Bypass for Automation.
_bypass = settings.better_auth_bypass_secret
signing_keys = KeySet(str(settings.better_auth_jwks_url), {"x-vercel-protection-bypass": _bypass} if _bypass else None)
token_verifier = TokenVerifier(signing_keys, settings.better_auth_issuer, settings.better_auth_audience)


_USER = "todo.user"
"""The key of the verified credentials and their user in the scope of a request. An app may replace the credentials."""


@dataclass(frozen=True, slots=True)
class AuthenticatedUser:
    """Name the user of a verified token. The account may have been deleted since Better Auth signed the token."""

    id: UserId


class BetterAuthToken(HTTPBearer):
    """Verify the bearer token of a request, and describe this scheme in the OpenAPI document."""

    async def __call__(self, request: HTTPConnection) -> AuthenticatedUser:  # type: ignore[override]  # returns a user
        """Return the user whom the token of a request names. The token is checked once for each request.

        Raises:
            Unauthorized: There is no token, or it proves nothing.
            Unavailable: The key of the token could not be searched for, or the database is not as the
                settings say.
            Problem: 429. The user has sent too many requests.
        """
        credentials = request.headers.get("authorization")
        verified, verified_user = request.scope.get(_USER, (None, None))
        if verified_user and verified == credentials:
            return verified_user  # type: ignore[no-any-return]  # which was set below
        scheme, token = get_authorization_scheme_param(credentials)
        if scheme.lower() != "bearer" or not token:
            # RFC 6750, section 3.1: a request without a token is not answered with an error code.
            raise Unauthorized(
                "There is no token. Send the header 'Authorization: Bearer <JWT>'.", 'Bearer realm="todo"'
            )
        try:
            subject = await token_verifier.verify(token)
        except InvalidToken as error:
            raise Unauthorized(str(error)) from None
        except KeysUnavailable as error:
            raise Unavailable(str(error), round(FETCH_WINDOW)) from None
        requester.set(subject)
        try:
            user = AuthenticatedUser(parse_user_id(subject))
        except ValueError:
            await require_schema()  # the settings may name another type of id than the database has
            raise Unauthorized("The token's subject cannot be a user of this database.") from None
        count_request(request, user.id)
        request.scope[_USER] = credentials, user
        return user


get_current_user = BetterAuthToken(
    scheme_name="BetterAuthJWT", bearerFormat="JWT", description="From `GET /api/auth/token` of the Better Auth server."
)
CurrentUser = Annotated[AuthenticatedUser, Depends(get_current_user)]
