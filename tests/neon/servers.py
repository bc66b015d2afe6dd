"""PostgreSQL and PgBouncer, set up as on Neon: from the system's packages, gone when a block ends."""

import os
import pwd
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import quote

import psycopg2
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from dev.postgres import Server
from tests.live import free_port

REGION = "region.aws.neon.tech"


def _account() -> pwd.struct_passwd | None:
    """Who runs the servers, which refuse to be root: `nobody` for root; `None`: whoever runs the tests."""
    return pwd.getpwnam("nobody") if os.geteuid() == 0 else None


def _give(*paths: Path) -> None:
    if account := _account():
        for path in paths:
            os.chown(path, account.pw_uid, account.pw_gid)


def _start(command: list[str], log: Path) -> subprocess.Popen[bytes]:
    account = _account()
    with log.open("ab") as output:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd="/",
            env={**os.environ, "LC_ALL": "C"},
            start_new_session=True,
            user=account and account.pw_uid,
            group=account and account.pw_gid,
            extra_groups=[] if account else None,
        )


def _wait_for(path: Path, process: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until a server answers at its Unix socket; fails with its log."""
    deadline = time.monotonic() + 30
    while True:
        try:
            psycopg2.connect(host=path.parent, port=path.suffix[1:], user="postgres", dbname="postgres").close()
        except psycopg2.OperationalError as error:
            if process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"{process.args!r} does not start: {error}\n{log.read_text()}") from None
            time.sleep(0.02)
        else:
            return


def _postgres_programs() -> Path:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: float(path.parts[-3]))
    if not found and (config := shutil.which("pg_config")):
        folder = subprocess.run([config, "--bindir"], capture_output=True, text=True, check=True).stdout.strip()
        found = [*Path(folder).glob("postgres")]
    if not found and (program := shutil.which("postgres")):
        found = [Path(program).resolve()]
    if not found:
        pytest.fail("PostgreSQL's server is missing: apt install postgresql", pytrace=False)
    return found[-1].parent


def _pgbouncer() -> str:
    if not (program := shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin")):
        pytest.fail("pgbouncer is missing: apt install pgbouncer", pytrace=False)
    return program


@dataclass(frozen=True)
class Certificates:
    """A certificate authority that nobody else knows, and a server's certificate signed by it."""

    authority: Path
    server: Path
    key: Path
    fingerprint: bytes
    """SHA-256 of the server's certificate."""


def make_certificates(folder: Path) -> Certificates:
    """Make certificates for localhost and Neon's host names."""
    files = [folder / name for name in ("authority.pem", "server.pem", "server.key")]
    authority_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    authority_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"Authority of {folder.name}")])
    now = datetime.now(UTC)

    def sign(name: x509.Name, key: ec.EllipticCurvePublicKey, extension: x509.ExtensionType) -> x509.Certificate:
        builder = x509.CertificateBuilder(authority_name, name, key, x509.random_serial_number())
        builder = builder.not_valid_before(now - timedelta(1)).not_valid_after(now + timedelta(1))
        return builder.add_extension(extension, critical=False).sign(authority_key, hashes.SHA256())

    authority = sign(authority_name, authority_key.public_key(), x509.BasicConstraints(ca=True, path_length=0))
    names = [x509.DNSName("localhost"), x509.DNSName(f"*.{REGION}"), x509.IPAddress(ip_address("127.0.0.1"))]
    server_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    server = sign(server_name, key.public_key(), x509.SubjectAlternativeName(names))
    pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    files[0].write_bytes(authority.public_bytes(pem))
    files[1].write_bytes(server.public_bytes(pem))
    files[2].write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain))
    files[2].chmod(0o600)  # PostgreSQL wants it so
    _give(folder, *files)
    return Certificates(files[0], files[1], files[2], server.fingerprint(hashes.SHA256()))


@dataclass(frozen=True)
class Postgres(Server):
    """A running PostgreSQL: TLS and SCRAM over TCP; its Unix socket trusts everybody."""

    port: int

    def url(self, database: str) -> str:
        where = f"host={quote(str(self.socket_dir), safe='')}&port={self.port}"
        return f"postgresql://postgres@/{quote(database, safe='')}?{where}"


