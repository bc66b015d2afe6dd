"""Benchmarks: what the API costs, beside other ways to write it. No part of the app; see `make help`.

They stand on what `make run` and the tests are made of: the embedded PostgreSQL of `dev`, and of
`tests` the issuer of tokens and the proxy that reads along what is said to PostgreSQL.
"""
