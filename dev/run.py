"""Run the commands `make run` and `make token`."""

import os
import sys
from contextlib import ExitStack
from typing import NoReturn
from urllib.parse import urlsplit

from dev.better_auth import StandIn, demo_user, serve
from dev.postgres import postgres
from dev.processes import LOCAL, Problem, check_free, port_from, read_settings, stop_on_signals, wait_until_ready, watch
from dev.reload import reloading_api

_STAND_IN = LOCAL / "better-auth.json"
_READY_TIMEOUT = 20  # seconds
_OTHER_PORTS = "To use 8010 and 8011, run PORT=8010 make run."

_NO_USER = "There is no demo user yet. Run make run first."
_OTHER_DATABASE = (
    "make token is for the embedded database only, and DATABASE_URL names another database."
    " To get a token of your Better Auth, see docs/how-to/call-from-a-script.md."
)

# The lines to paste have no comments, because zsh does not accept comments at its prompt.
_WELCOME = """
The API runs at {api} with a demo user.
Open {api}/docs in a browser, or paste these lines into another terminal:

export TOKEN={token}
curl -s {api}/api/todos -H "Authorization: Bearer $TOKEN" \
-H "Content-Type: application/json" -d '{{"title": "Buy milk"}}' -w '\\n'
curl -s {api}/api/todos -H "Authorization: Bearer $TOKEN" -w '\\n'
ID=$(curl -s "{api}/api/todos?limit=1" -H "Authorization: Bearer $TOKEN" \
| sed -E 's/.*"id":"([^"]+)".*/\\1/')
curl -s -X POST {api}/api/todos/$ID/toggle -H "Authorization: Bearer $TOKEN" -w '\\n'
curl -s -X DELETE {api}/api/todos/$ID -H "Authorization: Bearer $TOKEN" -w '%{{http_code}}\\n'

The token is valid for an hour. `make token` prints a new one. Ctrl-C stops everything."""


def token() -> None:
    """Print a new token of the stand-in that runs or ran last.

    If the settings name a database, standard error has a note, because `make run` then runs no stand-in.

    Raises:
        Problem: no stand-in has run yet.
    """
    note = _OTHER_DATABASE if read_settings().get("DATABASE_URL") else ""
    try:
        new = StandIn.load(_STAND_IN).token()
    except FileNotFoundError:
        raise Problem(f"There is no demo user. {note}" if note else _NO_USER) from None
    if note:
        print(note, file=sys.stderr)
    print(new)


def run() -> None:
    """Run the API until Ctrl-C. It uses the servers of the settings, or embedded ones.

    Raises:
        KeyboardInterrupt: a signal arrived, and all programs have stopped.
        Problem, PostgresError, OSError: a program, a file or a port cannot be used.
    """
    stop_on_signals()
    settings = read_settings()
    port = port_from(settings, "PORT", 8000)
    database, better_auth = settings.get("DATABASE_URL"), settings.get("BETTER_AUTH_URL")
    if database and better_auth:
        _run_on(database, better_auth, port)
    elif database or better_auth:
        given, missing = ("DATABASE_URL", "BETTER_AUTH_URL")[:: 1 if database else -1]
        raise Problem(f"{given} is set and {missing} is not. Set both or neither.", exit_code=2)
    else:
        _run_embedded(port)


def _run_on(database: str, better_auth: str, port: int) -> NoReturn:
    check_free(port, _OTHER_PORTS)
    # If the URL has a second @, the host may contain a part of the password.
    host = urlsplit(database).hostname if database.count("@") < 2 else None
    with reloading_api(port, os.environ) as api:
        api.start()
        print(f"The API starts at http://localhost:{port}. Ctrl-C stops it.")
        print(f"Database: {host or 'DATABASE_URL'}. Better Auth: {better_auth}", flush=True)
        watch(api)


def _run_embedded(port: int) -> NoReturn:
    check_free(port, _OTHER_PORTS)
    check_free(port + 1, _OTHER_PORTS)
    origin = f"http://127.0.0.1:{port + 1}"
    with ExitStack() as running:
        server = running.enter_context(postgres(LOCAL / "postgres"))
        server.create_database("todo")
        url = server.url("todo")
        stand_in = StandIn.prepare(_STAND_IN, origin, demo_user(url))
        running.enter_context(serve(stand_in))
        # The environment may have the last two settings for another database.
        settings = {"DATABASE_URL": url, "BETTER_AUTH_URL": origin}
        settings |= {"DATABASE_MIGRATION_URL": url, "MIGRATE_ON_START": "true"}
        api = running.enter_context(reloading_api(port, {**os.environ, **settings}))
        wait_until_ready(api.start(), port, "/ready", _READY_TIMEOUT)
        print(_WELCOME.format(api=f"http://localhost:{port}", token=stand_in.token()), flush=True)
        watch(api)
