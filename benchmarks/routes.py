"""Define the requests that are measured. Every server receives the same ones."""

from dataclasses import dataclass
from typing import Any

from benchmarks.stage import MORE, Person

OF_A_TODO = ("get", "patch", "toggle", "put")
ROUTES = ("list", "get", "create", "patch", "toggle", "put", "changes", "batch")
WITH_MORE = ("changes", "batch")
"""The routes that are measured on `TODOS` + `MORE` todos for each user."""
FIRST_CHANGES = f"/api/changes?limit={MORE}"
"""The path whose answer has the token `next`, after which `TODOS` more todos follow."""

# This API writes nothing if a todo already is as asked for. So each title differs from the one before.
_TITLES = ("Buy milk, and bread", "Buy bread, and milk")


@dataclass(frozen=True)
class Request:
    """Describe a request. Its bodies are sent in turn."""

    method: str
    path: str
    bodies: tuple[dict[str, Any], ...] = ()


def request(route: str, person: Person, todo: str = "", since: str = "") -> Request:
    """Return a request of a user.

    Args:
        route: one of `ROUTES`.
        person: the user.
        todo: the id of the todo, for a route in `OF_A_TODO`.
        since: the token after which the changes begin.
    """
    path = f"/api/todos/{todo}"
    match route:
        case "list":
            return Request("GET", "/api/todos")
        case "get":
            return Request("GET", path)
        case "create":
            return Request("POST", "/api/todos", ({"title": "Buy milk"},))
        case "patch":
            return Request("PATCH", path, tuple({"title": title} for title in _TITLES))
        case "toggle":
            return Request("POST", f"{path}/toggle")
        case "put":
            return Request("PUT", path, tuple(map(_whole, _TITLES)))
        case "changes":
            return Request("GET", f"/api/changes?since={since}")
        case "batch":
            ids = [*person.todos, *person.more]
            batches = ([{"id": one, **_whole(title)} for one in ids] for title in _TITLES)
            return Request("POST", "/api/batch", tuple({"put": batch} for batch in batches))
    raise ValueError(route)


def _whole(title: str) -> dict[str, Any]:
    return {"title": title, "description": "Two litres; the bread from the bakery.", "completed": False}
