"""Copy a user's todos by walking /api/changes, as a client does that works offline."""

from typing import Any

import httpx

from tests.expect import again
from tests.todos import FIELDS, walk


class Replica:
    """Keep a copy of the todos of a user, and the token of the next walk."""

    def __init__(self, http: httpx.Client) -> None:
        self._http = http
        self.todos: dict[str, dict[str, Any]] = {}
        """The todos by their ids, including those in the trash."""
        self.next: str | None = None
        """The token of the last answer."""

    def pull(self, limit: int = 100) -> dict[str, Any]:
        """Send one request, again while it is 503, apply its answer to the copy, and return the answer."""
        query: dict[str, str | int] = {"limit": limit} if self.next is None else {"limit": limit, "since": self.next}
        answer = next(
            answer for answer in again(lambda: self._http.get("/api/changes", params=query)) if is_final(answer)
        )
        assert answer.status_code == 200, answer.text
        page: dict[str, Any] = answer.json()
        assert list(page) == ["todos", "gone", "next", "more"]
        assert len(page["todos"]) + len(page["gone"]) <= limit
        for todo in page["todos"]:
            assert list(todo) == FIELDS
            known = self.todos.get(todo["id"])
            assert known is None or known["version"] <= todo["version"], "a todo must not go back"
            self.todos[todo["id"]] = todo
        for todo_id in page["gone"]:
            self.todos.pop(todo_id, None)
        self.next = page["next"]
        return page

    def walk(self, limit: int = 100) -> list[dict[str, Any]]:
        """Send requests until an answer has no more, and return all answers."""
        pages = [self.pull(limit)]
        while pages[-1]["more"]:
            pages.append(self.pull(limit))
        return pages


def is_final(answer: httpx.Response) -> bool:
    """Return whether a client does not have to repeat its request."""
    return answer.status_code != 503


def todos_of(pages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the todos of several answers, in their order."""
    return [todo for page in pages for todo in page["todos"]]


def gone_of(pages: list[dict[str, Any]]) -> list[str]:
    """Return the ids that several answers report as gone, in their order."""
    return [todo_id for page in pages for todo_id in page["gone"]]


def everything_of(http: httpx.Client) -> dict[str, dict[str, Any]]:
    """Return all todos by their ids, as the list and the trash have them."""
    return {todo["id"]: todo for path in ("/api/todos", "/api/trash") for todo in walk(http, f"{path}?limit=500")}
