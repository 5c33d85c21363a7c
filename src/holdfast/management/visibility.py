"""`/visibility`: which paths are open to everyone; private unless a path, or the nearest above it, says otherwise."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import Query
from pydantic import Field

from holdfast.access.grants.model import Effective
from holdfast.access.grants.visibility import Visibility
from holdfast.api.caller import Asking
from holdfast.api.routing import Route, Routes, routes
from holdfast.api.shape import Input, Output

Word = Literal["public", "private"]
_Path = Annotated[str, Query(max_length=255, description="A namespace or repository; without it everything.")]


class VisibilityView(Output):
    """What holds for a path. `set_at`: the path that says so, null: none does, and then it is private."""

    path: str
    visibility: Word
    set_at: str | None


class GivenVisibility(Input):
    """`public`: everyone may pull and list there, without logging in."""

    path: str = Field(max_length=255, description="A namespace or repository; '': everything.")
    visibility: Word


class VisibilityHandlers:
    """The operations on visibility."""

    def __init__(self, visibility: Visibility) -> None:
        self._visibility = visibility

    async def show_visibility(self, caller: Asking, path: _Path = "") -> VisibilityView:
        """Show what holds for a path, and where that comes from."""
        return _view(await self._visibility.get(caller.who, path, origin=caller.origin))

    async def set_visibility(self, caller: Asking, given: GivenVisibility) -> VisibilityView:
        """Open a path and all below it that does not say otherwise, or close it: for who manages access on it."""
        public = given.visibility == "public"
        return _view(await self._visibility.set(caller.who, given.path, public, origin=caller.origin))

    async def reset_visibility(self, caller: Asking, path: _Path = "") -> VisibilityView:
        """Let a path be as the nearest path above it."""
        return _view(await self._visibility.reset(caller.who, path, origin=caller.origin))


def _view(found: Effective) -> VisibilityView:
    return VisibilityView(path=found.path, visibility="public" if found.public else "private", set_at=found.set_at)


def visibility_routes(visibility: Visibility) -> Routes:
    """The routes of `/visibility`."""
    on = VisibilityHandlers(visibility)
    return routes(
        "/visibility",
        "visibility",
        Route("GET", "", on.show_visibility),
        Route("PUT", "", on.set_visibility),
        Route("DELETE", "", on.reset_visibility),
    )
