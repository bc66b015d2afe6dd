"""Test that clients that repeat what was not answered lose nothing, and do nothing twice."""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from random import Random
from threading import Event
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import httpx
import pytest

from dev.postgres import Server
from tests.conftest import Database
from tests.cutter import Cut, HttpCutter, SqlCutter
from tests.expect import expect_unavailable
from tests.issuer import Issuer
from tests.live import NO_TLS, Api, running, wait_for, wait_until_ready
from tests.replica import Replica, everything_of

# The table has each version that each todo ever had. A purged todo has one more.
AUDIT = """
    CREATE TABLE audit (user_id text, todo_id uuid, version bigint);
    GRANT INSERT ON audit TO todo_api;
    CREATE FUNCTION audit() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO audit VALUES (NEW.user_id, NEW.id, NEW.version);
        RETURN NULL;
    END $$;
    CREATE TRIGGER audit AFTER INSERT OR UPDATE ON todo FOR EACH ROW EXECUTE FUNCTION audit();
"""


def changes(database: Database, user_id: str) -> dict[str, int]:
    """Return how many versions each todo of a user had."""
    rows = database.execute(
        "SELECT todo_id::text, count(DISTINCT version) FROM audit WHERE user_id = %s GROUP BY 1", (user_id,)
    )
    return dict(rows)


def is_write(sql: str) -> bool:
    """Return whether SQL is a statement on todos that may change them."""
    return "todo" in sql and any(verb in sql for verb in ("INSERT INTO", "UPDATE ", "DELETE FROM"))


def no_cut(_: str) -> Cut:
    return Cut.NEVER


@dataclass
class Proxied:
    """Describe an API with a proxy before it and one behind it, and the user `somebody`."""

    database: Database
    api: Api
    front: HttpCutter
    back: SqlCutter
    issuer: Issuer

    def client(self, user_id: str, *, direct: bool = False) -> httpx.Client:
        """Open a client of the front, or of the API itself."""
        url = self.api.url if direct else f"http://127.0.0.1:{self.front.port}"
        headers = {"Authorization": f"Bearer {self.issuer.token(user_id)}"}
        return httpx.Client(base_url=url, headers=headers, timeout=30, trust_env=False, verify=NO_TLS)


@pytest.fixture(scope="module")
def shared(new_database: Callable[..., Database], server: Server, issuer: Issuer) -> Iterator[Proxied]:
    database = new_database()
    (name,) = database.execute("SELECT current_database()")[0]
    with (
        SqlCutter(server.socket_dir, no_cut).serving() as back,
        running(DATABASE_URL=back.url(name), BETTER_AUTH_URL=issuer.origin, DB_POOL_SIZE="8") as api,
        HttpCutter(urlsplit(api.url).port or 0, no_cut).serving() as front,
    ):
        wait_until_ready(api)
        database.execute(AUDIT)
        yield Proxied(database, api, front, back, issuer)


@pytest.fixture
def project(shared: Proxied) -> Iterator[Proxied]:
    """Return the project, and stop its cuts after the test."""
    yield shared
    shared.front.decide = shared.back.decide = no_cut


def at_random(random: Random, chance: float, wanted: Callable[[str], bool] = lambda _: True) -> Callable[[str], Cut]:
    """Return a function that cuts a part of the requests."""

    def decide(text: str) -> Cut:
        if not wanted(text) or random.random() >= chance:
            return Cut.NEVER
        return random.choice([Cut.BEFORE, Cut.AFTER, Cut.AFTER, Cut.ANSWER])

    return decide


