"""Test what routers guarantee to the routes that a copy adds."""

from collections.abc import Iterator

import pytest
from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient

import main
from auth import get_current_user
from db import SessionDep, get_session
from routers import routing
from routers.routing import ThreadRoute, add_routers, api_router, public_router


@pytest.fixture
def app() -> Iterator[FastAPI]:
    """Create an app, to which `add_routers` adds routes. Afterwards it belongs to the real app again."""
    yield FastAPI()
    routing._overrides.app = main.app


def test_a_router_under_api_refuses_routes_without_a_token() -> None:
    with pytest.raises(TypeError, match="route_class of api_router"):
        api_router("/reports", route_class=APIRoute)
    child = APIRouter(prefix="/child")
    child.get("/x")(lambda: "secret")
    with pytest.raises(TypeError, match="require a token"):
        api_router("/parent").include_router(child)


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
