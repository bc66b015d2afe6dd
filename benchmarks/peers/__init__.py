"""Implement the same routes in other ways. See `benchmarks/lineup.py`."""
