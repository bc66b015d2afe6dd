"""Copy the sync client of examples/nextjs for the tests that run it."""

import shutil
from pathlib import Path

import pytest

from tests.clients.generators import HERE, NODE_MODULES
from tests.live import ROOT
from tests.offline import program

SYNC = ROOT / "examples" / "nextjs" / "sync"
CORE = ("claims.ts", "client.ts", "item.ts", "order.ts", "requests.ts", "state.ts", "store.ts", "types.ts")
"""The files of the sync client that need no browser and no package."""
PROGRAMS = ("offline_device.ts", "package.json", "tsconfig.json")


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Copy the client, and the program that runs it, into a folder without anything else of the example."""
    root = tmp_path_factory.mktemp("client")
    folder = root / "tests" / "clients"
    copies = {SYNC: CORE, ROOT / "examples" / "terminal": ("file-store.ts", "todo.ts"), HERE: PROGRAMS}
    for source, names in copies.items():
        copy = root / source.relative_to(ROOT)
        copy.mkdir(parents=True)
        for name in names:
            shutil.copy(source / name, copy / name)
    (folder / "poll.ts").write_text(program("poll.ts"))
    (root / "node_modules").symlink_to(NODE_MODULES)
    return folder
