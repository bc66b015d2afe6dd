"""Who is asking: the bearer token of a request -> `CurrentUser`."""

import re
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from fastapi.security import HTTPBearer
from fastapi.security.utils import get_authorization_scheme_param
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection

from auth.keys import KeySet, KeysUnavailable
from auth.tokens import InvalidToken, TokenVerifier
from config import settings
from errors import Problem, Unauthorized, Unavailable
from models.user import UserId, parse_user_id

signing_keys = KeySet(str(settings.better_auth_jwks_url))
token_verifier = TokenVerifier(signing_keys, settings.better_auth_issuer, settings.better_auth_audience)


@dataclass(frozen=True, slots=True)
class AuthenticatedUser:
    """Whoever the token names. That their account still exists is for the database to say."""

    id: UserId


class BetterAuthToken(HTTPBearer):
    """The scheme that the OpenAPI document tells, and the dependency that verifies it, in one."""

    async def __call__(self, request: HTTPConnection) -> AuthenticatedUser:  # type: ignore[override]  # further
        """Verify the bearer token of a request.

        Raises:
            Unauthorized: there is none, or it proves nothing.
            Unavailable: no signing key was ever fetched.
        """
        scheme, token = get_authorization_scheme_param(request.headers.get("authorization"))
        if scheme.lower() != "bearer" or not token:
            # RFC 6750, section 3.1: no error code for who did not try.
            raise Unauthorized("There is no token: send 'Authorization: Bearer <JWT>'.", 'Bearer realm="todo"')
        try:
            return AuthenticatedUser(parse_user_id(await token_verifier.verify(token)))
        except InvalidToken as error:
            raise Unauthorized(str(error)) from None
        except KeysUnavailable:
            raise Unavailable("Better Auth's signing keys could not be fetched yet.") from None
        except ValueError:
            raise Unauthorized("The token's subject cannot be a user of this database.") from None


get_current_user = BetterAuthToken(
    scheme_name="Better Auth JWT",
    bearerFormat="JWT",
    description="From `GET /api/auth/token` of the Better Auth server.",
)
CurrentUser = Annotated[AuthenticatedUser, Depends(get_current_user)]


_JSON = re.compile(r"application/([\w.-]+\+)?json\s*(;|$)", re.IGNORECASE)


class TokenFirstRoute(APIRoute):
    """A route that asks for the token before it complains about the request, and then for JSON.

    FastAPI parses the body before it resolves dependencies, so a stranger whose JSON is broken
    would hear about the JSON. And it takes a body that does not say what it is for a wrong one,
    where it is 415: `curl -d` without a header says that it sends a form, for one.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Wrap FastAPI's handler; costs nothing unless the request is refused."""
        handle = super().get_route_handler()

        async def handle_token_first(request: Request) -> Response:
            try:
                return await handle(request)
            except (RequestValidationError, HTTPException):
                await get_current_user(request)
                is_json = _JSON.match(request.headers.get("content-type", ""))
                if self.body_field and not is_json and await request.body():
                    raise Problem(415, "Send JSON, and the header 'Content-Type: application/json'.") from None
                raise

        return handle_token_first
