"""Run `make demo`, which starts the app of examples/nextjs, the API, and a PostgreSQL for both."""

import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path

from dev.build import EXAMPLE, NEXT, build, output_folder, reserved
from dev.demo_todos import create_todos
from dev.demo_user import demo_user, secret_in, sign_in
from dev.postgres import postgres
from dev.processes import (
    LOCAL,
    Problem,
    check_free,
    port_from,
    read_settings,
    running,
    stop_on_signals,
    wait_until_ready,
    watch,
)
from dev.reload import ReloadingAPI

_READY_TIMEOUT = 90  # seconds, because a development server compiles its first page in this time
_WEB_STOP_TIMEOUT = 5  # seconds

_WELCOME = """
The app: {web}
The API's docs: {web}/docs

{advice} Ctrl-C stops everything."""
_MAILS = "Mails are in this terminal."
_TRY_IT = 'Open {web} and click "Try the demo".'
_SIGN_UP = "Open {web} and sign up."


def run_demo() -> None:
    """Run the demo until Ctrl-C. It uses the database of the settings, or an embedded one.

    Raises:
        KeyboardInterrupt: a signal arrived, and all programs have stopped.
        Problem, PostgresError, OSError: a program, a file or a port cannot be used.
    """
    stop_on_signals()
    settings = read_settings()
    web_port, api_port = port_from(settings, "WEB_PORT", 3000), port_from(settings, "PORT", 8000)
    if web_port == api_port:
        raise Problem(f"WEB_PORT and PORT are both {web_port}. They must be different.", exit_code=2)
    next_dev = settings.get("NEXT_DEV") or "false"
    if next_dev not in ("true", "false"):
        raise Problem(f"NEXT_DEV must be true or false, not {next_dev!r}.", exit_code=2)
    check_free(web_port, "To use another port, run WEB_PORT=3010 make demo.")
    check_free(api_port, "To use another port, run PORT=8010 make demo.")
    name = None if next_dev == "true" else "demo"
    with demo(LOCAL, settings, web_port=web_port, api_port=api_port, name=name) as running_demo:
        web = running_demo.web_origin
        advice = (_TRY_IT if running_demo.has_demo_user else _SIGN_UP).format(web=web)
        if running_demo.logs_mails:
            advice += f" {_MAILS}"
        print(_WELCOME.format(web=web, advice=advice), flush=True)
        running_demo.watch()


class Demo:
    """Control a running demo. Its addresses are for a browser on this computer."""

    def __init__(self, node: str, web_port: int, api_port: int, settings: Mapping[str, str]) -> None:
        self.web_origin, self.api_origin = _origin(web_port), _origin(api_port)
        self.database_url = settings["DATABASE_URL"]
        self.has_demo_user = bool(settings["DEMO_EMAIL"])
        self.logs_mails = settings["MAIL_URL"] == "log:"
        self._node, self._web_port, self._api_port, self._settings = node, web_port, api_port, settings
        self._api = ReloadingAPI(api_port, settings)
        self._running_web = ExitStack()

    def start_web(self, name: str | None, **variables: str) -> None:
        """Start Next.js, and wait until it is ready. If it runs already, stop it before.

        Args:
            name: the name of the build that it serves. Without one, a development server compiles the pages.
            variables: more variables for this start.

        Raises:
            Problem: it does not become ready.
        """
        self._running_web.close()
        settings, command = {**self._settings, **variables}, "dev"
        if name:
            settings["NEXT_DIST_DIR"], command = output_folder(name).name, "start"
        address = ("--hostname", "127.0.0.1", "--port", str(self._web_port))
        program = running(
            "Next.js", (self._node, NEXT, command, *address), EXAMPLE, settings, patience=_WEB_STOP_TIMEOUT
        )
        self._web = self._running_web.enter_context(program)
        # The first request for the keys creates the keys. A development server compiles both pages now.
        for path in ("/", "/api/auth/jwks"):
            wait_until_ready(self._web, self._web_port, path, _READY_TIMEOUT)

    def rebuild(self, name: str, **variables: str) -> None:
        """Build the app with more variables while Next.js runs, and then serve that build at the same address.

        Raises:
            Problem: the build failed, or it does not become ready.
        """
        build(self._node, name, {**self._settings, **variables})
        self.start_web(name)

    def start_api(self) -> None:
        """Start the API, and wait until it is ready.

        Raises:
            Problem: it does not become ready.
        """
        wait_until_ready(self._api.start(), self._api_port, "/ready", _READY_TIMEOUT, self._web)

    def stop_api(self) -> None:
        """Stop the API, if it runs. The other programs continue."""
        self._api.stop()

    def stop(self) -> None:
        """Stop the API and Next.js, if they run."""
        self._api.stop()
        self._running_web.close()

    def prepare_demo_user(self) -> None:
        """Create the demo user, unless there is one, and todos for a user who never had one.

        If this fails, standard error has the reason, and the demo continues without a demo user.
        """
        if not self.has_demo_user:
            return
        try:
            token = sign_in(self.web_origin, self._settings["DEMO_EMAIL"], self._settings["DEMO_PASSWORD"])
            create_todos(self.api_origin, token, datetime.now().astimezone())
        except Problem as problem:
            self.has_demo_user = False
            _say(f"{problem}")

    def watch(self) -> None:
        """Wait until a program stops by itself. The API starts again after a crash or a change of its code.

        Raises:
            Problem: Next.js stopped, or the API crashed too often.
        """
        watch(self._web, self._api)


