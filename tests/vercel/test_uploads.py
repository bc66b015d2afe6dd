"""Test which files `vercel deploy` uploads, with the CLI's own rules."""

import re
import subprocess
from pathlib import Path

from tests.hosts.bare import VERCELS_OWN
from tests.layout import app_modules
from tests.live import ROOT
from tests.vercel.conftest import RUBBISH, SECRETS


def tracked() -> set[str]:
    """Return the files that Git tracks, or would track."""
    command = ("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return {name for name in listed.split("\0") if name and (ROOT / name).is_file()}


def test_both_services_are_uploaded_whole_and_nothing_else_is(uploads: tuple[Path, set[str]]) -> None:
    folder, names = uploads
    packages = {name for name in app_modules() if (ROOT / name).is_dir()}
    app = {name for name in tracked() if name.partition("/")[0] in packages or re.fullmatch(r"[^/]+\.py", name)}
    web = {name for name in tracked() if name.startswith("examples/nextjs/")}
    # The CLI never uploads files of this name.
    web = {name for name in web if not name.startswith("examples/nextjs/tests/") and not name.endswith("/.gitignore")}
    uploaded = {name for name in names if (folder / name).is_file()}
    assert uploaded == app | web | {"requirements.txt"} | (VERCELS_OWN & tracked())
    assert {"main.py", "auth/keys.py", "db/migrations/script.py.mako", "examples/nextjs/instrumentation.ts"} <= uploaded


def test_no_secret_and_nothing_that_was_built_is_uploaded(uploads: tuple[Path, set[str]]) -> None:
    folder, names = uploads
    for name in SECRETS + RUBBISH:
        assert (folder / name).read_text() == "secret"
        assert name not in names
    assert [name for name in names if (folder / name).is_file() and (folder / name).read_bytes() == b"secret"] == []
