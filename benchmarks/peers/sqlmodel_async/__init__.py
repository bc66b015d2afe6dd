"""Implement the routes in the usual, asynchronous way with FastAPI."""
