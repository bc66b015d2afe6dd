"""Read the settings. No other module of the app reads the environment.

Values come from the environment first, then from `.env`, then from the variables of Vercel and of Neon's
integration. A wrong or missing value ends the process at import, with a line for each problem. A
deployment then fails when it starts, and not at its first request.
"""

import os
import re
from collections.abc import Mapping
from contextlib import suppress
from typing import Annotated, Any, Literal, Self

from dotenv import dotenv_values
from psycopg2 import ProgrammingError
from psycopg2.extensions import make_dsn
from pydantic import BaseModel, BeforeValidator, Field, HttpUrl, ValidationError, model_validator
from pydantic_core import PydanticCustomError
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

# PgBouncer keeps these startup options for each client, and Neon's pooler is a PgBouncer. It refuses
# other options, or passes them on to the next client of the connection.
_POOLED_OPTIONS = {"client_encoding", "datestyle", "timezone", "standard_conforming_strings", "application_name"}
_POOLED_OPTIONS |= {"extra_float_digits"}


def _refusal(sentence: str) -> PydanticCustomError:
    return PydanticCustomError("refused", sentence)


# libpq's form of several hosts, host1:port1,host2:port2. What stands before the hosts is as in SQLAlchemy.
_SEVERAL_HOSTS = re.compile(r"([\w+]+://(?:[^:/]*(?::[^@]*)?@)?)([^/?@]*,[^/?@]*)(/.*)")
_HOST_AND_PORT = re.compile(r"(?:\[([^\]]+)\]|([^:]+))(?::(\d*))?")


def _parse_database_url(value: str) -> URL:
    """Return the URL. Several hosts are in its query, as `host` and `port`, because SQLAlchemy reads them there."""
    if not (several := _SEVERAL_HOSTS.fullmatch(value)):
        return make_url(value)
    before, hosts, after = several.groups()
    parsed = [_HOST_AND_PORT.fullmatch(host) for host in hosts.split(",")]
    if not all(parsed):
        raise ValueError
    ports = ",".join(host[3] or "" for host in parsed if host)
    query = {"host": ",".join(host[1] or host[2] for host in parsed if host)}
    return make_url(before + after).update_query_dict(query | ({"port": ports} if ports.strip(",") else {}))


def _database_url(value: str) -> URL:
    try:
        url = _parse_database_url(value)
        if url.drivername not in ("postgres", "postgresql", "postgresql+psycopg2"):
            raise ValueError
        # The URL names the driver, because SQLAlchemy 2.1 uses psycopg 3 for postgresql:// and does not
        # accept postgres://.
        url = url.set(drivername="postgresql+psycopg2")
        # This reads SQLAlchemy's own form of several hosts, ?host=host1:port1&host=host2:port2.
        host = url.get_dialect()().create_connect_args(url)[1].get("host", "")
    except ArgumentError:
        raise ValueError from None  # the message of SQLAlchemy contains the URL, and so the password
    # If the URL has a second @, the host contains a part of the password.
    if not url.database or "@" in host:
        raise ValueError
    try:
        make_dsn(**dict.fromkeys(url.query, ""))
    except ProgrammingError as error:
        name = str(error).partition('"')[2].rpartition('"')[0]
        raise _refusal(f"has the option {name}. PostgreSQL's client library does not support it.") from None
    set_by_options = re.findall(r"(?:-c\s*|--)([\w.-]+)=", " ".join(url.normalized_query.get("options", ())))
    refused = [name for name in set_by_options if name.lower().replace("-", "_") not in _POOLED_OPTIONS]
    if refused and any(name.partition(".")[0].endswith("-pooler") for name in host.split(",")):
        raise _refusal(f"sets {', '.join(refused)} in its options. Poolers refuse this. Use ALTER ROLE ... SET.")
    return url


_WEB_ORIGIN = re.compile(r"https?://[^/\s*@?#\\]+")


def _origin(url: HttpUrl) -> str:
    """Return the origin of a URL as browsers and Better Auth write it, without a default port."""
    default = {"http": 80, "https": 443}[url.scheme]
    return f"{url.scheme}://{url.host}" + (f":{url.port}" if url.port != default else "")


