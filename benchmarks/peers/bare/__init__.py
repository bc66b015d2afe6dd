"""Return constants with FastAPI."""
