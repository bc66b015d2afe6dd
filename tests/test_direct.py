"""Test that endpoints get the same arguments with FastAPI's resolution and without it."""

from collections.abc import Iterator
from functools import wraps
from typing import Annotated, Any

import pytest
from fastapi import BackgroundTasks, Cookie, Depends, FastAPI, Form, Header, Query, Request, Response, UploadFile
from fastapi.exceptions import RequestValidationError
from fastapi.testclient import TestClient
from pydantic import AliasChoices, BaseModel, ConfigDict, Field, model_validator
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

import errors
import main
from auth import CurrentUser, get_current_user
from auth.dependencies import AuthenticatedUser
from routers import direct, routing
from routers.routing import add_routers, api_router

router = api_router("/direct")


class Page(BaseModel):
    limit: Annotated[int, Field(ge=1)] = 10
    tag: list[str] = []
    is_open: bool | None = None
    numbers: set[int] | None = None


class Aliased(BaseModel):
    size: Annotated[int, Field(alias="page-size")] = 3
    tags: Annotated[list[str], Field(alias="tag")] = []


class Anything(BaseModel):
    model_config = ConfigDict(extra="allow")

    limit: int = 1


class Note(BaseModel):
    text: str


class Heads(BaseModel):
    x_one: str
    x_list: list[str] = []


class Ordered(BaseModel):
    a: int = 0
    c: int = 0

    @model_validator(mode="before")
    @classmethod
    def _keep_first(cls, values: dict[str, Any]) -> dict[str, Any]:
        return dict([next(iter(values.items()))]) if values else {}


Answered = dict[str, Any]
done: list[str] = []
"""What background tasks were called with."""
Known = Annotated[str | None, Header()]


@router.get("/model")
def read_model(user: CurrentUser, page: Annotated[Page, Query()], x_known: Known = None) -> Answered:
    return {"user": user.id, "page": page, "known": x_known}


@router.get("/aliased")
def read_aliased(user: CurrentUser, page: Annotated[Aliased, Query()]) -> Answered:
    return {"user": user.id, "page": page}


@router.get("/anything")
def read_anything(user: CurrentUser, page: Annotated[Anything, Query()]) -> Answered:
    return {"user": user.id, "page": page}


@router.get("/scalars/{number}")
async def read_scalars(
    number: int,
    again: CurrentUser,
    user: CurrentUser,
    required: int,
    tag: Annotated[list[str], Query()] = ["none"],  # noqa: B006  # FastAPI copies it
    limit: Annotated[int | None, Query(alias="page-size")] = None,
    x_many: Annotated[list[int] | None, Header()] = None,
    x_default: Annotated[int, Header()] = 7,
) -> Answered:
    assert again is user
    return {"number": number, "required": required, "tag": tag, "limit": limit, "many": x_many, "default": x_default}


@router.put("/body/{number}", status_code=201)
def put_body(
    number: int, request: Request, response: Response, user: CurrentUser, note: Note, x_must: Annotated[str, Header()]
) -> Answered:
    response.headers["X-Path"] = request.url.path
    return {"user": user.id, "number": number, "note": note, "must": x_must}


@router.post("/form")
async def take_form(
    user: CurrentUser,
    connection: HTTPConnection,
    tasks: BackgroundTasks,
    text: Annotated[str, Form()],
    file: UploadFile,
    theme: Annotated[str | None, Cookie()] = None,
) -> Answered:
    tasks.add_task(done.append, text)
    return {"user": user.id, "text": text, "file": await file.read(), "theme": theme, "path": connection.url.path}


@router.get("/header-model")
def read_header_model(heads: Annotated[Heads | None, Header()] = None) -> Answered:
    return {"heads": heads}


@router.get("/header-choices")
def read_header_choices(
    one: Annotated[str | None, Header(validation_alias=AliasChoices("x-a", "x-b"))] = None,
    two: Annotated[str | None, Header(alias="X-C")] = None,
) -> Answered:
    return {"one": one, "two": two}


@router.get("/optional")
def read_optional(page: Annotated[Aliased | None, Query()] = None) -> Answered:
    return {"page": page}


@router.get("/query-choices")
def read_query_choices(
    size: Annotated[int, Query(validation_alias=AliasChoices("size", "page-size"))] = 1,
    all_: Annotated[bool, Query(alias="all")] = False,
) -> Answered:
    return {"size": size, "all": all_}


@router.get("/ordered")
def read_ordered(query: Annotated[Ordered, Query()]) -> Answered:
    return {"query": query}


