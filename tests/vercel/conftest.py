"""Build the project once, as Vercel does: only with the files that are uploaded."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.hosts import conftest as hosts
from tests.hosts.bare import Place
from tests.vercel.cli import EXAMPLE, HERE, build, copy_packages, copy_project
from tests.vercel.output import Output

SECRETS = (
    *(".env", ".env.local", ".env.production", "auth/.env", "db/.env.local", ".local/better-auth-secret", "dump.sql"),
    *(f"examples/nextjs/{name}" for name in (".env", ".env.local", ".env.production.local", "app/.env")),
)
RUBBISH = (
    *("db/__pycache__/engine.cpython-312.pyc", ".venv/bin/python", ".vercel/output/config.json", "node_modules/x.js"),
    *(f"examples/nextjs/{name}" for name in ("node_modules/x/index.js", ".next/BUILD_ID", ".next-demo/BUILD_ID")),
)


backend = hosts.backend


@pytest.fixture(scope="session")
def uploads(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, set[str]]:
    """Return a used copy of the project, with secrets and other untracked files, and the files that are uploaded."""
    folder = tmp_path_factory.mktemp("used")
    copy_project(folder)
    for name in SECRETS + RUBBISH:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("secret")
    command = ("node", HERE / "uploaded.mjs", folder)
    listed = subprocess.run(command, check=True, capture_output=True, text=True)
    return folder, set(json.loads(listed.stdout))


@pytest.fixture(scope="session")
def output(uploads: tuple[Path, set[str]], tmp_path_factory: pytest.TempPathFactory) -> Output:
    """Run `vercel build` with the files that are uploaded."""
    used, names = uploads
    folder = tmp_path_factory.mktemp("build") / "project"
    for name in names:
        if (used / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(used / name, folder / name)
    copy_packages(folder / EXAMPLE)
    build(folder)
    return Output(folder)


@pytest.fixture(scope="session")
def python(output: Output) -> Iterator[str]:
    """Return a Python without packages for the API's function."""
    # Another run of pytest closes its folders to other accounts, and the function runs as one.
    with TemporaryDirectory(prefix="todo-python-") as folder, output.python(Path(folder) / "venv") as python:
        yield python


@pytest.fixture(scope="session")
def place(output: Output) -> Iterator[Place]:
    """Copy the API's function to a host."""
    with output.uploaded() as place:
        yield place
