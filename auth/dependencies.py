"""Who is asking: the bearer token of a request -> `CurrentUser`."""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.exceptions import HTTPException

from auth.keys import KeySet, KeysUnavailable
from auth.tokens import InvalidToken, TokenVerifier
from config import settings
from errors import Unauthorized, Unavailable
from models.user import UserId, parse_user_id

signing_keys = KeySet(str(settings.better_auth_jwks_url))
token_verifier = TokenVerifier(signing_keys, settings.better_auth_issuer, settings.better_auth_audience)
bearer_token = HTTPBearer(
    scheme_name="Better Auth JWT",
    bearerFormat="JWT",
    description="From `GET /api/auth/token` of the Better Auth server.",
    auto_error=False,
)

Credentials = Annotated[HTTPAuthorizationCredentials | None, Depends(bearer_token)]


@dataclass(frozen=True, slots=True)
class AuthenticatedUser:
    """Whoever the token names. That their account still exists is for the database to say."""

    id: UserId


async def get_current_user(credentials: Credentials) -> AuthenticatedUser:
    """Verify the bearer token of a request.

    Raises:
        Unauthorized: there is none, or it proves nothing.
        Unavailable: no signing key was ever fetched.
    """
    if credentials is None:
        # RFC 6750, section 3.1: no error code for who did not try.
        raise Unauthorized("There is no token: send 'Authorization: Bearer <JWT>'.", 'Bearer realm="todo"')
    try:
        subject = await token_verifier.verify(credentials.credentials)
        return AuthenticatedUser(parse_user_id(subject))
    except InvalidToken as error:
        raise Unauthorized(str(error)) from None
    except KeysUnavailable:
        raise Unavailable("Better Auth's signing keys could not be fetched yet.") from None
    except ValueError:
        raise Unauthorized("The token's subject cannot be a user of this database.") from None


CurrentUser = Annotated[AuthenticatedUser, Depends(get_current_user)]


class TokenFirstRoute(APIRoute):
    """A route that asks for the token before it complains about the request.

    FastAPI parses the body before it resolves dependencies, so a stranger whose JSON is broken
    would hear about the JSON.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Wrap FastAPI's handler; costs nothing unless the request is refused."""
        handle = super().get_route_handler()

        async def handle_token_first(request: Request) -> Response:
            try:
                return await handle(request)
            except (RequestValidationError, HTTPException):
                await get_current_user(await bearer_token(request))
                raise

        return handle_token_first
