"""Implement the routes in the usual way with FastAPI."""
