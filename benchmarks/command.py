"""Parse the options of a benchmark, and run it as a command."""

import signal
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from typing import NoReturn

import psutil

from benchmarks.servers import Problem
from dev.postgres import PostgresError

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def options(description: str | None, **defaults: int) -> ArgumentParser:
    """Return a parser with these numbers as options. A benchmark may add more options."""
    parser = ArgumentParser(description=description)
    for name, default in defaults.items():
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--dry-run", action="store_true", help="print the results without writing them into a document")
    return parser


def run(main: Callable[[Namespace], None], parser: ArgumentParser) -> NoReturn:
    """Run a benchmark, and end the process. Ctrl-C also ends the programs that it started."""
    arguments = parser.parse_args()
    for number in _SIGNALS:
        signal.signal(number, _interrupt)
    try:
        main(arguments)
    except KeyboardInterrupt:
        sys.exit(130)
    except (Problem, PostgresError, psutil.Error, OSError) as error:
        sys.exit(str(error))
    sys.exit()


def _interrupt(*_: object) -> NoReturn:
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_IGN)  # a second Ctrl-C must not interrupt the cleanup
    raise KeyboardInterrupt
