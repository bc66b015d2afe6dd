"""Run `python -m dev run`, `demo`, `token`, `openapi`, `migration NAME`, `export` or `import`, as the Makefile does."""

import signal
import sys

# This line precedes the imports. They are slow, and Ctrl-C during them would print a traceback.
signal.signal(signal.SIGINT, signal.SIG_DFL)

from dev.demo import run_demo  # noqa: E402  # see above
from dev.migration import write_migration  # noqa: E402  # see above
from dev.openapi import write_openapi  # noqa: E402  # see above
from dev.postgres import PostgresError  # noqa: E402  # see above
from dev.processes import Problem  # noqa: E402  # see above
from dev.run import run, token  # noqa: E402  # see above
from dev.transfer import export_todos, import_todos  # noqa: E402  # see above


def main(arguments: list[str]) -> int:
    """Run the command of the arguments, and return the exit code."""
    try:
        match arguments:
            case ["run"]:
                run()
            case ["demo"]:
                run_demo()
            case ["token"]:
                token()
            case ["export"]:
                export_todos()
            case ["import"]:
                return import_todos()
            case ["openapi"]:
                write_openapi()
            case ["migration", name] if name:
                return write_migration(name)
            case ["migration", *_]:
                raise Problem('A migration needs a name. Run make migration NAME="add due date".', exit_code=2)
            case _:
                raise Problem("Usage: python -m dev run|demo|token|openapi|migration NAME|export|import", exit_code=2)
    except KeyboardInterrupt:
        pass  # Ctrl-C is the usual end of `run` and `demo`. make would report another exit code as an error.
    except Problem as problem:
        print(problem, file=sys.stderr)
        return problem.exit_code
    except (PostgresError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