class Stubborn:
    """Repeat each request until it is answered, and remember what the todos must be then.

    Each instance has todos of its own, so no other client changes their versions.
    """

    def __init__(self, http: httpx.Client, seed: object) -> None:
        self.todos: dict[str, dict[str, Any]] = {}
        """The todos that must exist at the end, live or in the trash."""
        self.changes: Counter[str] = Counter()
        """Count the changes of each todo, also of those that are gone."""
        self.repeats = 0
        """Count the requests that were not answered, or with 503."""
        self._http, self._random, self._number = http, Random(str(seed)), 0

    def ask(self, verb: str, path: str, *statuses: int, **options: Any) -> httpx.Response:
        """Send a request until it is answered, and assert the status."""
        deadline = time.monotonic() + 30
        while True:
            try:
                answer = self._http.request(verb, path, **options)
                if answer.status_code != 503:
                    assert answer.status_code in statuses, (verb, path, answer.text)
                    return answer
            except httpx.TransportError:
                pass
            self.repeats += 1
            assert time.monotonic() < deadline, "no answer in 30 seconds"
            time.sleep(0.005)

    def new_id(self) -> str:
        """Return a new id, the same ones for the same seed."""
        return str(UUID(int=self._random.getrandbits(128)))

    def content(self) -> dict[str, Any]:
        """Return content that no todo has."""
        self._number += 1
        return {
            "title": f"{self._number}",
            "description": None,
            "completed": self._random.random() < 0.5,
            "due": "2026-11-24",
            "priority": self._random.choice(["none", "high"]),
            "tags": [f"{self._number}"],
        }

    def keep(self, todo: dict[str, Any], content: dict[str, Any]) -> None:
        """Assert that an answer has the content and a new version, and remember it."""
        assert {name: todo[name] for name in content} == content
        before = self.todos.get(todo["id"])
        assert before is None or todo["version"] > before["version"]
        self.todos[todo["id"]] = todo
        self.changes[todo["id"]] += 1

    def pick(self, *, trashed: bool) -> dict[str, Any] | None:
        """Return a todo that is live, or one in the trash; `None` if there is none."""
        found = [todo for todo in self.todos.values() if (todo["deleted_at"] is not None) is trashed]
        return self._random.choice(found) if found else None

    def step(self) -> None:
        """Do one thing, at random."""
        self._random.choice(
            [self.create, self.put, self.replace, self.patch, self.trash, self.restore, self.purge, self.batch]
        )()

    def create(self) -> None:
        key = self._random.choice([self.new_id(), f"key-{self.new_id()}"])
        content = self.content()
        answer = self.ask("POST", "/api/todos", 201, 200, json=content, headers={"Idempotency-Key": key})
        assert answer.json()["id"] not in self.todos
        self.keep(answer.json(), content)

    def put(self) -> None:
        content = self.content()
        headers = self._random.choice([{}, {"If-None-Match": "*"}])
        self.keep(
            self.ask("PUT", f"/api/todos/{self.new_id()}", 201, 200, json=content, headers=headers).json(), content
        )

    def conditions(self, todo: dict[str, Any]) -> dict[str, str]:
        """Return the headers of a request that changes only the version that is known."""
        return {"If-Match": f'W/"{todo["version"]}"'}

    def replace(self) -> None:
        if todo := self.pick(trashed=self._random.random() < 0.2):
            content, headers = self.content(), self._random.choice([{}, self.conditions(todo)])
            self.keep(self.ask("PUT", f"/api/todos/{todo['id']}", 200, json=content, headers=headers).json(), content)

    def patch(self) -> None:
        if todo := self.pick(trashed=False):
            content = self.content()
            self.keep(
                self.ask("PATCH", f"/api/todos/{todo['id']}", 200, json=content, headers=self.conditions(todo)).json(),
                content,
            )

    def trash(self) -> None:
        if todo := self.pick(trashed=False):
            headers = self._random.choice([{}, self.conditions(todo)])
            answer = self.ask("DELETE", f"/api/todos/{todo['id']}", 204, headers=headers)
            version = int(answer.headers["etag"].removeprefix('W/"').removesuffix('"'))
            self.keep(todo | {"version": version, "deleted_at": "then"}, {})

    def restore(self) -> None:
        if todo := self.pick(trashed=True):
            headers = self._random.choice([{}, self.conditions(todo)])
            answer = self.ask("POST", f"/api/trash/{todo['id']}/restore", 200, headers=headers)
            self.keep(answer.json(), {"title": todo["title"], "deleted_at": None})

    def purge(self) -> None:
        if todo := self.pick(trashed=True):
            self.ask("DELETE", f"/api/trash/{todo['id']}", 204)
            del self.todos[todo["id"]]
            self.changes[todo["id"]] += 1

    def batch(self) -> None:
        live = [todo for todo in self.todos.values() if todo["deleted_at"] is None]
        mine = self._random.sample(live, min(4, len(live)))
        bases = [self._random.choice([{}, {"base": todo["version"]}]) for todo in mine]
        puts = [{"id": self.new_id(), **self.content()} for _ in range(3)]
        puts += [{"id": todo["id"], **base, **self.content()} for todo, base in zip(mine[:2], bases[:2], strict=True)]
        deletes = [{"id": todo["id"], **base} for todo, base in zip(mine[2:], bases[2:], strict=True)]
        results = self.ask("POST", "/api/batch", 200, json={"put": puts, "delete": deletes}).json()["results"]
        assert [result["id"] for result in results] == [item["id"] for item in puts + deletes]
        for item, result in zip(puts, results, strict=False):
            assert result["status"] in (200, 201), result
            content = {name: value for name, value in item.items() if name not in ("id", "base")}
            known = self.todos.get(item["id"], {"id": item["id"], "deleted_at": None})
            self.keep(known | content | {"version": result["version"]}, content)
        for item, result in zip(deletes, results[len(puts) :], strict=True):
            assert result["status"] == 204, result
            self.keep(self.todos[item["id"]] | {"version": result["version"], "deleted_at": "then"}, {})


