"""The app whose sweep does not begin, for tests that count connections, messages or spans: `tests.unswept:app`.

A start sweeps the trash `PAUSE` seconds later, which may be during any test.
"""

from importlib import import_module

from main import app

_lifespan = vars(import_module("db.lifespan"))  # `db.lifespan` is the function of this name
assert "PAUSE" in _lifespan
_lifespan["PAUSE"] = 86_400.0

__all__ = ["app"]
