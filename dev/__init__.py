"""What `make run` adds around the API: an embedded PostgreSQL and a stand-in for Better Auth.

The API never imports this package, and this package imports nothing of the API: they meet over
the environment and HTTP, as in production.
"""