SEEN = ("version", "title", "completed", "due", "priority", "tags")


def expect_nothing_lost_or_doubled(project: Proxied, user_id: str, clients: list[Stubborn], replica: Replica) -> None:
    """Assert that the todos of a user are those that the clients remember, and changed as often as they asked."""
    expected = {todo_id: todo for client in clients for todo_id, todo in client.todos.items()}

    def seen(todos: dict[str, dict[str, Any]]) -> dict[str, tuple[Any, ...]]:
        return {
            todo_id: (*(todo[name] for name in SEEN), todo["deleted_at"] is None) for todo_id, todo in todos.items()
        }

    with project.client(user_id, direct=True) as http:
        stored = everything_of(http)
        assert seen(stored) == seen(expected)
        assert replica.todos == stored
    asked = sum((client.changes for client in clients), Counter[str]())
    assert changes(project.database, user_id) == dict(asked)


@pytest.mark.parametrize(("front", "back"), [(0.3, 0), (0, 0.25), (0.2, 0.15)], ids=["client", "database", "both"])
def test_repeated_requests_lose_nothing_and_do_nothing_twice(project: Proxied, front: float, back: float) -> None:
    users = [f"user-{uuid4()}" for _ in range(2)]
    for user_id in users:
        project.database.add_user(user_id)
    with ExitStack() as stack:
        clients = [
            (
                user_id,
                Stubborn(
                    stack.enter_context(project.client(user_id)), f"{front} {back} {number} {user_id == users[0]}"
                ),
            )
            for user_id in users
            for number in range(2)
        ]
        project.front.decide = at_random(Random(f"front {front}"), front)
        project.back.decide = at_random(Random(f"back {back}"), back, lambda sql: "SELECT 1" not in sql)
        cuts = project.front.cuts, project.back.cuts

        def work(client: Stubborn) -> None:
            for _ in range(80):
                client.step()

        replicas = [Replica(stack.enter_context(project.client(user_id, direct=True))) for user_id in users]
        stop = Event()

        def watch(replica: Replica) -> None:
            while not stop.is_set():
                replica.walk(3)
                time.sleep(0.02)

        with ThreadPoolExecutor(len(clients) + len(replicas)) as pool:
            watching = [pool.submit(watch, replica) for replica in replicas]
            working = [pool.submit(work, client) for _, client in clients]
            for one in working:
                one.exception()
            stop.set()
            for one in (*working, *watching):
                one.result()
        project.front.decide = project.back.decide = no_cut
        assert (project.front.cuts > cuts[0]) is (front > 0)
        assert (project.back.cuts > cuts[1]) is (back > 0)
        assert front == 0 or sum(client.repeats for _, client in clients) > 20
        for user_id, replica in zip(users, replicas, strict=True):
            replica.walk()
            mine = [client for one, client in clients if one == user_id]
            expect_nothing_lost_or_doubled(project, user_id, mine, replica)
    assert "Traceback" not in project.api.log.read_text()


