"""Middleware around every request, as pure ASGI. `main.py` has its order."""

from middleware.compress import Compress
from middleware.cors import CORS
from middleware.guard import Guard
from middleware.log import RequestLog

__all__ = ["CORS", "Compress", "Guard", "RequestLog"]
