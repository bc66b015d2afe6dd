"""Describe filters and sorts in plain Python, and make todos to compare the API with."""

from decimal import Decimal
from random import Random
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

import httpx

from tests.conftest import Person
from tests.todos import Todo, walk

Filters = dict[str, Any]
"""The values of filters by their names. `tag` and `priority` are lists, and `completed` is a bool."""

SORTS = ["position", "due", "updated"]


def words_of(q: str) -> list[str]:
    """Return the words of a search in lower case."""
    return [word.lower() for word in q.split()]


def has_word(todo: Todo, word: str) -> bool:
    """Return whether the title, the description or one tag contains a word, which is in lower case."""
    texts = [todo["title"], todo["description"] or "", *todo["tags"]]
    return any(word in text.lower() for text in texts)


def matches(todo: Todo, filters: Filters) -> bool:
    """Return whether a todo matches all filters."""
    due = todo["due"]
    return (
        ("completed" not in filters or todo["completed"] is filters["completed"])
        and {tag.strip() for tag in filters.get("tag", [])} <= set(todo["tags"])
        and ("priority" not in filters or todo["priority"] in filters["priority"])
        and ("due_before" not in filters or (due is not None and due < filters["due_before"]))
        and ("due_from" not in filters or (due is not None and due >= filters["due_from"]))
        and all(has_word(todo, word) for word in words_of(filters.get("q", "")))
        and ("id" not in filters or todo["id"] in filters["id"])
    )


def place(todo: Todo, sort: str) -> tuple[Any, UUID]:
    """Return the key by which a list is sorted, ascending."""
    keys = {"position": -Decimal(todo["position"]), "due": todo["due"] or "~", "updated": -todo["version"]}
    return keys[sort], UUID(todo["id"])


def listed(todos: list[Todo], filters: Filters, sort: str = "position") -> list[Todo]:
    """Return the todos that are not in the trash and match filters, in the order of a list."""
    found = [todo for todo in todos if todo["deleted_at"] is None and matches(todo, filters)]
    return sorted(found, key=lambda todo: place(todo, sort))


def query_of(filters: Filters, **more: object) -> str:
    """Return the query of a request with filters."""
    values = filters | more
    return urlencode(
        {name: str(value).lower() if isinstance(value, bool) else value for name, value in values.items()}, doseq=True
    )


def everything(me: Person) -> list[Todo]:
    """Return all todos of a user, also those in the trash, as `/api/changes` has them."""
    found: dict[str, Todo] = {}
    query = "limit=500"
    while True:
        answer = me.http.get(f"/api/changes?{query}")
        assert answer.status_code == 200, answer.text
        page = answer.json()
        found |= {todo["id"]: todo for todo in page["todos"]}
        if not page["more"]:
            return list(found.values())
        query = f"limit=500&since={page['next']}"


def put(me: Person, items: list[Todo]) -> None:
    """Create todos by batches."""
    for first in range(0, len(items), 500):
        answer = me.http.post("/api/batch", json={"put": items[first : first + 500]})
        assert answer.status_code == 200, answer.text
        assert {one["status"] for one in answer.json()["results"]} == {201}


def found_by(http: httpx.Client, query: str) -> list[Todo]:
    """Return the todos of all pages of the list that a query describes."""
    return walk(http, f"/api/todos?{query}")


TITLES = ["buy", "Milk", "walk", "the DOG", "call", "Éva", "ÉTÉ", "ΟΔΟΣ", "straße", "100%", "牛乳を買う"]
TAGS = ["home", "Home", "work", "é", "a b", "50%", "urgent"]
DUES = [
    None,
    None,
    "2026-11-23",
    "2026-11-24",
    "2026-11-24T00:00",
    "2026-11-24T09:00",
    "2026-11-24T09:01",
    "2026-12-01",
]
PRIORITIES = ["none", "low", "medium", "high"]


def new_todos(seed: int, number: int) -> list[Todo]:
    """Return the items of a batch. The same seed returns the same todos, with ties in each field."""
    random = Random(seed)
    return [
        {
            "id": str(UUID(int=random.getrandbits(128), version=4)),
            "title": " ".join(random.choices(TITLES, k=random.randint(1, 4))),
            "description": random.choice([None, "", "buy bread", "Straße 7, DOG", "été", "οδος", "nothing"]),
            "completed": random.random() < 0.5,
            "due": random.choice(DUES),
            "priority": random.choice(PRIORITIES),
            "tags": random.sample(TAGS, random.randint(0, 3)),
            # Some positions are equal, and some are equal numbers in other words.
            "position": random.choice([f"{random.uniform(-1e6, 1e12):.6f}", str(random.randint(0, 9)), "7.0", "-3.50"]),
        }
        for _ in range(number)
    ]


class Crowd:
    """A user with many todos, some of them in the trash."""

    def __init__(self, me: Person, number: int, seed: int = 14) -> None:
        self.me = me
        items = new_todos(seed, number)
        put(me, items)
        trashed = [{"id": item["id"]} for item in items[::17]]
        for first in range(0, len(trashed), 500):
            answer = me.http.post("/api/batch", json={"put": [], "delete": trashed[first : first + 500]})
            assert answer.status_code == 200, answer.text
        self.todos = everything(me)
        assert len(self.todos) == number
        assert sum(todo["deleted_at"] is not None for todo in self.todos) == len(trashed)
