"""Test the demo user's todos, and that they are created once."""

import re
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from dev.demo_todos import create_todos, demo_todos
from dev.demo_user import demo_user
from dev.processes import Problem
from models.batch import Batch
from tests.conftest import Person
from tests.live import Api

NOW = datetime(2026, 11, 28, 19, 30, tzinfo=timezone(timedelta(hours=1)))
TODAY = "2026-11-28"


def test_the_demo_todos_are_valid_and_have_every_kind() -> None:
    todos = demo_todos(NOW)
    batch = Batch.model_validate({"put": todos})
    assert {type(item).__name__ for item in batch.put} == {"TodoPut"}
    assert len(todos) == 53
    assert {todo["base"] for todo in todos} == {0}, "it only creates"
    open_todos = [todo for todo in todos if not todo["completed"]]
    due = [todo["due"] for todo in open_todos if "due" in todo]
    assert sum(day < TODAY for day in due) >= 3, "overdue"
    assert sum(day == TODAY for day in due) >= 2, "today"
    assert sum(day.startswith(f"{TODAY}T") for day in due) >= 3, "today, with a time"
    assert sum("2026-11-30" <= day < "2026-12-07" for day in due) >= 5, "next week"
    assert sum("due" not in todo for todo in open_todos) >= 10
    assert len(todos) - len(open_todos) >= 10
    assert {todo["priority"] for todo in open_todos} == {"none", "low", "medium", "high"}
    assert {"home", "work", "shopping", "reading"} <= {tag for todo in open_todos for tag in todo["tags"]}
    assert any(re.match(r"[\u0590-\u07ff]", todo["title"]) for todo in open_todos), "right to left"
    assert max(len(todo["title"]) for todo in open_todos) > 150
    assert sum("https://" in (todo["description"] or "") for todo in open_todos) >= 5


def test_the_demo_todos_were_created_before_now() -> None:
    for todo in demo_todos(NOW):
        created = datetime.fromisoformat(todo["created_at"])
        completed = datetime.fromisoformat(todo.get("completed_at", "2026-11-28T18:30:00Z"))
        assert created < completed <= NOW, todo["title"]
        assert ("completed_at" in todo) == todo["completed"]
        assert int(todo["position"]) < NOW.timestamp(), "a new todo would not be on top"


@pytest.mark.parametrize("hour", [0, 23])
def test_dates_are_those_of_the_calendar_where_the_user_is(hour: int) -> None:
    """The date in UTC is another one at both times."""
    zone = timezone(timedelta(hours=3 if hour == 0 else -3))
    first, *_ = demo_todos(datetime(2026, 11, 28, hour, 30, tzinfo=zone))
    assert first["due"] == f"{TODAY}T09:30"


def everything(person: Person) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the todos in the list and those in the trash."""
    return person.http.get("/api/todos?limit=500").json(), person.http.get("/api/trash?limit=500").json()


def test_the_todos_are_created_once_and_do_not_come_back(api: Api, owner: Person) -> None:
    now = datetime.now(UTC)
    sent = demo_todos(now)
    assert create_todos(api.url, owner.token, now) is True
    listed, trash = everything(owner)
    deleted = {todo["id"] for todo in trash}
    assert (len(listed), len(trash)) == (50, 3)
    assert [todo["id"] for todo in listed] == [todo["id"] for todo in sent if todo["id"] not in deleted], "the order"
    by_id = {todo["id"]: todo for todo in (*listed, *trash)}
    for todo in sent:
        expected = {name: value for name, value in todo.items() if name != "base"}
        assert {name: by_id[todo["id"]][name] for name in expected} == expected
    assert owner.create("Mine")["id"] == owner.http.get("/api/todos?limit=1").json()[0]["id"], "a new one is on top"

    assert create_todos(api.url, owner.token, now + timedelta(days=3)) is False
    assert everything(owner)[0][1:] == listed
    for completed in ("false", "true"):
        assert owner.http.delete("/api/todos", params={"completed": completed}).status_code == 200
    assert owner.http.delete("/api/trash").status_code == 204
    assert everything(owner) == ([], [])
    assert create_todos(api.url, owner.token, now) is False
    assert everything(owner) == ([], [])


def test_who_has_a_todo_gets_no_others(api: Api, stranger: Person) -> None:
    mine = stranger.create("Mine")
    assert create_todos(api.url, stranger.token, NOW) is False
    assert everything(stranger) == ([mine], [])


def test_an_api_that_refuses_the_token_is_reported(api: Api) -> None:
    with pytest.raises(Problem, match=r"^The demo user gets no todos: .*401"):
        create_todos(api.url, "no token", NOW)


def test_only_the_embedded_database_has_a_demo_user_by_itself(tmp_path: Path) -> None:
    made = demo_user(tmp_path, {})
    assert made == {"DEMO_EMAIL": "demo@example.com", "DEMO_PASSWORD": (tmp_path / "demo-password").read_text()}
    assert len(made["DEMO_PASSWORD"]) == 64
    assert demo_user(tmp_path, {}) == made
    other = tmp_path / "other"
    assert demo_user(other, {"DATABASE_URL": "postgresql://127.0.0.1/mine"}) == {"DEMO_EMAIL": "", "DEMO_PASSWORD": ""}
    given = {"DEMO_EMAIL": "me@example.com", "DEMO_PASSWORD": "a password"}
    assert demo_user(other, {"DATABASE_URL": "postgresql://127.0.0.1/mine", **given}) == given
    assert demo_user(other, given) == given
    assert not other.exists()
