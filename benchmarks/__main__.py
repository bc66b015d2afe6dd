"""Measure the CPU per request of the API and its peers, and requests to a distant database: `make bench`."""

from argparse import Namespace

from benchmarks import command, production, report, roundtrips
from benchmarks.compare import compare, tables
from benchmarks.earlier import earlier
from benchmarks.lineup import PEERS
from benchmarks.load import check_wrk
from benchmarks.routes import ROUTES
from benchmarks.stage import MORE, TODOS, USERS, stage

_NOTE = f"""\
wrk uses 8 connections. Each route of each server is measured in {{rounds}} rounds of {{seconds}} s, and the values are
medians. Each server is one process that logs no requests, with five connections to the same PostgreSQL over its Unix
socket. The EdDSA tokens are those of {USERS} users with {TODOS} todos. For `changes` and `batch` each user has
{TODOS + MORE} todos. A request of `changes` returns the last {TODOS}, and one of `batch` replaces all. CPU is the
milliseconds per request, user and system, of the server with its threads and child processes. The CPU of the database
and of wrk is not included, but they share the machine. The ratio is the CPU of this API divided by the CPU of the other
row, in the same round.

* *this API* remembers up to 4,096 verified tokens, and each user sends the same token in all requests. PostgreSQL
  executes a larger part of its work, such as versions, locks and the conditions of `put` and `batch`, and that CPU is
  not counted. Its todos have 14 fields, and those of the other servers have 7 or 8.
* *FastAPI bare* returns constants with the 14 fields from `async def` routes. It has no tokens, no database and no
  middleware. It shows the CPU of FastAPI and uvicorn alone.
* *psycopg2 raw* is not a server. A process executes the SQL of this API with psycopg2 on one connection in autocommit,
  one statement after the other, and does not use the rows. A proxy recorded this SQL as PostgreSQL receives it from
  this API. `SET LOCAL statement_timeout` is left out. The literals with ids or titles are parameters, with the values
  of all users. The row shows the CPU of psycopg2 alone.
* *FastAPI, usual design* and *FastAPI, usual, async* are written as in the documentation of FastAPI and SQLModel. They
  verify each token. A change reads the todo, writes it, commits, and reads it again.
* *Hono* and *Next.js route handlers* use Drizzle, pg, jose and zod, and verify each token. *Hono, tokens remembered* is
  the same program with a map of up to 4,096 tokens. Its `batch` is one INSERT, which has no conditions on versions.
* In all rows a write sets the next version of the todo under the lock of its user. In the rows of other servers
  triggers do this. Servers without a route have no row."""


def main(options: Namespace) -> None:
    """Run the benchmark, and write its report."""
    check_wrk()
    peers = {name: PEERS[name] for name in PEERS if name in options.peers}
    if options.before:
        peers = {"api": PEERS["api"], "before": earlier(options.before), **peers}
    with stage() as set_up:
        results = compare(set_up, peers, options.routes, rounds=options.rounds, seconds=options.seconds)
        in_production = production.measure(set_up, options)
        far = roundtrips.measure(set_up) if {"api", "usual"} <= set(peers) else None
    measured = {name for _, name in results}
    versions: dict[str, str] = {}
    for name in measured:
        versions |= peers[name].versions()
    parts = [_NOTE.format(**vars(options)), *tables(results, peers, options.routes)]
    report.write("bench", "CPU per request", parts, options, versions=versions)
    if in_production:
        report.write("bench-production", "CPU per request in production", in_production, options, versions=versions)
    if far:
        report.write("bench-roundtrips", "A database far away", far, options)


if __name__ == "__main__":
    reader = command.options(__doc__, rounds=5, seconds=2)
    reader.add_argument("--routes", nargs="+", choices=ROUTES, default=list(ROUTES))
    reader.add_argument("--peers", nargs="+", choices=PEERS, default=list(PEERS))
    reader.add_argument("--before", metavar="COMMIT", help="also measure this API at an earlier commit")
    command.run(main, reader)
