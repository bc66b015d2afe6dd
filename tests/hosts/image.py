"""Build the image of the Dockerfile, as far as this is possible without a container engine."""

import json
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from tests.hosts.bare import PATH, Place, deployed, docker_takes
from tests.live import ROOT, Api, free_port, wait_until_healthy

INSTALL = "pip install --no-cache-dir --root-user-action=ignore --requirement requirements.txt"
"""Skip this step, because `make test-hosts` has installed the same packages."""


def steps() -> list[tuple[str, str]]:
    """Return the Dockerfile's instructions with their arguments, in order."""
    lines = re.findall(r"^([A-Z]+) (.*)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    return [(name, rest) for name, rest in lines if name.isupper()]


def command() -> list[str]:
    """Return the command of the container. It has the exec form, which Docker runs without a shell."""
    (arguments,) = (json.loads(rest) for name, rest in steps() if name == "CMD")
    return list(arguments)


@contextmanager
def built() -> Iterator[Place]:
    """Run the steps in a folder, which then becomes read-only."""
    copied = [source for name, rest in steps() if name == "COPY" for source in rest.split()[:-1]]
    files = {file for file in docker_takes(ROOT) if "." in copied or file in copied}
    runs = [rest for name, rest in steps() if name == "RUN" and rest != INSTALL]
    with deployed(files, run=" && ".join(runs)) as place:
        yield place


@contextmanager
def container(place: Place, **variables: str) -> Iterator[Api]:
    """Run the container's command until the block ends, on a port that the host chooses."""
    port = free_port()
    # Only this machine may reach the server of a test. The rest of the command is unchanged.
    line = [word.replace("--host 0.0.0.0", "--host 127.0.0.1") for word in command()]
    assert line != command()
    image = dict(rest.split("=", 1) for name, rest in steps() if name == "ENV")
    with place.process(*line, env=image | {"PORT": str(port)} | variables) as process:
        api = Api(f"http://127.0.0.1:{port}", process, place.log)
        wait_until_healthy(api)
        yield api


def expanded(**variables: str) -> str:
    """Return the command line after the container's shell has expanded it."""
    shell, dash_c, line = command()
    shown = [shell, dash_c, line.replace("exec ", "echo ", 1)]
    return subprocess.run(shown, env={"PATH": PATH} | variables, check=True, capture_output=True, text=True).stdout
