"""Test a production deployment and a preview of it from end to end, each on its own domain."""

import base64
import json
import re
import secrets
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from http.client import HTTPConnection
from pathlib import Path

import httpx
import pytest

from dev.postgres import Server
from tests.conftest import Database
from tests.expect import expect_unauthorized
from tests.hosts.bare import Place
from tests.vercel.deployment import PREVIEW, PRODUCTION, Deployment, deployment, problems, sign_up, token_of
from tests.vercel.output import Output
from tests.vercel.proxy import SERVED_BY
from tests.wire import Wire

DOMAIN = PRODUCTION["VERCEL_PROJECT_PRODUCTION_URL"]
BRANCH = PREVIEW["VERCEL_BRANCH_URL"]


@pytest.fixture(scope="module")
def database(new_database: Callable[..., Database]) -> Database:
    """Create the database of both deployments. It is empty."""
    return new_database(better_auth=False)


@pytest.fixture(scope="module")
def deployments(
    server: Server, database: Database, output: Output, python: str, place: Place
) -> Iterator[dict[str, Deployment]]:
    """Run a production deployment and a preview with the same database and the same secret."""
    secret = secrets.token_hex(32)
    with ExitStack() as stack:
        url = stack.enter_context(Wire(server.socket_dir).open()).url(database.name)
        running = {}
        for variables in (PRODUCTION, PREVIEW):
            home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="todo-vercel-")))
            home.chmod(0o755)
            own = Place(home)
            own.app, own.scratch = place.app, place.scratch
            started = deployment(output, python, own, url, secret, variables)
            running[variables["VERCEL_ENV"]] = stack.enter_context(started)
        yield running


@pytest.fixture
def production(deployments: dict[str, Deployment]) -> Iterator[httpx.Client]:
    """Open a browser's client for the domain of the project."""
    with deployments["production"].open(DOMAIN) as client:
        yield client


@pytest.fixture
def preview(deployments: dict[str, Deployment]) -> Iterator[httpx.Client]:
    """Open a browser's client for the address of the preview's branch."""
    with deployments["preview"].open(BRANCH) as client:
        yield client


def email() -> str:
    """Return a new email."""
    return f"{secrets.token_hex(8)}@example.com"


def claims(token: str) -> dict[str, object]:
    """Return what a token contains, without a check."""
    payload = token.split(".")[1]
    found: dict[str, object] = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return found


def bearer(token: str) -> dict[str, str]:
    """Return the header for a token."""
    return {"Authorization": f"Bearer {token}"}


@pytest.mark.parametrize(("kind", "host"), [("production", DOMAIN), ("preview", BRANCH)])
def test_a_user_signs_up_and_creates_a_todo(deployments: dict[str, Deployment], kind: str, host: str) -> None:
    with deployments[kind].open(host) as client:
        user = sign_up(client, email())["user"]
        assert {cookie.name for cookie in client.cookies.jar} == {"__Secure-better-auth.session_token"}
        assert all(cookie.secure for cookie in client.cookies.jar)
        token = token_of(client)
        origin = f"https://{host}"
        assert claims(token) | {"iss": origin, "aud": origin, "sub": user["id"]} == claims(token)
        expect_unauthorized(client.get("/api/todos"), "There is no token")  # the cookie is not for the API
        made = client.post("/api/todos", json={"title": "Buy milk"}, headers=bearer(token))
        assert made.status_code == 201, made.text
        assert made.headers[SERVED_BY] == "api"
        assert made.headers["access-control-allow-origin"] == origin
        assert client.get("/api/todos", headers=bearer(token)).json() == [made.json()]
        assert client.get("/api/me", headers=bearer(token)).json()["email"] == user["email"]
        page = client.get("/", headers={"Accept": "text/html"})
        assert (page.status_code, page.headers[SERVED_BY]) == (200, "web")
        assert "Buy milk" in page.text  # Next.js has asked the API by its binding


def test_a_user_signs_up_with_the_form_without_javascript(production: httpx.Client) -> None:
    fields = {"name": "Somebody", "email": email(), "password": secrets.token_hex(8)}
    sent = production.post("/sign-up/submit", data=fields)
    assert (sent.status_code, sent.headers["location"]) == (303, "/?signed-in="), sent.text
    assert production.get("/api/todos", headers=bearer(token_of(production))).json() == []


