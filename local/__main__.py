"""`python -m local run` and `python -m local token`; the Makefile calls them."""

import signal
import sys

# Before the imports that take a while: Ctrl-C among them would print a traceback.
signal.signal(signal.SIGINT, signal.SIG_DFL)

from local.postgres import PostgresError  # noqa: E402  # see above
from local.run import Problem, run, token  # noqa: E402  # see above


def main(arguments: list[str]) -> int:
    """Do what the one argument says and answer the exit code."""
    commands = {"run": run, "token": token}
    try:
        if len(arguments) != 1 or arguments[0] not in commands:
            raise Problem("usage: python -m local run|token", exit_code=2)
        commands[arguments[0]]()
    except KeyboardInterrupt:
        pass  # the usual end of `run`, and no error: make would report one
    except Problem as problem:
        print(problem, file=sys.stderr)
        return problem.exit_code
    except (PostgresError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
