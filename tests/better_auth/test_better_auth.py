"""Test the contract with the tokens, keys, deletions and migrations of a real Better Auth."""

import re
import subprocess
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from typing import Any
from urllib.parse import unquote
from uuid import uuid4

import httpx
import jwt
import psycopg2
import pytest

from dev.postgres import programs
from tests.better_auth.live import PASSWORD, Account, BetterAuth, better_auth
from tests.conftest import LATER, Database
from tests.expect import again, expect_not_found, expect_unauthorized, expect_unavailable
from tests.issuer import ALGORITHMS, new_private_key
from tests.live import Api, environment, free_port, running, wait_for

READY = {"status": "ready", "database": "ok", "schema": "ok", "signing_keys": "ok"}

ID_TYPES = {"text": "text", "uuid": "uuid", "serial": "integer"}
"""Map Better Auth's name for a type of ids to the value of BETTER_AUTH_ID_TYPE."""

IDS = {"text": r"[A-Za-z0-9]{32}", "uuid": r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "serial": r"[1-9]\d*"}

TABLES = ["user", "session", "account", "verification", "jwks"]


def claims(token: str) -> dict[str, Any]:
    """Return the claims of a token without verifying it."""
    read: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return read


def key_id(token: str) -> str:
    """Return the id of the key that signed a token."""
    kid: str = jwt.get_unverified_header(token)["kid"]
    return kid


def ask(api: Api, token: str, verb: str = "GET", path: str = "/api/me", **sent: Any) -> httpx.Response:
    """Send a request to the API."""
    with api.client(token) as http:
        return http.request(verb, path, **sent)


def expect_me(answer: httpx.Response, account: Account) -> None:
    """Assert that the API returns the user of the token."""
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == {"id": account.id, "name": "Somebody", "email": account.email, "image": None}


def expect_created(answer: httpx.Response, user_id: str) -> dict[str, Any]:
    """Assert that a todo was created, and return it."""
    assert answer.status_code == 201, answer.text
    todo: dict[str, Any] = answer.json()
    assert todo["user_id"] == user_id
    assert answer.headers["location"] == f"/api/todos/{todo['id']}"
    return todo


def expect_every_operation_to_work(api: Api, token: str, account: Account) -> None:
    """Create, read, list, change, toggle and delete a todo, and use versions, the trash, changes and a batch."""
    with api.client(token) as http:
        expect_me(http.get("/api/me"), account)
        todo = expect_created(http.post("/api/todos", json={"title": "Buy milk"}), account.id)
        path = f"/api/todos/{todo['id']}"
        read = http.get(path)
        assert (read.status_code, read.json()) == (200, todo)
        listed = http.get("/api/todos")
        assert (listed.status_code, listed.json()) == (200, [todo])
        changed = http.patch(path, json={"title": "Buy oat milk"})
        assert changed.status_code == 200
        new = {name: changed.json()[name] for name in ("version", "updated_at")}
        assert changed.json() == todo | {"title": "Buy oat milk", **new}
        assert new["version"] > todo["version"]
        stale = http.patch(path, json={"title": "Buy rice"}, headers={"If-Match": read.headers["etag"]})
        assert (stale.status_code, stale.json()["current"]) == (412, changed.json())
        toggled = http.post(f"{path}/toggle")
        assert (toggled.status_code, toggled.json()["completed"]) == (200, True)
        deleted = http.delete(path)
        assert (deleted.status_code, deleted.content) == (204, b"")
        expect_not_found(http.get(path))

        trash = http.get("/api/trash").json()
        assert [(one["id"], one["user_id"]) for one in trash] == [(todo["id"], account.id)]
        restored = http.post(f"/api/trash/{todo['id']}/restore")
        assert (restored.status_code, restored.json()["deleted_at"]) == (200, None)
        put = expect_created(http.put(f"/api/todos/{uuid4()}", json={"title": "Buy bread"}), account.id)
        one = {"id": str(uuid4()), "title": "Buy tea"}
        batch = http.post("/api/batch", json={"put": [one], "delete": [{"id": put["id"], "base": put["version"]}]})
        assert [result["status"] for result in batch.json()["results"]] == [201, 204]
        several = http.patch("/api/todos?completed=false", json={"completed": True})
        assert (several.status_code, several.json()) == (200, {"changed": 1})
        assert http.delete(f"/api/trash/{put['id']}").status_code == 204
        assert http.delete("/api/todos?completed=true").json() == {"changed": 2}
        assert http.delete("/api/trash").status_code == 204
        changes = http.get("/api/changes").json()
        assert (changes["todos"], changes["gone"], changes["more"]) == ([], [], False)


