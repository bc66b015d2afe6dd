"""The image that the Dockerfile describes, as far as it can be made without a container engine."""

import json
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from tests.hosts.bare import PATH, Place, deployed, docker_takes
from tests.live import ROOT, Api, free_port, wait_until_healthy

INSTALL = "pip install --no-cache-dir --root-user-action=ignore --requirement requirements.txt"
"""The step that is not taken here: `make test-hosts` did the same."""


def steps() -> list[tuple[str, str]]:
    """Give the Dockerfile's instructions with their arguments, in order."""
    lines = re.findall(r"^([A-Z]+) (.*)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    return [(name, rest) for name, rest in lines if name.isupper()]


def command() -> list[str]:
    """Give what the container runs: the exec form, around which Docker puts no shell."""
    (arguments,) = (json.loads(rest) for name, rest in steps() if name == "CMD")
    return list(arguments)


@contextmanager
def built() -> Iterator[Place]:
    """Take the steps, in a folder that is read-only then."""
    copied = [source for name, rest in steps() if name == "COPY" for source in rest.split()[:-1]]
    files = {file for file in docker_takes(ROOT) if "." in copied or file in copied}
    runs = [rest for name, rest in steps() if name == "RUN" and rest != INSTALL]
    with deployed(files, run=" && ".join(runs)) as place:
        yield place


@contextmanager
def container(place: Place, **variables: str) -> Iterator[Api]:
    """Run the container's command until the block ends, on a port that the host names."""
    port = free_port()
    # The tests are reachable from this machine alone; nothing else about the command is changed.
    line = [word.replace("--host 0.0.0.0", "--host 127.0.0.1") for word in command()]
    assert line != command()
    image = dict(rest.split("=", 1) for name, rest in steps() if name == "ENV")
    with place.process(*line, env=image | {"PORT": str(port)} | variables) as process:
        api = Api(f"http://127.0.0.1:{port}", process, place.log)
        wait_until_healthy(api)
        yield api


def expanded(**variables: str) -> str:
    """Give the command line as the shell in the container expands it."""
    shell, dash_c, line = command()
    shown = [shell, dash_c, line.replace("exec ", "echo ", 1)]
    return subprocess.run(shown, env={"PATH": PATH} | variables, check=True, capture_output=True, text=True).stdout
