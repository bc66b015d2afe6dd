"""Test when the app of examples/nextjs is built again. A Python program replaces Next.js."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import dev.build
from dev.build import build, last_variables, reserved
from dev.processes import Problem

NEXT = """
import os, sys
from pathlib import Path

assert sys.argv[1:] == ["build"] and "NEXT_DIST_DIR" not in os.environ
Path(".next/types").mkdir(parents=True, exist_ok=True)
Path(".next/cache").mkdir(exist_ok=True)
Path(".next/BUILD_ID").write_text(os.environ["NEXT_PUBLIC_BUILD"])
if Path("broken.ts").exists():
    sys.exit(1)
"""
SETTINGS = {
    "API_URL": "http://localhost:1",
    "NEXT_PUBLIC_BUILD": "1",
    "NEXT_PUBLIC_API_URL": "http://localhost:1",
    "BETTER_AUTH_URL": "http://localhost:2",
}


@pytest.fixture
def example(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make an app that is built by a program in Python."""
    app = tmp_path / "an app"
    (app / "node_modules" / ".bin").mkdir(parents=True)
    (app / "node_modules" / ".bin" / "next").write_text(NEXT)
    for name in ("lib/api.ts", "public/sw.js", "package-lock.json", "tests/list.test.mjs"):
        (app / name).parent.mkdir(exist_ok=True)
        (app / name).write_text(name)
    monkeypatch.setattr(dev.build, "EXAMPLE", app)
    monkeypatch.setattr(dev.build, "LOCAL", tmp_path / "local")
    return app


def is_built(name: str = "demo", **variables: str) -> bool:
    """Build, and return whether a build was needed."""
    return build(sys.executable, name, {**SETTINGS, "NEXT_DIST_DIR": ".next-other", **variables})


def write(name: str) -> Callable[[Path], None]:
    """Return a function that changes a file of the app, or adds one."""

    def change(app: Path) -> None:
        (app / name).parent.mkdir(parents=True, exist_ok=True)
        (app / name).write_text("something else")

    return change


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (write("lib/api.ts"), True),
        (write("lib/new.ts"), True),
        (write("package-lock.json"), True),
        (write("public/icons/small.png"), True),
        (write(".env.local"), True),
        (lambda app: (app / "public/sw.js").unlink(), True),
        (lambda app: (app / "lib/api.ts").rename(app / "lib/client.ts"), True),
        (write("node_modules/next/index.js"), False),
        (write("tests/list.test.mjs"), False),
        (write("README.md"), False),
        (write("next-env.d.ts"), False),
        (write(".next/BUILD_ID"), False),
        (write(".next-test/server/page.js"), False),
    ],
)
def test_a_change_of_what_is_built_builds_again(example: Path, change: Callable[[Path], None], expected: bool) -> None:
    assert [is_built(), is_built()] == [True, False]
    change(example)
    assert [is_built(), is_built()] == [expected, False]


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"NEXT_PUBLIC_BUILD": "2"}, True),
        ({"NEXT_PUBLIC_NEW": "x"}, True),
        ({"BETTER_AUTH_URL": "http://localhost:3"}, True),
        ({"API_URL": "http://localhost:3"}, True),
        ({"DATABASE_URL": "postgresql://elsewhere/todo"}, False),
        ({"BETTER_AUTH_SECRET": "another one"}, False),
        ({"DEMO_PASSWORD": "another one"}, False),
    ],
)
def test_another_variable_of_the_build_builds_again(example: Path, variables: dict[str, str], expected: bool) -> None:
    assert is_built()
    assert is_built(**variables) is expected
    expected_id = variables.get("NEXT_PUBLIC_BUILD", "1")
    assert (example / ".next-demo" / "BUILD_ID").read_text() == expected_id


def test_builds_with_other_names_are_kept(example: Path) -> None:
    assert last_variables("demo") == {}
    assert [is_built("demo"), is_built("test", NEXT_PUBLIC_BUILD="2"), is_built("demo")] == [True, True, False]
    assert (example / ".next-demo" / "BUILD_ID").read_text() == "1"
    assert (example / ".next-test" / "BUILD_ID").read_text() == "2"
    assert last_variables("demo") == SETTINGS
    assert last_variables("test") == SETTINGS | {"NEXT_PUBLIC_BUILD": "2"}
    assert sorted(path.name for path in (example / ".next").iterdir()) == ["cache", "types"], "what next build keeps"


def test_a_failed_build_keeps_the_one_before(example: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert is_built()
    write("broken.ts")(example)
    with pytest.raises(Problem, match=r"^The app in examples/nextjs cannot be built\."):
        is_built(NEXT_PUBLIC_BUILD="2")
    capfd.readouterr()
    assert (example / ".next-demo" / "BUILD_ID").read_text() == "1"
    assert last_variables("demo") == SETTINGS
    (example / "broken.ts").unlink()
    assert [is_built(), is_built(NEXT_PUBLIC_BUILD="2")] == [False, True]


def test_a_broken_stamp_builds_again(example: Path) -> None:
    assert is_built()
    (example / ".next-demo" / "stamp.json").write_text("{")
    assert [is_built(), is_built()] == [True, False]


@pytest.mark.usefixtures("example")
def test_a_build_that_is_served_is_reserved() -> None:
    refusal = pytest.raises(Problem, match=r"^Another process serves this build of the app\. Stop it first\.$")
    with reserved("demo"), reserved("test"), refusal, reserved("demo"):
        pass
    with reserved("demo"):
        pass