@router.get("/named/{_request}")
def read_named(_request: int) -> Answered:
    return {"request": _request}


def logged(function: Any) -> Any:
    @wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    return call


@router.get("/decorated")
@logged
async def read_decorated(number: int = 1) -> Answered:
    return {"number": number}


@router.get("/decorated-lines")
@logged
def yield_decorated() -> Iterator[Note]:
    yield Note(text="x")


@router.get("/nobody")
def read_nothing() -> Answered:
    return {}


REQUESTS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "nothing sent": ("GET", "model", {}),
    "all sent": ("GET", "model?limit=2&tag=a&tag=b&is_open=true&numbers=1", {"headers": {"X-Known": b"\xe9"}}),
    "empty values": ("GET", "model?tag=&limit=", {}),
    "a wrong value": ("GET", "model?limit=0&is_open=maybe&numbers=x", {}),
    "an unknown name": ("GET", "model?size=1", {}),
    "a repeated name": ("GET", "model?limit=1&limit=2", {}),
    "a header twice": ("GET", "model", {"headers": [("X-Known", "a"), ("X-Known", "b")]}),
    "an empty header": ("GET", "model", {"headers": {"x-known": ""}}),
    "an alias": ("GET", "aliased?page-size=4&tag=a", {}),
    "a wrong alias": ("GET", "aliased?page-size=x", {}),
    "any name": ("GET", "anything?limit=2&other=1&other=2", {}),
    "scalars": ("GET", "scalars/1?required=2", {}),
    "all scalars": ("GET", "scalars/1?required=2&tag=a&page-size=3", {"headers": [("X-Many", "1"), ("X-Many", "2")]}),
    "another default": ("GET", "scalars/1?required=2", {"headers": {"X-Default": "8"}}),
    "wrong everywhere": ("GET", "scalars/x?required=y&page-size=z", {"headers": {"X-Many": "n", "X-Default": "m"}}),
    "a required name missing": ("GET", "scalars/1", {}),
    "a body": ("PUT", "body/1", {"json": {"text": "x"}, "headers": {"X-Must": "y"}}),
    "a required header missing": ("PUT", "body/1", {"json": {"text": "x"}}),
    "a wrong body": ("PUT", "body/x", {"json": {"text": 1}, "headers": {"X-Must": "y"}}),
    "no JSON": ("PUT", "body/1", {"content": "{", "headers": {"X-Must": "y", "Content-Type": "application/json"}}),
    "another type": ("PUT", "body/1", {"content": "x", "headers": {"X-Must": "y", "Content-Type": "text/plain"}}),
    "a form": ("POST", "form", {"data": {"text": "x"}, "files": {"file": b"y"}, "headers": {"Cookie": "theme=dark"}}),
    "a wrong form": ("POST", "form", {"data": {"text": "x"}}),
    "a model of headers": ("GET", "header-model", {"headers": {"X-One": "1", "X-List": "2"}}),
    "no header of a model": ("GET", "header-model", {}),
    "the second name of a header": ("GET", "header-choices", {"headers": {"X-B": "1", "X-C": "2"}}),
    "an optional model": ("GET", "optional?page-size=4&tag=a", {}),
    "no optional model": ("GET", "optional", {}),
    "the second name of a parameter": ("GET", "query-choices?page-size=4&all=true", {}),
    "the order of the fields": ("GET", "ordered?c=1&a=2", {}),
    "an argument named request": ("GET", "named/3", {}),
    "behind a decorator": ("GET", "decorated?number=2", {}),
    "lines behind a decorator": ("GET", "decorated-lines", {}),
    "without a user": ("GET", "nobody", {}),
}


class SignedIn:
    """Set the user of each request, as the check of a token does."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            scope["headers"] = [*scope["headers"], (b"authorization", b"Bearer token")]
            scope["todo.user"] = "Bearer token", AuthenticatedUser("somebody")
        await self.app(scope, receive, send)


@pytest.fixture
def app() -> Iterator[FastAPI]:
    """Create an app with the routes. Afterwards `add_routers` belongs to the real app again."""
    handlers: dict[Any, Any] = {errors.Problem: errors.problem_response}
    for kind in (HTTPException, RequestValidationError):
        handlers[kind] = main.app.exception_handlers[kind]
    app = FastAPI(exception_handlers=handlers)
    app.add_middleware(SignedIn)
    add_routers(app, router)
    yield app
    routing._overrides.app = main.app


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Return a list that records whether each direct reading of a request was valid."""
    results: list[bool] = []
    original = direct.DirectEndpoint.read

    def record(self: direct.DirectEndpoint, request: Request) -> bool:
        results.append(original(self, request))
        return results[-1]

    monkeypatch.setattr(direct.DirectEndpoint, "read", record)
    return results


