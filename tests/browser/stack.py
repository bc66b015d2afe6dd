"""Run the example as in production, with its API and database, for tests in another language.

`python -m tests.browser.stack` builds the example, starts all programs, and prints one line of JSON
with the addresses `web`, `api` and `database`. Then it runs the commands of its standard input, and
answers each with the line `ok`, or `error: ` and the reason:

* `stop api` and `start api`.
* `restart web {"NAME": "value"}` starts Next.js again with more variables, which replace those of the last restart.
* `rebuild` builds the example again while it is served, with another `NEXT_PUBLIC_BUILD`, so that files
  differ. Then it serves that build at the same address, as after a deployment.

The end of the input or SIGTERM stops all programs. A build is used again, also by the next process, if
nothing has changed and its ports are free.

With the variable ORIGINS=two, browsers call the API at its own origin, and not at the app's. Each shape
has builds of its own.
"""

import json
import os
import socket
import sys
import tempfile
from itertools import count
from pathlib import Path
from urllib.parse import urlsplit

from dev.build import last_variables
from dev.demo import Demo, demo
from dev.postgres import PostgresError
from dev.processes import Problem, stop_on_signals
from tests.live import environment, free_port

HAS_ONE_ORIGIN = os.environ.get("ORIGINS", "one") != "two"
BUILD = "test" if HAS_ONE_ORIGIN else "test-two"
_REBUILDS = count(1)


def main() -> None:
    """Build the example, and run it until the input ends.

    Raises:
        SystemExit: a program, a file or a port cannot be used. The message has the reason.
    """
    stop_on_signals()
    try:
        web_port, api_port = ports()
        with (
            tempfile.TemporaryDirectory() as folder,
            demo(
                Path(folder),
                environment(),
                web_port=web_port,
                api_port=api_port,
                name=BUILD,
                has_one_origin=HAS_ONE_ORIGIN,
            ) as stack,
        ):
            say(json.dumps({"web": stack.web_origin, "api": stack.api_origin, "database": stack.database_url}))
            for line in sys.stdin:
                obey(line.strip(), stack)
    except KeyboardInterrupt:
        pass  # SIGTERM ends the stack like the end of the input
    except (Problem, PostgresError, OSError) as error:
        sys.exit(str(error))


def ports() -> tuple[int, int]:
    """Return the ports of Next.js and of the API. A build contains both, so they are those of the last build."""
    last = last_variables(BUILD)
    web, api = (urlsplit(last.get(name, "")).port for name in ("BETTER_AUTH_URL", "API_URL"))
    if web and api and is_free(web) and is_free(api):
        return web, api
    return free_port(), free_port()


def is_free(port: int) -> bool:
    """Return whether a program can listen on a port."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a connection of the last run may linger
        try:
            listener.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def obey(command: str, stack: Demo) -> None:
    """Run a command, and print the answer."""
    try:
        match command:
            case "stop api":
                stack.stop_api()
            case "start api":
                stack.start_api()
            case _ if command.startswith("restart web "):
                stack.start_web(BUILD, **json.loads(command.removeprefix("restart web ")))
            case "rebuild":
                number = next(_REBUILDS)
                stack.rebuild(f"{BUILD}-{number % 2 + 1}", NEXT_PUBLIC_BUILD=str(number))
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
