"""Import the API once, then fork a process for each port: `python -m benchmarks.prefork PORT ...`.

gunicorn with `--preload` and other servers that fork do the same. `benchmarks/processes.py` measures what
the processes share.
"""

import gc
import os
import socket
import sys

import uvicorn

from main import app


def main() -> None:
    """Listen on each port, fork, and serve until the processes are ended."""
    arguments = sys.argv[1:]
    if "--unfreeze" in arguments:
        arguments.remove("--unfreeze")
        gc.unfreeze()
    # uvicorn would configure the log again, after the API has, and write a line of its own for each request.
    config = uvicorn.Config(app, log_config=None)
    config.load()  # imports the event loop and the parser, too
    listeners = [socket.create_server(("127.0.0.1", int(port))) for port in arguments]
    for listener in listeners:
        if os.fork() == 0:
            gc.collect()  # each process does this sooner or later, and it writes to all objects that are not frozen
            uvicorn.Server(config).run(sockets=[listener])
            os._exit(0)
    for _ in listeners:
        os.wait()


if __name__ == "__main__":
    main()
