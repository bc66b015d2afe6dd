"""The 50 todos of the demo user, and three in the trash: a week of a person, with dates relative to today."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID, uuid5

import httpx

from dev.processes import Problem

_IDS = UUID("6d0f2a52-6c0c-4f0b-9f0e-1c9f3f2f8a11")
_NEVER_HAD_TODOS = 'W/"0"'
"""The ETag of the list of a user who never had a todo. It never comes back, also after all are deleted for good."""


class _Todo(NamedTuple):
    """Describe a todo. Days are counted from today."""

    title: str
    due: int | None = None
    time: str = ""
    priority: str = "none"
    tags: str = ""
    notes: str | None = None
    completed: int | None = None
    """How many days ago it was completed."""
    in_trash: bool = False


_WEEK = (
    _Todo("Send the slides to Priya", 0, "09:30", "high", "work", "She needs them before her flight."),
    _Todo("Call the dentist about the appointment", 0, "11:00", "medium", "health, calls", "Phone: 555 0134"),
    _Todo("Pick up the parcel at the post office", 0, "17:45", "none", "errands", "Bring an identity card."),
    _Todo("Water the plants", 0, tags="home"),
    _Todo("Reply to Jonas about the weekend", 0, tags="friends"),
    _Todo("Pay the electricity bill", -1, priority="high", tags="home, money", notes="Due yesterday. The fee is 5 €."),
    _Todo("Return the library books", -3, tags="errands, reading", notes="Two novels and the book about bread."),
    _Todo("Send the expense report", -5, priority="medium", tags="work, money"),
    _Todo(
        "Buy a birthday present for Mum",
        1,
        priority="high",
        tags="family, shopping",
        notes="Ideas: a scarf, tea, tickets for the concert.",
    ),
    _Todo(
        "Standup with the new team",
        1,
        "10:00",
        tags="work",
        notes="The link to the call: https://meet.example.com/standup",
    ),
    _Todo("Take out the paper and the glass", 1, "07:30", tags="home"),
    _Todo(
        "Book the train to Vienna",
        2,
        priority="medium",
        tags="travel",
        notes="Timetable: https://www.oebb.at/en/\nSeats with a table, if there are any.",
    ),
    _Todo(
        "Presentation: what we learned this quarter",
        3,
        "14:00",
        "high",
        "work",
        "Ten minutes, then questions.\n1. What went well\n2. What we stopped\n3. What comes next",
    ),
    _Todo("Dinner with Amira and Tom", 4, "19:30", tags="friends", notes="They bring dessert. Tom eats no nuts."),
    _Todo("Clean the bathroom", 4, tags="home"),
    _Todo("Swim before work", 5, "07:00", tags="health"),
    _Todo(
        "Bake bread with the new flour",
        5,
        tags="home, cooking",
        notes="Recipe: https://en.wikibooks.org/wiki/Cookbook:Bread",
    ),
    _Todo("Review the pull request of Mei", 6, priority="medium", tags="work"),
    _Todo(
        "Renew the passport",
        9,
        priority="high",
        tags="travel, errands",
        notes="Two photos. The office is open until 15:00 on Wednesdays.",
    ),
    _Todo("Parents' evening at school", 10, "18:00", tags="family"),
    _Todo("Change the tyres", 12, tags="car"),
    _Todo("Flu shot", 13, "08:15", tags="health"),
    _Todo(
        "Prepare the talk about accessible forms",
        16,
        priority="medium",
        tags="work, reading",
        notes="Start with https://www.w3.org/WAI/tutorials/forms/",
    ),
    _Todo("Pay the rent", 20, priority="medium", tags="home, money"),
    _Todo("Buy milk, eggs and coffee", tags="shopping"),
    _Todo("Olive oil", tags="shopping, cooking"),
    _Todo("Light bulbs for the hall (E14, warm)", tags="shopping, home"),
    _Todo("לקנות פרחים לשבת!", 2, tags="shopping", notes="תשע ורדים, בבקשה."),
    _Todo(
        "Read “The Left Hand of Darkness”",
        tags="reading",
        notes="https://en.wikipedia.org/wiki/The_Left_Hand_of_Darkness",
    ),
    _Todo("Read about how SQLite is tested", tags="reading, work", notes="https://www.sqlite.org/testing.html"),
    _Todo(
        "Find a summer course for the kids: swimming or climbing, in the first two weeks of July, close to the"
        " office, with lunch, and not on the same days as the visit of the grandparents",
        tags="family",
        notes="Ask Lena, her children were at one last year.",
    ),
    _Todo("Sort the photos of the hike", priority="low", tags="home"),
    _Todo("Learn ten words of Portuguese a day", tags="reading", notes="Today: a janela, o sapato, a chuva"),
    _Todo("Fix the squeaking door", priority="low", tags="home"),
    _Todo("Think about a new desk", priority="low", tags="home, shopping", notes="At most 140 cm wide."),
    _Todo("Write to the landlord about the heating", priority="medium", tags="home, calls"),
    _Todo("Make a list of films for the winter", priority="low", tags="friends"),
    _Todo("Ask Ines for the recipe of the soup", tags="cooking, friends"),
    _Todo("Batteries for the smoke detector", priority="medium", tags="shopping, home", notes="Two, of 9 V."),
    _Todo("Reading group: choose the next book", 8, "20:00", tags="reading, friends"),
    _Todo("Order a new water filter", completed=0, tags="shopping, home"),
    _Todo(
        "Cancel the old phone contract",
        -1,
        completed=0,
        priority="high",
        tags="money, calls",
        notes="The confirmation is in the mail folder.",
    ),
    _Todo("Plan the menu for the week", completed=1, tags="cooking"),
    _Todo("Interview with the new designer", -2, "13:00", completed=2, tags="work"),
    _Todo("Back up the laptop", completed=2, priority="medium", tags="work, home"),
    _Todo("Run 5 km", -3, completed=3, tags="health", notes="29 minutes, not bad."),
    _Todo("Send the invitation for the party", completed=4, tags="friends"),
    _Todo("Buy running shoes", completed=6, tags="shopping, health"),
    _Todo("Tax return", -8, completed=9, priority="high", tags="money"),
    _Todo("Assemble the shelf", completed=12, tags="home"),
    _Todo("Try the café at the corner", tags="friends", in_trash=True),
    _Todo("Sell the old bicycle", tags="home, money", notes="Sold to a neighbour.", in_trash=True),
    _Todo("Sign up for the marathon", 30, tags="health", in_trash=True),
)


def demo_todos(now: datetime) -> list[dict[str, Any]]:
    """Return the todos as items of a batch that only creates, from top to bottom.

    Args:
        now: the time where the user is. The todos are due relative to its date.
    """
    return [_item(number, todo, now) for number, todo in enumerate(_WEEK)]


def _item(number: int, todo: _Todo, now: datetime) -> dict[str, Any]:
    finished = now if todo.completed is None else now - timedelta(days=todo.completed, minutes=10 * number)
    created = finished - timedelta(days=2 + number % 5, minutes=17 * number)
    item: dict[str, Any] = {
        "id": str(uuid5(_IDS, str(number))),
        "base": 0,
        "title": todo.title,
        "description": todo.notes,
        "completed": todo.completed is not None,
        "priority": todo.priority,
        "tags": todo.tags.split(", ") if todo.tags else [],
        "created_at": _utc(created),
        "position": str(int(now.timestamp()) - 1 - number),  # a new todo is above all of them
    }
    if todo.due is not None:
        day = (now + timedelta(days=todo.due)).date().isoformat()
        item["due"] = f"{day}T{todo.time}" if todo.time else day
    if todo.completed is not None:
        item["completed_at"] = _utc(finished)
    return item


def _utc(time: datetime) -> str:
    return time.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def create_todos(api: str, token: str, now: datetime) -> bool:
    """Create the todos for a user who never had one. Return whether they were created.

    What the user has deleted does not come back, also if all of it is gone.

    Raises:
        Problem: the API does not answer, or refuses a todo.
    """
    headers = {"Authorization": f"Bearer {token}"}
    with httpx.Client(base_url=api, headers=headers, timeout=30, trust_env=False) as http:
        try:
            answer = http.get("/api/todos", params={"limit": 1}).raise_for_status()
            if answer.headers["ETag"] != _NEVER_HAD_TODOS:
                return False
            results = list(_batch(http, {"put": demo_todos(now)}))
            deleted = [
                {"id": result["id"], "base": result["version"]}
                for result, todo in zip(results, _WEEK, strict=True)
                if todo.in_trash
            ]
            list(_batch(http, {"delete": deleted}))
        except httpx.HTTPError as error:
            raise Problem(f"The demo user gets no todos: {error}") from error
    return True


def _batch(http: httpx.Client, body: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for result in http.post("/api/batch", json=body).raise_for_status().json()["results"]:
        if result["status"] >= httpx.codes.BAD_REQUEST:
            raise Problem(f"The API refuses a todo of the demo user: {result}")
        yield result