@pytest.mark.parametrize(("kind", "variables"), [("production", PRODUCTION), ("preview", PREVIEW)])
@pytest.mark.parametrize("name", ["VERCEL_URL", "VERCEL_BRANCH_URL"])
def test_each_address_of_a_deployment_works_with_the_same_kind_of_token(
    deployments: dict[str, Deployment], kind: str, variables: dict[str, str], name: str
) -> None:
    with deployments[kind].open(variables[name]) as client:
        sign_up(client, email())
        token = token_of(client)
        assert claims(token)["iss"] == f"https://{DOMAIN if kind == 'production' else BRANCH}"
        made = client.post("/api/todos", json={"title": "Buy milk"}, headers=bearer(token))
        assert made.status_code == 201, made.text
        assert made.headers["access-control-allow-origin"] == f"https://{variables[name]}"


def test_another_origin_is_not_trusted(production: httpx.Client) -> None:
    sign_up(production, email())
    evil = {"Origin": f"https://{BRANCH}"}  # the preview is another origin than production
    answer = production.post("/api/auth/sign-out", headers=evil, json={})
    assert (answer.status_code, answer.json()["code"]) == (403, "INVALID_ORIGIN")
    made = production.get("/api/todos", headers={**bearer(token_of(production)), **evil})
    assert "access-control-allow-origin" not in made.headers


def test_preview_and_production_refuse_the_tokens_of_each_other(
    production: httpx.Client, preview: httpx.Client
) -> None:
    for one, other, origin in ((preview, production, f"https://{DOMAIN}"), (production, preview, f"https://{BRANCH}")):
        sign_up(one, email())
        token = token_of(one)
        assert one.get("/api/todos", headers=bearer(token)).status_code == 200
        refused = other.get("/api/todos", headers=bearer(token))
        expect_unauthorized(refused, str(claims(token)["iss"]))
        assert origin in refused.json()["detail"]


def test_docs_load_only_files_of_the_api(production: httpx.Client) -> None:
    page = production.get("/docs")
    assert (page.status_code, page.headers[SERVED_BY]) == (200, "api")
    loaded = [*re.findall(r'(?:src|href)="([^"]+)"', page.text), *re.findall(r'url: "([^"]+)"', page.text)]
    assert len(loaded) == 4
    for name in loaded:
        answer = production.get(f"/{name}")
        assert (answer.status_code, answer.headers[SERVED_BY]) == (200, "api"), name


def ask(port: int, path: str, method: str = "GET") -> tuple[str | None, int, str]:
    """Send a request with exactly this path. Return the service, the status, and the type of the answer."""
    with closing(HTTPConnection("127.0.0.1", port, timeout=60)) as connection:
        connection.request(method, path, headers={"Host": DOMAIN})
        answer = connection.getresponse()
        answer.read()
        return answer.getheader(SERVED_BY), answer.status, answer.getheader("Content-Type", "").partition(";")[0]


def test_each_service_answers_its_paths(deployments: dict[str, Deployment]) -> None:
    port = deployments["production"].port
    page, problem = "text/html", "application/problem+json"
    for path, expected in {
        "/health": ("api", 200, "application/json"),
        "/openapi.json": ("api", 200, "application/json"),
        "/api/todos": ("api", 401, problem),
        "/api/auth": ("api", 404, problem),
        "/api/authx": ("api", 404, problem),
        "/api/": ("api", 404, problem),
        "/api": ("web", 404, page),
        "/healthz": ("web", 404, page),
        "/sign-in": ("web", 200, page),
        "/shell": ("web", 200, page),
        "/sw.js": ("web", 200, "application/javascript"),
        "/manifest.webmanifest": ("web", 200, "application/manifest+json"),
        "/icon-192.png": ("web", 200, "image/png"),
    }.items():
        assert [ask(port, path, method) for method in ("GET", "HEAD")] == [expected, expected], path
    for path in ("/api/auth/ok", "/api/auth/jwks"):
        assert ask(port, path) == ("web", 200, "application/json"), path
    assert ask(port, "/ready") == ("api", 200, "application/json")
    assert ask(port, "/api/auth/../todos")[:2] == ("web", 404)


@pytest.mark.parametrize("path", ["/API/todos", "/Api/Auth/ok", "/HEALTH", "/Docs", "/api%2Ftodos", "/api/auth%2Fok"])
def test_no_service_answers_an_unusual_form_of_a_path_with_content(
    deployments: dict[str, Deployment], path: str
) -> None:
    for url in deployments["production"].services.values():
        assert ask(int(url.rpartition(":")[2]), path)[1] in (401, 404)


def test_no_service_logs_an_error(deployments: dict[str, Deployment]) -> None:
    for running in deployments.values():
        text = running.web.read_text() + running.api.read_text()
        text = text.replace("ERROR [Better Auth]: Invalid origin:", "")  # of the test above
        assert problems(text) == []