def _items(value: str) -> list[str]:
    return [item.strip() for item in value.split(",")]


def _origins(value: str) -> list[str]:
    """Return the origins as browsers write them: in lower case, with names in punycode, without default ports."""
    items = [item.lower().rstrip("/") for item in _items(value)]
    return [_origin(HttpUrl(item)) if _WEB_ORIGIN.fullmatch(item) else item for item in items]


def _origins_on_vercel(given: Mapping[str, str]) -> list[str]:
    """Return the origins of the Next.js app of this deployment. The first one is Better Auth's.

    It is the project's domain in production, and the address of the branch in a preview. Users may open the other
    addresses, too. `vercel dev` has the port 3000 by default. The app derives the same, see
    examples/nextjs/lib/server/origins.ts.
    """
    if given.get("VERCEL_ENV") == "development":
        return [f"http://{given.get('VERCEL_URL', 'localhost:3000')}"]
    names = ["VERCEL_BRANCH_URL", "VERCEL_URL"]
    if given.get("VERCEL_ENV") == "production":
        names.insert(0, "VERCEL_PROJECT_PRODUCTION_URL")
    return list(dict.fromkeys(f"https://{given[name]}" for name in names if name in given))


def _defaults_of_deployment(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the defaults that follow from the variables of Neon's integration and of Vercel.

    On Vercel, Better Auth runs in the same deployment, see vercel.json, unless BETTER_AUTH_URL names another one.
    """
    given = {name: value.strip() for name, value in environment.items() if value.strip()}
    defaults = {}
    if "DATABASE_URL_UNPOOLED" in given:
        defaults["database_migration_url"] = given["DATABASE_URL_UNPOOLED"]
    if given.get("VERCEL_ENV") == "preview":
        # A preview may share the database of production, whose code may not work with the next schema.
        defaults["migrate_on_start"] = "empty"
    origins = _origins_on_vercel(given)
    if not origins or "BETTER_AUTH_URL" in given:
        return defaults
    is_production = given.get("VERCEL_ENV") == "production"
    bypass = "" if "BETTER_AUTH_JWKS_URL" in given else given.get("VERCEL_AUTOMATION_BYPASS_SECRET", "")
    # Deployment Protection blocks requests to the public address of a preview, unless they have that secret. The
    # binding WEB_URL is an address inside Vercel, which it does not cover.
    keys = origins[0] if is_production or bypass else given.get("WEB_URL", origins[0])
    # The issuer of Better Auth's tokens is its own origin. Production does not accept the address of a branch, which
    # a preview of the same branch may have, too.
    issuers = ",".join(origins[:1] if is_production else origins)
    return defaults | {
        "better_auth_url": origins[0],
        "better_auth_jwks_url": f"{keys.rstrip('/')}/api/auth/jwks",
        "better_auth_issuer": issuers,
        "better_auth_audience": issuers,
        "better_auth_bypass_secret": bypass,
        "cors_origins": ",".join(origins),
    }


DatabaseUrl = Annotated[URL, BeforeValidator(_database_url)]
Names = Annotated[tuple[Annotated[str, Field(min_length=1)], ...], BeforeValidator(_items)]
# Any scheme is allowed, because apps in Capacitor or Tauri have the origins capacitor://localhost
# and tauri://localhost.
Origin = Annotated[str, Field(pattern=r"^[a-z][a-z0-9+.-]*://[^/\s*@?#]+$")]
Origins = Annotated[tuple[Origin, ...], BeforeValidator(_origins)]
# PostgreSQL cuts a name after 63 bytes.
Table = Annotated[str, Field(pattern=r"^([A-Za-z_]\w{0,62}\.)?[A-Za-z_]\w{0,62}$")]
Level = Literal["debug", "info", "warning", "error", "critical"]

_POSTGRES = "a URL like postgresql://user:password@host/database"
_LATER: Any = None  # the validator below derives the default from another variable
_LIST = "a comma-separated list without empty items"
_ORIGINS = "a list of origins like https://app.example.com. * is not allowed, because requests have credentials"


# This uses Python's regular expressions, because compiling pydantic's own takes 40 ms of a cold start.
class Settings(BaseModel, arbitrary_types_allowed=True, frozen=True, regex_engine="python-re"):
    """Validate the settings. Each field is the environment variable of that name in upper case.

    The description of a field completes the sentence "... must be" in the error message.
    """

    database_url: DatabaseUrl = Field(description=_POSTGRES)
    database_migration_url: DatabaseUrl = Field(_LATER, description=_POSTGRES)
    db_pool_size: int = Field(5, ge=1, le=1000, description="a number of connections from 1 to 1000")
    db_timeout: float = Field(10, gt=0, le=300, description="a number of seconds, more than 0 and at most 300")
    migrate_on_start: bool | Literal["empty"] = Field(True, description="true, false or empty")
    better_auth_url: HttpUrl = Field(description="the URL of Better Auth, like http://localhost:3000")
    better_auth_jwks_url: HttpUrl = Field(_LATER, description="a URL like https://host/jwks")
    better_auth_bypass_secret: Annotated[str, Field(pattern=r"^[!-~]*$")] = Field(
        "", description="the secret of Vercel's Protection Bypass for Automation"
    )
    better_auth_issuer: Names = Field((), description=_LIST)
    better_auth_audience: Names = Field((), description=_LIST)
    better_auth_user_table: Table = Field("user", description="the name of a table, like user or neon_auth.user")
    better_auth_id_type: Literal["text", "uuid", "integer"] = "text"
    better_auth_column_case: Literal["camel", "snake"] = "camel"
    cors_origins: Origins = Field(("http://localhost:3000",), description=_ORIGINS)
    rate_limit: int = Field(0, ge=0, le=1_000_000, description="a number of requests from 0 to 1000000")
    log_format: Annotated[Literal["text", "json"], BeforeValidator(str.lower)] = "text"
    log_level: Annotated[Level, BeforeValidator(str.lower)] = "info"

    @model_validator(mode="before")
    @classmethod
    def _defaults_from_others(cls, values: dict[str, str]) -> dict[str, str]:
        values = dict(values)
        if database := values.get("database_url"):
            values.setdefault("database_migration_url", database)
        with suppress(KeyError, ValidationError):
            url = HttpUrl(values["better_auth_url"])
            # In Better Auth 1.7 a path in the base URL replaces /api/auth. The issuer and the
            # audience of its tokens are the origin, without the path.
            path = (url.path or "").rstrip("/") or "/api/auth"
            values.setdefault("better_auth_jwks_url", f"{_origin(url)}{path}/jwks")
            values.setdefault("better_auth_issuer", _origin(url))
            values.setdefault("better_auth_audience", _origin(url))
        return values

    @property
    def user_table(self) -> tuple[str | None, str]:
        """Return the schema and the name of Better Auth's user table. `None` means the search path."""
        schema, _, name = self.better_auth_user_table.rpartition(".")
        return schema or None, name

    @classmethod
    def load(cls) -> Self:
        """Read the environment and `.env`.

        Raises:
            SystemExit: a setting is missing or wrong. The message has a line for each problem.
        """
        # A password may contain ${...}, which stands for itself.
        environment = {**dotenv_values(".env", interpolate=False), **os.environ}
        present = {name: value for name, value in environment.items() if value is not None}
        named = {name: present[name.upper()].strip() for name in cls.model_fields if name.upper() in present}
        defaults = _defaults_of_deployment(present)
        # An empty variable counts as missing if the deployment has a default.
        given = defaults | {name: value for name, value in named.items() if value or name not in defaults}
        try:
            return cls.model_validate(given)
        except ValidationError as error:
            wrong = {item["loc"][0]: item for item in error.errors()}
        problems = []
        for name, field in cls.model_fields.items():
            if not (item := wrong.get(name)):
                continue
            must = f"must be {field.description}." if field.description else f"{item['msg']}."
            if name in given:
                said = item["msg"] if item["type"] == "refused" else must.replace("Input should", "must")
                problems.append(f"{name.upper()} {said}")
            elif field.is_required():
                problems.append(f"{name.upper()} is missing. It {must}")
        raise SystemExit("\n".join(problems))


settings = Settings.load()