@contextmanager
def postgres(folder: Path, certificates: Certificates) -> Iterator[Postgres]:
    """Run PostgreSQL on an empty folder."""
    programs, data, log = _postgres_programs(), folder / "data", folder / "postgres.log"
    _give(folder)
    locale = ["--encoding=UTF8", "--locale=C"]  # by code point, as at Neon
    making = _start([f"{programs}/initdb", "-D", str(data), "-U", "postgres", "-A", "trust", "-N", *locale], log)
    assert making.wait(60) == 0, log.read_text()
    (data / "pg_hba.conf").write_text("local all all trust\nhostssl all all 127.0.0.1/32 scram-sha-256\n")
    settings = {
        "listen_addresses": "127.0.0.1",
        "port": str(port := free_port()),
        "unix_socket_directories": str(folder),
        "max_connections": "200",
        "password_encryption": "scram-sha-256",
        "ssl": "on",
        "ssl_cert_file": str(certificates.server),
        "ssl_key_file": str(certificates.key),
        "fsync": "off",  # nothing here has to survive the machine
    }
    process = _start([f"{programs}/postgres", "-D", str(data), *(f"--{n}={v}" for n, v in settings.items())], log)
    try:
        _wait_for(folder / f".s.PGSQL.{port}", process, log)
        yield Postgres(folder, port)
    finally:
        process.send_signal(signal.SIGINT)  # "fast": ends the connections, then itself
        process.wait(20)


class PgBouncer:
    """A PgBouncer as Neon sets it up, in transaction mode.

    TCP 127.0.0.1:`port` wants TLS and SCRAM, or SCRAM in the clear; its Unix socket trusts
    everybody, as Neon's own trusts the proxy. `server_login_retry` alone is not Neon's: newer ones
    tell at once that a database does not exist, and Debian 12's waits so long.
    """

    def __init__(
        self, folder: Path, server: Postgres, certificates: Certificates, passwords: Mapping[str, str], pool_size: int
    ) -> None:
        self.port = free_port()
        self.socket = folder / f".s.PGSQL.{self.port}"
        self._log = folder / "pgbouncer.log"
        self._command = [_pgbouncer(), str(folder / "pgbouncer.ini")]
        (folder / "hba.conf").write_text("local all all trust\nhost all all 127.0.0.1/32 scram-sha-256\n")
        users = {"postgres": "", **passwords}.items()
        (folder / "users.txt").write_text("".join(f'"{user}" "{password}"\n' for user, password in users))
        (folder / "pgbouncer.ini").write_text(f"""
[databases]
* = host={server.socket_dir} port={server.port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {self.port}
unix_socket_dir = {folder}
auth_type = hba
auth_hba_file = {folder}/hba.conf
auth_file = {folder}/users.txt
admin_users = postgres
client_tls_sslmode = allow
client_tls_cert_file = {certificates.server}
client_tls_key_file = {certificates.key}
pool_mode = transaction
max_client_conn = 10000
default_pool_size = {pool_size}
query_wait_timeout = 120
server_login_retry = 1
ignore_startup_parameters = extra_float_digits
""")
        _give(folder)
        self.start()

    def start(self) -> None:
        """Start it, again on the same port and socket."""
        self._process = _start(self._command, self._log)
        _wait_for(self.socket, self._process, self._log)

    def kill(self) -> None:
        """End it as Neon does, with SIGKILL: no client is told anything."""
        self._process.kill()
        self._process.wait()

    def connections(self, database: str) -> int:
        """Count its connections to a database of the server."""
        console = psycopg2.connect(host=self.socket.parent, port=self.port, user="postgres", dbname="pgbouncer")
        console.autocommit = True
        with closing(console), console.cursor() as cursor:
            cursor.execute("SHOW SERVERS")
            return sum(database in row for row in cursor)


@contextmanager
def pgbouncer(
    folder: Path, server: Postgres, certificates: Certificates, passwords: Mapping[str, str], *, pool_size: int = 93
) -> Iterator[PgBouncer]:
    """Run PgBouncer on an empty folder; `pool_size` is what Neon gives the smallest compute."""
    pooler = PgBouncer(folder, server, certificates, passwords, pool_size)
    try:
        yield pooler
    finally:
        pooler.kill()
