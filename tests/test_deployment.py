"""Test what a deployment contains, and the settings that follow from the variables of Vercel and of Neon."""

import os
from collections.abc import Mapping

import pytest

from config import Settings
from tests.conftest import Database, new_user_id
from tests.issuer import Issuer
from tests.layout import app_modules
from tests.live import ROOT, running, wait_until_ready

DATABASE = "postgresql://me:secret@ep-cool-1-pooler.us-east-1.aws.neon.tech/neondb?sslmode=require"
DIRECT = "postgresql://me:secret@ep-cool-1.us-east-1.aws.neon.tech/neondb?sslmode=require"
DOMAIN, BRANCH, ADDRESS = "todos.example.com", "todos-git-new-team.vercel.app", "todos-1a2b3c-team.vercel.app"
PREVIEW = {
    "DATABASE_URL": DATABASE,
    "VERCEL": "1",
    "VERCEL_ENV": "preview",
    "VERCEL_URL": ADDRESS,
    "VERCEL_BRANCH_URL": BRANCH,
    "VERCEL_PROJECT_PRODUCTION_URL": DOMAIN,
    "WEB_URL": "https://web.internal.example",
}
PRODUCTION = PREVIEW | {"VERCEL_ENV": "production"}


def load(monkeypatch: pytest.MonkeyPatch, variables: Mapping[str, str]) -> Settings:
    """Return the settings of a process that has only these variables."""
    monkeypatch.setattr(os, "environ", dict(variables))
    return Settings.load()


def origins(*hosts: str) -> tuple[str, ...]:
    return tuple(f"https://{host}" for host in hosts)


DEPLOYMENTS = {
    "production": (PRODUCTION, origins(DOMAIN, BRANCH, ADDRESS), f"https://{DOMAIN}"),
    "production of the command line": (
        {name: value for name, value in PRODUCTION.items() if name != "VERCEL_BRANCH_URL"},
        origins(DOMAIN, ADDRESS),
        f"https://{DOMAIN}",
    ),
    "preview of a branch": (PREVIEW, origins(BRANCH, ADDRESS), "https://web.internal.example"),
    "preview of the command line": (PREVIEW | {"VERCEL_BRANCH_URL": ""}, origins(ADDRESS), PREVIEW["WEB_URL"]),
    "preview without a binding": (
        {name: value for name, value in PREVIEW.items() if name != "WEB_URL"},
        origins(BRANCH, ADDRESS),
        f"https://{BRANCH}",
    ),
    "an environment of your own": (
        PREVIEW | {"VERCEL_TARGET_ENV": "staging"},
        origins(BRANCH, ADDRESS),
        PREVIEW["WEB_URL"],
    ),
}


@pytest.mark.parametrize(("variables", "expected", "keys"), DEPLOYMENTS.values(), ids=DEPLOYMENTS)
def test_a_deployment_on_vercel_needs_only_a_database(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], expected: tuple[str, ...], keys: str
) -> None:
    settings = load(monkeypatch, variables)
    assert str(settings.better_auth_url) == f"{expected[0]}/"
    assert settings.cors_origins == expected
    issuers = expected[:1] if variables["VERCEL_ENV"] == "production" else expected
    assert settings.better_auth_issuer == settings.better_auth_audience == issuers
    assert str(settings.better_auth_jwks_url) == f"{keys}/api/auth/jwks"
    assert settings.better_auth_bypass_secret == ""
    assert settings.migrate_on_start == (variables["VERCEL_ENV"] == "production" or "empty")


DEVELOPMENT = {
    "alone": ({}, "http://localhost:3000"),
    "linked to a project": ({"VERCEL_URL": "localhost:3010", "VERCEL_BRANCH_URL": BRANCH}, "http://localhost:3010"),
}


