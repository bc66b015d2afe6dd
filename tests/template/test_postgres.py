"""Test the embedded PostgreSQL: data of other versions, and the start after the end of a killed process."""

import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psutil
import psycopg2
import pytest

from dev.postgres import MAJOR, PostgresError, Server, postgres
from tests.live import ROOT

UNTIL_KILLED = """
import signal, sys
from pathlib import Path
from dev.postgres import postgres

with postgres(Path(sys.argv[1])) as server:
    server.create_database("kept")
    print("ready", flush=True)
    signal.pause()
"""


@pytest.fixture
def data() -> Iterator[Path]:
    """Create a folder for data, outside of pytest's folder, which each start of pytest closes to `nobody`."""
    with tempfile.TemporaryDirectory(prefix="a folder ") as folder:
        yield Path(folder) / "data"


def main_process(data: Path) -> psutil.Process:
    """Return the main process of the server that uses a folder."""
    return psutil.Process(int((data / MAJOR / "postmaster.pid").read_text().partition("\n")[0]))


def databases(server: Server) -> set[str]:
    """Return the names of the databases."""
    with closing(psycopg2.connect(server.url("postgres"))) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT datname FROM pg_database")
        return {name for (name,) in cursor.fetchall()}


def test_the_server_has_the_major_version_of_its_folder(server: Server) -> None:
    with closing(psycopg2.connect(server.url("postgres"))) as connection:
        assert str(connection.info.server_version // 10000) == MAJOR


def test_a_server_that_a_kill_left_behind_is_stopped_first(data: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", UNTIL_KILLED, data], cwd=ROOT, stdout=subprocess.PIPE)
    assert process.stdout
    assert process.stdout.readline() == b"ready\n"
    left = main_process(data)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert left.status() != psutil.STATUS_ZOMBIE
    with postgres(data) as server:
        assert "kept" in databases(server)
        assert main_process(data) != left


def test_a_server_that_was_killed_itself_recovers(data: Path) -> None:
    with postgres(data) as server:
        server.create_database("kept")
        main_process(data).kill()
    with postgres(data) as server:
        assert "kept" in databases(server)


def test_data_of_another_major_version_are_reported(tmp_path: Path) -> None:
    other = tmp_path / "17"
    other.mkdir()
    (other / "PG_VERSION").write_text("17\n")
    with pytest.raises(PostgresError) as error, postgres(tmp_path):
        pass
    assert str(error.value) == (
        f"{other} contains data of PostgreSQL 17, which PostgreSQL {MAJOR} cannot read. "
        "To start with an empty database, remove this folder."
    )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["17", "server.log"]
