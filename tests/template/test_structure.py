"""Test the structure of the code: its imports, the length of its modules, and the names of tests."""

import ast
import re
from pathlib import Path

import pytest

from tests.layout import NOT_THE_APP, app_files, app_modules
from tests.live import ROOT

LAYERS: dict[str, set[str]] = {
    "config": set(),
    "errors": set(),
    "openapi": {"models"},
    "models": {"config"},
    "db": {"models", "config"},
    "crud": {"db", "models", "config"},
    "auth": {"db", "models", "config"},
    "routers": {"openapi", "middleware", "auth", "crud", "db", "models", "config"},
    "logs": {"config"},
    "telemetry": set(),
    "middleware": {"logs", "telemetry"},
    "main": {"routers", "openapi", "middleware", "logs", "telemetry", "auth", "crud", "db", "models", "config"},
    # docs/deploy.md describes this file. Only a deployment to AWS Lambda has it.
    "lambda_function": {"main"},
}
"""List the modules of the app, and the modules that each of them may import."""

COMMON = {"errors"}
"""List the modules that every other module may import, too."""

ADDED_MAY_IMPORT = {"db", "models", "config"}
"""List what a module that a copy of this project adds may import. `routers` and `main` may import that module."""

LONG: dict[str, str] = {}
"""List the modules with more than 250 lines, each with the reason why it is not split."""

SOURCES = sorted(
    path.relative_to(ROOT)
    for name in NOT_THE_APP | app_modules()
    for path in [ROOT / f"{name}.py", *ROOT.glob(f"{name}/**/*.py")]
    if path.is_file() and "node_modules" not in path.parts
)
"""List all Python files of the repository."""


def layer_of(file: Path) -> str:
    """Return the top-level module or package that a file belongs to."""
    return file.parts[0].removesuffix(".py")


def imports(path: Path) -> set[str]:
    """Return the top-level modules that a file imports, at any depth of its code."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports must be absolute"
            found.add((node.module or "").split(".")[0])
    return found


def allowed_imports(layer: str, modules: set[str]) -> set[str]:
    """Return what a layer may import when the app consists of `modules`."""
    added = modules - LAYERS.keys()
    allowed = LAYERS.get(layer, ADDED_MAY_IMPORT | added) | {layer}
    if layer in ("routers", "main"):
        allowed |= added
    return allowed if layer in COMMON else allowed | COMMON


def forbidden_imports(root: Path) -> list[str]:
    """Return a line for each import that points the wrong way."""
    modules = app_modules(root)
    return [
        f"{file} imports {imported}"
        for file in app_files(root)
        for imported in sorted(imports(root / file) & (modules | NOT_THE_APP))
        if imported not in allowed_imports(layer_of(file), modules)
    ]


def test_imports_point_one_way() -> None:
    assert forbidden_imports(ROOT) == [], "If you want one of these imports, change LAYERS."


def test_the_known_modules_are_found() -> None:
    assert LAYERS.keys() - app_modules() <= {"lambda_function"}


@pytest.mark.parametrize(
    ("file", "line", "forbidden"),
    [
        ("mailer.py", "from config import settings", False),
        ("mailer.py", "from errors import Problem", False),
        ("mailer.py", "from services.mail import send", False),
        ("mailer.py", "from crud import todo", True),
        ("services/mail.py", "from db import SessionDep", False),
        ("services/mail.py", "from dev import run", True),
        ("services/deep/mail.py", "from routers import todos", True),
        ("routers/projects.py", "import mailer", False),
        ("routers/projects.py", "from services.mail import send", False),
        ("main.py", "import mailer", False),
        ("main.py", "import dev.run", True),
        ("crud/project.py", "import mailer", True),
        ("crud/project.py", "from db import Statement", False),
        ("crud/project.py", "from auth import CurrentUser", True),
        ("auth/roles.py", "from crud import user", True),
        ("db/replica.py", "from crud import todo", True),
        ("models/project.py", "from db import SessionDep", True),
        ("errors.py", "from config import settings", True),
        ("openapi.py", "from errors import Problem", False),
    ],
)
def test_an_import_is_judged_by_its_layers(tmp_path: Path, file: str, line: str, forbidden: bool) -> None:
    for name in (*(f"{layer}/__init__.py" for layer in (*LAYERS, "services", "dev")), "mailer.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / file).parent.mkdir(exist_ok=True)
    (tmp_path / file).write_text(f"def call():\n    {line}\n")
    imported = re.split(r"[ .]", line)[1]
    assert forbidden_imports(tmp_path) == ([f"{file} imports {imported}"] if forbidden else [])


def test_dev_imports_nothing_of_the_app() -> None:
    for file in (ROOT / "dev").glob("*.py"):
        assert imports(file) & (app_modules() | {"tests"}) == set(), file.name


def test_each_library_is_imported_only_where_it_belongs() -> None:
    for file in app_files():
        layer, imported = layer_of(file), imports(ROOT / file)
        if layer in LAYERS:
            assert "jwt" not in imported or layer == "auth", file
            assert "sqlalchemy" not in imported or layer in ("config", "models", "db", "crud", "main"), file
        if layer in ("models", "crud") or str(file) in ("auth/keys.py", "auth/tokens.py"):
            assert not imported & {"fastapi", "starlette"}, file


def test_a_long_module_has_a_reason() -> None:
    files = [file for file in app_files() if layer_of(file) in LAYERS]
    long = {str(file) for file in files if len((ROOT / file).read_text().splitlines()) > 250}
    assert long == LONG.keys(), "Split a module of more than 250 lines, or add it to LONG with a reason."


def test_names_of_tests_have_at_most_70_characters() -> None:
    tests = [file for file in SOURCES if layer_of(file) == "tests"]
    names = [name for file in tests for name in re.findall(r"def (test_\w+)", (ROOT / file).read_text())]
    assert names
    assert [name for name in names if len(name) > 70] == []


def test_every_exception_to_the_checks_has_its_reason() -> None:
    for file in SOURCES:
        for line in (ROOT / file).read_text().splitlines():
            if found := re.search(r"# (?:noqa: [A-Z0-9, ]+|type: ignore\[[a-z, -]+\])(.*)$", line):
                assert found[1].strip().startswith("# "), f"{file}: {line.strip()}"


def test_nothing_outside_of_this_folder_needs_it() -> None:
    others = [ROOT / file for file in SOURCES if file.parts[:2] != ("tests", "template")]
    for path in [*others, ROOT / "Makefile", ROOT / "pytest.ini"]:
        assert not re.search(r"tests[./]template", path.read_text()), path


def test_requirements_are_pinned_with_hashes_and_name_no_registry() -> None:
    locks = [*ROOT.glob("requirements*.txt"), *ROOT.glob("benchmarks/*.txt"), *ROOT.glob("tests/*/requirements.txt")]
    pin = re.compile(r"[a-z0-9._-]+(\[[a-z0-9,-]+\])?==\S+( ; [^\\]+)?( --hash=sha256:[0-9a-f]{64})+")
    for path in locks:
        text = path.read_text()
        lines = [line for line in text.splitlines() if line and not line.strip().startswith("#")]
        pins = re.sub(r" \\\n +", " ", "\n".join(lines)).splitlines()
        assert [line for line in pins if not pin.fullmatch(line)] == [], path
        assert "://" not in text
    for pattern in (
        "tests/*/package-lock.json",
        "benchmarks/peers/*/package-lock.json",
        "examples/*/package-lock.json",
    ):
        for path in ROOT.glob(pattern):
            assert "://" not in path.read_text(), path
    assert locks
