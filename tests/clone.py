"""A clone of the app, so that your `.local/` and `.env` are left alone, and the commands in it."""

import shutil
import subprocess
import sys
from pathlib import Path

from tests.live import ROOT, environment

ROOMS = ("auth", "crud", "db", "dev", "models", "routers")


def clone_to(folder: Path) -> None:
    """Copy what the app and `python -m dev` are made of."""
    for room in ROOMS:
        shutil.copytree(ROOT / room, folder / room, ignore=shutil.ignore_patterns("__pycache__"))
    for module in ROOT.glob("*.py"):
        shutil.copy(module, folder)


def command(clone: Path, name: str, **variables: str) -> subprocess.Popen[str]:
    """Start what make starts."""
    return subprocess.Popen(
        [sys.executable, "-m", "dev", name],
        cwd=clone,
        env=environment(**{"PYTHONPATH": "", **variables}),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
