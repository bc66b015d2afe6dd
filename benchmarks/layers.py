"""Attribute the samples of a profile to the layers of the API.

A sample is the stack of the server's thread at one moment. It counts for the layer of its innermost
frame that belongs to one. Frames of libraries that several layers use belong to none: asyncio, anyio,
pydantic, contextlib and others. So a sample in them counts for their caller.
"""

import linecache
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from benchmarks.servers import ROOT

SERVER = "server and parser"
GREENLET = "greenlet"
MIDDLEWARE = "middleware"
ROUTING = "routing"
DEPENDENCIES = "dependencies"
TOKEN = "token"  # noqa: S105  # the name of a layer
ENDPOINT = "endpoint and crud"
POOL = "statement: slot and pool"
DRIVER = "statement: driver"
STATEMENT = "statement: the rest"
ANSWER = "answer"
LOGGING = "logging"
OTHER = "other"

LAYERS = {
    SERVER: "uvicorn, httptools and uvloop, with the system calls of the event loop",
    GREENLET: "the greenlet around a request, and its switches while it waits",
    MIDDLEWARE: "RequestLog, CORS, Compress and Guard, and those of FastAPI and Starlette",
    ROUTING: "finding the route, and calling it",
    DEPENDENCIES: "FastAPI's dependencies, the validation of a request, and exit stacks",
    TOKEN: "reading the token, and finding it among the verified ones",
    ENDPOINT: "the functions in `routers/` and `crud/`",
    POOL: "waiting for a slot, and the pool",
    DRIVER: "psycopg2 and libpq, and waiting for the socket",
    STATEMENT: "the session, parameters, deadlines, and rows to objects",
    ANSWER: "objects to JSON, the response and its headers",
    LOGGING: "the line in the log",
    OTHER: "no known layer",
}
"""Map the layers, from the outside in, to what they do."""

# A frame belongs to the layer of the first pattern that its file and its function match. Both
# patterns match from the beginning. The files are relative to the folder that they are imported from.
# None of these are in a thread of the server's own, so a path has only one meaning.
_RULES: list[tuple[str, str, str | None]] = [
    (r"middleware/client\.py", r"Client\.has_left", POOL),  # a request that waits for a slot asks
    (r"middleware/log\.py", "_log_answer", LOGGING),
    (r"logging/|logs\.py", "", LOGGING),
    (r"db/(greenlets|middleware)\.py|greenlet/", "", GREENLET),
    (r"middleware/|starlette/middleware/|fastapi/middleware/|fastapi/telemetry/", "", MIDDLEWARE),
    (r"(fastapi|starlette)/(applications|_body_limit|_exception_handler)\.py", "", MIDDLEWARE),
    (r"errors\.py|telemetry\.py", "", None),  # every layer calls them
    (r"auth/|jwt/|cryptography/", "", TOKEN),
    (r"fastapi/security/", "", TOKEN),
    (r"fastapi/routing\.py", "serialize_response", ANSWER),
    (r"fastapi/routing\.py", r"(get_request_handler|request_response)\b", DEPENDENCIES),
    (r"routers/routing\.py", r"ApiRoute\.get_route_handler\b", DEPENDENCIES),
    (r"(starlette|fastapi|routers)/routing\.py", "", ROUTING),
    (r"fastapi/_compat/", r"(ModelField\.)?(serialize|_?dump)|_?model_dump", ANSWER),
    (r"(starlette|fastapi)/responses\.py|fastapi/encoders\.py", "", ANSWER),
    (r"fastapi/(dependencies|_compat)/|routers/(direct|query)\.py", "", DEPENDENCIES),
    (r"db/(slots|pool)\.py", "", POOL),
    (r"psycopg2/", "", DRIVER),
    (r"db/waiting\.py", "_wait", DRIVER),
    (r"db/|sqlmodel/", "", STATEMENT),
    (r"routers/|crud/", "", ENDPOINT),
    (r"uvicorn\b|asyncio/runners\.py|uvloop/|httptools/|click/", "", SERVER),
]
_COMPILED = [(re.compile(file), re.compile(function), layer) for file, function, layer in _RULES]
# A C function has no frame. The line that calls it shows that it is psycopg2's.
_CALLS_DRIVER = re.compile(r"\.(execute|fetchone|fetchmany|fetchall|cursor)\(")
_FRAME = re.compile(r"(?P<function>.*) \((?P<file>.*?)(?::(?P<line>\d+))?\)")


@dataclass(frozen=True)
class Frame:
    """Describe a frame of a stack: a function, its file, and the line that runs."""

    function: str
    file: str
    line: int

    def layer(self) -> str | None:
        """Return the layer that the frame belongs to, or `None`."""
        for file, function, layer in _COMPILED:
            if file.match(self.file) and function.match(self.function):
                calls_driver = layer in (STATEMENT, POOL) and self.file.startswith("db/")
                return DRIVER if calls_driver and _CALLS_DRIVER.search(self._source()) else layer
        return None

    def _source(self) -> str:
        return linecache.getline(str(ROOT / self.file), self.line)


def stacks(lines: Iterable[str]) -> Iterator[tuple[list[Frame], int]]:
    """Read the stacks of the main thread from lines of `py-spy record --threads --format raw`.

    Yields:
        The frames, the innermost one last, and the number of samples.
    """
    for line in lines:
        stack, _, count = line.strip().rpartition(" ")
        thread, *frames = stack.split(";")
        if "MainThread" in thread:
            matches = filter(None, map(_FRAME.fullmatch, frames))
            yield [Frame(one["function"], one["file"], int(one["line"] or 0)) for one in matches], int(count)


def count(samples: Iterable[tuple[list[Frame], int]]) -> Counter[str]:
    """Return the number of samples of each layer."""
    counts: Counter[str] = Counter()
    for frames, number in samples:
        counts[next(filter(None, (frame.layer() for frame in reversed(frames))), OTHER)] += number
    return counts


def share_out(total: int, counts: Counter[str]) -> dict[str, int]:
    """Divide a whole number among the layers in proportion to their samples, so that the parts add up to it."""
    samples = counts.total()
    exact = {layer: total * counts[layer] / samples for layer in LAYERS}
    parts = {layer: int(value) for layer, value in exact.items()}
    rest = total - sum(parts.values())
    for layer in sorted(LAYERS, key=lambda layer: parts[layer] - exact[layer])[:rest]:
        parts[layer] += 1
    return parts