@pytest.mark.parametrize(("more", "origin"), DEVELOPMENT.values(), ids=DEVELOPMENT)
def test_vercel_dev_has_the_address_of_its_proxy(
    monkeypatch: pytest.MonkeyPatch, more: dict[str, str], origin: str
) -> None:
    variables = {"VERCEL": "1", "VERCEL_ENV": "development", "WEB_URL": "http://127.0.0.1:41234"}
    settings = load(monkeypatch, variables | more | {"DATABASE_URL": DATABASE})
    assert settings.better_auth_issuer == settings.better_auth_audience == settings.cors_origins == (origin,)
    assert str(settings.better_auth_jwks_url) == "http://127.0.0.1:41234/api/auth/jwks"
    assert settings.migrate_on_start is True


def test_a_preview_does_not_accept_tokens_of_production(monkeypatch: pytest.MonkeyPatch) -> None:
    accepted = load(monkeypatch, PREVIEW).better_auth_issuer
    assert not set(accepted) & {f"https://{DOMAIN}"}


def test_settings_have_priority_over_those_of_the_deployment(monkeypatch: pytest.MonkeyPatch) -> None:
    own = {"BETTER_AUTH_ISSUER": "https://issuer.example", "CORS_ORIGINS": "https://page.example"}
    own |= {"MIGRATE_ON_START": "true", "VERCEL_AUTOMATION_BYPASS_SECRET": "only-for-this-deployment"}
    settings = load(monkeypatch, PREVIEW | own | {"BETTER_AUTH_JWKS_URL": "https://keys.example/jwks"})
    assert settings.better_auth_issuer == ("https://issuer.example",)
    assert settings.better_auth_audience == origins(BRANCH, ADDRESS)
    assert settings.cors_origins == ("https://page.example",)
    assert settings.migrate_on_start is True
    assert str(settings.better_auth_jwks_url) == "https://keys.example/jwks"
    assert settings.better_auth_bypass_secret == ""


def test_another_better_auth_does_not_follow_the_deployment(monkeypatch: pytest.MonkeyPatch) -> None:
    bypass = {"VERCEL_AUTOMATION_BYPASS_SECRET": "only-for-this-project"}
    settings = load(monkeypatch, PREVIEW | bypass | {"BETTER_AUTH_URL": "https://app.example.com"})
    assert settings.better_auth_issuer == settings.better_auth_audience == ("https://app.example.com",)
    assert str(settings.better_auth_jwks_url) == "https://app.example.com/api/auth/jwks"
    assert settings.cors_origins == ("http://localhost:3000",)
    assert settings.better_auth_bypass_secret == ""
    assert settings.migrate_on_start == "empty"  # the preview may still share the database of production


def test_an_empty_variable_does_not_replace_a_default_of_the_deployment(monkeypatch: pytest.MonkeyPatch) -> None:
    names = ("BETTER_AUTH_URL", "BETTER_AUTH_ISSUER", "CORS_ORIGINS", "MIGRATE_ON_START")
    assert load(monkeypatch, PREVIEW | dict.fromkeys(names, "")) == load(monkeypatch, PREVIEW)


def test_an_address_of_the_binding_may_end_with_a_slash(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load(monkeypatch, PREVIEW | {"WEB_URL": "https://web.internal.example/"})
    assert str(settings.better_auth_jwks_url) == "https://web.internal.example/api/auth/jwks"


def test_a_protected_deployment_gets_the_secret_of_its_bypass(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load(monkeypatch, PREVIEW | {"VERCEL_AUTOMATION_BYPASS_SECRET": "a1B2c3"})
    assert settings.better_auth_bypass_secret == "a1B2c3"
    assert str(settings.better_auth_jwks_url) == f"https://{BRANCH}/api/auth/jwks"


MIGRATION_URLS = {
    "the direct one of Neon's integration": ({"DATABASE_URL_UNPOOLED": DIRECT}, DIRECT),
    "an empty one": ({"DATABASE_URL_UNPOOLED": ""}, DATABASE),
    "none": ({}, DATABASE),
    "one of your own": ({"DATABASE_URL_UNPOOLED": "postgresql://x@y/z", "DATABASE_MIGRATION_URL": DIRECT}, DIRECT),
}


@pytest.mark.parametrize(("variables", "expected"), MIGRATION_URLS.values(), ids=MIGRATION_URLS)
def test_migrations_use_the_direct_address(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], expected: str
) -> None:
    settings = load(monkeypatch, {"DATABASE_URL": DATABASE, "BETTER_AUTH_URL": "http://localhost:3000"} | variables)
    shown = settings.database_migration_url.render_as_string(hide_password=False)
    assert shown == expected.replace("postgresql://", "postgresql+psycopg2://")


def test_a_wrong_direct_address_is_reported_without_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SystemExit) as stopped:
        load(monkeypatch, PREVIEW | {"DATABASE_URL_UNPOOLED": "mysql://me:secret@host/db"})
    (line,) = str(stopped.value).splitlines()
    assert line.startswith("DATABASE_MIGRATION_URL must be a URL like postgresql://")
    assert "secret" not in line


