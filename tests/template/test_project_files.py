"""Test AGENTS.md, the workflow, pre-commit and Dependabot: what they name exists, and agrees with the Makefile."""

import re
from pathlib import Path

from tests.live import ROOT

COMMIT = re.compile(r"\S+@[0-9a-f]{40} # v\d+\.\d+\.\d+")


def read(name: str) -> str:
    """Return the text of a file."""
    return (ROOT / name).read_text()


def listed(pattern: str) -> set[str]:
    """Return the folders that have a file, as Dependabot writes them."""
    made = re.compile(r"(^|/)(node_modules|\.next[^/]*)(/|$)")  # npm and Next.js write packages there
    found = (path.parent.relative_to(ROOT) for path in ROOT.glob(pattern))
    return {f"/{'' if folder == Path() else folder}" for folder in found if not made.search(folder.as_posix())}


def test_what_agents_md_names_exists() -> None:
    page, tests = read("AGENTS.md"), "".join(path.read_text() for path in ROOT.glob("tests/**/test_*.py"))
    rules = re.findall(r"^\| .* \| (.*) \|$", page, re.MULTILINE)[1:]
    assert len(rules) > 10
    assert all("`" in check or check == "---" for check in rules), "a rule has no check"
    for named in re.findall(r"`([^`]+)`", page):
        if re.fullmatch(r"test_\w+", named):
            assert f"def {named}(" in tests, named
        elif re.fullmatch(r"[\w./*-]+\.\w+", named) and named != "pyproject.toml":
            assert list(ROOT.glob(named)) or named == ".env", named
    for file in re.findall(r"pytest (\S+\.py)", page):
        assert (ROOT / file).exists(), file


def test_agents_md_repeats_no_line_of_contributing_md() -> None:
    long = {line for line in read("CONTRIBUTING.md").splitlines() if len(line) > 40}
    assert long & set(read("AGENTS.md").splitlines()) == set()


def test_pre_commit_runs_the_commands_of_make_check() -> None:
    recipe = re.search(r"^check:.*\n((?:\t.*\n)+)", read("Makefile"), re.MULTILINE)
    assert recipe
    checks = re.findall(r"\$\(BIN\)/(.*)", recipe[1])
    assert re.findall(r"entry: \.venv/bin/(.*)", read(".pre-commit-config.yaml")) == checks
    assert "://" not in read(".pre-commit-config.yaml")


def test_actions_are_pinned_by_commit() -> None:
    for workflow in (ROOT / ".github/workflows").glob("*.yml"):
        used = re.findall(r"uses: (.*)", workflow.read_text())
        assert used
        assert [action for action in used if not COMMIT.fullmatch(action)] == [], workflow.name


def test_the_workflow_runs_every_supported_version() -> None:
    workflow = read(".github/workflows/ci.yml")
    assert re.findall(r'- python-version: "(.*)"', workflow) == ["3.11", "3.12", "3.13", "3.14", "3.15"]
    assert re.findall(r'[^-]node-version: "(.*)"', workflow) == ["22", "24"]


def test_dependabot_knows_every_folder_with_packages() -> None:
    folders = re.findall(r"package-ecosystem: (\w+)\n    directories: \[(.*)\]", read(".github/dependabot.yml"))
    named = {ecosystem: set(places.split(", ")) for ecosystem, places in folders}
    assert named == {"pip": listed("**/requirements.in"), "npm": listed("**/package.json")}
