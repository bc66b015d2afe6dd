"""Describe the generators, and run them in folders outside of the repository."""

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.live import environment

HERE = Path(__file__).parent
NODE_MODULES = HERE / "node_modules"
NODE_PROGRAMS = NODE_MODULES / ".bin"
PYTHON_PROGRAMS = Path(sys.executable).parent


@dataclass(frozen=True)
class Result:
    """Describe how a program ended."""

    code: int
    output: str


@dataclass(frozen=True)
class Generator:
    """Describe a generator and the client that uses its code.

    The folder of a client has `openapi.json`, the client, and the generator's code in `generated`.
    """

    client: str
    """The name of the file in this folder that uses the generated code."""
    generate: tuple[str, ...]
    """The command that writes `generated`."""
    compile: tuple[str, ...]
    """The command that checks the types of the client and of the generated code."""
    run: tuple[str, ...]
    """The command that runs the client."""
    files: tuple[str, ...] = ()
    """The files that the commands need in addition."""

    def prepare(self, folder: Path, document: str) -> None:
        """Write what the commands need into a new folder."""
        (folder / "openapi.json").write_text(document)
        for name in (self.client, *self.files):
            shutil.copy(HERE / name, folder / name)
        (folder / "node_modules").symlink_to(NODE_MODULES)


def run(command: tuple[str, ...], folder: Path, **variables: str) -> Result:
    """Run a command in a folder, and return its exit code and its output of both streams."""
    programs = f"{NODE_PROGRAMS}:{PYTHON_PROGRAMS}:{environment()['PATH']}"
    # With DO_NOT_TRACK, kubb sends no report to its authors.
    variables = {"PATH": programs, "NO_COLOR": "1", "DO_NOT_TRACK": "1", **variables}
    done = subprocess.run(
        command,
        check=False,
        cwd=folder,
        env=environment(**variables),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
    )
    return Result(done.returncode, done.stdout)


def _typescript(name: str, *generate: str, files: tuple[str, ...] = (), options: tuple[str, ...] = ()) -> Generator:
    client = f"{name}.ts"
    return Generator(
        client=client,
        generate=generate,
        compile=("tsc", "--project", ".", *options),
        run=("tsx", client),
        files=("package.json", "tsconfig.json", "shared.ts", *files),
    )


# @hey-api/openapi-ts 0.99.0 (hey-api issue 2236) and kubb 4.39.3 copy files into every client, whatever
# the document is, that do not compile with this option. The code that they generate does.
_INEXACT = ("--exactOptionalPropertyTypes", "false")

GENERATORS = {
    "openapi-python-client": Generator(
        client="openapi_python_client.py",
        generate=(
            "openapi-python-client",
            "generate",
            "--path=openapi.json",
            "--output-path=generated",
            "--meta=none",
            "--fail-on-warning",
        ),
        compile=("mypy", "--config-file=mypy.ini", "openapi_python_client.py", "generated"),
        run=(sys.executable, "openapi_python_client.py"),
        files=("mypy.ini",),
    ),
    "openapi-typescript": _typescript(
        "openapi_typescript", "openapi-typescript", "openapi.json", "--output=generated/schema.d.ts"
    ),
    "@hey-api/openapi-ts": _typescript(
        "hey_api", "openapi-ts", "--input=openapi.json", "--output=generated", "--no-log-file", options=_INEXACT
    ),
    "orval": _typescript(
        "orval", "orval", "--config=orval.config.mjs", "--fail-on-warnings", files=("orval.config.mjs",)
    ),
    "kubb": _typescript(
        "kubb", "kubb", "generate", "--config=kubb.config.mjs", files=("kubb.config.mjs",), options=_INEXACT
    ),
}
