"""Test that `docs/deploy.md` is right about the button, the variables and the commands that tests run."""

import json
import re
import shlex
import subprocess
from base64 import b64decode
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.live import ROOT
from tests.template.page import blocks, marked, section

PAGE = ROOT / "docs" / "deploy.md"
COPY = "https://github.com/<owner>/<repository>"

RUN = (
    "perl -pi -e 's|%3Cowner%3E%2F%3Crepository%3E|acme%2Ftodos|g' README.md docs/deploy.md",  # below
    "openssl rand -base64 32",  # below
    "DATABASE_MIGRATION_URL='postgresql://…' make migrate",  # tests/template/test_operate.py
    "cp -r lambda_function.py main.py",  # tests/hosts/test_lambda.py
)
"""List the beginnings of the commands with a mark. Beside each are the tests that run it."""


def test_each_command_with_a_mark_is_in_the_list_of_those_that_run() -> None:
    begins = [next(begin for begin in RUN if command.startswith(begin)) for command in marked(PAGE)]
    assert sorted(begins) == sorted(RUN)


def buttons(folder: Path) -> list[tuple[str, str]]:
    """Return the image and the link of the button of each page."""
    texts = [(folder / name).read_text() for name in ("docs/deploy.md", "README.md")]
    return [button for text in texts for button in re.findall(r"\[!\[[^]]*\]\((.*?)\)\]\((.*?)\)", text)]


def test_a_copy_writes_its_address_into_the_button(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    for name in ("docs/deploy.md", "README.md"):
        (tmp_path / name).write_text((ROOT / name).read_text())
    (command,) = (one for one in marked(PAGE) if one.startswith("perl"))
    subprocess.run(shlex.split(command), cwd=tmp_path, check=True)
    for _, link in buttons(tmp_path):
        query = parse_qs(urlsplit(link).query)
        assert query["repository-url"] == ["https://github.com/acme/todos"]
        assert query["envLink"] == ["https://github.com/acme/todos/blob/main/docs/deploy.md#the-secret"]
    assert "%3C" not in (tmp_path / "README.md").read_text()


def test_the_button_asks_for_one_value_and_creates_a_neon_database() -> None:
    (image, link), in_the_readme = buttons(ROOT)
    assert in_the_readme == (image, link)
    url = urlsplit(link)
    query = {name: value for name, (value,) in parse_qs(url.query, strict_parsing=True).items()}
    assert image == "https://vercel.com/button"
    assert (url.scheme, url.netloc, url.path) == ("https", "vercel.com", "/new/clone")
    assert query.pop("repository-url") == COPY
    assert query.pop("env") == "BETTER_AUTH_SECRET"
    assert query.pop("envLink") == f"{COPY}/blob/main/docs/deploy.md#the-secret"
    assert "### The secret" in PAGE.read_text()
    assert json.loads(query.pop("products")) == [
        {"type": "integration", "protocol": "storage", "productSlug": "neon", "integrationSlug": "neon"}
    ]
    assert query.keys() == {"project-name", "repository-name", "envDescription"}
    assert link.count(COPY.split("/", 3)[3].replace("/", "%2F").replace("<", "%3C").replace(">", "%3E")) == 2


def test_the_command_for_the_secret_makes_32_bytes() -> None:
    (command,) = (one for one in marked(PAGE) if one.startswith("openssl"))
    first, second = (subprocess.run(command.split(), check=True, capture_output=True).stdout for _ in range(2))
    assert len(b64decode(first)) == 32
    assert first != second


CODE = [
    ROOT / "config.py",
    ROOT / "vercel.json",
    *ROOT.glob("examples/nextjs/*.ts"),
    *ROOT.glob("examples/nextjs/lib/**/*.ts"),
]


@pytest.mark.parametrize("heading", ["Vercel and Neon", "The app beside an API elsewhere", "Your own machine"])
def test_the_code_reads_each_variable_that_the_page_names(heading: str) -> None:
    code = "".join(path.read_text() for path in CODE)
    named = set(re.findall(r"\b[A-Z]+(?:_[A-Z]+)+\b", section(PAGE, heading)))
    better_auths_own = {"BETTER_AUTH_SECRET"}
    assert len(named) > 4
    assert not {name for name in named - better_auths_own if name not in code and name.lower() not in code}


def test_the_file_env_of_a_machine_has_the_urls_of_one_domain() -> None:
    env, proxy = (block.text for block in blocks(section(PAGE, "Your own machine")) if not block.language)
    values = dict(line.split("=", 1) for line in env.splitlines())
    (host,) = re.findall(r"^(\S+) \{", proxy)
    assert values["BETTER_AUTH_URL"] == values["CORS_ORIGINS"] == f"https://{host}"
    assert values["BETTER_AUTH_JWKS_URL"] == "http://localhost:3000/api/auth/jwks"
    assert "reverse_proxy localhost:3000" in proxy


def test_the_prose_of_both_pages_has_at_most_2500_words() -> None:
    for name in ("deploy.md", "operate.md"):
        prose = re.sub(r"^( *)```.*?^\1```$", "", (ROOT / "docs" / name).read_text(), flags=re.MULTILINE | re.DOTALL)
        assert len(prose.split()) <= 2500, name
