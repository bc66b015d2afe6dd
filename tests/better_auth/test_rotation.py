"""Test the rotation of Better Auth's keys and of its secret, as docs/operate.md describes it."""

import os
import secrets
import subprocess
from collections.abc import Callable

import httpx

from dev.postgres import programs
from tests.better_auth.live import PASSWORD, SECRET, Account, BetterAuth, better_auth
from tests.better_auth.test_better_auth import ask, expect_me, key_id
from tests.conftest import Database
from tests.expect import expect_unauthorized
from tests.live import free_port, running

CURRENT = r"WHERE \"expiresAt\" IS NULL OR \"expiresAt\" > now()"
EXPIRE = rf'psql "$DIRECT" -c "UPDATE jwks SET \"expiresAt\" = now() {CURRENT}"'
REMOVE = 'psql "$DIRECT" -c "DELETE FROM jwks"'


def operate(database: Database, command: str) -> None:
    """Run a command of docs/operate.md."""
    path = f"{programs()}:{os.environ['PATH']}"
    subprocess.run(command, shell=True, env={"PATH": path, "DIRECT": database.url}, check=True, capture_output=True)


def sign_in(auth: BetterAuth, account: Account) -> str:
    """Sign in again, and return the cookie of the session."""
    answer = auth.ask("POST", "/sign-in/email", json={"email": account.email, "password": PASSWORD})
    assert answer.status_code == 200, answer.text
    return cookie(answer.cookies["better-auth.session_token"])


def cookie(session: str) -> str:
    return f"better-auth.session_token={session}"


def fetch_token(auth: BetterAuth, session: str) -> httpx.Response:
    return auth.ask("GET", "/token", headers={"Cookie": session})


def test_keys_expire_by_sql_and_no_token_is_refused(new_database: Callable[..., Database]) -> None:
    database, port = new_database(better_auth=False), free_port()
    with (
        better_auth(database, port) as auth,
        running(DATABASE_URL=database.api_url, BETTER_AUTH_URL=auth.origin) as api,
    ):
        account = auth.sign_up()
        old = auth.token(account)
        expect_me(ask(api, old), account)
        operate(database, EXPIRE)
        new = auth.token(account)
        assert key_id(new) != key_id(old)
        assert auth.key_ids() == {key_id(old), key_id(new)}
        for token in (new, old, new):
            expect_me(ask(api, token), account)
        assert key_id(auth.token(account)) == key_id(new)
    with better_auth(database, port), running(DATABASE_URL=database.api_url, BETTER_AUTH_URL=auth.origin) as api:
        expect_me(ask(api, old), account)


def test_removed_keys_are_refused_by_a_new_process(new_database: Callable[..., Database]) -> None:
    database, port = new_database(better_auth=False), free_port()
    with better_auth(database, port) as auth:
        account = auth.sign_up()
        variables = {"DATABASE_URL": database.api_url, "BETTER_AUTH_URL": auth.origin}
        with running(**variables) as api:
            old = auth.token(account)
            expect_me(ask(api, old), account)
            operate(database, REMOVE)
            new = auth.token(account)
            assert auth.key_ids() == {key_id(new)}
            expect_me(ask(api, new), account)
        with running(**variables) as api:
            expect_unauthorized(ask(api, old), "unknown key")
            expect_me(ask(api, new), account)


def test_another_secret_ends_sessions_and_breaks_tokens(new_database: Callable[..., Database]) -> None:
    database, port = new_database(better_auth=False), free_port()
    with better_auth(database, port) as auth:
        account = auth.sign_up()
        old = auth.token(account)
    with (
        better_auth(database, port, BETTER_AUTH_SECRET=secrets.token_hex(32)) as auth,
        running(DATABASE_URL=database.api_url, BETTER_AUTH_URL=auth.origin) as api,
    ):
        assert fetch_token(auth, cookie(account.cookies["better-auth.session_token"])).status_code == 401
        session = sign_in(auth, account)
        assert fetch_token(auth, session).status_code == 500
        assert "Failed to decrypt private key" in auth.log.read_text()
        expect_me(ask(api, old), account)
        operate(database, REMOVE)
        answer = fetch_token(auth, session)
        assert answer.status_code == 200, answer.text
        expect_me(ask(api, answer.json()["token"]), account)


def test_a_secret_with_a_version_replaces_another_and_no_token_fails(new_database: Callable[..., Database]) -> None:
    database, port, secret = new_database(better_auth=False), free_port(), secrets.token_hex(32)
    with better_auth(database, port) as auth:
        account = auth.sign_up()
        old = auth.token(account)
    with (
        better_auth(database, port, BETTER_AUTH_SECRETS=f"2:{secret},1:{SECRET}") as auth,
        running(DATABASE_URL=database.api_url, BETTER_AUTH_URL=auth.origin) as api,
    ):
        assert fetch_token(auth, cookie(account.cookies["better-auth.session_token"])).status_code == 401
        session = sign_in(auth, account)
        kept = fetch_token(auth, session).json()["token"]
        assert key_id(kept) == key_id(old)
        operate(database, EXPIRE)
        new = fetch_token(auth, session).json()["token"]
        assert key_id(new) != key_id(old)
        for token in (old, kept, new):
            expect_me(ask(api, token), account)
    with (
        better_auth(database, port, BETTER_AUTH_SECRET=secret, BETTER_AUTH_SECRETS=f"2:{secret}") as auth,
        running(DATABASE_URL=database.api_url, BETTER_AUTH_URL=auth.origin) as api,
    ):
        answer = fetch_token(auth, session)
        assert answer.status_code == 200, answer.text
        assert key_id(answer.json()["token"]) == key_id(new)
        for token in (old, new, answer.json()["token"]):
            expect_me(ask(api, token), account)
