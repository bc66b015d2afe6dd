"""Run the commands of development, such as `make run` and `make demo`.

`make run` starts the API with an embedded PostgreSQL and a stand-in for Better Auth. The API never
imports this package, and this package imports nothing of the API. They communicate through the
environment and HTTP, as in production.
"""
