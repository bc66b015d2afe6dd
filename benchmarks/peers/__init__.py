"""Implement the same five routes in other ways. See `benchmarks/lineup.py`."""