@pytest.fixture(scope="module", params=ID_TYPES)
def ids(request: pytest.FixtureRequest) -> str:
    """Return a type of ids."""
    kind: str = request.param
    return kind


@pytest.fixture(scope="module")
def home(ids: str, new_database: Callable[..., Database]) -> Iterator[tuple[Database, int, Api]]:
    """Create a database, the port of a Better Auth that starts later, and an API that trusts it."""
    database, port = new_database(better_auth=False), free_port()
    with running(
        DATABASE_URL=database.api_url, BETTER_AUTH_URL=f"http://127.0.0.1:{port}", BETTER_AUTH_ID_TYPE=ID_TYPES[ids]
    ) as api:
        yield database, port, api


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_new_user_can_do_everything(home: tuple[Database, int, Api], ids: str, algorithm: str) -> None:
    database, port, api = home
    with better_auth(database, port, ids=ids, algorithm=algorithm) as auth:
        database.execute("DELETE FROM jwks")  # otherwise the key of the last algorithm would still sign
        account, other = auth.sign_up(), auth.sign_up()
        token = auth.token(account)
        with api.client() as http:
            answers = again(lambda: http.get("/ready"))
            assert any((answer.status_code, answer.json()) == (200, READY) for answer in answers)
        expect_every_operation_to_work(api, token, account)
        expect_every_operation_to_work(api, auth.token(other), other)

        # The API relies on some of these facts, and must not rely on what is missing.
        assert jwt.get_unverified_header(token) == {"alg": algorithm, "kid": key_id(token)}, "no typ"
        said = claims(token)
        assert (said["iss"], said["aud"]) == (auth.origin, auth.origin)
        assert (said["sub"], said["exp"] - said["iat"]) == (account.id, 900)
        assert re.fullmatch(IDS[ids], said["sub"])
        assert not {"nbf", "jti"} & set(said)
        jwks = auth.ask("GET", "/jwks")
        assert jwks.status_code == 200
        assert not {"cache-control", "etag", "expires"} & set(jwks.headers)
        (key,) = jwks.json()["keys"]
        assert (key["kid"], key["alg"]) == (key_id(token), algorithm)
        assert "use" not in key


# Creating an RSA key is slow, so keys that are created at once become ready at different times.
@pytest.mark.parametrize(("algorithm", "delay"), [("EdDSA", "0"), ("RS256", "150")], ids=["near", "far"])
def test_a_key_may_change_at_any_moment_and_no_request_is_refused(
    new_database: Callable[..., Database], algorithm: str, delay: str
) -> None:
    database, port = new_database(better_auth=False), free_port()
    with (
        better_auth(database, port, algorithm=algorithm, jwks={"rotationInterval": 1}, JWKS_DELAY=delay) as auth,
        running(DATABASE_URL=database.api_url, BETTER_AUTH_URL=auth.origin) as api,
    ):
        keys: set[str] = set()
        refused: list[str] = []
        end = time.monotonic() + 30

        def keep_asking(_: int) -> None:
            account = auth.sign_up()
            with api.client() as http:
                while len(keys) < 5 and time.monotonic() < end:
                    token = auth.token(account)
                    keys.add(key_id(token))
                    answer = http.get("/api/me", headers={"Authorization": f"Bearer {token}"})
                    if answer.status_code != 200:
                        refused.append(f"{answer.status_code} {answer.text}")

        with ThreadPoolExecutor(6) as pool:
            list(pool.map(keep_asking, range(6)))
        assert refused == []
        assert len(keys) >= 5


