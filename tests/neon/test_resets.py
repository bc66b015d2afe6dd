"""Test a network that fails every half second. No acknowledged change is lost, and none happens twice."""

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from uuid import uuid4

import httpx

from tests.faults import Faults
from tests.live import wait_for
from tests.neon.conftest import Neon

CLIENTS = 16
SECONDS = 20.0

# This trigger counts the changes of a todo, because the API does not report their number.
COUNT_CHANGES = """
    CREATE TABLE change (id uuid);
    GRANT INSERT ON change TO todo_api;
    CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS
        'BEGIN INSERT INTO change VALUES (NEW.id); RETURN NEW; END';
    CREATE TRIGGER note AFTER UPDATE ON todo FOR EACH ROW
        WHEN ((OLD.title, OLD.completed) IS DISTINCT FROM (NEW.title, NEW.completed)) EXECUTE FUNCTION note();
"""


@dataclass
class Changed:
    """Describe a todo that one client changes in one way, and count its changes."""

    id: str = ""
    version: str = ""
    """The ETag of the version that the client has seen."""
    done: int = 0
    unknown: int = 0
    """The number of changes whose result is unknown."""

    def count(self, answer: httpx.Response) -> None:
        """Count a change by its answer."""
        if answer.status_code == 200:
            self.done += 1
        else:
            self.unknown += 1


@dataclass
class Somebody:
    """Send requests as one client, and record their results."""

    http: httpx.Client
    name: str
    statuses: Counter[int] = field(default_factory=Counter)
    created: list[str] = field(default_factory=list)
    tried: int = 0
    toggled: Changed = field(default_factory=Changed)
    patched: Changed = field(default_factory=Changed)
    replaced: Changed = field(default_factory=Changed)

    def live(self, until: float) -> None:
        """Create, change and read todos until a time."""
        while time.monotonic() < until:
            self.create()
            self.import_one()
            for one, change in ((self.toggled, self.toggle), (self.patched, self.patch), (self.replaced, self.replace)):
                if one.id:
                    change()
                elif answer := self.create():
                    one.id, one.version = answer.json()["id"], answer.headers["etag"]

    def ask(self, method: str, path: str, **sent: object) -> httpx.Response:
        answer = self.http.request(method, path, **sent)  # type: ignore[arg-type]  # httpx has many parameters
        self.statuses[answer.status_code] += 1
        if answer.status_code == 503:
            assert int(answer.headers["retry-after"]) >= 1
        return answer

    def new_title(self) -> str:
        self.tried += 1
        return f"{self.name}.{self.tried}"

    def create(self) -> httpx.Response | None:
        title = self.new_title()
        answer = self.ask("POST", "/api/todos", json={"title": title})
        if answer.status_code != 201:
            return None
        self.created.append(answer.json()["id"])
        return answer

    def import_one(self) -> None:
        todo = {"id": str(uuid4()), "title": self.new_title()}
        answer = self.ask("POST", "/api/batch", json={"put": [todo]})
        if answer.status_code == 200:
            (result,) = answer.json()["results"]
            assert result["status"] in (200, 201)
            self.created.append(todo["id"])

    def toggle(self) -> None:
        self.toggled.count(self.ask("POST", f"/api/todos/{self.toggled.id}/toggle"))

    def patch(self) -> None:
        todo = self.patched
        body, headers = {"title": self.new_title()}, {"If-Match": todo.version}
        answer = self.ask("PATCH", f"/api/todos/{todo.id}", json=body, headers=headers)
        assert answer.status_code != 412 or todo.unknown, "no other client changes this todo"
        if answer.status_code != 412:
            todo.count(answer)
        if answer.status_code != 200:
            answer = self.ask("GET", f"/api/todos/{todo.id}")
        if answer.status_code == 200:
            todo.version = answer.headers["etag"]

    def replace(self) -> None:
        path = f"/api/todos/{self.replaced.id}"
        self.replaced.count(self.ask("PUT", path, json={"title": self.new_title()}))


def test_resets_lose_no_acknowledged_change_and_repeat_none(neon: Neon, faults: Faults) -> None:
    with neon.running() as api, neon.client(api) as http, ThreadPoolExecutor(CLIENTS) as pool:
        neon.wait_until_it_works(api)
        neon.database.execute(COUNT_CHANGES)
        faults.delay = 0.005
        people = [Somebody(http, f"client {number}") for number in range(CLIENTS)]
        until = time.monotonic() + SECONDS
        lives = [pool.submit(person.live, until) for person in people]
        while time.monotonic() < until:
            time.sleep(0.5)
            faults.reset()
        for life in lives:
            life.result()
        faults.heal()
        assert http.get("/api/todos").status_code == 200
        wait_for(lambda: faults.open <= 5)
        assert "Traceback" not in api.log.read_text()

    seen = sum((person.statuses for person in people), Counter[int]())
    assert set(seen) <= {200, 201, 412, 503}
    assert seen[200] > 100
    assert seen[503] > 0, "no reset interrupted a write"
    titles = Counter(title for (title,) in neon.database.execute("SELECT title FROM todo"))
    assert [title for title, times in titles.items() if times > 1] == []
    stored = {id_ for (id_,) in neon.database.execute("SELECT id::text FROM todo")}
    assert [todo for person in people for todo in person.created if todo not in stored] == []
    assert len(stored) <= sum(person.tried for person in people)
    changes: Counter[str] = Counter(id_ for (id_,) in neon.database.execute("SELECT id::text FROM change"))
    for person in people:
        for todo in (person.toggled, person.patched, person.replaced):
            assert todo.done <= changes[todo.id] <= todo.done + todo.unknown
    # A toggle is never sent again. A PATCH with a version is sent again once.
    toggles, patches = ([person.toggled for person in people], [person.patched for person in people])
    asked = Counter(message[:6] for message in neon.front.messages)
    sent = sum(todo.done + todo.unknown for todo in toggles) + 2 * sum(todo.done + todo.unknown for todo in patches)
    assert asked["UPDATE"] <= sent + seen[412]