@contextmanager
def demo(
    folder: Path,
    settings: Mapping[str, str],
    *,
    web_port: int,
    api_port: int,
    name: str | None,
    has_one_origin: bool = True,
) -> Iterator[Demo]:
    """Run the demo until the block ends.

    Args:
        folder: the folder for the embedded database and the secrets.
        settings: the environment of the API and of Next.js. Without DATABASE_URL the database is
            embedded. Settings of another Better Auth are replaced.
        web_port: the port of Next.js.
        api_port: the port of the API.
        name: the name of the build that Next.js serves, which is made if it is missing or older than its
            sources. Without one, a development server compiles the pages.
        has_one_origin: whether browsers call the API at the origin of Next.js, which sends these requests
            to it. Otherwise they call it at its own origin, which needs CORS.

    Raises:
        Problem, PostgresError, OSError: a program, a file or a port cannot be used, or the build failed.
    """
    node = shutil.which("node", path=settings.get("PATH"))
    if node is None:
        raise Problem("Node 22.18 or newer is required. There is no node on the PATH.")
    if not (EXAMPLE / NEXT).exists():
        raise Problem("Next.js is not installed in examples/nextjs. Run make demo to install it.")

    with ExitStack() as stack:
        settings = {**settings, **_better_auth(folder, settings, _origin(web_port)), **demo_user(folder, settings)}
        settings |= {"API_URL": _origin(api_port), "NEXT_TELEMETRY_DISABLED": "1"}
        settings.pop("NEXT_PUBLIC_API_URL", None)
        if not has_one_origin:
            settings["NEXT_PUBLIC_API_URL"] = _origin(api_port)
        settings["MAIL_URL"] = settings.get("MAIL_URL") or "log:"
        if name:
            stack.enter_context(reserved(name))
            build(node, name, settings)
        if not settings.get("DATABASE_URL"):
            _say("Starting PostgreSQL ...")
            server = stack.enter_context(postgres(folder / "postgres"))
            # The database `todo` has the tables of the stand-in of `make run`, so this is another one.
            server.create_database("demo")
            url = server.url("demo")
            settings |= dict.fromkeys(("DATABASE_URL", "DATABASE_URL_UNPOOLED", "DATABASE_MIGRATION_URL"), url)
            settings["MIGRATE_ON_START"] = "true"

        _say("Starting Next.js ..." if name else "Starting Next.js, which compiles the first page ...")
        everything = Demo(node, web_port, api_port, settings)
        stack.callback(everything.stop)
        # Next.js starts before the API, because its start creates the tables that the API needs.
        everything.start_web(name)

        _say("Starting the API ...")
        everything.start_api()
        everything.prepare_demo_user()
        yield everything


def _better_auth(folder: Path, settings: Mapping[str, str], origin: str) -> dict[str, str]:
    """Return the settings of a Better Auth with its defaults, for Next.js and for the API.

    All of them are set, because a `.env` may have the settings of another Better Auth. The secret
    decrypts the signing keys in the database, so it must stay the same.
    """
    return {
        "BETTER_AUTH_URL": origin,
        "BETTER_AUTH_SECRET": settings.get("BETTER_AUTH_SECRET") or secret_in(folder / "better-auth-secret"),
        "BETTER_AUTH_JWKS_URL": f"{origin}/api/auth/jwks",
        "BETTER_AUTH_ISSUER": origin,
        "BETTER_AUTH_AUDIENCE": origin,
        "BETTER_AUTH_USER_TABLE": "user",
        "BETTER_AUTH_ID_TYPE": "text",
        "BETTER_AUTH_COLUMN_CASE": "camel",
        "CORS_ORIGINS": origin,
    }


def _origin(port: int) -> str:
    return f"http://localhost:{port}"


def _say(step: str) -> None:
    print(step, file=sys.stderr, flush=True)