def test_a_key_set_without_keys_is_no_crash_and_the_next_key_is_found(new_database: Callable[..., Database]) -> None:
    database, port = new_database(better_auth=False), free_port()
    with better_auth(database, port, jwks={"rotationInterval": 1, "gracePeriod": 1}) as auth:
        account = auth.sign_up()
        old = auth.token(account)
        wait_for(lambda: not auth.key_ids())
        with running(DATABASE_URL=database.api_url, BETTER_AUTH_URL=auth.origin) as api:
            expect_unavailable(ask(api, old), "signing keys could not be fetched")
            answers = again(lambda: ask(api, auth.token(account)))
            assert any(answer.status_code == 200 for answer in answers)
            expect_unauthorized(ask(api, old), "unknown key")
            assert "Traceback" not in api.log.read_text()


def test_simultaneous_first_requests_make_several_keys_all_of_them_valid(new_database: Callable[..., Database]) -> None:
    database, port = new_database(better_auth=False), free_port()
    with (
        better_auth(database, port) as auth,
        running(DATABASE_URL=database.api_url, BETTER_AUTH_URL=auth.origin) as api,
        ThreadPoolExecutor(10) as pool,
    ):
        accounts = [auth.sign_up() for _ in range(10)]
        with closing(psycopg2.connect(database.url)) as connection, connection.cursor() as cursor:
            cursor.execute("LOCK TABLE jwks IN SHARE MODE")  # a request that finds no key cannot store one yet
            asked = [pool.submit(auth.token, account) for account in accounts]
            wait_for(lambda: database.execute("SELECT count(*) FROM pg_locks WHERE NOT granted") == [(10,)])
        tokens = [token.result() for token in asked]
        assert len({key_id(token) for token in tokens}) == 10
        for answer, account in zip(pool.map(lambda token: ask(api, token), tokens), accounts, strict=True):
            expect_me(answer, account)


def test_a_new_algorithm_is_used_and_accepted_when_the_old_key_is_gone(new_database: Callable[..., Database]) -> None:
    database, port = new_database(better_auth=False), free_port()
    with ExitStack() as first:
        auth = first.enter_context(better_auth(database, port, algorithm="EdDSA"))
        with running(DATABASE_URL=database.api_url, BETTER_AUTH_URL=auth.origin) as api:
            account = auth.sign_up()
            before = auth.token(account)
            expect_me(ask(api, before), account)
            first.close()
            expect_me(ask(api, before), account)  # the keys are kept while Better Auth is away
            with better_auth(database, port, algorithm="ES256") as auth:
                token = auth.token(account)
                header = {"alg": "EdDSA", "kid": key_id(before)}
                assert jwt.get_unverified_header(token) == header, "the old key still signs"
                expect_me(ask(api, token), account)

                database.execute("DELETE FROM jwks")
                token = auth.token(account)
                assert jwt.get_unverified_header(token)["alg"] == "ES256"
                assert key_id(token) != key_id(before)
                expect_me(ask(api, token), account)
                expect_unauthorized(ask(api, before), "unknown key")


def test_a_recreated_database_may_reuse_the_ids_of_a_key_and_a_user(new_database: Callable[..., Database]) -> None:
    database, port = new_database(better_auth=False), free_port()
    with ExitStack() as first:
        auth = first.enter_context(better_auth(database, port, ids="serial"))
        with running(DATABASE_URL=database.api_url, BETTER_AUTH_URL=auth.origin, BETTER_AUTH_ID_TYPE="integer") as api:
            account = auth.sign_up()
            old = auth.token(account)
            expect_created(ask(api, old, "POST", "/api/todos", json={"title": "x"}), account.id)
            first.close()
            database.execute(f"DROP SCHEMA public CASCADE; CREATE SCHEMA public; {LATER}")
            with better_auth(database, port, ids="serial") as auth:
                namesake = auth.sign_up()
                token = auth.token(namesake)
                assert (namesake.id, key_id(token)) == (account.id, key_id(old)) == ("1", "1")
                expect_me(ask(api, token), namesake)
                expect_unauthorized(ask(api, old), "signature is wrong")
                answers = again(lambda: ask(api, token, "POST", "/api/todos", json={"title": "x"}))
                assert any(answer.status_code == 201 for answer in answers), "the table todo is created again"
                assert "Traceback" not in api.log.read_text()


