"""How every benchmark begins and ends as a command."""

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
    """Make the reader of a command line with numbers for options; more can be added."""
    parser = ArgumentParser(description=description)
    for name, default in defaults.items():
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--dry-run", action="store_true", help="print the results, and leave docs/benchmarks.md alone")
    return parser


def run(main: Callable[[Namespace], None], parser: ArgumentParser) -> NoReturn:
    """Run a benchmark, and end the process; Ctrl-C ends whatever it started."""
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
        signal.signal(number, signal.SIG_IGN)  # a second Ctrl-C must not interrupt the stopping
    raise KeyboardInterrupt
