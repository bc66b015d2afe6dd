"""The same five routes, as others would write them: see `benchmarks/lineup.py`."""
