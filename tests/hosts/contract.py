"""Check the contract on a host with each route and each kind of answer."""

from collections.abc import Callable

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
    assert me.delete(todo).status_code == 204
    expect_not_found(me.get(todo))
    expect_invalid(me.post("/api/todos", json={"title": ""}), ["body", "title"])
    assert me.get("/api/me").json()["id"] == my_id

    nameless = me.build_request("GET", "/api/todos")
    del nameless.headers["Authorization"]
    expect_unauthorized(me.send(nameless), "There is no token")

    asks = {"Origin": PAGE, "Access-Control-Request-Method": "PATCH", "Access-Control-Request-Headers": "authorization"}
    preflight = me.options(todo, headers=asks)
    assert (preflight.status_code, preflight.headers["access-control-allow-origin"]) == (200, PAGE)
    expect_alive(me)


def expect_alive(anyone: httpx.Client) -> None:
    """Assert that probes are answered with 200, which needs no database."""
    assert [anyone.get(path).status_code for path in ("/", "/health")] == [200, 200]
