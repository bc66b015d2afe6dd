"""Measure the statements of the API with psycopg2 alone: the CPU time that no server with psycopg2 can save.

A proxy records the message that PostgreSQL receives for one request of each route. In its SQL, the
literals that contain the ids of the user and of their todos, or the title, become parameters. A process
then executes it with the values of all users. See `benchmarks/peers/psycopg2_raw`.
"""

import json
import random
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

from benchmarks.load import Load
from benchmarks.routes import FIRST_CHANGES, OF_A_TODO, WITH_MORE, request
from benchmarks.servers import Client, Problem, environment
from benchmarks.stage import Person, Stage, reset
from tests.wire import Wire

_DATABASE = "recorded"
_LITERAL = re.compile(r"'((?:[^']|'')*)'")
_NEW_IDS = 50_000
"""Create todos with this many ids in turn. A repeated id would change a todo."""


def record(stage: Stage, routes: Sequence[str]) -> dict[str, Path]:
    """Return for each route a file with its statement and the parameters of all users.

    Raises:
        Problem: a request is not one message, or the message does not contain the user.
    """
    stage.database(_DATABASE)
    person = stage.people[0]
    todo = person.todos[0]
    files = {}
    with Wire(stage.server.socket_dir).open() as wire, stage.serving(wire.url(_DATABASE)) as server:
        for route in routes:
            reset(stage.server.url(_DATABASE), more=route in WITH_MORE)
            client = Client(server.port, person.token)  # uvicorn closes connections that are idle for 5 s
            since = json.loads(client.ask("GET", FIRST_CHANGES).text)["next"]
            sent = request(route, person, todo, since)
            body = sent.bodies[0] if sent.bodies else None
            count = len(wire.messages)
            answer = json.loads(client.ask(sent.method, sent.path, body).text)
            messages = wire.messages[count:]
            if len(messages) != 1:
                raise Problem(f"{route} sent {len(messages)} messages to PostgreSQL instead of one: {messages}")
            values = _values(route, person, todo, body, answer["id"] if route == "create" else "")
            statement = _parameterize(messages[0], values, _all_values(stage, route))
            files[route] = stage.folder / f"statement-{route}.json"
            files[route].write_text(json.dumps(statement))
    return files


def drive(stage: Stage, url: str, files: Mapping[str, Path], route: str, seconds: int) -> Load:
    """Execute the statement of a route with psycopg2 for some seconds, one after the other.

    Raises:
        Problem: a statement failed.
    """
    command = [sys.executable, "-m", "benchmarks.peers.psycopg2_raw.main", str(files[route]), str(max(1, seconds))]
    variables = environment(DATABASE_URL=url)
    done = subprocess.run(command, check=False, cwd=stage.folder, env=variables, capture_output=True, text=True)
    if done.returncode:
        raise Problem(f"The statement of {route} failed:\n{done.stderr}")
    result = json.loads(done.stdout)
    count = result["requests"]
    return Load(result["cpu"] * 1000 / count, count / result["seconds"], result["p50"], result["p99"], count)


def _values(route: str, person: Person, todo: str, body: dict[str, Any] | None, new_id: str = "") -> list[str]:
    """Return what differs between requests of a route: ids and titles."""
    values = {"create": [new_id], "batch": [*person.todos, *person.more], "changes": person.more[-1:]}
    title = [] if body is None else [body["put"][0]["title"] if route == "batch" else body["title"]]
    return [person.id, *values.get(route, [todo] if route in OF_A_TODO else []), *title]


def _all_values(stage: Stage, route: str) -> Iterator[list[str]]:
    """Return the values of all requests of a route. Those of one todo differ in the title."""
    repeats = _NEW_IDS // len(stage.people) if route == "create" else 1
    for person in stage.people * repeats:
        for todo in person.todos if route in OF_A_TODO else [""]:
            for body in request(route, person, todo).bodies or (None,):
                yield _values(route, person, todo, body, str(uuid4()))


def _parameterize(sql: str, values: list[str], all_values: Iterator[list[str]]) -> dict[str, Any]:
    """Make parameters of the literals that contain one of the values.

    Returns:
        The SQL, and its parameters with each of the other values, in a random order.

    Raises:
        Problem: there is no such literal with the first of the values.
    """
    any_value = re.compile(f"({'|'.join(map(re.escape, values))})")
    literals: list[list[str]] = []  # each one is split at the values

    def replace(match: re.Match[str]) -> str:
        pieces = any_value.split(match[1].replace("''", "'").replace("%%", "%"))
        if len(pieces) == 1:
            return match[0]
        literals.append(pieces)
        return "%s"

    text = _LITERAL.sub(replace, sql.replace("%", "%%"))
    if not any(values[0] in pieces for pieces in literals):
        raise Problem(f"The statement does not contain {values[0]}: {sql}")
    parameters = []
    for others in all_values:
        other = dict(zip(values, others, strict=True))
        parameters.append(["".join(other.get(piece, piece) for piece in pieces) for pieces in literals])
    random.Random(1).shuffle(parameters)  # noqa: S311  # the order is no secret
    return {"sql": text, "parameters": parameters}