def test_a_deleted_account_has_no_todos_and_its_token_creates_none(
    auth: BetterAuth, api: Api, database: Database
) -> None:
    leaving, staying = auth.sign_up(), auth.sign_up()
    token, other = auth.token(leaving), auth.token(staying)
    for _ in range(3):
        expect_created(ask(api, token, "POST", "/api/todos", json={"title": "x"}), leaving.id)
    _, deleted, purged = ask(api, token, path="/api/todos").json()
    for path in (f"todos/{deleted['id']}", f"todos/{purged['id']}", f"trash/{purged['id']}"):
        assert ask(api, token, "DELETE", f"/api/{path}").status_code == 204
    since = ask(api, token, path="/api/changes").json()["next"]
    kept = expect_created(ask(api, other, "POST", "/api/todos", json={"title": "y"}), staying.id)

    answer = auth.ask("POST", "/delete-user", leaving.session, json={"password": PASSWORD})
    assert answer.status_code == 200, answer.text
    assert answer.json()["success"] is True
    assert database.execute("SELECT id FROM todo WHERE user_id = %s", (leaving.id,)) == []
    assert database.execute('SELECT id FROM "user" WHERE id = %s', (leaving.id,)) == []

    # The token is valid for the rest of its 15 minutes, but its user no longer exists.
    gone = "The user that the token names no longer exists."
    new = {"id": str(uuid4()), "title": "x"}
    key = {"Idempotency-Key": new["id"]}
    expect_unauthorized(ask(api, token, "POST", "/api/todos", json={"title": "x"}), gone)
    expect_unauthorized(ask(api, token, "POST", "/api/todos", json={"title": "x"}, headers=key), gone)
    expect_unauthorized(ask(api, token, "PUT", f"/api/todos/{new['id']}", json={"title": "x"}), gone)
    expect_unauthorized(ask(api, token, "POST", "/api/batch", json={"put": [new]}), gone)
    expect_unauthorized(ask(api, token), gone)
    expect_not_found(ask(api, token, "POST", f"/api/trash/{deleted['id']}/restore"))
    expect_not_found(ask(api, token, "DELETE", f"/api/trash/{purged['id']}"))
    assert ask(api, token, path="/api/trash").json() == []
    everything = ask(api, token, path="/api/changes").json()
    assert (everything["todos"], everything["gone"]) == ([], [])
    assert ask(api, token, path="/api/changes", params={"since": since}).status_code == 410, "its history is gone"
    assert database.execute("SELECT id FROM todo WHERE user_id = %s", (leaving.id,)) == []
    assert ask(api, other, path="/api/todos").json() == [kept]
    back = auth.ask("POST", "/sign-up/email", json={"name": "Back", "email": leaving.email, "password": PASSWORD})
    assert back.status_code == 200, "the e-mail address is free again"


def test_a_token_outlives_its_session(auth: BetterAuth, api: Api) -> None:
    account = auth.sign_up()
    token = auth.token(account)
    assert auth.ask("POST", "/sign-out", account.session).status_code == 200
    assert auth.ask("GET", "/token", account.session).status_code == 401
    expect_me(ask(api, token), account)


@pytest.mark.parametrize("form", ["session", "signed_session", "cookie"])
def test_a_session_token_is_refused_with_a_hint_signed_in_or_out(auth: BetterAuth, api: Api, form: str) -> None:
    account = auth.sign_up()
    cookie = account.cookies["better-auth.session_token"]
    sent = {"session": account.session, "signed_session": account.signed_session, "cookie": cookie}[form]
    assert auth.ask("GET", "/token", unquote(sent)).status_code == 200, "Better Auth accepts it"
    expect_unauthorized(ask(api, sent), "exchange it for one at GET /api/auth/token")
    assert auth.ask("POST", "/sign-out", account.session).status_code == 200
    expect_unauthorized(ask(api, sent, "POST", "/api/todos", json={"title": "x"}), "a Better Auth session token")


