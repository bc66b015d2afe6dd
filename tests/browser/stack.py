"""The example as in production, with its API and database, for tests that are not Python.

`python -m tests.browser.stack` builds it, starts everything, and prints one line of JSON with the
addresses: `web`, `api`, `database`. Then it does what the lines of its standard input say,
`stop api` or `start api`, and answers each with a line: `ok`, or `error: ` and what went wrong.
The end of the input, or SIGTERM, ends everything.
"""

import json
import secrets
import shutil
import sys
import tempfile
from pathlib import Path

from dev.demo import EXAMPLE, Demo, demo
from dev.postgres import PostgresError
from dev.processes import Problem, running, stop_on_signals
from tests.live import environment, free_port


def main() -> None:
    """Do all of it.

    Raises:
        SystemExit: something is missing or broken; its message says what.
    """
    stop_on_signals()
    try:
        web_port, api_port = free_port(), free_port()
        build(web_port, api_port)
        with (
            tempfile.TemporaryDirectory() as folder,
            demo(Path(folder), environment(), web_port=web_port, api_port=api_port, production=True) as stack,
        ):
            say(json.dumps({"web": stack.web_origin, "api": stack.api_origin, "database": stack.database_url}))
            for line in sys.stdin:
                obey(line.strip(), stack)
    except KeyboardInterrupt:
        pass  # SIGTERM is an end like the input's
    except (Problem, PostgresError, OSError) as error:
        sys.exit(str(error))


def build(web_port: int, api_port: int) -> None:
    """Compile the example: what the browser gets has the API's address in it.

    Raises:
        Problem: it does not compile; what was printed is on standard error.
    """
    variables = environment(
        NEXT_PUBLIC_API_URL=f"http://localhost:{api_port}",
        BETTER_AUTH_URL=f"http://localhost:{web_port}",
        BETTER_AUTH_SECRET=secrets.token_hex(32),
        DATABASE_URL="postgresql://nobody@127.0.0.1:1/nothing",
        NEXT_TELEMETRY_DISABLED="1",
    )
    command = ("node", "node_modules/.bin/next", "build")
    with tempfile.TemporaryFile("w+") as log, running("next build", command, EXAMPLE, variables, output=log) as program:
        if program.process.wait() != 0:
            log.seek(0)
            shutil.copyfileobj(log, sys.stderr)
            raise Problem("The example does not build.")


def obey(command: str, stack: Demo) -> None:
    """Carry out a command, and answer it."""
    try:
        match command:
            case "stop api":
                stack.stop_api()
            case "start api":
                stack.start_api()
            case _:
                raise Problem(f"there is no command {command!r}")
    except (Problem, OSError) as error:
        say("error: " + " ".join(str(error).split()))
    else:
        say("ok")


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
