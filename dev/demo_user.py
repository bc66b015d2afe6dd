"""The demo user of `make demo`, who can sign in with one click, and has todos from the beginning."""

import secrets
from collections.abc import Mapping
from pathlib import Path

import httpx

from dev.processes import Problem

EMAIL = "demo@example.com"
NAME = "Ada Demo"

_SETTINGS = ("DEMO_EMAIL", "DEMO_PASSWORD")
_TIMEOUT = 30  # seconds


def demo_user(folder: Path, settings: Mapping[str, str]) -> dict[str, str]:
    """Return DEMO_EMAIL and DEMO_PASSWORD for Next.js. They are empty if there is no demo user.

    Everybody who can open the app can sign in as the demo user. So the embedded database has one, whose
    random password is in a file of the folder, and a database of yours has none unless you set both.

    Raises:
        Problem: only one of them is set.
    """
    email, password = (settings.get(name, "") for name in _SETTINGS)
    if bool(email) != bool(password):
        given, missing = _SETTINGS[:: 1 if email else -1]
        raise Problem(f"{given} is set and {missing} is not. Set both or neither.", exit_code=2)
    if not email and not settings.get("DATABASE_URL"):
        email, password = EMAIL, secret_in(folder / "demo-password")
    return dict(zip(_SETTINGS, (email, password), strict=True))


def secret_in(path: Path) -> str:
    """Return the secret in a file that only you can read, and create the file if it is missing."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_suffix(".unfinished")
        unfinished.touch(mode=0o600)
        unfinished.write_text(secrets.token_hex(32))
        unfinished.replace(path)
    return path.read_text()


def sign_in(origin: str, email: str, password: str) -> str:
    """Sign up at the Better Auth of this origin, or sign in if there is such a user already. Return a JWT.

    Raises:
        Problem: Better Auth refuses both, for example because the user has another password.
    """
    account = {"email": email, "password": password, "name": NAME}
    # Better Auth refuses requests without an origin, or with another one.
    headers, url = {"Origin": origin}, f"{origin}/api/auth"
    with httpx.Client(base_url=url, headers=headers, timeout=_TIMEOUT, trust_env=False) as http:
        try:
            answers = [http.post("/sign-up/email", json=account)]
            # If emails must be confirmed, a sign-up has no session, also if the email has an account already.
            if not answers[0].is_success or not http.cookies:
                answers.append(http.post("/sign-in/email", json={"email": email, "password": password}))
            if answers[-1].is_success:
                token = http.get("/token").raise_for_status().json()["token"]
                http.post("/sign-out", json={})  # the token is valid without the session
                return str(token)
        except (httpx.HTTPError, ValueError, KeyError) as error:
            raise Problem(f"The demo user {email} cannot sign in: {error!r}") from error
    said = " ".join(f"{answer.status_code} {answer.text[:200]}" for answer in answers)
    raise Problem(f"The demo user {email} can neither sign up nor sign in. Better Auth answers: {said}")
