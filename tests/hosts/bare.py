"""Run the app as a host does: only its files, read-only, with another Python, and without rights."""

import os
import pwd
import re
import shutil
import signal
import stat
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil

from tests.live import ROOT, wait_for

VENV = Path(os.environ.get("HOSTS_VENV") or ROOT / ".venv-hosts")
"""Use this environment, which has only the packages of requirements.txt and tests/hosts/requirements.txt."""
PATH = f"{VENV / 'bin'}:/usr/local/bin:/usr/bin:/bin"
NOBODY = pwd.getpwnam("nobody") if os.geteuid() == 0 else None
"""Run processes as this account, because root may write read-only files. `None` means the same user."""

VERCELS_OWN = {"vercel.json", ".python-version"}
"""List the files that Vercel reads, if they exist."""

Process = subprocess.Popen[str]


def vercel_takes(folder: Path) -> set[str]:
    """Return the files of a folder that are uploaded to Vercel, without those of the Next.js app.

    .vercelignore has the syntax of .gitignore. vercel.json keeps the app out of the API's function.
    """
    with tempfile.TemporaryDirectory() as empty:
        git = ["git", f"--git-dir={empty}", f"--work-tree={folder}"]
        subprocess.run([*git, "init", "--quiet"], check=True)
        command = [*git, "ls-files", "--others", f"--exclude-from={ROOT / '.vercelignore'}"]
        files = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout.splitlines()
    return {name for name in files if not name.startswith("examples/")}


def docker_takes(folder: Path) -> set[str]:
    """Return the files of a folder that .dockerignore does not exclude. The last matching pattern decides."""
    rules = []
    for line in (ROOT / ".dockerignore").read_text().splitlines():
        if line and not line.startswith("#"):
            pattern = re.escape(line.removeprefix("!")).replace(r"\*\*/", "(.*/)?").replace(r"\*", "[^/]*")
            rules.append((re.compile(f"{pattern}(/.*)?"), line.startswith("!")))
    names = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    return {name for name in names if [take for rule, take in rules if rule.fullmatch(name)][-1:] != [False]}


class Place:
    """Describe a host's file system: the app, and one folder where its process may write."""

    def __init__(self, home: Path) -> None:
        self.home, self.app, self.scratch, self.log = home, home / "app", home / "tmp", home / "log"

    @contextmanager
    def process(self, *command: str, env: Mapping[str, str], **options: Any) -> Iterator[Process]:
        """Run a command in the app's folder as nobody, with only the variables of `env`, until the block ends.

        Then the command and its child processes are killed. Tests send SIGTERM if they check the end.
        """
        system = {"PATH": PATH, "HOME": str(self.app), "TMPDIR": str(self.scratch), "PYTHONWARNINGS": "error"}
        account: dict[str, Any] = {}
        if NOBODY:
            account = {"user": NOBODY.pw_uid, "group": NOBODY.pw_gid, "extra_groups": []}
        options |= {"cwd": self.app, "env": system | dict(env), "text": True, "start_new_session": True}
        with self.log.open("w") as log, subprocess.Popen(command, stderr=log, **options, **account) as process:
            try:
                yield process
            finally:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)

    def files(self) -> dict[Path, int]:
        """Return all files and folders with the time of their last change."""
        return {path: path.stat().st_mtime_ns for folder in (self.app, self.scratch) for path in folder.rglob("*")}


@contextmanager
def deployed(
    files: Iterable[str] | Mapping[str, Path], new: Mapping[str, str] | None = None, run: str = "true"
) -> Iterator[Place]:
    """Copy files to a host. At the end no file may be changed or added.

    Args:
        files: their names in the repository, or their names on the host with their places here.
        new: the names and contents of more files.
        run: a shell command that runs there before the files become read-only.
    """
    with tempfile.TemporaryDirectory(prefix="todo-host-") as home:
        place = Place(Path(home))
        place.scratch.mkdir()
        for name, source in (files if isinstance(files, Mapping) else {name: ROOT / name for name in files}).items():
            (place.app / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, place.app / name)
        for name, text in (new or {}).items():
            (place.app / name).write_text(text)
        subprocess.run(["sh", "-c", run], cwd=place.app, env={"PATH": PATH}, check=True)
        for path in (place.app, *place.app.rglob("*")):
            path.chmod(0o555 if path.is_dir() else 0o444)
        place.scratch.chmod(0o777)
        before = place.files()
        with passable(place.home):
            yield place
        assert place.files() == before, "the process wrote files"


@contextmanager
def passable(*places: Path) -> Iterator[None]:
    """Let `nobody` enter folders and those above them until the block ends, for example `/root`."""
    closed = {}
    for folder in {above for place in places for above in (place, *place.parents)} if NOBODY else ():
        mode = stat.S_IMODE(folder.stat().st_mode)
        if not mode & stat.S_IXOTH:
            closed[folder] = mode
            folder.chmod(mode | stat.S_IXOTH)
    try:
        yield
    finally:
        for folder, mode in closed.items():
            folder.chmod(mode)


def freeze(process: Process) -> None:
    """Freeze a process, as a host does between two requests. SIGCONT thaws it."""
    process.send_signal(signal.SIGSTOP)
    wait_for(lambda: psutil.Process(process.pid).status() == psutil.STATUS_STOPPED)
