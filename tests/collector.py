"""Receive what the API exports with OTLP over HTTP, as a collector of OpenTelemetry does."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.listener import serving


@dataclass(frozen=True)
class Span:
    """Describe a span that was exported."""

    name: str
    kind: int
    trace_id: str
    id: str
    parent_id: str
    status: int
    attributes: dict[str, Any]
    events: list[tuple[str, dict[str, Any]]]


@dataclass
class Collector:
    """Collect the spans and metrics that were exported to `url`."""

    url: str = ""
    spans: list[Span] = field(default_factory=list)
    metrics: dict[str, list[Any]] = field(default_factory=dict)
    """Lists the data points of each metric by its name; each export has the sum since the start."""
    bodies: dict[str, list[bytes]] = field(default_factory=dict)
    """Lists what was received by path."""

    def add(self, path: str, body: bytes) -> None:
        """Add the body of a request."""
        self.bodies.setdefault(path, []).append(body)
        if path == "/v1/traces":
            for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
                self.spans += [_span(one) for scope in resource.scope_spans for one in scope.spans]
        elif path == "/v1/metrics":
            for exported in ExportMetricsServiceRequest.FromString(body).resource_metrics:
                for metric in (one for scope in exported.scope_metrics for one in scope.metrics):
                    self.metrics[metric.name] = list(getattr(metric, str(metric.WhichOneof("data"))).data_points)

    def named(self, name: str) -> list[Span]:
        """Return the spans of a name."""
        return [span for span in self.spans if span.name == name]


def attributes(of: Any) -> dict[str, Any]:
    """Return the attributes of a span, an event or a data point."""
    return {one.key: getattr(one.value, str(one.value.WhichOneof("value"))) for one in of.attributes}


def _span(span: Any) -> Span:
    events = [(event.name, attributes(event)) for event in span.events]
    trace_id, span_id, parent_id = span.trace_id.hex(), span.span_id.hex(), span.parent_span_id.hex()
    return Span(span.name, span.kind, trace_id, span_id, parent_id, span.status.code, attributes(span), events)


@contextmanager
def collecting() -> Iterator[Collector]:
    """Run a collector until the block ends."""
    collector = Collector()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            collector.add(self.path, self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    collector.url = f"http://127.0.0.1:{server.server_port}"
    with serving(server):
        yield collector
