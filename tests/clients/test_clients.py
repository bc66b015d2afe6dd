"""Test that generators make clients of the OpenAPI document that compile and work."""

import json
import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.clients.generators import GENERATORS, Generator, Result, run
from tests.conftest import Person
from tests.live import Api

EXPECTED = {
    "refused": [401, "Unauthorized"],
    "invalid": [422, [["body", "title"]]],
    "missing": [404, "Not Found"],
    "created": [["first", False, None], ["second", False, None], ["third", False, None]],
    "pages": [["third", "second"], ["first"]],
    "deleted": 204,
    "put": [201, "put"],
    "patched": [200, "patched"],
    "mismatch": [412, "patched"],
    "batch": [[201, None], [412, "second"], [204, None]],
    "changes": [["batch", False], ["first", True], ["patched", True], ["second", False], ["third", False]],
}
"""List what every client prints: statuses, and what the answers have in the generated types."""


@dataclass(frozen=True)
class Client:
    """Describe a folder with a client and generated code."""

    generator: Generator
    folder: Path
    generated: Result


@pytest.fixture(scope="module", params=GENERATORS)
def client(request: pytest.FixtureRequest, api: Api, tmp_path_factory: pytest.TempPathFactory) -> Client:
    """Run a generator once, with the document that the API serves."""
    generator: Generator = GENERATORS[request.param]
    folder = tmp_path_factory.mktemp("client")
    with api.client() as http:
        generator.prepare(folder, http.get("/openapi.json").text)
    return Client(generator, folder, run(generator.generate, folder))


def test_a_generator_accepts_the_document_without_a_warning(client: Client) -> None:
    output = client.generated.output
    assert client.generated.code == 0, output
    assert not re.search(r"\b(warn|error|fail|skip|deprecated)|[⚠✗✖🛑]", output, re.IGNORECASE), output


def test_the_generated_code_and_its_client_compile(client: Client) -> None:
    result = run(client.generator.compile, client.folder)
    assert result.code == 0, result.output


def test_the_client_uses_todos_versions_and_batches_and_reads_errors(client: Client, api: Api, owner: Person) -> None:
    result = run(client.generator.run, client.folder, API_URL=api.url, TOKEN=owner.token)
    assert result.code == 0, result.output
    printed = json.loads(result.output)
    assert printed | {"changes": sorted(printed["changes"])} == EXPECTED
    assert [todo["title"] for todo in owner.http.get("/api/todos").json()] == ["batch", "third", "second"]
