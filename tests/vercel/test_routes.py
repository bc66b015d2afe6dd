"""Test which service of the deployment gets each path, with the routes that `vercel build` wrote."""

import json
import re
import subprocess

import pytest

from tests.live import ROOT
from tests.vercel.cli import EXAMPLE, HERE
from tests.vercel.output import Output
from tests.vercel.routes import filled

DOCS = ("/docs", "/docs/swagger-ui-bundle.js", "/docs/swagger-ui.css", "/docs/favicon-32x32.png", "/docs/x", "/docs/")


def test_the_routes_are_the_rewrites_of_vercel_json(output: Output) -> None:
    rewrites = json.loads((ROOT / "vercel.json").read_text())["rewrites"]
    routes = output.routes.routes
    assert [service for _, service in routes] == [rewrite["destination"]["service"] for rewrite in rewrites]
    assert {service["name"] for service in output.config["services"]} == {"web", "api"}
    # The sources are regular expressions, and match whole paths.
    paths = ["/api/auth/ok", "/api/todos", "/docs/x", "/openapiXjson", "/", "/api", "/health", "/healthz", "//x"]
    for (src, _), rewrite in zip(routes, rewrites, strict=True):
        matched = [path for path in paths if re.fullmatch(rewrite["source"], path)]
        assert matched == [path for path in paths if re.search(src, path)], src
        assert matched


def test_the_api_gets_each_path_of_its_document(output: Output) -> None:
    paths = json.loads((ROOT / "openapi.json").read_text())["paths"]
    own = [path for path in filled(paths) if path != "/"]  # the page of the app is there
    assert len(own) > 50
    found = {path: output.routes.services(path) for path in own}
    assert [path for path, services in found.items() if services != {"api"}] == []


def test_the_api_gets_its_own_pages(output: Output) -> None:
    for path in (*DOCS, "/openapi.json", "/health", "/ready"):
        assert output.routes.service(path) == "api", path


def test_the_app_gets_each_endpoint_of_better_auth(output: Output) -> None:
    script = (HERE / "endpoints.mjs").read_text()
    command = ("node", "--input-type=module", "-")
    listed = subprocess.run(
        command, cwd=ROOT / EXAMPLE, input=script, check=True, capture_output=True, text=True
    ).stdout
    paths = json.loads(listed)
    assert {"/sign-up/email", "/sign-in/social", "/callback/:id", "/jwks", "/token", "/ok"} <= set(paths)
    for path in paths:
        assert output.routes.service("/api/auth" + path.replace(":id", "github")) == "web", path


def test_the_app_gets_each_of_its_pages_and_files(output: Output) -> None:
    pages = output.pages()
    assert {"/", "/sign-in", "/sign-up", "/shell", "/add", "/manifest.webmanifest", "/sw.js", "/icon-192.png"} <= pages
    assert any(page.startswith("/_next/static/") for page in pages)
    for page in pages | {"/_next/image", "/favicon.ico", "/robots.txt", "/.well-known/change-password"}:
        assert output.routes.service(page.replace("[...all]", "session")) == "web", page


@pytest.mark.parametrize(
    ("path", "service"),
    [
        # Only what is below /api/auth/ is Better Auth's. The API answers the rest of /api/ with 404.
        ("/api/auth", "api"),
        ("/api/auth/", "web"),
        ("/api/authx", "api"),
        ("/api/authx/ok", "api"),
        ("/api/", "api"),
        ("/api/..", "api"),
        # There is nothing of the API at these paths, so the app shows its page for 404.
        ("/api", "web"),
        ("/apix/todos", "web"),
        ("//api/todos", "web"),
        ("/openapiXjson", "web"),
        ("/openapi.json/x", "web"),
        ("/healthz", "web"),
        ("/health/", "web"),
        ("/readyz", "web"),
        ("/docsx", "web"),
        ("/x/api/todos", "web"),
        ("/api/auth/../todos", "web"),
        ("/api/auth/..%2Ftodos", "web"),
    ],
)
def test_similar_paths(output: Output, path: str, service: str) -> None:
    assert output.routes.service(path) == service
