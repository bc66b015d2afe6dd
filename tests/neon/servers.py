"""Run PostgreSQL and PgBouncer of the system's packages with Neon's configuration, until a block ends."""

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
    """Return the account that runs the servers. It is `nobody` for root, and `None` means the same user."""
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
    """Wait until a server answers at its Unix socket. Fail with its log if it does not."""
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
        pytest.fail("PostgreSQL's server is not installed. Run apt install postgresql.", pytrace=False)
    return found[-1].parent


def _pgbouncer() -> str:
    if not (program := shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin")):
        pytest.fail("PgBouncer is not installed. Run apt install pgbouncer.", pytrace=False)
    return program


@dataclass(frozen=True)
class Certificates:
    """Describe a new certificate authority, and a server's certificate that it signed."""

    authority: Path
    server: Path
    key: Path
    fingerprint: bytes
    """SHA-256 of the server's certificate."""


def make_certificates(folder: Path) -> Certificates:
    """Create certificates for localhost and Neon's host names."""
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
    files[2].chmod(0o600)  # PostgreSQL refuses a key that others can read
    _give(folder, *files)
    return Certificates(files[0], files[1], files[2], server.fingerprint(hashes.SHA256()))


@dataclass(frozen=True)
class Postgres(Server):
    """Describe a running PostgreSQL. TCP requires TLS and SCRAM. The Unix socket trusts every user."""

    port: int

    def url(self, database: str) -> str:
        where = f"host={quote(str(self.socket_dir), safe='')}&port={self.port}"
        return f"postgresql://postgres@/{quote(database, safe='')}?{where}"


@contextmanager
def postgres(folder: Path, certificates: Certificates) -> Iterator[Postgres]:
    """Run PostgreSQL on an empty folder until the block ends."""
    programs, data, log = _postgres_programs(), folder / "data", folder / "postgres.log"
    _give(folder)
    locale = ["--encoding=UTF8", "--locale=C"]  # Neon also sorts by code point
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
        "fsync": "off",  # the data need not survive a crash of the machine
    }
    process = _start([f"{programs}/postgres", "-D", str(data), *(f"--{n}={v}" for n, v in settings.items())], log)
    try:
        _wait_for(folder / f".s.PGSQL.{port}", process, log)
        yield Postgres(folder, port)
    finally:
        process.send_signal(signal.SIGINT)  # this "fast" shutdown also ends the connections
        process.wait(20)


class PgBouncer:
    """Run a PgBouncer with Neon's configuration, in transaction mode.

    TCP 127.0.0.1:`port` requires SCRAM, with or without TLS. The Unix socket trusts every user, as
    Neon's trusts the proxy. Only `server_login_retry` has another value than at Neon. PgBouncer of
    Debian 12 waits for this time before it reports that a database does not exist, and newer ones do
    not wait.
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
        """Start PgBouncer. A restart uses the same port and socket."""
        self._process = _start(self._command, self._log)
        _wait_for(self.socket, self._process, self._log)

    def kill(self) -> None:
        """End PgBouncer with SIGKILL, as Neon does. Clients receive no message."""
        self._process.kill()
        self._process.wait()

    def connections(self, database: str) -> int:
        """Return the number of its connections to a database of the server."""
        console = psycopg2.connect(host=self.socket.parent, port=self.port, user="postgres", dbname="pgbouncer")
        console.autocommit = True
        with closing(console), console.cursor() as cursor:
            cursor.execute("SHOW SERVERS")
            return sum(database in row for row in cursor)


@contextmanager
def pgbouncer(
    folder: Path, server: Postgres, certificates: Certificates, passwords: Mapping[str, str], *, pool_size: int = 93
) -> Iterator[PgBouncer]:
    """Run PgBouncer on an empty folder. The default `pool_size` is that of Neon's smallest compute."""
    pooler = PgBouncer(folder, server, certificates, passwords, pool_size)
    try:
        yield pooler
    finally:
        pooler.kill()
