"""FastAPI the usual way, asynchronous."""
