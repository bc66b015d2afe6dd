"""Test a network that fails every half second. No acknowledged change is lost, and none happens twice."""

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

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
    CREATE TRIGGER note AFTER UPDATE ON todo FOR EACH ROW EXECUTE FUNCTION note();
"""


@dataclass
class Somebody:
    """Send requests as one client, and record their results."""

    http: httpx.Client
    name: str
    statuses: Counter[int] = field(default_factory=Counter)
    created: list[str] = field(default_factory=list)
    tried: int = 0
    todo: str = ""
    """The id of the one todo that only this client toggles."""
    toggled: int = 0
    unknown: int = 0
    """The number of toggles whose result is unknown."""

    def live(self, until: float) -> None:
        """Create, toggle and read todos until a time."""
        while time.monotonic() < until:
            self.create()
            if self.todo:
                self.toggle()
                self.ask("GET", f"/api/todos/{self.todo}")

    def ask(self, method: str, path: str, **sent: object) -> httpx.Response:
        answer = self.http.request(method, path, **sent)  # type: ignore[arg-type]  # httpx has many parameters
        self.statuses[answer.status_code] += 1
        if answer.status_code == 503:
            assert int(answer.headers["retry-after"]) >= 1
        return answer

    def create(self) -> None:
        self.tried += 1
        title = f"{self.name}.{self.tried}"
        answer = self.ask("POST", "/api/todos", json={"title": title})
        if answer.status_code == 201:
            self.created.append(title)
            self.todo = self.todo or answer.json()["id"]

    def toggle(self) -> None:
        answer = self.ask("POST", f"/api/todos/{self.todo}/toggle")
        if answer.status_code == 200:
            self.toggled += 1
        else:
            self.unknown += 1


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
    assert set(seen) <= {200, 201, 503}
    assert seen[200] > 100
    assert seen[503] > 0, "no reset interrupted a write"
    titles = Counter(title for (title,) in neon.database.execute("SELECT title FROM todo"))
    assert [title for title, times in titles.items() if times > 1] == []
    assert [title for person in people for title in person.created if title not in titles] == []
    changes: Counter[str] = Counter(id_ for (id_,) in neon.database.execute("SELECT id::text FROM change"))
    for person in people:
        assert person.toggled <= changes[person.todo] <= person.toggled + person.unknown
    asked = Counter(message[:6] for message in neon.front.messages)
    assert asked["INSERT"] <= sum(person.tried for person in people)
    assert asked["UPDATE"] <= sum(person.toggled + person.unknown for person in people)
