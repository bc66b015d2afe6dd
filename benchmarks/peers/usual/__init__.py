"""FastAPI the usual way."""
