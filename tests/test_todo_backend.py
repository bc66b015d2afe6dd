"""Run the checks of Todo-Backend, the public specification at todobackend.com, against tests/todo_backend.py.

There is one test for each of its 16 checks, in the same order and in the same four groups. A page of
any origin must be able to send each request, so every answer is checked for the header of CORS.
"""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.conftest import Database, new_user_id
from tests.issuer import Issuer
from tests.live import NO_TLS, Api, running

ORIGIN = "http://page.example"


class Backend:
    """Send the requests of a page on another origin."""

    def __init__(self, http: httpx.Client) -> None:
        self.http = http
        self.root = str(http.base_url)

    def send(self, verb: str, url: str, status: int, body: object = None) -> httpx.Response:
        """Send a request, after its preflight, and return the answer. Assert that the page may read it."""
        if verb != "GET":
            asked = {"Access-Control-Request-Method": verb, "Access-Control-Request-Headers": "content-type"}
            preflight = self.http.options(url, headers=asked)
            assert preflight.status_code == 200, preflight.text
            assert verb in preflight.headers["access-control-allow-methods"]
            assert preflight.headers["access-control-allow-headers"] == "content-type"
        answer = self.http.request(verb, url, json=body) if body is not None else self.http.request(verb, url)
        assert answer.status_code == status, answer.text
        assert answer.headers["access-control-allow-origin"] == "*"
        return answer

    def list(self) -> list[dict[str, Any]]:
        """Return the todos at the root."""
        todos: list[dict[str, Any]] = self.send("GET", self.root, 200).json()
        return todos

    def create(self, **fields: Any) -> dict[str, Any]:
        """Create a todo, and return it."""
        todo: dict[str, Any] = self.send("POST", self.root, 201, {"title": "Buy milk", **fields}).json()
        return todo

    def get(self, todo: dict[str, Any]) -> dict[str, Any]:
        """Return the todo at the URL of a todo."""
        found: dict[str, Any] = self.send("GET", todo["url"], 200).json()
        return found

    def change(self, todo: dict[str, Any], **changes: Any) -> dict[str, Any]:
        """Change a todo at its URL, and return it."""
        changed: dict[str, Any] = self.send("PATCH", todo["url"], 200, changes).json()
        return changed

    def clear(self) -> None:
        """Delete all todos."""
        self.send("DELETE", self.root, 204)


@pytest.fixture(scope="module")
def backend(api: Api, database: Database, issuer: Issuer) -> Iterator[Backend]:
    """Run the adapter for a user of the API."""
    user_id = new_user_id()
    database.add_user(user_id)
    with running("tests.todo_backend:app", API_URL=api.url, TOKEN=issuer.token(user_id)) as adapter:
        options: dict[str, Any] = {"timeout": 30, "trust_env": False, "verify": NO_TLS}
        with httpx.Client(base_url=f"{adapter.url}/", headers={"Origin": ORIGIN}, **options) as http:
            yield Backend(http)


@pytest.fixture
def empty(backend: Backend) -> Backend:
    """Delete all todos before a test."""
    backend.clear()
    return backend


# --- The root


def test_the_root_answers_a_page_of_another_origin(backend: Backend) -> None:
    assert backend.send("GET", backend.root, 200).headers["content-type"] == "application/json"


def test_a_post_to_the_root_returns_the_todo(backend: Backend) -> None:
    assert backend.create(title="Call the bank")["title"] == "Call the bank"


def test_a_delete_of_the_root_succeeds(backend: Backend) -> None:
    assert backend.send("DELETE", backend.root, 204).content == b""


def test_the_root_is_an_empty_array_after_it_was_deleted(backend: Backend) -> None:
    backend.create()
    backend.clear()
    assert backend.list() == []


# --- New todos


def test_a_new_todo_is_in_the_list(empty: Backend) -> None:
    empty.create(title="Walk to the shop")
    assert [todo["title"] for todo in empty.list()] == ["Walk to the shop"]


def test_a_new_todo_is_not_completed(empty: Backend) -> None:
    created = empty.create()
    assert created["completed"] is False
    assert empty.list() == [created]


def test_a_new_todo_has_a_url(empty: Backend) -> None:
    created = empty.create()
    assert created["url"].startswith(empty.root)
    assert [todo["url"] for todo in empty.list()] == [created["url"]]


def test_the_url_of_a_new_todo_returns_it(empty: Backend) -> None:
    created = empty.create(title="Water the plants")
    assert empty.get(created) == created
    assert created["title"] == "Water the plants"


# --- Todos that exist


def test_the_list_leads_to_each_todo(empty: Backend) -> None:
    created = [empty.create(title="First"), empty.create(title="Second")]
    listed = empty.list()
    assert len(listed) == 2
    assert sorted(empty.get(todo)["title"] for todo in listed) == [todo["title"] for todo in created]


def test_a_patch_changes_the_title(empty: Backend) -> None:
    created = empty.create(title="Before")
    assert empty.change(created, title="After") == created | {"title": "After"}


def test_a_patch_completes_a_todo(empty: Backend) -> None:
    created = empty.create()
    assert empty.change(created, completed=True) == created | {"completed": True}


def test_changes_are_there_when_the_todo_is_read_again(empty: Backend) -> None:
    changed = empty.change(empty.create(), title="After", completed=True)
    assert (changed["title"], changed["completed"]) == ("After", True)
    assert empty.get(changed) == changed
    assert empty.list() == [changed]


def test_a_deleted_todo_is_not_in_the_list(empty: Backend) -> None:
    created = empty.create()
    empty.send("DELETE", created["url"], 204)
    assert empty.list() == []
    empty.send("GET", created["url"], 404)


# --- The order


def test_a_todo_is_created_with_an_order(empty: Backend) -> None:
    assert empty.create(order=523)["order"] == 523


def test_a_patch_changes_the_order(empty: Backend) -> None:
    created = empty.create(order=10)
    assert empty.change(created, order=95) == created | {"order": 95}


def test_a_changed_order_is_there_when_the_todo_is_read_again(empty: Backend) -> None:
    first, second = empty.create(order=10), empty.create(order=50)
    assert empty.list() == [first, second]
    changed = empty.change(first, order=95)
    assert empty.get(changed)["order"] == 95
    assert empty.list() == [second, changed]
