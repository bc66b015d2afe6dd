"""The contract, in sentences: real tokens over HTTP against a live server on a real PostgreSQL."""
