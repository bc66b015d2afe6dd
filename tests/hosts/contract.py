"""Check the contract on a host with each route and each kind of answer."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import httpx

from tests.expect import expect_invalid, expect_not_found, expect_unauthorized

PAGE = "http://localhost:3000"
"""Send requests from this origin, which CORS allows."""

ASK: dict[str, Callable[[httpx.Client], httpx.Response]] = {
    "GET": lambda http: http.get("/api/todos"),
    "POST": lambda http: http.post("/api/todos", json={"title": "Buy milk"}),
}
"""Send a request that reads, or one that writes."""


def expect_the_contract(me: httpx.Client, my_id: str) -> None:
    """Use each route once, as a user without todos."""
    made = []
    for title in ("Buy milk", "Grüße aus Köln 🥛", "x" * 200):
        answer = me.post("/api/todos", json={"title": title, "description": "one\ntwo"})
        assert answer.status_code == 201, answer.text
        assert answer.headers["location"] == f"/api/todos/{answer.json()['id']}"
        assert answer.json()["title"] == title
        made.append(answer.json())

    page = me.get("/api/todos?limit=2")
    assert page.json() == [made[2], made[1]]
    rest = me.get(page.links["next"]["url"])
    assert (rest.json(), rest.links) == ([made[0]], {})

    todo = f"/api/todos/{made[0]['id']}"
    assert me.get(todo).json() == made[0]
    assert me.patch(todo, json={"title": "Buy oat milk"}).json()["title"] == "Buy oat milk"
    assert [me.post(f"{todo}/toggle").json()["completed"] for _ in range(2)] == [True, False]
    deleted = me.delete(todo)
    assert (deleted.status_code, deleted.content) == (204, b"")
    expect_not_found(me.get(todo))
    expect_versions_and_the_trash(me, made)
    expect_order_tags_and_counts(me)
    expect_invalid(me.post("/api/todos", json={"title": ""}), ["body", "title"])
    assert me.get("/api/me").json()["id"] == my_id

    nameless = me.build_request("GET", "/api/todos")
    del nameless.headers["Authorization"]
    expect_unauthorized(me.send(nameless), "There is no token")

    asks = {"Origin": PAGE, "Access-Control-Request-Method": "PATCH", "Access-Control-Request-Headers": "authorization"}
    preflight = me.options(todo, headers=asks)
    assert (preflight.status_code, preflight.headers["access-control-allow-origin"]) == (200, PAGE)
    expect_alive(me)


def expect_versions_and_the_trash(me: httpx.Client, made: list[dict[str, Any]]) -> None:
    """Use versions, the trash, changes and a batch. The first of the three todos is in the trash, before and after."""
    deleted, todo, last = made
    path, tag = f"/api/todos/{todo['id']}", f'W/"{todo["version"]}"'
    read = me.get(path, headers={"If-None-Match": tag})
    assert (read.status_code, read.headers["etag"], read.content) == (304, tag, b"")
    put = me.put(path, json={"title": "Buy tea"}, headers={"If-Match": tag})
    assert put.status_code == 200, put.text
    stale = me.put(path, json={"title": "Buy rice"}, headers={"If-Match": tag})
    assert (stale.status_code, stale.json()["current"]) == (412, put.json())

    assert [one["id"] for one in me.get("/api/trash").json()] == [deleted["id"]]
    assert me.post(f"/api/trash/{deleted['id']}/restore").json()["deleted_at"] is None
    since = me.get("/api/changes").json()["next"]
    new = str(uuid4())
    batch = me.post("/api/batch", json={"put": [{"id": new, "title": "new"}], "delete": [{"id": deleted["id"]}]})
    assert [result["status"] for result in batch.json()["results"]] == [201, 204], batch.text
    assert me.patch(f"/api/todos?id={new}", json={"completed": True}).json() == {"changed": 1}
    assert me.delete(f"/api/todos?id={new}").json() == {"changed": 1}
    assert me.delete(f"/api/trash/{new}").status_code == 204
    changes = me.get("/api/changes", params={"since": since}).json()
    assert ([one["id"] for one in changes["todos"]], changes["gone"]) == ([deleted["id"]], [new])
    assert [one["title"] for one in me.get("/api/todos").json()] == [last["title"], "Buy tea"]


def expect_alive(anyone: httpx.Client) -> None:
    """Assert that probes are answered with 200, which needs no database."""
    assert [anyone.get(path).status_code for path in ("/", "/health")] == [200, 200]


def expect_order_tags_and_counts(me: httpx.Client) -> None:
    """Move a todo, use filters, rename a tag with `/` in its name, and count. All of it is undone at the end."""
    first, second = me.get("/api/todos").json()
    fields = {"due": "2026-11-24T09:00", "priority": "high", "tags": ["at home/now", "100 % ☕"]}
    changed = me.patch(f"/api/todos/{second['id']}", json=fields).json()
    assert {name: changed[name] for name in fields} == fields
    moved = me.post(f"/api/todos/{second['id']}/move", json={"after": None})
    assert moved.status_code == 200, moved.text
    assert me.get("/api/todos").json() == [moved.json(), first]
    for query in ("tag=at%20home/now&priority=high", "q=%E2%98%95", "sort=due&due_before=2026-11-25&completed=false"):
        assert me.get(f"/api/todos?{query}").json() == [moved.json()], query
    assert me.patch("/api/tags/at%20home%2Fnow", json={"name": "a/b"}).json() == {"changed": 1}
    assert me.get("/api/tags").json() == [{"name": "100 % ☕", "count": 1}, {"name": "a/b", "count": 1}]
    for name in ("a%2Fb", "100%20%25%20%E2%98%95"):
        assert me.delete(f"/api/tags/{name}").json() == {"changed": 1}, name
    counts = me.get("/api/counts?today=2026-11-25")
    assert counts.json()["overdue"] == 1
    assert me.get("/api/counts?today=2026-11-25", headers={"If-None-Match": counts.headers["etag"]}).status_code == 304
    assert me.post(f"/api/todos/{second['id']}/move", json={"after": first["id"]}).status_code == 200
    assert me.patch(f"/api/todos/{second['id']}", json={"due": None, "priority": "none"}).status_code == 200
