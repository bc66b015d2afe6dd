"""Measure the API and some peers as they usually run in production: each writes a line for each request."""

from argparse import Namespace
from dataclasses import replace

from benchmarks.compare import compare, tables
from benchmarks.lineup import PEERS, Peer, app
from benchmarks.stage import Stage

_ROUTES = ("list", "get", "create", "toggle")
_ROUNDS = 3
_PROXY = ("--proxy-headers", "--forwarded-allow-ips=127.0.0.1")
_NOTE = """\
The servers and requests are those of the section *CPU per request*, but each server writes a line for each request to a
file. This API has LOG_LEVEL=info, which is its default. FastAPI has uvicorn's access log, and Hono has its middleware
`logger()`. Both servers of uvicorn have the options `{proxy}`.
There are {rounds} rounds of {seconds} s."""


def _logging(peer: Peer, command: tuple[str, ...] = (), **settings: str) -> Peer:
    return replace(peer, command=command or peer.command, settings={**peer.settings, **settings}, logs=True)


_PEERS = {
    "api": _logging(PEERS["api"], (*PEERS["api"].command, *_PROXY), LOG_LEVEL="info"),
    "usual": _logging(PEERS["usual"], (*app("usual"), *_PROXY)),
    "hono": _logging(PEERS["hono"], LOG_REQUESTS="1"),
    "hono_remembers": _logging(PEERS["hono_remembers"], LOG_REQUESTS="1"),
}


def measure(stage: Stage, options: Namespace) -> list[str]:
    """Return the parts of the report; none if `options` select no peer or no route of this section."""
    peers = {name: peer for name, peer in _PEERS.items() if name in options.peers}
    routes = [route for route in _ROUTES if route in options.routes]
    if not peers or not routes:
        return []
    rounds = min(_ROUNDS, options.rounds)
    results = compare(stage, peers, routes, rounds=rounds, seconds=options.seconds, prefix="production_")
    note = _NOTE.format(proxy=" ".join(_PROXY), rounds=rounds, seconds=options.seconds)
    return [note, *tables(results, peers, routes)]
