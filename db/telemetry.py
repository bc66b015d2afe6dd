"""Spans and metrics of statements, as OpenTelemetry's conventions for databases name them (1.44).

Nothing is measured until `start` finds a provider of OpenTelemetry's SDK. No value is recorded:
neither the text of a statement nor its parameters, and of an error only its code.
"""

import re
from functools import lru_cache
from time import perf_counter
from types import TracebackType
from typing import Any, Final

from opentelemetry import metrics, trace
from opentelemetry.trace import SpanKind, StatusCode

from config import settings

_url = settings.database_url
_SERVER: Final[dict[str, Any]] = {"server.address": _url.host, "server.port": _url.port or 5432} if _url.host else {}
_DATABASE: Final[dict[str, Any]] = {"db.system.name": "postgresql", "db.namespace": _url.database, **_SERVER}
_POOL = {"db.client.connection.pool.name": f"{_url.host or 'local'}:{_url.port or 5432}/{_url.database}"}

_tracer = trace.get_tracer("todo.db")
_meter = metrics.get_meter("todo.db")
_duration = _meter.create_histogram(
    "db.client.operation.duration",
    unit="s",
    description="Duration of database client operations.",
    explicit_bucket_boundaries_advisory=(0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10),
)
_wait_time = _meter.create_histogram(
    "db.client.connection.wait_time",
    unit="s",
    description="The time it took to obtain an open connection from the pool.",
    explicit_bucket_boundaries_advisory=(0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10),
)
_is_on = False


def start() -> None:
    """Measure from now on, if the process has a provider for traces or metrics."""
    global _is_on  # noqa: PLW0603  # the providers exist when the app starts, and not when this is imported
    providers = trace.get_tracer_provider(), metrics.get_meter_provider()
    # Without the SDK, the API has proxies. It has no public way to ask for that.
    _is_on = not all("Proxy" in type(provider).__name__ for provider in providers)


class _Off:
    """Measures nothing."""

    __slots__ = ()

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        pass


_OFF = _Off()


class _Operation:
    """Records a span and the duration of one statement, with the time that it waits for a connection."""

    __slots__ = ("_attributes", "_began", "_span")

    def __init__(self, sql: object) -> None:
        operation, summary = summarize(sql if isinstance(sql, str) else "")
        self._attributes = {**_DATABASE, "db.operation.name": operation, "db.query.summary": summary}

    def __enter__(self) -> None:
        name: Any = self._attributes["db.query.summary"]
        self._span = _tracer.start_span(name, kind=SpanKind.CLIENT, attributes=self._attributes)
        self._began = perf_counter()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        if error is not None:
            code = getattr(getattr(error, "orig", error), "pgcode", None)
            failure = {"error.type": code or _name(error), **({"db.response.status_code": code} if code else {})}
            self._attributes |= failure
            self._span.set_attributes(failure)
            self._span.set_status(StatusCode.ERROR)
        with trace.use_span(self._span, end_on_exit=True):  # so that the duration can refer to the span
            _duration.record(perf_counter() - self._began, self._attributes)


class _Wait:
    """Records how long a block waited for a slot, which is the right to use a connection."""

    __slots__ = ("_began",)

    def __enter__(self) -> None:
        self._began = perf_counter()

    def __exit__(self, *_: object) -> None:
        _wait_time.record(perf_counter() - self._began, _POOL)


def statement(sql: object) -> _Operation | _Off:
    """Return a context manager that records the statement which its block executes."""
    return _Operation(sql) if _is_on else _OFF


def waiting_for_slot() -> _Wait | _Off:
    """Return a context manager that records how long its block waited for a slot."""
    return _Wait() if _is_on else _OFF


def _name(error: BaseException) -> str:
    cause = getattr(error, "orig", None) or error
    return f"{type(cause).__module__}.{type(cause).__qualname__}"


# Literals and comments, in which words mean nothing and values are.
_LITERAL = re.compile(r"\bE'(?:[^'\\]|''|\\.)*'|'(?:[^']|'')*'|\$(\w*)\$.*?\$\1\$|--[^\n]*|/\*.*?\*/", re.DOTALL)
_TABLE = r'(?:ONLY\s+)?((?:[^\W\d]\w*|"[^"]+")(?:\.(?:[^\W\d]\w*|"[^"]+"))?)'
# FOR UPDATE and DO UPDATE are parts of other statements.
_WRITE = re.compile(
    r"\b(INSERT(?=\s+INTO)|(?<!FOR )(?<!KEY )(?<!DO )UPDATE|DELETE(?=\s+FROM)|MERGE(?=\s+INTO))\s+"
    rf"(?:INTO\s+|FROM\s+)?{_TABLE}",
    re.IGNORECASE,
)
_FROM = re.compile(rf"\bFROM\s+{_TABLE}", re.IGNORECASE)
_WORD = re.compile(r"[A-Za-z]+")


@lru_cache(512)
def summarize(sql: str) -> tuple[str, str]:
    """Return the operation of a statement, and its summary: the operation and its first table, without values."""
    sql = _LITERAL.sub("''", sql)
    word = _WORD.search(sql)
    operation = word[0].upper() if word else "UNKNOWN"
    if operation in ("WITH", "INSERT", "UPDATE", "DELETE", "MERGE") and (write := _WRITE.search(sql)):
        operation = write[1].upper()
        return operation, f"{operation} {write[2]}"[:255]
    if operation in ("WITH", "SELECT"):
        table = _FROM.search(sql)
        return "SELECT", f"SELECT {table[1]}"[:255] if table else "SELECT"
    return operation, operation