def test_without_a_database_only_the_database_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SystemExit) as stopped:
        load(monkeypatch, {name: value for name, value in PREVIEW.items() if name != "DATABASE_URL"})
    assert (
        str(stopped.value) == "DATABASE_URL is missing. It must be a URL like postgresql://user:password@host/database."
    )


def test_a_preview_fetches_its_keys_through_the_binding(database: Database) -> None:
    user_id = new_user_id()
    database.add_user(user_id)
    with Issuer().serving() as web:
        web.add_key("first")
        with running(**PREVIEW | {"DATABASE_URL": database.api_url, "WEB_URL": web.origin}) as api:
            wait_until_ready(api)
            for origin in origins(BRANCH, ADDRESS):
                with api.client(web.token(user_id, iss=origin, aud=origin)) as http:
                    answer = http.get("/api/me")
                assert (answer.status_code, answer.json()["id"]) == (200, user_id)
                assert answer.headers["Cache-Control"] == "private, no-store"
            with api.client(web.token(user_id, iss=f"https://{DOMAIN}", aud=f"https://{DOMAIN}")) as http:
                refused = http.get("/api/me")
        assert "x-vercel-protection-bypass" not in web.received
    assert refused.status_code == 401
    assert refused.headers["Content-Type"] == "application/problem+json"
    assert f"https://{DOMAIN}" in refused.json()["detail"]
    assert f"https://{BRANCH}" in refused.json()["detail"]


def test_a_protected_key_set_gets_the_secret_of_its_bypass(database: Database, issuer: Issuer) -> None:
    variables = {"DATABASE_URL": database.api_url, "BETTER_AUTH_URL": issuer.origin}
    with running(**variables, BETTER_AUTH_BYPASS_SECRET="a1B2c3") as api:
        wait_until_ready(api)
    assert issuer.received["x-vercel-protection-bypass"] == "a1B2c3"


def test_another_better_auth_gets_no_secret(database: Database, issuer: Issuer) -> None:
    bypass = {"VERCEL_AUTOMATION_BYPASS_SECRET": "a1B2c3"}
    variables = PREVIEW | bypass | {"DATABASE_URL": database.api_url, "BETTER_AUTH_URL": issuer.origin}
    with running(**variables) as api:
        wait_until_ready(api)
    assert "x-vercel-protection-bypass" not in issuer.received


BAD_SECRETS = {"a line break": "a\nb", "a space": "a b", "not ASCII": "\u00fc"}


@pytest.mark.parametrize("secret", BAD_SECRETS.values(), ids=BAD_SECRETS)
def test_a_secret_that_no_header_can_hold_is_refused(monkeypatch: pytest.MonkeyPatch, secret: str) -> None:
    variables = {"DATABASE_URL": DATABASE, "BETTER_AUTH_URL": "http://localhost:3000"}
    with pytest.raises(SystemExit) as stopped:
        load(monkeypatch, variables | {"BETTER_AUTH_BYPASS_SECRET": secret})
    assert str(stopped.value) == (
        "BETTER_AUTH_BYPASS_SECRET must be the secret of Vercel's Protection Bypass for Automation."
    )


@pytest.mark.parametrize(("file", "pattern"), [(".vercelignore", "!/{}"), (".dockerignore", "!{}")])
def test_all_packages_of_the_app_are_deployed(file: str, pattern: str) -> None:
    packages = {name for name in app_modules() if (ROOT / name).is_dir()}
    assert {pattern.format(name) for name in packages} <= set((ROOT / file).read_text().splitlines())
