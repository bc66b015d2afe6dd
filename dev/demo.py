"""The command behind `make demo`: the app of examples/nextjs, the API, and a PostgreSQL for both."""

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
    api,
    check_free,
    port_from,
    read_settings,
    running,
    stop_on_signals,
    wait_until_ready,
    watch,
)

EXAMPLE = ROOT / "examples" / "nextjs"
_READY_TIMEOUT = 90  # seconds; a development server compiles its first page meanwhile
_WEB_STOP_TIMEOUT = 5  # seconds

_WELCOME = """
The app: {web}
The API's docs: {api}/docs

Sign up in the app. Ctrl-C stops everything."""


def run_demo() -> None:
    """Run the demo until it is told to stop: on the database that the settings name, or an embedded one.

    Raises:
        KeyboardInterrupt: a signal came, and everything is stopped.
        Problem, PostgresError, OSError: something is missing, taken or broken.
    """
    stop_on_signals()
    settings = read_settings()
    web_port, api_port = port_from(settings, "WEB_PORT", 3000), port_from(settings, "PORT", 8000)
    if web_port == api_port:
        raise Problem(f"WEB_PORT and PORT are both {web_port}: they must be two.", exit_code=2)
    check_free(web_port, "To use another: WEB_PORT=3010 make demo")
    check_free(api_port, "To use another: PORT=8010 make demo")
    with demo(LOCAL, settings, web_port=web_port, api_port=api_port) as running_demo:
        print(_WELCOME.format(web=running_demo.web_origin, api=running_demo.api_origin), flush=True)
        running_demo.watch()


class Demo:
    """What runs; addresses are those that a browser on this computer uses."""

    def __init__(self, web: Program, web_port: int, api_port: int, settings: Mapping[str, str]) -> None:
        self.web_origin, self.api_origin = _origin(web_port), _origin(api_port)
        self.database_url = settings["DATABASE_URL"]
        self._web, self._api_port, self._settings = web, api_port, settings
        self._programs, self._running_api = [web], ExitStack()

    def start_api(self) -> None:
        """Start the API, and wait until it is ready.

        Raises:
            Problem: it will not be.
        """
        program = self._running_api.enter_context(api(self._api_port, self._settings))
        self._programs = [self._web, program]
        wait_until_ready(program, self._api_port, "/ready", _READY_TIMEOUT, self._web)

    def stop_api(self) -> None:
        """Stop the API, if it runs; the rest goes on."""
        self._programs = [self._web]
        self._running_api.close()

    def watch(self) -> None:
        """Wait until a program stops by itself.

        Raises:
            Problem: that is what it did.
        """
        watch(*self._programs)


@contextmanager
def demo(
    folder: Path, settings: Mapping[str, str], *, web_port: int, api_port: int, production: bool = False
) -> Iterator[Demo]:
    """Run everything until the block ends.

    Args:
        folder: where the embedded database and the secret are kept.
        settings: the environment of the API and of Next.js. Without a DATABASE_URL the database
            is embedded; what it says about another Better Auth is not for this one.
        web_port: where Next.js listens.
        api_port: where the API listens.
        production: whether Next.js serves what `next build` made, instead of compiling.

    Raises:
        Problem, PostgresError, OSError: something is missing or broken.
    """
    node = shutil.which("node", path=settings.get("PATH"))
    if node is None:
        raise Problem("Node 20 or newer is needed, and there is no node on the PATH.")
    if not (EXAMPLE / "node_modules" / ".bin" / "next").exists():
        raise Problem("Next.js is not installed in examples/nextjs: make demo does that.")

    with ExitStack() as stack:
        settings = {**settings, **_better_auth(folder, settings, _origin(web_port))}
        settings |= {"API_URL": _origin(api_port), "NEXT_PUBLIC_API_URL": _origin(api_port)}
        settings["NEXT_TELEMETRY_DISABLED"] = "1"
        if not settings.get("DATABASE_URL"):
            _say("PostgreSQL ...")
            server = stack.enter_context(postgres(folder / "postgres"))
            # Not `todo`: there, `make run` has tables of a stand-in for Better Auth.
            server.create_database("demo")
            url = server.url("demo")
            settings |= {"DATABASE_URL": url, "DATABASE_MIGRATION_URL": url, "MIGRATE_ON_START": "true"}

        _say("Next.js ..." if production else "Next.js, which compiles the first page ...")
        web = stack.enter_context(_next(node, web_port, settings, production=production))
        # First, and alone: its start makes the tables that the API looks for, and the keys are made
        # when they are asked for. A development server compiles both then.
        for path in ("/", "/api/auth/jwks"):
            wait_until_ready(web, web_port, path, _READY_TIMEOUT)

        _say("The API ...")
        everything = Demo(web, web_port, api_port, settings)
        stack.callback(everything.stop_api)
        everything.start_api()
        yield everything


def _better_auth(folder: Path, settings: Mapping[str, str], origin: str) -> dict[str, str]:
    """Give the settings of a Better Auth as it is out of the box, for both sides.

    All of them, because a `.env` may have those of another one.
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
    """Give the secret that a file keeps, and make it first: it decrypts the signing keys in the database."""
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