def test_the_token_in_the_header_set_auth_jwt_is_accepted(auth: BetterAuth, api: Api) -> None:
    account = auth.sign_up()
    answer = auth.ask("GET", "/get-session", account.session)
    assert answer.status_code == 200
    expect_me(ask(api, answer.headers["set-auth-jwt"]), account)


def test_127_0_0_1_and_localhost_are_two_issuers_and_the_401_names_both(new_database: Callable[..., Database]) -> None:
    database, port = new_database(better_auth=False), free_port()
    with (
        better_auth(database, port, BETTER_AUTH_URL="") as auth,  # without a baseURL the Host header decides
        running(DATABASE_URL=database.api_url, BETTER_AUTH_URL=auth.origin) as api,
        running(
            DATABASE_URL=database.api_url,
            BETTER_AUTH_URL=auth.origin,
            BETTER_AUTH_ISSUER=f"{auth.origin}, http://localhost:{port}",
            BETTER_AUTH_AUDIENCE=f"{auth.origin}, http://localhost:{port}",
        ) as api_of_both,
    ):
        account = auth.sign_up()
        by_number = auth.token(account)
        by_name = auth.token(account, headers={"Host": f"localhost:{port}"})
        assert claims(by_name)["iss"] == claims(by_name)["aud"] == f"http://localhost:{port}"
        expect_me(ask(api, by_number), account)
        told = f"The token's issuer is 'http://localhost:{port}', and not http://127.0.0.1:{port}."
        expect_unauthorized(ask(api, by_name), told)
        for token in (by_number, by_name):
            expect_me(ask(api_of_both, token), account)


def test_a_number_as_expiration_time_is_1970_and_the_token_is_expired(new_database: Callable[..., Database]) -> None:
    database, port = new_database(better_auth=False), free_port()
    with (
        better_auth(database, port, jwt={"jwt": {"expirationTime": 3600}}) as auth,
        running(DATABASE_URL=database.api_url, BETTER_AUTH_URL=auth.origin) as api,
    ):
        token = auth.token(auth.sign_up())
        assert claims(token)["exp"] == 3600
        expect_unauthorized(ask(api, token), "The token has expired")


CACHED = {"session": {"cookieCache": {"enabled": True, "strategy": "jwt"}}}


def test_the_session_cache_is_signed_with_the_same_key_and_refused(new_database: Callable[..., Database]) -> None:
    database, port = new_database(better_auth=False), free_port()
    with (
        better_auth(database, port, jwt={"sessionCookieCache": True}, options=CACHED) as auth,
        running(DATABASE_URL=database.api_url, BETTER_AUTH_URL=auth.origin) as api,
    ):
        account = auth.sign_up()
        token, cache = auth.token(account), account.cookies["better-auth.session_data"]
        assert key_id(cache) == key_id(token)
        said = claims(cache)
        assert (said["iss"], said["aud"]) == (auth.origin, "better-auth:session-cache")
        assert said["sub"] == account.id
        expect_unauthorized(ask(api, cache), "session cache")

        # With the cache, Better Auth also signs tokens for a deleted user.
        database.execute('DELETE FROM "user" WHERE id = %s', (account.id,))
        cookies = "; ".join(f"{name}={value}" for name, value in account.cookies.items())
        answer = auth.ask("GET", "/token", headers={"Cookie": cookies})
        assert answer.status_code == 200, answer.text
        late = answer.json()["token"]
        assert claims(late)["sub"] == account.id
        expect_unauthorized(ask(api, late, "POST", "/api/todos", json={"title": "x"}), "no longer exists")
        expect_unauthorized(ask(api, late), "no longer exists")


