"""Run the commands `make export` and `make import`, which copy a user's todos as JSON lines.

The environment has the address of the API in `API_URL`, and a JWT of the user in `TOKEN`.
"""

import json
import os
import sys
import time
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple
from uuid import UUID

import httpx

from dev.processes import Problem

_PAGE = 200  # todos; a page is then smaller than 4.5 MB, which is the limit of Vercel
_MAX_ITEMS = 500
_MAX_BYTES = 1_000_000  # the API accepts 1 MiB
_TRIES = 10
_REPORT_EVERY = 10  # requests
_SET_BY_API = {"version", "user_id", "updated_at", "deleted_at"}
"""The fields that an import does not send. It sends all others, also those that a copy of the project adds."""


class Line(NamedTuple):
    """A line of the import: its number, and the item of a batch as JSON, which is empty for a todo in the trash."""

    number: int
    item: bytes


def export_todos() -> None:
    """Write all todos of the user to standard output, one a line, also those in the trash.

    Raises:
        Problem: the API does not return them, or the output was closed.
        OSError: the output cannot be written.
    """
    query: dict[str, str | int] = {"limit": _PAGE}
    requests, count, trash, more = 0, 0, 0, True
    try:
        with _client() as http, open(1, "wb", closefd=False) as output:
            while more:
                answer = _request(http, "GET", "/api/changes", params=query)
                todos, query["since"], more = _fields(answer, "todos", "next", "more")
                output.writelines(map(_line, todos))
                output.flush()
                requests, count = requests + 1, count + len(todos)
                trash += sum(todo["deleted_at"] is not None for todo in todos)
                if more and requests % _REPORT_EVERY == 0:
                    _report(f"{count:,} todos are exported so far.")
    except BrokenPipeError:
        raise Problem("The export is not complete, because its output was closed.") from None
    _report(f"The export is complete. Todos: {count:,}, of them in the trash: {trash:,}.")


def import_todos() -> int:
    """Create the todos of standard input that do not exist yet. Return 1 if a line failed, else 0.

    A todo that exists with the same content stays as it is, so an import may be repeated.

    Raises:
        Problem: the API does not accept the todos, or there is no input.
    """
    if os.isatty(0):
        raise Problem("There is nothing to import. Run make import < todos.jsonl.", exit_code=2)
    created = present = 0
    with _client() as http, open(0, "rb", closefd=False) as file:
        lines, trash, failed = _read(file)
        for requests, batch in enumerate(_batches(lines), 1):
            for line, result in _send(http, batch):
                created, present = created + (result["status"] == 201), present + (result["status"] == 200)
                if result["status"] not in (200, 201):
                    failed += 1
                    _report(f"Line {line.number}: {_reason(result)}")
            if requests % _REPORT_EVERY == 0:
                _report(f"{created + present:,} of {len(lines):,} todos are imported so far.")
    _report(
        f"The import is complete. Todos created: {created:,}, present before: {present:,},"
        f" left out because they are in the trash: {trash:,}. Lines that failed: {failed:,}."
    )
    return 1 if failed else 0


def _line(todo: dict[str, Any]) -> bytes:
    return json.dumps(todo, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def _client() -> httpx.Client:
    """Return a client of the API with the user's token."""
    url, token = os.environ.get("API_URL") or "http://localhost:8000", os.environ.get("TOKEN", "").strip()
    if not token:
        raise Problem("TOKEN is not set. Set it to a JWT of the user. make token prints one of the demo user.", 2)
    if not (token.isascii() and token.isprintable()):
        raise Problem("TOKEN is not a JWT, because it has characters that no JWT has.", 2)
    try:
        return httpx.Client(base_url=url, headers={"Authorization": f"Bearer {token}"}, timeout=60)
    except httpx.InvalidURL:
        raise Problem(f"API_URL must be the address of the API, not {url!r}.", 2) from None


def _request(http: httpx.Client, verb: str, path: str, **options: Any) -> httpx.Response:
    """Send a request, and again after 429, 503 and a lost connection. Return the answer, which may be an error.

    Every request of this module may be repeated.
    """
    for tries in range(1, _TRIES + 1):
        try:
            answer = http.request(verb, path, **options)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.UnsupportedProtocol) as error:
            raise Problem(f"The API at {http.base_url} cannot be reached: {error}") from None
        except httpx.RequestError:
            reason, seconds = "The connection was lost.", 1
        else:
            if answer.status_code not in (429, 503):
                return answer
            wait = answer.headers.get("Retry-After", "")
            reason, seconds = _detail(answer), int(wait) if wait.isdecimal() else 5
        if tries < _TRIES:
            _report(f"{reason} The request is sent again in {seconds} s.")
            time.sleep(seconds)
    raise Problem(f"{reason} The request was sent {_TRIES} times. Run the command again later.")


