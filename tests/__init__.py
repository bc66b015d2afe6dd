"""Test the contract of the API with real tokens, over HTTP, against a live server on a real PostgreSQL."""
