"""The log: its format, and the id of the request in every line that a request writes.

`logging.getLogger("todo.mail")` needs nothing of this module. LOG_LEVEL is the level of `todo` and
of the loggers below it. A line of another thread has the id if
the thread was started with the context of the request, as `anyio.to_thread` and `asyncio.to_thread`
do.
"""

import json
import logging
import re
from collections.abc import Mapping
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

from opentelemetry import trace

from config import settings

request_id: ContextVar[str | None] = ContextVar("request_id", default=None)
"""The id of the request that is running. Each request has a context of its own, so nothing resets it."""

# Control characters, and those without a width or with a direction, which change how a line looks.
_INVISIBLE = r"\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff"
_CONTROL = re.compile(rf"[\x00-\x1f{_INVISIBLE}]")
_CONTROL_IN_TRACEBACK = re.compile(rf"[\x00-\x08\x0b-\x1f{_INVISIBLE}]")
# What every record has. Other attributes come from `extra={...}`.
_STANDARD = logging.makeLogRecord({}).__dict__.keys() | {"message", "asctime", "taskName", "color_message"}


def add_request_id(record: logging.LogRecord) -> bool:
    """Add the attribute `request_id` to a record: a filter for handlers. `extra` has priority."""
    record.__dict__.setdefault("request_id", request_id.get())
    return True


def _time(record: logging.LogRecord) -> str:
    """Return the time of a record as RFC 3339 has it, in UTC with milliseconds."""
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")[:23] + "Z"


class TextFormatter(logging.Formatter):
    """Write `time level logger: message [request id]`, and an exception in indented lines.

    A message is one line, because control characters are escaped. So only the log itself begins a
    line with a time, and nobody can forge one.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Return the lines of a record."""
        message = record.getMessage()
        if not message.isprintable():
            message = _CONTROL.sub(_escape, message)
        request = record.__dict__.get("request_id") or "-"
        line = f"{_time(record)} {record.levelname} {record.name}: {message} [{request}]"
        if not record.exc_info and not record.stack_info:
            return line
        details = [self.formatException(record.exc_info)] if record.exc_info else []
        details += [self.formatStack(record.stack_info)] if record.stack_info else []
        lines = [_CONTROL_IN_TRACEBACK.sub(_escape, text) for text in details]
        return "\n".join([line, *(f"  {part}" for text in lines for part in text.split("\n"))])


def _escape(character: re.Match[str]) -> str:
    return ascii(character[0])[1:-1]


class JsonFormatter(logging.Formatter):
    """Write one JSON object in one line, with the fields of `extra={...}`.

    The id of the user is left out, also as a hash. It is personal data, many people read a log, and
    a hash of it can be computed by everyone who has the table of users. Log it where you need it.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Return the object of a record; this never fails because of a value in `extra`."""
        fields: dict[str, Any] = {
            "time": _time(record),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            "request_id": record.__dict__.get("request_id"),
        }
        span = trace.get_current_span().get_span_context()
        if span.is_valid:
            fields |= {"trace_id": f"{span.trace_id:032x}", "span_id": f"{span.span_id:016x}"}
        if record.exc_info:
            fields["exception"] = self.formatException(record.exc_info)
        if record.stack_info:
            fields["stack"] = self.formatStack(record.stack_info)
        for name, value in record.__dict__.items():
            if name not in _STANDARD:
                fields.setdefault(name, value)
        return _encode(fields)


_encoder = json.JSONEncoder(default=str, allow_nan=False)


def _encode(fields: Mapping[str, Any]) -> str:
    try:
        return _encoder.encode(fields)
    except Exception:  # noqa: BLE001  # a cycle, NaN, a key that is no string, a `__str__` that fails
        return json.dumps({name: value if value is None else _text(value) for name, value in fields.items()})


def _text(value: object) -> str:
    try:
        return str(value)
    except Exception:  # noqa: BLE001  # any class may have a `__str__` that fails
        return f"<{type(value).__name__}>"


def configure() -> None:
    """Set format and level of the log, as LOG_FORMAT and LOG_LEVEL say.

    The handlers of the root logger write it: one to standard error, or those that are there already,
    as on AWS Lambda. uvicorn's lines are written by them too. Loggers outside of `todo` and
    `uvicorn` report warnings and errors.
    """
    logging.basicConfig()
    for handler in logging.getLogger().handlers:
        handler.addFilter(add_request_id)
        handler.setFormatter(JsonFormatter() if settings.log_format == "json" else TextFormatter())
    logging.getLogger("todo").setLevel(settings.log_level.upper())
    # uvicorn configures its loggers before it imports the app.
    server = logging.getLogger("uvicorn")
    server.handlers.clear()
    server.propagate = True
    logging.getLogger("uvicorn.access").handlers.clear()  # middleware.RequestLog writes the line