@pytest.mark.parametrize("name", REQUESTS)
def test_an_answer_is_the_same_as_with_fastapis_resolution(app: FastAPI, read: list[bool], name: str) -> None:
    method, path, options = REQUESTS[name]
    with TestClient(app) as client:
        answer = client.request(method, f"/api/direct/{path}", **options)
        was_read, read[:] = list(read), []
        app.dependency_overrides[object] = object  # of no dependency, so only FastAPI's resolution differs
        resolved = client.request(method, f"/api/direct/{path}", **options)
    assert (answer.status_code, answer.headers) == (resolved.status_code, resolved.headers)
    assert answer.text == resolved.text
    assert read == []
    if answer.status_code < 300 and name != "lines behind a decorator":
        assert was_read == [True]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("optional", {"page": None}),
        ("optional?page-size=4&tag=a&tag=b", {"page": {"page-size": 4, "tag": ["a", "b"]}}),
        ("query-choices?size=4", {"size": 4, "all": False}),
        ("query-choices?page-size=4&all=true", {"size": 4, "all": True}),
    ],
)
def test_every_name_that_fastapi_reads_is_accepted(app: FastAPI, path: str, expected: Answered) -> None:
    with TestClient(app) as client:
        assert client.get(f"/api/direct/{path}").json() == expected


@pytest.mark.parametrize(
    "path", ["optional?size=1", "optional?page-size=1&page-size=2", "query-choices?all=1", "query-choices?al=true"]
)
def test_other_names_and_values_of_a_query_are_422(app: FastAPI, path: str) -> None:
    with TestClient(app) as client:
        assert client.get(f"/api/direct/{path}").status_code == 422


def test_background_tasks_run(app: FastAPI, read: list[bool]) -> None:
    done.clear()
    with TestClient(app) as client:
        assert client.post("/api/direct/form", data={"text": "x"}, files={"file": b"y"}).status_code == 200
    assert (done, read) == (["x"], [True])


def test_an_endpoint_with_another_dependency_is_left_to_fastapi(app: FastAPI, read: list[bool]) -> None:
    further, calls = api_router("/further"), []

    async def team(user: CurrentUser) -> str:
        calls.append(user)
        return f"team of {user.id}"

    @further.get("")
    def read_team(user: CurrentUser, team: Annotated[str, Depends(team)]) -> list[Any]:
        calls.append(user)
        return [user.id, team]

    add_routers(app, further)
    with TestClient(app) as client:
        assert client.get("/api/further").json() == ["somebody", "team of somebody"]
    assert read == []
    assert calls[0] is calls[1]


@pytest.mark.parametrize("option", [{"use_cache": False}, {"max_concurrency": 1}])
def test_options_of_depends_are_left_to_fastapi(app: FastAPI, read: list[bool], option: dict[str, Any]) -> None:
    further = api_router("/further")

    @further.get("")
    def read_user(user: Annotated[AuthenticatedUser, Depends(get_current_user, **option)]) -> Any:
        return user.id

    add_routers(app, further)
    with TestClient(app) as client:
        assert client.get("/api/further").json() == "somebody"
    assert read == []


def test_other_credentials_are_verified_again(app: FastAPI) -> None:
    further = api_router("/further")

    @further.get("")
    async def dispatch(request: Request) -> int:
        answers = []

        async def send(message: Message) -> None:
            answers.append(message)

        headers = [(b"authorization", b"Bearer another")]
        scope = {**request.scope, "path": "/api/further/inner", "headers": headers}
        await request.app.router(scope, request.receive, send)
        return int(answers[0]["status"])

    @further.get("/inner")
    def inner(user: CurrentUser) -> Any:
        return user.id

    add_routers(app, further)
    with TestClient(app) as client:
        assert client.get("/api/further").json() == 401


def test_dependencies_of_the_whole_app_are_refused() -> None:
    with pytest.raises(TypeError, match="Pass dependencies to api_router"):
        add_routers(FastAPI(dependencies=[Depends(get_current_user)]), router)


def test_an_override_of_the_user_is_used(app: FastAPI, read: list[bool]) -> None:
    app.dependency_overrides[get_current_user] = lambda: AuthenticatedUser("another")
    with TestClient(app) as client:
        assert client.get("/api/direct/model").json()["user"] == "another"
    assert read == []
