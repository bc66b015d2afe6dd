"""Replace Vercel's proxy: one origin for both services, with the routes of the build output."""

from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import httpx

from tests.listener import serving
from tests.vercel.routes import Routes

_OF_A_CONNECTION = {"connection", "keep-alive", "transfer-encoding"}
ADDRESS = "x-address"
"""Read the address of the client from this header."""
SERVED_BY = "x-served-by"
"""Name the service in this header of each answer."""


@contextmanager
def proxy(routes: Routes, services: Mapping[str, str]) -> Iterator[int]:
    """Send each request to the service that the routes name, until the block ends. Yield the port.

    The service receives the path as the client sent it, and the same `Host`. Clients connect without TLS
    here. The service learns that it was HTTPS, as from Vercel.
    """

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            service = routes.service(self.path.partition("?")[0])
            address = urlsplit(services[service])
            with closing(HTTPConnection(address.hostname or "", address.port, timeout=60)) as upstream:
                upstream.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
                for name, value in self.headers.items():
                    if name.lower() not in _OF_A_CONNECTION:
                        upstream.putheader(name, value)
                upstream.putheader("x-forwarded-proto", "https")
                upstream.putheader("x-forwarded-host", self.headers["Host"])
                upstream.putheader("x-forwarded-for", self.headers.get(ADDRESS, "203.0.113.0"))
                upstream.endheaders(body)
                answer = upstream.getresponse()
                content = answer.read()
            self.send_response_only(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in _OF_A_CONNECTION | {"content-length"}:
                    self.send_header(name, value)
            self.send_header(SERVED_BY, service)
            if answer.status not in (204, 304):
                length = answer.getheader("Content-Length") or "0" if self.command == "HEAD" else str(len(content))
                self.send_header("Content-Length", length)
            self.end_headers()
            self.wfile.write(content)

        do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = do_GET  # noqa: N815  # as http.server calls

        def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002  # the name in http.server
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    with serving(server):
        yield server.server_port


class Https(httpx.BaseTransport):
    """Send requests for an HTTPS origin to the proxy, so that a client sends secure cookies, too."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._http = httpx.HTTPTransport(trust_env=False)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        url = request.url.copy_with(scheme="http", host="127.0.0.1", port=self._port)
        inner = httpx.Request(request.method, url, headers=request.headers, stream=request.stream)
        return self._http.handle_request(inner)

    def close(self) -> None:
        self._http.close()
