"""Execute a statement in a loop on one connection in autocommit, and print the times as JSON.

DATABASE_URL names the database. The arguments are a file of JSON, `{"sql": …, "parameters": [[…], …]}`,
and the number of seconds. The rows are fetched as psycopg2 returns them, and nothing is made of them.
"""

import json
import os
import sys
from contextlib import closing
from itertools import cycle
from pathlib import Path
from statistics import quantiles
from time import perf_counter, process_time

import psycopg2


def main(path: str, seconds: str) -> None:
    """Execute the statement with each list of parameters in turn."""
    statement = json.loads(Path(path).read_text())
    sql, parameters = statement["sql"], cycle(statement["parameters"])
    times = []
    with closing(psycopg2.connect(os.environ["DATABASE_URL"])) as connection:
        connection.autocommit = True
        cpu, began = process_time(), perf_counter()
        now, end = began, began + float(seconds)
        while now < end:
            with connection.cursor() as cursor:
                cursor.execute(sql, next(parameters))
                cursor.fetchall()
            before, now = now, perf_counter()
            times.append(now - before)
        cpu = process_time() - cpu
    percentiles = quantiles(times, n=100)
    latency = {"p50": percentiles[49] * 1000, "p99": percentiles[98] * 1000}  # milliseconds
    print(json.dumps({"cpu": cpu, "seconds": now - began, "requests": len(times), **latency}))


if __name__ == "__main__":
    main(*sys.argv[1:])
