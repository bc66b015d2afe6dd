"""Authenticate requests by Better Auth's JWTs. The other packages import these names and no submodule."""

from auth.dependencies import AuthenticatedUser, CurrentUser, get_current_user, signing_keys

__all__ = ["AuthenticatedUser", "CurrentUser", "get_current_user", "signing_keys"]