def test_tables_and_columns_may_have_other_names_in_another_schema(new_database: Callable[..., Database]) -> None:
    database, port = new_database(better_auth=False), free_port()
    database.execute(
        "CREATE SCHEMA neon_auth; GRANT USAGE ON SCHEMA neon_auth TO todo_api;"
        "ALTER DEFAULT PRIVILEGES IN SCHEMA neon_auth GRANT SELECT, REFERENCES ON TABLES TO todo_api"
    )
    columns = {"emailVerified": "email_verified", "createdAt": "created_at", "updatedAt": "updated_at"}
    users = {"modelName": "users", "fields": columns, "deleteUser": {"enabled": True}}
    elsewhere = f"{database.url}&options=-c%20search_path%3Dneon_auth"
    with (
        better_auth(database, port, ids="uuid", options={"user": users}, DATABASE_URL=elsewhere) as auth,
        running(
            DATABASE_URL=database.api_url,
            BETTER_AUTH_URL=auth.origin,
            BETTER_AUTH_ID_TYPE="uuid",
            BETTER_AUTH_USER_TABLE="neon_auth.users",
            BETTER_AUTH_COLUMN_CASE="snake",
        ) as api,
    ):
        account = expect_better_auth_to_be_well(auth)
        token = auth.token(account)
        expect_every_operation_to_work(api, token, account)
        expect_created(ask(api, token, "POST", "/api/todos", json={"title": "x"}), account.id)
        answer = auth.ask("POST", "/delete-user", account.session, json={"password": PASSWORD})
        assert answer.status_code == 200, answer.text
        assert database.execute("SELECT count(*) FROM public.todo") == [(0,)]


def test_known_keys_stay_valid_while_better_auth_limits_or_is_down(new_database: Callable[..., Database]) -> None:
    database, port = new_database(better_auth=False), free_port()
    limits = {"rateLimit": {"enabled": True, "window": 10, "max": 3}}
    with ExitStack() as first:
        auth = first.enter_context(better_auth(database, port, options=limits))
        settings = {"DATABASE_URL": database.api_url, "BETTER_AUTH_URL": auth.origin}
        with running(**settings) as api, running(**settings) as late:
            account = auth.sign_up()
            token = auth.token(account)
            expect_me(ask(api, token), account)
            for _ in range(3):
                limited = auth.ask("GET", "/jwks")
            assert limited.status_code == 429
            assert limited.headers["x-retry-after"]
            # The API fetches the key set for a made-up key. It must keep its keys when the fetch fails.
            made_up = jwt.encode(claims(token), new_private_key("EdDSA"), "EdDSA", {"kid": "made-up"})
            expect_unavailable(ask(api, made_up), "key is not known yet")
            expect_me(ask(api, token), account)
            expect_unavailable(ask(late, token), "signing keys could not be fetched")
            first.close()
            expect_unavailable(ask(api, made_up), "key is not known yet")
            expect_me(ask(api, token), account)
            expect_unavailable(ask(late, token), "signing keys could not be fetched")
            with better_auth(database, port):
                answers = again(lambda: ask(late, token))
                assert any(answer.status_code == 200 for answer in answers)


def data_url(kilobytes: int) -> str:
    """Return a picture of this size as a data URL. Forms use this if no server stores pictures."""
    return "data:image/png;base64," + b64encode(bytes(kilobytes * 768)).decode()


@pytest.mark.parametrize(("kilobytes", "length"), [(12, 17_000), (100, 137_000)], ids=["12 KB", "100 KB"])
def test_a_token_with_a_picture_is_too_long_and_the_401_names_the_fix(
    auth: BetterAuth, api: Api, kilobytes: int, length: int
) -> None:
    token = auth.token(auth.sign_up(image=data_url(kilobytes)))
    assert length * 0.9 < len(token) < length * 1.1
    expect_unauthorized(ask(api, token), "definePayload")