def _fields(answer: httpx.Response, *names: str) -> list[Any]:
    """Return fields of the JSON of a successful answer.

    Raises:
        Problem: the answer is an error, or has no such fields.
    """
    if answer.status_code == 401:
        raise Problem(f"The API refused the token. {_detail(answer)} Run the command again with a new TOKEN.")
    if answer.status_code != 200:
        raise Problem(f"The API answered {answer.status_code}. {_detail(answer)}")
    try:
        return [answer.json()[name] for name in names]
    except (ValueError, TypeError, KeyError):
        raise Problem(f"{answer.url.copy_with(query=None)} does not answer as the API does. Check API_URL.") from None


def _detail(answer: httpx.Response) -> str:
    """Return the sentence of an error, which a proxy may have sent in another format."""
    try:
        return str(answer.json()["detail"])
    except (ValueError, TypeError, KeyError):
        return f"{answer.reason_phrase or 'Error'}."


def _read(file: Iterable[bytes]) -> tuple[list[Line], int, int]:
    """Return the last line of each todo, the number of todos in the trash, and the number of lines that failed.

    An export contains a todo twice if it was changed in the meantime.
    """
    found: dict[UUID, Line] = {}
    failed = 0
    for number, text in enumerate(file, 1):
        if not text.strip():
            continue
        try:
            todo = json.loads(text)
            todo_id = UUID(todo["id"])
            sent = {name: value for name, value in todo.items() if name not in _SET_BY_API}
            fields = sent | {"id": str(todo_id), "base": 0}
            item = b"" if todo.get("deleted_at") else json.dumps(fields).encode()
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            failed += 1
            _report(f"Line {number}: This is not the JSON of a todo with an id.")
            continue
        if len(item) > _MAX_BYTES:
            failed += 1
            _report(f"Line {number}: The todo is too large.")
            continue
        found.pop(todo_id, None)
        found[todo_id] = Line(number, item)
    lines = [line for line in found.values() if line.item]
    return lines, len(found) - len(lines), failed


def _batches(lines: Iterable[Line]) -> Iterator[list[Line]]:
    """Yield the lines in groups that the API accepts as a batch."""
    batch: list[Line] = []
    size = 0
    for line in lines:
        if batch and (len(batch) == _MAX_ITEMS or size + len(line.item) > _MAX_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(line)
        size += len(line.item) + 1
    if batch:
        yield batch


def _send(http: httpx.Client, batch: list[Line]) -> Iterator[tuple[Line, dict[str, Any]]]:
    """Send a batch, and yield each line with its result."""
    body = b'{"put":[' + b",".join(line.item for line in batch) + b"]}"
    answer = _request(http, "POST", "/api/batch", content=body, headers={"Content-Type": "application/json"})
    (results,) = _fields(answer, "results")
    yield from zip(batch, results, strict=True)


def _reason(result: dict[str, Any]) -> str:
    """Return why a line was not imported."""
    if result["status"] == 412:
        return "The todo exists with other content. It was not changed."
    errors = (f"{'.'.join(map(str, error['loc']))}: {error['msg']}." for error in result.get("errors", ()))
    return " ".join(errors) or f"The API answered {result['status']}."


def _report(text: str) -> None:
    if sys.stderr:  # it is None if the file is closed, and print() would write to standard output
        print(text, file=sys.stderr, flush=True)