Ask = Callable[[httpx.Client, dict[str, Any]], httpx.Response]


def match(todo: dict[str, Any]) -> dict[str, str]:
    return {"If-Match": f'W/"{todo["version"]}"'}


# The server repeats these, because the second time changes nothing.
REPEATED: dict[str, tuple[int, Ask]] = {
    "POST": (201, lambda http, _: http.post("/api/todos", json={"title": "new"})),
    "POST with a key": (
        201,
        lambda http, _: http.post("/api/todos", json={"title": "new"}, headers={"Idempotency-Key": "once"}),
    ),
    "PUT of a new todo": (201, lambda http, _: http.put(f"/api/todos/{uuid4()}", json={"title": "new"})),
    "PUT that only creates": (
        201,
        lambda http, _: http.put(f"/api/todos/{uuid4()}", json={"title": "new"}, headers={"If-None-Match": "*"}),
    ),
    "PUT with If-Match": (
        200,
        lambda http, todo: http.put(f"/api/todos/{todo['id']}", json={"title": "new"}, headers=match(todo)),
    ),
    "PATCH with If-Match": (
        200,
        lambda http, todo: http.patch(f"/api/todos/{todo['id']}", json={"title": "new"}, headers=match(todo)),
    ),
}

CUTS = [Cut.BEFORE, Cut.AFTER, Cut.ANSWER]


@pytest.fixture
def todo(project: Proxied) -> Iterator[tuple[str, httpx.Client, dict[str, Any]]]:
    """Create a user with a todo. Return the id of the user, a client without a proxy, and the todo."""
    user_id = f"user-{uuid4()}"
    project.database.add_user(user_id)
    with project.client(user_id, direct=True) as http:
        yield user_id, http, http.put(f"/api/todos/{uuid4()}", json={"title": "Buy milk"}).json()


def cut_writes(project: Proxied, *cuts: Cut) -> list[str]:
    """Cut the connections of the next writes to the database. Return a list that receives their SQL."""
    left, sent = list(cuts), list[str]()

    def decide(sql: str) -> Cut:
        if not is_write(sql):
            return Cut.NEVER
        sent.append(sql)
        return left.pop(0) if left else Cut.NEVER

    project.back.decide = decide
    return sent


@pytest.mark.parametrize("cut", CUTS, ids=lambda cut: cut.value)
@pytest.mark.parametrize("kind", REPEATED)
def test_a_write_that_may_be_repeated_is_answered_after_a_loss(
    project: Proxied, todo: tuple[str, httpx.Client, dict[str, Any]], kind: str, cut: Cut
) -> None:
    user_id, http, before = todo
    status, ask = REPEATED[kind]
    sent = cut_writes(project, cut)
    answer = ask(http, before)
    assert answer.status_code in {status, 200}, answer.text
    assert len(sent) == 2
    made = answer.json()
    assert (made["title"], made["deleted_at"]) == ("new", None)
    assert answer.headers["etag"] == f'W/"{made["version"]}"'
    live = http.get("/api/todos").json()
    assert made in live
    expected = {before["id"]: 1, made["id"]: 1} if made["id"] != before["id"] else {before["id"]: 2}
    assert changes(project.database, user_id) == expected
    assert len(live) == len(expected)


@pytest.mark.parametrize("cut", CUTS, ids=lambda cut: cut.value)
@pytest.mark.parametrize("has_match", [True, False], ids=["If-Match", "any version"])
def test_a_delete_is_answered_after_a_loss(
    project: Proxied, todo: tuple[str, httpx.Client, dict[str, Any]], has_match: bool, cut: Cut
) -> None:
    user_id, http, before = todo
    sent = cut_writes(project, cut)
    answer = http.delete(f"/api/todos/{before['id']}", headers=match(before) if has_match else {})
    assert (answer.status_code, len(sent)) == (204, 2)
    (trashed,) = http.get("/api/trash").json()
    assert answer.headers["etag"] == f'W/"{trashed["version"]}"'
    assert changes(project.database, user_id) == {before["id"]: 2}