def test_a_token_needs_no_more_of_the_user_than_its_subject(new_database: Callable[..., Database]) -> None:
    database, port = new_database(better_auth=False), free_port()
    with (
        better_auth(database, port, JWT_PAYLOAD="email") as auth,
        running(DATABASE_URL=database.api_url, BETTER_AUTH_URL=auth.origin) as api,
    ):
        image = data_url(12)
        account = auth.sign_up(image=image)
        token = auth.token(account)
        assert set(claims(token)) == {"email", "iat", "sub", "exp", "iss", "aud"}
        answer = ask(api, token)
        assert (answer.status_code, answer.json()["image"]) == (200, image)
        expect_created(ask(api, token, "POST", "/api/todos", json={"title": "x"}), account.id)


def definition(database: Database) -> str:
    """Return the DDL of Better Auth's tables from pg_dump."""
    tables = [f'--table=public."{table}"' for table in TABLES]
    command = [str(programs() / "pg_dump"), "--schema-only", *tables, database.url]
    dump = subprocess.run(command, env=environment(), check=True, capture_output=True, text=True).stdout
    assert dump.count("CREATE TABLE") == len(TABLES)
    return "\n".join(line for line in dump.splitlines() if not line.startswith("\\"))  # \restrict is random


def expect_better_auth_to_be_well(auth: BetterAuth) -> Account:
    """Assert that Better Auth's check of its schema succeeds. Without this no endpoint answers."""
    answer = auth.ask("GET", "/ok")
    assert (answer.status_code, answer.json()) == (200, {"ok": True})
    assert auth.ask("GET", "/jwks").status_code == 200
    return auth.sign_up()


@pytest.mark.parametrize("ids", ID_TYPES)
def test_better_auths_tables_stay_the_same_and_its_next_start_succeeds(
    new_database: Callable[..., Database], ids: str
) -> None:
    database, port = new_database(better_auth=False), free_port()
    with ExitStack() as first:
        auth = first.enter_context(better_auth(database, port, ids=ids))
        assert auth.migrated == TABLES
        before = definition(database)
        with running(
            DATABASE_URL=database.api_url, BETTER_AUTH_URL=auth.origin, BETTER_AUTH_ID_TYPE=ID_TYPES[ids]
        ) as api:
            answer = ask(api, "", path="/ready")
            assert (answer.status_code, answer.json()) == (200, READY), "at once"
            account = expect_better_auth_to_be_well(auth)
            expect_every_operation_to_work(api, auth.token(account), account)
            first.close()
            assert database.execute("SELECT to_regclass('todo')") == [("todo",)]
            with better_auth(database, port, ids=ids) as auth:
                assert auth.migrated == [], "nothing to do"
                other = expect_better_auth_to_be_well(auth)
                expect_every_operation_to_work(api, auth.token(other), other)
                assert definition(database) == before
                assert "rror" not in auth.log.read_text()


@pytest.mark.parametrize("ids", ID_TYPES)
def test_the_api_reports_missing_migrations_and_works_after_them(
    new_database: Callable[..., Database], ids: str
) -> None:
    database, port = new_database(better_auth=False), free_port()
    origin = f"http://127.0.0.1:{port}"
    with running(DATABASE_URL=database.api_url, BETTER_AUTH_URL=origin, BETTER_AUTH_ID_TYPE=ID_TYPES[ids]) as api:
        report = expect_unavailable(ask(api, "", path="/ready"), "Better Auth's migrations")
        assert "Better Auth's migrations" in report["schema"]
        assert report["database"] == "ok"
        assert report["signing_keys"] != "ok"
        with better_auth(database, port, ids=ids) as auth:
            assert auth.migrated == TABLES
            account = expect_better_auth_to_be_well(auth)
            token = auth.token(account)
            for answer in again(lambda: ask(api, token, path="/api/todos")):
                if answer.status_code == 200:
                    break
                expect_unavailable(answer, "Better Auth")
            expect_every_operation_to_work(api, token, account)
            answer = ask(api, "", path="/ready")
            assert (answer.status_code, answer.json()) == (200, READY)
            assert "Traceback" not in api.log.read_text()
