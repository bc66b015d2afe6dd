"""Copy the app into another folder and run its commands there, so that `.local/` and `.env` stay as they are."""

import shutil
import subprocess
import sys
from pathlib import Path

from tests.layout import app_modules
from tests.live import ROOT, environment


def clone_to(folder: Path) -> None:
    """Copy the files that `python -m dev` needs."""
    for package in (ROOT / name for name in (*app_modules(), "dev")):
        if package.is_dir():
            shutil.copytree(package, folder / package.name, ignore=shutil.ignore_patterns("__pycache__"))
    for module in ROOT.glob("*.py"):
        shutil.copy(module, folder)


def command(clone: Path, name: str, **variables: str) -> subprocess.Popen[str]:
    """Start a command as the Makefile does."""
    return subprocess.Popen(
        [sys.executable, "-m", "dev", name],
        cwd=clone,
        env=environment(**{"PYTHONPATH": "", **variables}),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
