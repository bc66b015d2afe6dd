"""Run the example as in production, with its API and database, for tests in another language.

`python -m tests.browser.stack` builds the example, starts all programs, and prints one line of JSON
with the addresses `web`, `api` and `database`. Then it runs the commands of its standard input,
`stop api` and `start api`, and answers each with the line `ok`, or `error: ` and the reason. The end
of the input or SIGTERM stops all programs.
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
    """Build the example, and run it until the input ends.

    Raises:
        SystemExit: a program, a file or a port cannot be used. The message has the reason.
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
        pass  # SIGTERM ends the stack like the end of the input
    except (Problem, PostgresError, OSError) as error:
        sys.exit(str(error))


def build(web_port: int, api_port: int) -> None:
    """Build the example. Its files for the browser contain the address of the API.

    Raises:
        Problem: the build failed. Its output is on standard error.
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
            raise Problem("The example could not be built.")


def obey(command: str, stack: Demo) -> None:
    """Run a command, and print the answer."""
    try:
        match command:
            case "stop api":
                stack.stop_api()
            case "start api":
                stack.start_api()
            case _:
                raise Problem(f"The command {command!r} is unknown.")
    except (Problem, OSError) as error:
        say("error: " + " ".join(str(error).split()))
    else:
        say("ok")


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
