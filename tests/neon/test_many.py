"""Test many clients on one process, and many processes on one pooler."""

import json
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from threading import Barrier
from typing import Any

from tests.live import Api, free_port, launch, stop, wait_until_healthy
from tests.neon.conftest import Neon


def use_together(neon: Neon, apis: list[Api], clients: int) -> set[tuple[int, ...]]:
    """Use each API with this many clients at the same time. Return the statuses that the clients received."""
    headers = {"Authorization": f"Bearer {neon.issuer.token(neon.user_id)}", "Content-Type": "application/json"}
    together = Barrier(clients * len(apis))

    # This uses http.client, because httpx would need more time than the API.
    def use(api: Api) -> tuple[int, ...]:
        statuses = []
        with closing(HTTPConnection(api.url.removeprefix("http://"), timeout=60)) as http:

            def ask(method: str, path: str, body: str | None = None) -> Any:
                http.request(method, path, body, headers)
                answer = http.getresponse()
                statuses.append(answer.status)
                return json.loads(answer.read() or "{}")

            together.wait()
            todo = f"/api/todos/{ask('POST', '/api/todos', json.dumps({'title': 'x'})).get('id')}"
            ask("GET", "/api/todos?limit=5")
            ask("POST", f"{todo}/toggle")
            ask("DELETE", todo)
        return tuple(statuses)

    with ThreadPoolExecutor(clients * len(apis)) as pool:
        return set(pool.map(use, apis * clients))


def test_three_hundred_clients_on_one_process_see_no_error(neon: Neon) -> None:
    with neon.running(DB_POOL_SIZE="5") as api:
        neon.wait_until_it_works(api)
        before = neon.faults.accepted
        assert use_together(neon, [api], 300) == {(201, 200, 200, 204)}
        assert neon.faults.accepted < before + 5


def test_eight_processes_make_tables_once_and_sixteen_share_a_pooler(
    new_neon: Callable[..., Neon], tmp_path: Path
) -> None:
    neon = new_neon()
    apis: list[Api] = []

    def start_eight() -> None:
        apis.extend(launch(free_port(), tmp_path, **neon.variables, DB_TIMEOUT="60") for _ in range(8))
        for api in apis:
            wait_until_healthy(api)

    try:
        # All eight processes start before the database is available. Then its answers are slow, so that a
        # process can overtake another one.
        neon.faults.refuse()
        start_eight()
        neon.faults.heal()
        neon.faults.delay = 0.05
        for api in apis:
            neon.wait_until_it_works(api)
        neon.faults.delay = 0.0
        made = Counter(message for message in neon.front.messages if message.lstrip().startswith("CREATE "))
        assert set(made.values()) == {1}
        start_eight()
        assert use_together(neon, apis, 10) == {(201, 200, 200, 204)}
        assert neon.pooler.connections(neon.name) <= 10
        assert not [api for api in apis if "Traceback" in api.log.read_text()]
    finally:
        for api in apis:
            stop(api)
