"""Run Vercel's CLI on a copy of the project, without an account."""

import json
import os
import shutil
import subprocess
from pathlib import Path

from tests.hosts.bare import VENV
from tests.live import ROOT

HERE = Path(__file__).parent
VERCEL = HERE / "node_modules" / ".bin" / "vercel"
EXAMPLE = Path("examples") / "nextjs"

_NOT_INHERITED = ("VERCEL", "DATABASE_", "BETTER_AUTH_", "NEXT_", "MAIL_", "GITHUB_CLIENT_", "DEMO_")
"""Do not pass on variables with these prefixes. They would configure the deployment."""


def copy_project(folder: Path) -> None:
    """Copy the files that Git tracks, or would track."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    for name in listed.stdout.rstrip("\0").split("\0"):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)


def copy_packages(example: Path) -> None:
    """Copy the packages of the Next.js app, as links to their files if that is possible."""
    source, copy = ROOT / EXAMPLE / "node_modules", example / "node_modules"
    try:
        shutil.copytree(source, copy, symlinks=True, copy_function=os.link)
    except (OSError, shutil.Error):  # the folder is on another file system
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(source, copy, symlinks=True)


def cli_environment(**variables: str) -> dict[str, str]:
    """Return the environment for the CLI. It finds uv, and a Python that Vercel has."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(_NOT_INHERITED)}
    # uv does not list the Python of a virtual environment.
    asked = (str(VENV / "bin" / "python"), "-c", "import sys; print(sys.base_prefix)")
    python = subprocess.run(asked, check=True, capture_output=True, text=True).stdout.strip()
    path = f"{python}/bin:{inherited['PATH']}:{ROOT / '.venv' / 'bin'}"
    quiet = {"VERCEL_TELEMETRY_DISABLED": "1", "NEXT_TELEMETRY_DISABLED": "1", "NO_COLOR": "1"}
    return {**inherited, "PATH": path, **quiet, **variables}


def build(folder: Path) -> None:
    """Run `vercel build` in a copy of the project. Fail with its log."""
    link = folder / ".vercel" / "project.json"
    link.parent.mkdir()
    link.write_text(json.dumps({"projectId": "prj_local", "orgId": "team_local", "settings": {}}))
    command = (VERCEL, "build", "--yes", "--global-config", folder.parent / "vercel-config")
    # Vercel's own machines set VERCEL.
    environment = cli_environment(VERCEL="1")
    done = subprocess.run(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    assert done.returncode == 0, done.stdout