@pytest.mark.parametrize("cut", CUTS, ids=lambda cut: cut.value)
def test_a_batch_is_answered_after_a_loss(
    project: Proxied, todo: tuple[str, httpx.Client, dict[str, Any]], cut: Cut
) -> None:
    user_id, http, before = todo
    new, deleted = str(uuid4()), http.post("/api/todos", json={"title": "x"}).json()
    batch = {
        "put": [{"id": new, "title": "new"}, {"id": before["id"], "title": "new", "base": before["version"]}],
        "delete": [{"id": deleted["id"]}],
    }
    sent = cut_writes(project, cut)
    answer = http.post("/api/batch", json=batch)
    assert (answer.status_code, len(sent)) == (200, 2)
    results = answer.json()["results"]
    assert [result["status"] for result in results[1:]] == [200, 204]
    assert results[0]["status"] in (200, 201)
    versions = {todo_id: todo["version"] for todo_id, todo in everything_of(http).items()}
    assert {result["id"]: result["version"] for result in results} == versions
    assert changes(project.database, user_id) == {new: 1, before["id"]: 2, deleted["id"]: 2}


@pytest.mark.parametrize("kind", REPEATED)
def test_a_write_that_is_lost_twice_is_503(
    project: Proxied, todo: tuple[str, httpx.Client, dict[str, Any]], kind: str
) -> None:
    user_id, http, before = todo
    sent = cut_writes(project, Cut.AFTER, Cut.AFTER)
    expect_unavailable(REPEATED[kind][1](http, before), "The database cannot")
    assert len(sent) == 2
    wait_for(lambda: sum(changes(project.database, user_id).values()) == 2)


NOT_REPEATED: dict[str, Ask] = {
    "toggle": lambda http, todo: http.post(f"/api/todos/{todo['id']}/toggle"),
    "toggle with If-Match": lambda http, todo: http.post(f"/api/todos/{todo['id']}/toggle", headers=match(todo)),
    # The todo may have been changed by somebody else after the first execution.
    "PATCH without If-Match": lambda http, todo: http.patch(f"/api/todos/{todo['id']}", json={"completed": True}),
}


@pytest.mark.parametrize("cut", CUTS, ids=lambda cut: cut.value)
@pytest.mark.parametrize("kind", NOT_REPEATED)
def test_a_write_that_may_not_be_repeated_is_503_after_a_loss(
    project: Proxied, todo: tuple[str, httpx.Client, dict[str, Any]], kind: str, cut: Cut
) -> None:
    _, http, before = todo
    sent = cut_writes(project, cut)
    expect_unavailable(NOT_REPEATED[kind](http, before), "The database cannot")
    assert len(sent) == 1

    def is_completed() -> bool:
        found: bool = http.get(f"/api/todos/{before['id']}").json()["completed"]
        return found

    if cut is Cut.BEFORE:
        assert not is_completed()
    else:
        wait_for(is_completed)


def test_a_connection_lost_by_the_sweep_at_the_start_is_no_crash(
    new_database: Callable[..., Database], server: Server, issuer: Issuer
) -> None:
    database = new_database()
    (name,) = database.execute("SELECT current_database()")[0]
    with (
        SqlCutter(server.socket_dir, lambda sql: Cut.ANSWER if "30 days" in sql else Cut.NEVER).serving() as back,
        running(DATABASE_URL=back.url(name), BETTER_AUTH_URL=issuer.origin) as api,
        api.client() as http,
    ):
        wait_until_ready(api)
        wait_for(lambda: back.cuts, 20)
        wait_for(lambda: "cannot be reached" in api.log.read_text() or "Traceback" in api.log.read_text())
        assert http.get("/ready").status_code == 200
        assert "Traceback" not in api.log.read_text()
