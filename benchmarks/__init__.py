"""Measure the API, and compare it with other implementations. `make help` lists the benchmarks.

This package is not a part of the app. It uses the embedded PostgreSQL of `dev`. From `tests` it uses
the issuer of tokens and the proxy that records the messages to PostgreSQL.
"""
