"""Test what routers guarantee to the routes that a copy adds."""

from collections.abc import Iterator
from typing import Annotated, Generic, TypeVar

import pytest
from fastapi import APIRouter, FastAPI, Form, WebSocket, WebSocketDisconnect
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient

import errors
import main
from auth import get_current_user
from db import SessionDep, get_session
from models.request import RequestModel
from routers import routing
from routers.routing import ThreadRoute, add_routers, api_router, public_router

T = TypeVar("T")


@pytest.fixture
def app() -> Iterator[FastAPI]:
    """Create an app, to which `add_routers` adds routes. Afterwards it belongs to the real app again."""
    yield FastAPI()
    routing._overrides.app = main.app


def test_a_router_under_api_refuses_routes_without_a_token() -> None:
    with pytest.raises(TypeError, match="route_class of api_router"):
        api_router("/reports", route_class=APIRoute)
    with pytest.raises(TypeError, match="require a token"):
        api_router("/parent").include_router(APIRouter(prefix="/child"))


def test_nested_routers_require_a_token(app: FastAPI) -> None:
    inner, middle, outer = api_router("/inner"), api_router("/middle"), api_router("/outer")
    inner.get("")(lambda: "inner")
    middle.include_router(inner)
    outer.include_router(middle)
    add_routers(app, outer)
    app.add_exception_handler(errors.Problem, errors.problem_response)  # type: ignore[arg-type]  # the app's own
    with TestClient(app) as client:
        assert client.get("/api/outer/api/middle/api/inner").status_code == 401
        app.dependency_overrides[get_current_user] = lambda: None
        assert client.get("/api/outer/api/middle/api/inner").json() == "inner"


def test_a_websocket_requires_a_token(app: FastAPI) -> None:
    router = api_router("/socket")

    @router.websocket("")
    async def greet(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.send_text("hello")

    add_routers(app, router)
    app.add_exception_handler(errors.Problem, errors.problem_response)  # type: ignore[arg-type]  # the app's own
    with TestClient(app) as client:
        with pytest.raises(WebSocketDisconnect), client.websocket_connect("/api/socket"):
            pass
        app.dependency_overrides[get_current_user] = lambda: None
        with client.websocket_connect("/api/socket") as socket:
            assert socket.receive_text() == "hello"


def test_a_generic_body_is_refused() -> None:
    with pytest.raises(TypeError, match="Box is generic"):

        class Box(RequestModel, Generic[T]):
            value: T


def test_a_form_that_is_not_valid_is_422(app: FastAPI) -> None:
    router = api_router("/form")

    @router.post("")
    def take(age: Annotated[int, Form()]) -> int:
        return age

    add_routers(app, router)
    app.dependency_overrides[get_current_user] = lambda: None
    with TestClient(app) as client:
        assert client.post("/api/form", data={"age": "7"}).json() == 7
        assert client.post("/api/form", data={"age": "x"}).status_code == 422
        assert client.post("/api/form").status_code == 422


def test_a_thread_route_requires_a_token(app: FastAPI) -> None:
    router = api_router("/mail", route_class=ThreadRoute)
    router.get("")(lambda: "sent")
    add_routers(app, router)
    with TestClient(app, raise_server_exceptions=False) as client:
        assert client.get("/api/mail").status_code == 500  # the app has no handler for the 401
        app.dependency_overrides[get_current_user] = lambda: None
        assert client.get("/api/mail").json() == "sent"


@pytest.mark.parametrize("make", [APIRouter, public_router], ids=["FastAPI's", "public"])
def test_overrides_reach_routers_without_a_token(app: FastAPI, make: type[APIRouter]) -> None:
    router = make(prefix="/plain")

    @router.get("")
    def get_plain(session: SessionDep) -> str:
        return str(session)

    add_routers(app, router)
    app.dependency_overrides[get_session] = lambda: "a fake"
    with TestClient(app) as client:
        assert client.get("/plain").json() == "a fake"


def test_the_test_client_of_fastapi_works() -> None:
    assert TestClient(main.app).get("/health").json() == {"status": "healthy"}
