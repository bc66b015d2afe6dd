"""The house in order: imports point one way, and what the documents say is so."""

import ast
import io
import re
import tokenize
from pathlib import Path

import pytest

from tests.live import ROOT

FLOORS = {
    "config": set[str](),
    "errors": set[str](),
    "models": {"config"},
    "crud": {"models"},
    "auth": {"models", "config", "errors"},
    "db": {"models", "config", "errors"},
    "middleware": {"errors"},
    "routers": {"auth", "crud", "db", "models", "config", "errors"},
    "main": {"routers", "db", "middleware", "config", "errors"},
}
"""Each room of the app, and those whose doors it may open."""

ROOMS = ("dev", "benchmarks", "tests", "tests/better_auth", "tests/neon", "tests/hosts", "tests/browser")
"""Folders of Python beside the app."""

APP = sorted(
    path
    for room in FLOORS
    for path in [*ROOT.glob(f"{room}.py"), *ROOT.glob(f"{room}/**/*.py")]
    if not path.is_relative_to(ROOT / ".venv")
)


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def imports(path: Path) -> set[str]:
    """The rooms that a file imports, at any depth of its code."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            found.add((node.module or "").split(".")[0])
    return found


@pytest.mark.parametrize("path", APP, ids=name)
def test_imports_point_one_way(path: Path) -> None:
    room = path.relative_to(ROOT).parts[0].removesuffix(".py")
    rooms = {*FLOORS, "dev", "tests", "benchmarks"}
    assert (imports(path) & rooms) - {room} <= FLOORS[room]


def test_every_room_is_there() -> None:
    assert {path.relative_to(ROOT).parts[0].removesuffix(".py") for path in APP} == set(FLOORS)


def test_the_stand_in_knows_nothing_of_the_app() -> None:
    for path in (ROOT / "dev").glob("*.py"):
        assert imports(path) & {*FLOORS, "tests"} == set(), path.name


@pytest.mark.parametrize(
    ("module", "package"), [("auth/tokens.py", "fastapi"), ("auth/keys.py", "fastapi"), ("crud/todo.py", "fastapi")]
)
def test_who_knows_nothing_of_http(module: str, package: str) -> None:
    assert package not in imports(ROOT / module)


def test_jwts_are_known_to_auth_alone_and_sql_to_crud_db_and_models() -> None:
    for path in APP:
        room = path.relative_to(ROOT).parts[0]
        assert "jwt" not in imports(path) or room == "auth"
        assert "sqlalchemy" not in imports(path) or room in ("crud", "db", "models", "config.py")


def code_lines(path: Path) -> int:
    """Lines that hold code: no blank ones, no comments, no docstrings."""
    lines = set()
    statement_starts = True
    for token in tokenize.generate_tokens(io.StringIO(path.read_text()).readline):
        if token.type in (tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT):
            statement_starts = True
        elif token.type not in (tokenize.NL, tokenize.COMMENT, tokenize.ENDMARKER):
            if not (token.type == tokenize.STRING and statement_starts):
                lines |= set(range(token.start[0], token.end[0] + 1))
            statement_starts = False
    return len(lines)


def test_the_app_is_small_enough_to_be_read() -> None:
    assert {
        name(path): len(path.read_text().splitlines()) for path in APP if len(path.read_text().splitlines()) > 250
    } == {}
    # Without what only Alembic runs.
    assert sum(code_lines(path) for path in APP if path.parent.name != "versions" and path.name != "env.py") < 1475


def settings() -> dict[str, str]:
    """The variables that config.py reads, with their defaults as it writes them."""
    (found,) = (
        node
        for node in ast.parse((ROOT / "config.py").read_text()).body
        if isinstance(node, ast.ClassDef) and node.name == "Settings"
    )
    return {
        node.target.id.upper(): ast.unparse(node.value) if node.value else ""
        for node in found.body
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
    }


def test_env_example_names_every_setting_and_its_default() -> None:
    example = dict(re.findall(r"^(?:# )?([A-Z_]+)=(.*)$", (ROOT / ".env.example").read_text(), re.MULTILINE))
    assert set(example) == set(settings())
    assert_defaults(example)


def test_the_readme_names_every_setting_and_its_default() -> None:
    rows = re.findall(r"^\| `([A-Z_]+)` \| (.*?) \|", (ROOT / "README.md").read_text(), re.MULTILINE)
    table = {variable: default.strip("`") for variable, default in rows}
    assert set(table) == set(settings())
    assert_defaults(table)


def assert_defaults(documented: dict[str, str]) -> None:
    """Compare the defaults that are plain values; the others are described in words."""
    plain = {
        "BETTER_AUTH_USER_TABLE": "user",
        "BETTER_AUTH_ID_TYPE": "text",
        "BETTER_AUTH_COLUMN_CASE": "camel",
        "CORS_ORIGINS": "http://localhost:3000",
        "MIGRATE_ON_START": "true",
        "DB_POOL_SIZE": "5",
        "DB_TIMEOUT": "10",
        "LOG_LEVEL": "info",
    }
    assert {variable: documented[variable] for variable in plain} == plain
    for variable, value in plain.items():
        assert value in settings()[variable].lower() or value in settings()[variable]


def test_the_readme_names_every_command_and_no_other() -> None:
    makefile = (ROOT / "Makefile").read_text()
    (phony,) = re.findall(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)
    readme = (ROOT / "README.md").read_text()
    assert set(re.findall(r"`make ([a-z]+)`", readme)) <= set(phony.split())
    assert {"run", "test", "token", "migrate", "check"} <= set(re.findall(r"make ([a-z]+)", readme))


def test_the_readme_links_to_files_that_are_there() -> None:
    for document in [*ROOT.glob("*.md"), *ROOT.glob("examples/*/*.md"), *(ROOT / "docs").rglob("*.md")]:
        for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", document.read_text()):
            assert (document.parent / target).exists(), f"{document.name}: {target}"


def test_every_fact_about_better_auth_has_its_test() -> None:
    rows = re.findall(r"^\| (\d+) \|.*\| (.*?) \|$", (ROOT / "docs" / "better-auth.md").read_text(), re.MULTILINE)
    assert [int(number) for number, _ in rows] == list(range(1, 23))
    code = {path: path.read_text() for room in ("tests", "tests/better_auth") for path in (ROOT / room).glob("*.py")}
    for _, tests in rows:
        for name, real in re.findall(r"`(test_\w+)`(ᴮ?)", tests):
            (home,) = (path for path, text in code.items() if f"def {name}(" in text)
            assert (home.parent.name == "better_auth") is bool(real), name
        assert "`test_" in tests


def test_every_exception_to_the_checks_gives_its_reason() -> None:
    for path in [*APP, *(path for room in ROOMS for path in (ROOT / room).glob("*.py"))]:
        for line in path.read_text().splitlines():
            if found := re.search(r"# (?:noqa: [A-Z0-9, ]+|type: ignore\[[a-z, -]+\])(.*)$", line):
                assert found[1].strip().startswith("# "), f"{path.name}: {line.strip()}"


def test_requirements_are_pinned_and_name_no_place() -> None:
    for file in (
        "requirements.txt",
        "requirements-dev.txt",
        "tests/hosts/requirements.txt",
        "benchmarks/requirements.txt",
    ):
        text = (ROOT / file).read_text()
        lines = [line for line in text.splitlines() if line and not line.strip().startswith("#")]
        assert all(re.match(r"^[a-z0-9._-]+(\[[a-z0-9,-]+\])?==\S+", line) for line in lines), file
        assert "://" not in text
    for folder in ("tests/better_auth", "benchmarks/peers/hono", "benchmarks/peers/nextjs", "examples/nextjs"):
        assert "://" not in (ROOT / folder / "package-lock.json").read_text(), folder
