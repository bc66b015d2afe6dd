"""What traces contain of a request, beside what FastAPI and `db` record: see docs/telemetry.md."""

import re
import traceback
from contextlib import suppress
from typing import Final
from urllib.parse import parse_qsl, urlencode

from fastapi.telemetry import TelemetryConfig
from opentelemetry import trace
from opentelemetry.trace import StatusCode
from starlette.types import Scope

from errors import Problem

CONFIG: Final[TelemetryConfig] = {"logs": False}
"""FastAPI would export the messages of exceptions, which may contain values. They are in the log."""

_NAME = re.compile(r"[a-z][a-z_]{0,31}")


def redact_query(scope: Scope) -> None:
    """Replace the values of the query in the span of a request, which FastAPI 0.165 records.

    They may be words that a user searched for, or a token that a client sent in the wrong place.
    """
    if not (query := scope["query_string"]) or not (span := trace.get_current_span()).is_recording():
        return
    # A part without = may be a value.
    parts = "&".join(part for part in query.decode("latin-1").split("&") if "=" in part)
    names = [name for name, _ in parse_qsl(parts, keep_blank_values=True)]
    span.set_attribute("url.query", urlencode([(name, "REDACTED") for name in names if _NAME.fullmatch(name)]))


def replace_path(route: str) -> None:
    """Replace the path in the span of a request by its route, because it contains a text of a user."""
    if (span := trace.get_current_span()).is_recording():
        span.set_attribute("url.path", route)


def record_crash(error: Exception) -> None:
    """Record an exception in the span of the request that it ended.

    FastAPI sees only the answer, because `middleware.Guard` writes it. The message of the exception
    is left out, because it may contain values; the log has it, with the id of the trace.
    """
    if not isinstance(error, Problem) and (span := trace.get_current_span()).is_recording():
        frames = "".join(traceback.format_tb(error.__traceback__))
        with suppress(Exception):  # it calls the `__str__` of the exception, which may fail
            span.record_exception(error, {"exception.message": "", "exception.stacktrace": frames})
        span.set_status(StatusCode.ERROR)
