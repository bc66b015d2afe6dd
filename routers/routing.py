"""`api_router`: what all routes of the API have in common. `next_page`: what lists have in common."""

import re
from collections.abc import Callable, Collection, Coroutine, Sequence
from functools import wraps
from inspect import iscoroutine, iscoroutinefunction
from typing import Any
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Depends, FastAPI, Request, Response, params
from fastapi.dependencies.models import Dependant
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette._utils import get_route_path
from starlette.exceptions import HTTPException
from starlette.routing import Match
from starlette.types import Receive, Scope, Send

from auth import get_current_user
from errors import Problem, is_unreadable_body
from routers import convertors  # noqa: F401  # registers the parameter `text`
from routers.direct import DirectEndpoint, is_generator
from routers.query import QueryChecker

_JSON = re.compile(r"application/([\w.-]+\+)?json\s*(;|$)", re.IGNORECASE)


class Route(APIRoute):
    """A route that answers HEAD wherever it answers GET. FastAPI's own does not.

    The method is changed here and not in `methods`, because the OpenAPI document lists all of those.
    The server omits the body.
    """

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        super().__init__(path, endpoint, **options)
        self._start, self._parameter, _ = path.partition("{")

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Return whether a request is one for this route. Most are not, and their paths begin otherwise."""
        # In a router that includes this one, the path is longer. FastAPI 0.165 says so under this name.
        if "fastapi" not in scope:
            asked = get_route_path(scope)
            if not (asked.startswith(self._start) if self._parameter else asked == self._start):
                return Match.NONE, {}
        return super().matches(self._as_get(scope) if scope.get("method") == "HEAD" else scope)

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        await super().handle(self._as_get(scope) if scope["method"] == "HEAD" else scope, receive, send)

    def _as_get(self, scope: Scope) -> Scope:
        return {**scope, "method": "GET"} if "GET" in (self.methods or ()) else scope


class ApiRoute(Route):
    """A route that requires a token, accepts only JSON, and stays on the event loop.

    An endpoint that does not declare `CurrentUser` requires a token too. A public route needs a
    plain `APIRouter`. A parameter of the query that no argument of the endpoint declares is 422.

    FastAPI runs `def` endpoints in threads, and hands Python's lock from thread to thread, which
    takes CPU time (decision 11). Here they run on the event loop, which stays free while they
    wait for the database. An endpoint that blocks on something else needs `ThreadRoute`.
    """

    runs_on_loop = True

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        if self.runs_on_loop and not (is_generator(endpoint) or iscoroutinefunction(endpoint)):
            endpoint = _on_loop(endpoint)
        super().__init__(path, endpoint, **options)
        if not _requires_user(self.dependant):
            options["dependencies"] = [*(options.get("dependencies") or ()), Depends(get_current_user)]
            super().__init__(path, endpoint, **options)
        # The handler is made in __init__ above, and reads these when it runs.
        self._reads_json = self.body_field and not isinstance(self.body_field.field_info, params.Form)
        self._query = QueryChecker(self.dependant)

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return FastAPI's handler, which is called after the token was checked.

        FastAPI reads the body before it resolves dependencies, so it would report invalid JSON to a
        client without a token. It answers 422 to a body without a JSON content type, where HTTP has
        415.
        """
        handle = handle_direct = super().get_route_handler()
        direct = DirectEndpoint.of(self.dependant) if self.runs_on_loop else None
        if direct:
            documented, self.dependant = self.dependant, direct.dependant
            handle_direct = super().get_route_handler()
            self.dependant = documented

        async def handle_token_first(request: Request) -> Response:
            overrides = request.app.dependency_overrides
            if get_current_user not in overrides:
                await get_current_user(request)
            try:
                if request.scope["query_string"] and (errors := self._query.check(request)):
                    raise RequestValidationError(errors)
                is_read = direct and not overrides and direct.read(request)
                return await (handle_direct if is_read else handle)(request)
            except (RequestValidationError, HTTPException) as error:
                if isinstance(error, HTTPException) and not is_unreadable_body(error):
                    raise  # the endpoint's own
                is_json = _JSON.match(request.headers.get("content-type", ""))
                if self._reads_json and not is_json and await request.body():
                    raise Problem(415, "Send JSON, and the header 'Content-Type: application/json'.") from None
                raise

        return handle_token_first


