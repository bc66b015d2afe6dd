"""Test that the documents are right about settings, commands, routes, rights and tests."""

import ast
import json
import re
from pathlib import Path

import pytest

from tests.conftest import GRANTS
from tests.live import ROOT

DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("examples/*/*.md"), *ROOT.glob("docs/**/*.md")])


def read(name: str) -> str:
    """Return the text of a document."""
    return (ROOT / name).read_text()


def name(path: Path) -> str:
    """Return the name of a document, for the ids of tests."""
    return str(path.relative_to(ROOT))


def settings() -> dict[str, str]:
    """Return the variables that config.py reads, with their defaults as it writes them."""
    (found,) = (
        node for node in ast.parse(read("config.py")).body if isinstance(node, ast.ClassDef) and node.name == "Settings"
    )
    return {
        node.target.id.upper(): ast.unparse(node.value) if node.value else ""
        for node in found.body
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
    }


def assert_defaults(documented: dict[str, str]) -> None:
    """Compare the defaults that are plain values. Words describe the other defaults."""
    plain = {
        "BETTER_AUTH_USER_TABLE": "user",
        "BETTER_AUTH_ID_TYPE": "text",
        "BETTER_AUTH_COLUMN_CASE": "camel",
        "CORS_ORIGINS": "http://localhost:3000",
        "MIGRATE_ON_START": "true",
        "DB_POOL_SIZE": "5",
        "DB_TIMEOUT": "10",
        "RATE_LIMIT": "0",
        "LOG_FORMAT": "text",
        "LOG_LEVEL": "info",
    }
    assert {variable: documented[variable] for variable in plain} == plain
    for variable, value in plain.items():
        assert value in settings()[variable].lower() or value in settings()[variable]


def test_env_example_lists_every_setting_with_its_default() -> None:
    example = dict(re.findall(r"^(?:# )?([A-Z_]+)=(.*)$", read(".env.example"), re.MULTILINE))
    assert set(example) == set(settings())
    assert_defaults(example)


def test_the_settings_page_lists_every_setting_with_its_default() -> None:
    rows = re.findall(r"^\| `([A-Z_]+)` \| (.*?) \|", read("docs/settings.md"), re.MULTILINE)
    table = {variable: default.strip("`") for variable, default in rows}
    assert set(table) == set(settings())
    assert_defaults(table)


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_the_makefile_has_every_command_that_a_document_names(document: Path) -> None:
    commands = set(re.findall(r"^([a-z-]+):.*## ", read("Makefile"), re.MULTILINE))
    assert set(re.findall(r"(?:`|\$ )make ([a-z-]+)", document.read_text())) <= commands


def test_the_readme_names_the_most_important_commands() -> None:
    assert {"run", "demo", "test", "token", "check"} <= set(re.findall(r"make ([a-z-]+)", read("README.md")))


def test_the_routes_in_the_readme_exist() -> None:
    paths = json.loads(read("openapi.json"))["paths"]
    exist = {f"{verb.upper()} {re.sub('{.*?}', '{id}', path)}" for path, verbs in paths.items() for verb in verbs}
    named = set(re.findall(r"`((?:GET|POST|PUT|PATCH|DELETE) /[^`]*)`", read("README.md")))
    assert len(named) > 5
    named = {re.sub("{.*?}", "{id}", route) for route in named}
    assert named - {"GET /api/auth/token"} <= exist  # a route of Better Auth


def anchors(document: Path) -> set[str]:
    """Return the anchors of a document's headings, as Git hosts make them."""
    headings = re.findall(r"^#+ (.*)$", document.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_the_targets_of_links_exist(document: Path) -> None:
    for target, _, anchor in re.findall(r"\]\((?!https?:)([^)#]*)(#?)([^)]*)\)", document.read_text()):
        path = document.parent / target if target else document
        assert path.exists(), target
        assert not anchor or anchor in anchors(path), f"{target}#{anchor}"


def test_readme_and_architecture_have_fewer_than_2000_words() -> None:
    assert len(read("README.md").split()) + len(read("docs/architecture.md").split()) < 2000


def test_the_better_auth_page_lists_the_rights_that_the_api_needs() -> None:
    for grant in GRANTS.strip().splitlines():
        assert grant.strip() in read("docs/better-auth.md")


def test_every_fact_about_better_auth_has_its_test() -> None:
    rows = re.findall(r"^\| (\d+) \|.*\| (.*?) \|$", read("docs/better-auth.md"), re.MULTILINE)
    assert [int(number) for number, _ in rows] == list(range(1, 23))
    code = {path: path.read_text() for path in [*ROOT.glob("tests/*.py"), *ROOT.glob("tests/better_auth/*.py")]}
    for _, tests in rows:
        for test, real in re.findall(r"`(test_\w+)`(ᴮ?)", tests):
            homes = [path.parent.name for path, text in code.items() if f"def {test}(" in text]
            assert homes == ["better_auth" if real else "tests"], test
        assert "`test_" in tests
