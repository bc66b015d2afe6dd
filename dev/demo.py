"""Run `make demo`, which starts the app of examples/nextjs, the API, and a PostgreSQL for both."""

import secrets
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

from dev.postgres import postgres
from dev.processes import (
    LOCAL,
    ROOT,
    Problem,
    Program,
    check_free,
    port_from,
    read_settings,
    running,
    stop_on_signals,
    wait_until_ready,
    watch,
)
from dev.reload import ReloadingAPI

EXAMPLE = ROOT / "examples" / "nextjs"
_READY_TIMEOUT = 90  # seconds, because a development server compiles its first page in this time
_WEB_STOP_TIMEOUT = 5  # seconds

_WELCOME = """
The app: {web}
The API's docs: {api}/docs

Sign up in the app. Ctrl-C stops everything."""


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
    check_free(web_port, "To use another port, run WEB_PORT=3010 make demo.")
    check_free(api_port, "To use another port, run PORT=8010 make demo.")
    with demo(LOCAL, settings, web_port=web_port, api_port=api_port) as running_demo:
        print(_WELCOME.format(web=running_demo.web_origin, api=running_demo.api_origin), flush=True)
        running_demo.watch()


class Demo:
    """Control a running demo. Its addresses are for a browser on this computer."""

    def __init__(self, web: Program, web_port: int, api_port: int, settings: Mapping[str, str]) -> None:
        self.web_origin, self.api_origin = _origin(web_port), _origin(api_port)
        self.database_url = settings["DATABASE_URL"]
        self._web, self._api_port = web, api_port
        self._api = ReloadingAPI(api_port, settings)

    def start_api(self) -> None:
        """Start the API, and wait until it is ready.

        Raises:
            Problem: it does not become ready.
        """
        wait_until_ready(self._api.start(), self._api_port, "/ready", _READY_TIMEOUT, self._web)

    def stop_api(self) -> None:
        """Stop the API, if it runs. The other programs continue."""
        self._api.stop()

    def watch(self) -> None:
        """Wait until a program stops by itself. The API starts again after a crash or a change of its code.

        Raises:
            Problem: Next.js stopped, or the API crashed too often.
        """
        watch(self._web, self._api)


@contextmanager
def demo(
    folder: Path, settings: Mapping[str, str], *, web_port: int, api_port: int, production: bool = False
) -> Iterator[Demo]:
    """Run the demo until the block ends.

    Args:
        folder: the folder for the embedded database and the secret.
        settings: the environment of the API and of Next.js. Without DATABASE_URL the database is
            embedded. Settings of another Better Auth are replaced.
        web_port: the port of Next.js.
        api_port: the port of the API.
        production: whether Next.js serves the output of `next build` instead of compiling pages.

    Raises:
        Problem, PostgresError, OSError: a program, a file or a port cannot be used.
    """
    node = shutil.which("node", path=settings.get("PATH"))
    if node is None:
        raise Problem("Node 22.18 or newer is required. There is no node on the PATH.")
    if not (EXAMPLE / "node_modules" / ".bin" / "next").exists():
        raise Problem("Next.js is not installed in examples/nextjs. Run make demo to install it.")

    with ExitStack() as stack:
        settings = {**settings, **_better_auth(folder, settings, _origin(web_port))}
        settings |= {"API_URL": _origin(api_port), "NEXT_PUBLIC_API_URL": _origin(api_port)}
        settings["NEXT_TELEMETRY_DISABLED"] = "1"
        if not settings.get("DATABASE_URL"):
            _say("Starting PostgreSQL ...")
            server = stack.enter_context(postgres(folder / "postgres"))
            # The database `todo` has the tables of the stand-in of `make run`, so this is another one.
            server.create_database("demo")
            url = server.url("demo")
            settings |= {"DATABASE_URL": url, "DATABASE_MIGRATION_URL": url, "MIGRATE_ON_START": "true"}

        _say("Starting Next.js ..." if production else "Starting Next.js, which compiles the first page ...")
        web = stack.enter_context(_next(node, web_port, settings, production=production))
        # Next.js starts before the API, because its start creates the tables that the API needs. The
        # first request for the keys creates the keys. A development server compiles both pages now.
        for path in ("/", "/api/auth/jwks"):
            wait_until_ready(web, web_port, path, _READY_TIMEOUT)

        _say("Starting the API ...")
        everything = Demo(web, web_port, api_port, settings)
        stack.callback(everything.stop_api)
        everything.start_api()
        yield everything


def _better_auth(folder: Path, settings: Mapping[str, str], origin: str) -> dict[str, str]:
    """Return the settings of a Better Auth with its defaults, for Next.js and for the API.

    All of them are set, because a `.env` may have the settings of another Better Auth.
    """
    return {
        "BETTER_AUTH_URL": origin,
        "BETTER_AUTH_SECRET": settings.get("BETTER_AUTH_SECRET") or _secret(folder / "better-auth-secret"),
        "BETTER_AUTH_JWKS_URL": f"{origin}/api/auth/jwks",
        "BETTER_AUTH_ISSUER": origin,
        "BETTER_AUTH_AUDIENCE": origin,
        "BETTER_AUTH_USER_TABLE": "user",
        "BETTER_AUTH_ID_TYPE": "text",
        "BETTER_AUTH_COLUMN_CASE": "camel",
        "CORS_ORIGINS": origin,
    }


def _secret(path: Path) -> str:
    """Return the secret in a file, and create the file if it is missing.

    The secret decrypts the signing keys in the database, so it must stay the same.
    """
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_suffix(".unfinished")
        unfinished.touch(mode=0o600)
        unfinished.write_text(secrets.token_hex(32))
        unfinished.replace(path)
    return path.read_text()


def _next(node: str, port: int, settings: Mapping[str, str], *, production: bool) -> AbstractContextManager[Program]:
    command = (node, "node_modules/.bin/next", "start" if production else "dev")
    address = ("--hostname", "127.0.0.1", "--port", str(port))
    return running("Next.js", (*command, *address), EXAMPLE, settings, patience=_WEB_STOP_TIMEOUT)


def _origin(port: int) -> str:
    return f"http://localhost:{port}"


def _say(step: str) -> None:
    print(step, file=sys.stderr, flush=True)