class ThreadRoute(ApiRoute):
    """An `ApiRoute` that runs a `def` endpoint in a thread, because it blocks.

    mail = api_router("/mail", route_class=ThreadRoute)
    """

    runs_on_loop = False


def _requires_user(dependant: Dependant) -> bool:
    return any(part.call is get_current_user or _requires_user(part) for part in dependant.dependencies)


def _on_loop(endpoint: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(endpoint)
    async def run(**arguments: Any) -> Any:
        result = endpoint(**arguments)
        return await result if iscoroutine(result) else result  # of an `async def` behind a decorator

    return run


class _Overrides:
    """The `dependency_overrides` of the app that the routers were added to; of the last one, if of several."""

    app: FastAPI

    @property
    def dependency_overrides(self) -> dict[Callable[..., Any], Callable[..., Any]]:
        return self.app.dependency_overrides


_overrides = _Overrides()


class _Router(APIRouter):
    """A router whose operations have the names of their functions as ids."""

    def __init__(self, **options: Any) -> None:
        defaults: dict[str, Any] = {
            "generate_unique_id_function": lambda route: route.name,
            "dependency_overrides_provider": _overrides,
        }
        super().__init__(**defaults | options)


class _ApiRouter(_Router):
    """A router whose routes and WebSockets require a token."""

    def add_api_websocket_route(
        self,
        path: str,
        endpoint: Callable[..., Any],
        name: str | None = None,
        *,
        dependencies: Sequence[params.Depends] | None = None,
    ) -> None:
        """Add the route of a WebSocket, which requires a token, too."""
        dependencies = [*(dependencies or ()), Depends(get_current_user)]
        super().add_api_websocket_route(path, endpoint, name, dependencies=dependencies)

    def include_router(self, router: APIRouter, **options: Any) -> None:
        """Include the routes of another router of `api_router`, whose prefix comes after this one's.

        Raises:
            TypeError: its routes would be under `/api` without a token.
        """
        if not isinstance(router, _ApiRouter):
            raise TypeError("A router under /api has to be made with api_router, so that its routes require a token.")
        super().include_router(router, **options)


def api_router(prefix: str, **options: Any) -> APIRouter:
    """Return a router for the routes under `/api` and `prefix`.

    An operation's id is the name of its function, and its tag is the prefix, unless `options` has
    another: they are those of FastAPI's `APIRouter`.

    Raises:
        TypeError: the routes would not require a token.
    """
    defaults: dict[str, Any] = {"tags": [prefix.strip("/")], "route_class": ApiRoute}
    if not issubclass(options.get("route_class", ApiRoute), ApiRoute):
        raise TypeError(
            "The route_class of api_router has to be ApiRoute, ThreadRoute or a class that inherits from one."
        )
    return _ApiRouter(prefix=f"/api{prefix}", **defaults | options)


def public_router(**options: Any) -> APIRouter:
    """Return a router for routes without a token. The options are those of FastAPI's `APIRouter`."""
    defaults: dict[str, Any] = {"route_class": Route}
    return _Router(**defaults | options)


def add_routers(app: FastAPI, *routers: APIRouter) -> None:
    """Add the routes of routers to the app, before its own.

    `app.include_router()` does the same in FastAPI 0.165, but builds each route twice, the second
    time in the first request, which takes 25 ms. A router of FastAPI's own is left to it.

    Raises:
        TypeError: the app has dependencies.
    """
    if app.router.dependencies:
        raise TypeError("Pass dependencies to api_router: those of FastAPI(dependencies=[…]) would not be called.")
    _overrides.app = app
    own = [router for router in routers if isinstance(router, _Router)]
    app.router.routes[:0] = [route for router in own for route in router.routes]
    for router in routers:
        if router not in own:
            app.include_router(router)


def next_page(request: Request, cursor: str, *, only: Collection[str] | None = None) -> str:
    """Return the header `Link` to the page after a cursor: a relative one, which holds behind every proxy.

    Args:
        request: the request of this page.
        cursor: the place where this page ends.
        only: the parameters that the next page also needs, because the cursor does not have them. By
            default all, except for `skip`.
    """
    sent = request.query_params.multi_items()
    query = [(name, value) for name, value in sent if name not in ("cursor", "skip") and (only is None or name in only)]
    return f'<{quote(request.url.path)}?{urlencode([*query, ("cursor", cursor)])}>; rel="next"'
