"""Replace Neon's proxy: TLS, the endpoint by SNI, SCRAM, and the same handling of startup parameters.

This follows proxy/src/compute/mod.rs of neondatabase/neon. It handles `options` as PgBouncer does from
version 1.20 on, because the PgBouncer behind it may be older.
"""

import asyncio
import re
import ssl
import struct
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from weakref import WeakKeyDictionary

from tests.listener import Listener, first_of
from tests.neon.scram import MECHANISMS, Exchange
from tests.neon.servers import Certificates
from tests.wire import is_sweep, without_limit

_TLS, _GSS, _CANCEL = 80877103, 80877104, 80877102
_POOLED = {"client_encoding", "datestyle", "timezone", "standard_conforming_strings", "application_name"}
_POOLED |= {"extra_float_digits"}
_NO_ENDPOINT = "The requested endpoint could not be found, or you don't have access to it."
_NOT_POOLED = (
    "unsupported startup parameter in options: {}. Please use unpooled connection or remove this parameter from the"
    " startup package. More details: https://neon.tech/docs/connect/connection-errors#unsupported-startup-parameter"
)


class _Refused(Exception):
    """Report a FATAL error with its code and text."""


@dataclass
class Client:
    """Describe a client that connected."""

    host: str | None = None
    """The name that TLS asked for (SNI)."""
    parameters: dict[str, str] = field(default_factory=dict)
    """The startup parameters that the client sent."""
    mechanism: str = ""
    refused: str = ""
    """The error that the client received if it was refused."""
    messages: list[str] = field(default_factory=list)
    """The messages of the client after the authentication: SQL, or the letter of another message. See `Wire`."""


class Front(Listener):
    """Forward clients with the right password to a pooler, and record their messages."""

    def __init__(self, endpoint: str, passwords: dict[str, str], pooler: Path, certificates: Certificates) -> None:
        super().__init__()
        self.clients: list[Client] = []
        """List all clients since the start."""
        self.messages: list[str] = []
        """List the messages of all clients in order. See `Client.messages`."""
        self.sweeps = 0
        """Count the messages of sweeps. Each sweep has two."""
        self.open = 0
        """Count the clients that are connected."""
        self._host, self._passwords, self._pooler = f"{endpoint}-pooler", passwords, pooler
        self._certificate = certificates.fingerprint
        self._names: WeakKeyDictionary[ssl.SSLObject, str | None] = WeakKeyDictionary()
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._tls.load_cert_chain(certificates.server, certificates.key)
        self._tls.sni_callback = lambda tls, name, _: self._names.update({tls: name})

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        client = Client()
        self.clients.append(client)
        self.open += 1
        try:
            await self._let_in(client, reader, writer)
        except _Refused as refused:
            code, client.refused = refused.args
            fields = (b"SFATAL", b"VFATAL", b"C" + code.encode(), b"M" + client.refused.encode(), b"", b"")
            writer.write(_message(b"E", b"\0".join(fields)))
        finally:
            self.open -= 1
            writer.close()
        # The last data of the pooler must arrive, but this does not wait for a client that does not read.
        with suppress(TimeoutError):
            await asyncio.wait_for(writer.wait_closed(), 0.2)

    async def _let_in(self, client: Client, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while (request := await _read_startup(reader))[0] == _GSS:
            writer.write(b"N")
        if request[0] == _CANCEL:  # libpq sends it without TLS
            back, there = await asyncio.open_unix_connection(self._pooler)
            there.write(_message(b"", struct.pack("!I", _CANCEL) + request[1]))
            await back.read()
            there.close()
            return
        if request[0] != _TLS:
            raise _Refused("28000", "connection is insecure (try using `sslmode=require`)")
        writer.write(b"S")
        await writer.start_tls(self._tls)
        client.host = self._names.get(writer.get_extra_info("ssl_object"))
        words = (await _read_startup(reader))[1].decode().split("\0")
        client.parameters = dict(zip(words[:-2:2], words[1:-1:2], strict=False))
        endpoint, parameters = _forwarded(client.parameters)
        if not (endpoint or client.host):
            raise _Refused("XX000", "Endpoint ID is not specified.")
        if (endpoint or (client.host or "").partition(".")[0]) != self._host:
            raise _Refused("XX000", _NO_ENDPOINT)
        await self._authenticate(client, reader, writer)
        try:
            back, there = await asyncio.open_unix_connection(self._pooler)
        except OSError:
            raise _Refused("08006", "Couldn't connect to compute node") from None
        try:
            packet = b"".join(f"{name}\0{value}\0".encode() for name, value in parameters.items())
            there.write(_message(b"", struct.pack("!I", 196608) + packet + b"\0"))
            await first_of(self._listen_in(client, reader, there), _copy(back, writer))
        finally:
            there.close()

    async def _authenticate(self, client: Client, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        user = client.parameters["user"]
        writer.write(_message(b"R", struct.pack("!I", 10) + "\0".join((*MECHANISMS, "", "")).encode()))
        mechanism, _, first = (await _read(reader))[1].partition(b"\0")
        client.mechanism = mechanism.decode()
        scram = Exchange(self._passwords.get(user), self._certificate, client.mechanism, first[4:])
        writer.write(_message(b"R", struct.pack("!I", 11) + scram.first))
        if not (final := scram.verify((await _read(reader))[1])):
            raise _Refused("28P01", f"password authentication failed for user '{user}'")
        # The pooler sends the end of the authentication next.
        writer.write(_message(b"R", struct.pack("!I", 12) + final))

    async def _listen_in(self, client: Client, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        while True:
            kind, body = await _read(source)
            sql, _ = without_limit(body[:-1].decode() if kind == b"Q" else kind.decode())
            if is_sweep(sql):
                self.sweeps += 1
            else:
                for log in (client.messages, self.messages):
                    log.append(sql)
            sink.write(_message(kind, body))
            await sink.drain()


def _forwarded(parameters: dict[str, str]) -> tuple[str, dict[str, str]]:
    """Return the endpoint in the options, and the startup parameters that reach the pooler."""
    kept = {name: value for name, value in parameters.items() if name in ("user", "database", "application_name")}
    kept["client_encoding"] = "UTF8"
    options = parameters.get("options", "")
    endpoint = re.search(r"(?:^|\s)(?:endpoint|project)=(\S+)", options)
    options = re.sub(r"(?:^|\s)(?:endpoint=|project=|neon_\w+:)\S+", "", options)
    for name, value in re.findall(r"(?:-c\s*|--)([\w.-]+)=(\S*)", options):
        if name.lower() not in _POOLED:
            raise _Refused("08P01", _NOT_POOLED.format(name))
        kept[name.lower()] = value
    return endpoint[1] if endpoint else "", kept


def _message(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("!I", len(body) + 4) + body


async def _read(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    kind, size = struct.unpack("!cI", await reader.readexactly(5))
    return kind, await reader.readexactly(size - 4)


async def _read_startup(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    size, code = struct.unpack("!II", await reader.readexactly(8))
    return code, await reader.readexactly(size - 8)


async def _copy(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    while chunk := await source.read(65536):
        sink.write(chunk)
        await sink.drain()
