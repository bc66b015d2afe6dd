"""Write the todos of one user in every way that the API has, at random."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID

import httpx

from tests.conftest import Database


class Writer:
    """Send random writes to todos whose ids all writers of a user share."""

    def __init__(self, http: httpx.Client, ids: list[str], seed: object) -> None:
        self.statuses: Counter[tuple[str, int]] = Counter()
        """Count the answers by the kind of the write and the status."""
        self._http, self._ids, self._random = http, ids, Random(str(seed))
        self._first = self._random.sample(list(KINDS), len(KINDS))  # each kind once, also on a slow machine

    def write(self) -> httpx.Response:
        """Send one random write, and return its answer."""
        (kind,) = self._random.choices(list(KINDS), [weight for weight, _ in KINDS.values()])
        kind = self._first.pop() if self._first else kind
        answer = KINDS[kind][1](self)
        self.statuses[kind, answer.status_code] += 1
        return answer

    def todo(self) -> str:
        """Return the id of a random todo, which may not exist."""
        return self._random.choice(self._ids)

    def some(self, most: int) -> list[str]:
        """Return the ids of random todos."""
        return self._random.sample(self._ids, self._random.randint(1, min(most, len(self._ids))))

    def content(self) -> dict[str, Any]:
        """Return the random content of a todo."""
        chance = self._random
        return {
            "title": f"title {chance.random()}",
            "completed": chance.random() < 0.5,
            "due": chance.choice([None, "2026-11-24", "2026-11-24T09:00"]),
            "priority": chance.choice(PRIORITIES),
            "tags": chance.sample(TAGS, chance.randint(0, len(TAGS))),
        }

    def send(self, verb: str, path: str, **options: Any) -> httpx.Response:
        """Send a request. One in ten has a version that no todo has."""
        headers = {"If-Match": 'W/"1"'} if self._random.random() < 0.1 and "{id}" in path else {}
        return self._http.request(verb, path.replace("{id}", self.todo()), headers=headers, **options)

    def create(self) -> httpx.Response:
        """Create a todo with a new key, and sometimes with the id of another todo as the key."""
        new = self._random.random() < 0.9
        key = str(UUID(int=self._random.getrandbits(128))) if new else self.todo()
        answer = self._http.post("/api/todos", json=self.content(), headers={"Idempotency-Key": key})
        if answer.status_code == 201 and len(self._ids) < 60:
            self._ids.append(key)
        return answer

    def change_many(self) -> httpx.Response:
        """Change all todos, or some."""
        query: Any = {"id": self.some(8)} if self._random.random() < 0.7 else {"completed": "false"}
        return self._http.patch("/api/todos", params=query, json={"completed": self._random.random() < 0.5})

    def trash_many(self) -> httpx.Response:
        """Move some todos into the trash."""
        return self._http.delete("/api/todos", params={"id": self.some(4)})

    def move(self) -> httpx.Response:
        """Move a todo to the top, or below another one."""
        after = self.todo() if self._random.random() < 0.7 else None
        return self.send("POST", "/api/todos/{id}/move", json={"after": after})

    def change_tag(self) -> httpx.Response:
        """Give a tag the name of another one, or the same, or take it off all todos."""
        old, new = (self._random.choice(TAGS) for _ in range(2))
        if self._random.random() < 0.3:
            return self._http.delete(f"/api/tags/{old}")
        return self._http.patch(f"/api/tags/{old}", json={"name": new})

    def purge(self) -> httpx.Response:
        """Purge a todo, most often one that is in the trash."""
        answer = self._http.get("/api/trash")
        trash = answer.json() if answer.status_code == 200 and self._random.random() < 0.7 else []
        return self.send("DELETE", f"/api/trash/{self._random.choice(trash)['id'] if trash else '{id}'}")

    def batch(self) -> httpx.Response:
        """Put and delete up to 31 todos."""
        ids = self.some(31)
        half = len(ids) * 2 // 3 + 1
        deletes = [{"id": one} for one in ids[half:]]
        return self._http.post(
            "/api/batch", json={"put": [{"id": one, **self.content()} for one in ids[:half]], "delete": deletes}
        )


PRIORITIES = ["none", "low", "medium", "high"]
TAGS = ["home", "work", "later"]

KINDS: dict[str, tuple[float, Callable[[Writer], httpx.Response]]] = {
    "POST": (2, Writer.create),
    "PUT": (2, lambda writer: writer.send("PUT", "/api/todos/{id}", json=writer.content())),
    "PATCH": (2, lambda writer: writer.send("PATCH", "/api/todos/{id}", json=writer.content())),
    "move": (2, Writer.move),
    "toggle": (2, lambda writer: writer.send("POST", "/api/todos/{id}/toggle")),
    "DELETE": (2, lambda writer: writer.send("DELETE", "/api/todos/{id}")),
    "restore": (1, lambda writer: writer.send("POST", "/api/trash/{id}/restore")),
    "purge": (2, Writer.purge),
    "empty the trash": (0.5, lambda writer: writer.send("DELETE", "/api/trash")),
    "PATCH of many": (1, Writer.change_many),
    "DELETE of many": (1, Writer.trash_many),
    "change of a tag": (0.5, Writer.change_tag),
    "batch": (1, Writer.batch),
}
"""List the kinds of writes, each with its weight."""

EXPECTED = {200, 201, 204, 404, 410, 412, 422}
"""List the statuses that these writes may have. A 422 is that of a key with another body."""


@contextmanager
def no_deadlock(database: Database) -> Iterator[None]:
    """Check at the end of the block that PostgreSQL found no deadlock meanwhile."""
    ((folder,),) = database.execute("SHOW data_directory")
    with (Path(folder).parent / "server.log").open() as log:
        log.seek(0, 2)
        yield
        assert "deadlock detected" not in log.read()
