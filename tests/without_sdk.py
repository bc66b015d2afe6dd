"""The app of `logging_app`, in a process that lacks the packages of requirements-otel.txt."""

import sys

for name in ("opentelemetry.sdk", "opentelemetry.exporter"):
    sys.modules[name] = None  # type: ignore[assignment]  # Python then refuses to import it

import tests.logging_app  # noqa: E402  # after the modules were removed
from main import app  # noqa: E402  # after the modules were removed

__all__ = ["app", "tests"]
