"""Routes as a table: which handler serves which method and path."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from fastapi import Depends, FastAPI, Request
from fastapi.responses import JSONResponse, Response

from holdfast.access.errors import Invalid
from holdfast.api.problem import DESCRIBED

PREFIX = "/api/v1"


class Route(NamedTuple):
    """One route: its path below that of its collection, its handler, the status of its good answer. `media`: what that
    is, where it is no JSON."""

    method: str
    path: str
    handler: Callable[..., Any]
    status: int = 200
    media: str | None = None


class Routes(NamedTuple):
    """The routes of one room. `path`: below `/api/v1`; `title`: the heading that the description has them under."""

    path: str
    title: str
    routes: tuple[Route, ...]


def routes(path: str, title: str, *table: Route) -> Routes:
    """The routes of one room."""
    return Routes(path, title, table)


def mount(app: FastAPI, rooms: Routes) -> None:
    """Let `app` serve these routes. Raises `ValueError` when an operation id is taken."""
    taken = {getattr(each, "operation_id", None) for each in app.routes}
    for route in rooms.routes:
        name = route.handler.__name__
        if name in taken:
            raise ValueError(f"two operations are called {name}")
        taken.add(name)
        lines = [line.strip() for line in (route.handler.__doc__ or "").strip().splitlines()]
        app.add_api_route(
            PREFIX + rooms.path + route.path,
            route.handler,
            methods=[route.method],
            status_code=route.status,
            operation_id=name,
            tags=[rooms.title],
            summary=lines[0].rstrip(".") if lines else None,
            description="\n".join(lines),
            response_class=JSONResponse if route.media is None else Response,
            responses={"default": DESCRIBED, **_described(route)},
            response_model_exclude_none=False,
            dependencies=[Depends(_known_query)],
        )


def _described(route: Route) -> dict[int | str, dict[str, Any]]:
    if route.media is None:
        return {}
    return {route.status: {"content": {route.media: {"schema": {"type": "string"}}}}}


async def _known_query(request: Request) -> None:
    """Raise `Invalid` for a field of the query that the route does not know, or that is given twice without being a
    list: a filter that is not understood would show more than was asked for."""
    if not request.scope["query_string"]:
        return
    known = dict(_query_fields(request.scope["route"].dependant))
    seen: set[str] = set()
    for name, _ in request.query_params.multi_items():
        if name not in known:
            raise Invalid(name[:128], f"there is no such query field; known: {', '.join(sorted(known)) or 'none'}")
        if name in seen and not known[name]:
            raise Invalid(name, "this query field is given twice")
        seen.add(name)


def _query_fields(dependant: Any) -> Iterator[tuple[str, bool]]:
    """The names of the query fields of a route, and whether each is a list."""
    for field in dependant.query_params:
        yield field.alias, "list[" in str(field.field_info.annotation)
    for inner in dependant.dependencies:
        yield from _query_fields(inner)
