"""Test the API's function: it has what the app needs, nothing else, and runs from its own files."""

import re

from tests.hosts.bare import Place
from tests.hosts.conftest import Backend
from tests.hosts.contract import expect_the_contract
from tests.hosts.vercel import instance
from tests.layout import app_files
from tests.live import ROOT
from tests.vercel.deployment import HANDLER
from tests.vercel.output import Output

WRITTEN_BY_THE_BUILDER = {f"{HANDLER}.py", "pyproject.toml", "uv.lock"}


def test_the_function_has_the_app_and_its_requirements_and_nothing_else(output: Output) -> None:
    files = output.files()
    own = {name for name in files if not name.startswith("_vendor/")}
    app = {str(file) for file in app_files()} | {"db/migrations/script.py.mako"}
    assert own == app | {"requirements.txt", "vercel.json"} | WRITTEN_BY_THE_BUILDER
    assert all(files[name].read_bytes() == (ROOT / name).read_bytes() for name in own - WRITTEN_BY_THE_BUILDER)


def test_the_function_has_the_pinned_versions(output: Output) -> None:
    names = "\n".join(output.files())
    found = re.findall(r"^_vendor/([^/]+)-([^/-]+)\.dist-info/METADATA$", names, re.MULTILINE)
    installed = {name.replace("_", "-").lower(): version for name, version in found}
    requirements = (ROOT / "requirements.txt").read_text()
    lines = re.findall(r"^([a-z0-9.-]+)(?:\[[a-z,-]+\])?==([^ ;]+)( ; [^\\]+)? \\$", requirements, re.MULTILINE)
    pinned = {name: version for name, version, condition in lines if not condition}
    assert {"fastapi", "sqlmodel", "psycopg2-binary", "pyjwt"} <= pinned.keys()
    assert pinned.items() <= installed.items()
    others = installed.keys() - {name for name, _, _ in lines}
    assert others <= {"vercel-runtime", "pip"}, "the function has packages that requirements.txt does not name"


def test_the_function_keeps_the_contract_from_its_own_files(
    backend: Backend, output: Output, python: str, place: Place
) -> None:
    variables = {**output.settings["environment"], **backend.variables}
    with instance(python, place, HANDLER, **variables) as (running, url), backend.client(url, running) as me:
        expect_the_contract(me, backend.user_id)
        assert "Traceback" not in str(running.log_lines(0)) + place.log.read_text()
