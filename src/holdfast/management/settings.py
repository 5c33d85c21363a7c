"""`/settings`: what holds at a path, where each value comes from, and changing it."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import Path, Query
from pydantic import Field

from holdfast.access.service import Access
from holdfast.api.caller import Asking
from holdfast.api.routing import Route, Routes, routes
from holdfast.api.shape import Input, Output
from holdfast.registry.namespaces.settings import Change, Held, SettingsTree

_Path = Annotated[str, Query(max_length=255, description="A namespace or repository; without it everything.")]
_Name = Annotated[str, Path(max_length=64, description="The name of a setting.")]
_Dry = Annotated[bool, Query(description="Only say what would change.")]


class SettingOrigin(Output):
    """A value and what says it: the program's `default`, its `configuration`, or a `path` ('': everything)."""

    value: str
    source: Literal["default", "configuration", "path"]
    path: str | None


class SettingView(Output):
    """What holds of one setting at a path. `from`: what says the value; `overrides`: the values that count no more
    because of it, the nearest first; `allowed`: what may be written; `set_by`: the command that sets it, where that is
    another than `holdfast settings set`."""

    name: str
    path: str
    value: str
    source: Literal["default", "configuration", "path"]
    set_at: str | None
    overrides: list[SettingOrigin]
    about: str
    allowed: str
    set_by: str | None


class SettingsView(Output):
    """Every setting at a path."""

    path: str
    settings: list[SettingView]


class SettingChange(Output):
    """A setting after a change, or as it would be. `changed`: how many repositories get another value by it;
    `overriding`: how many at and below the path keep one of a path below; `at_least`: there are more paths with values
    of their own than were counted; `applied`: false of a dry run."""

    setting: SettingView
    changed: int
    overriding: int
    at_least: bool
    applied: bool


class GivenSetting(Input):
    """A value for a path ('': everything) and all below it that has none of its own."""

    path: str = Field(max_length=255)
    value: str
    dry_run: bool = False


class SettingHandlers:
    """The operations on settings."""

    def __init__(self, access: Access, tree: SettingsTree) -> None:
        self._access = access
        self._tree = tree

    async def show_settings(self, caller: Asking, path: _Path = "") -> SettingsView:
        """Show every setting at a path, and where each value comes from: to who may be told of something there."""
        permit = self._access.path(caller.who, path, caller.origin)
        return SettingsView(path=path, settings=[_view(path, held) for held in await self._tree.list(permit)])

    async def show_setting(self, caller: Asking, name: _Name, path: _Path = "") -> SettingView:
        """Show one setting at a path."""
        return _view(path, await self._tree.show(self._access.path(caller.who, path, caller.origin), name))

    async def set_setting(self, caller: Asking, name: _Name, given: GivenSetting) -> SettingChange:
        """Set a setting of a path, or say what that would change: for who may change settings on the whole of it."""
        permit = self._access.path(caller.who, given.path, caller.origin)
        change = await self._tree.set(permit, name, given.value, dry_run=given.dry_run)
        return _change(given.path, change, applied=not given.dry_run)

    async def reset_setting(
        self, caller: Asking, name: _Name, path: _Path = "", dry_run: _Dry = False
    ) -> SettingChange:
        """Let a path be as the nearest path above it, or say what that would change."""
        permit = self._access.path(caller.who, path, caller.origin)
        return _change(path, await self._tree.reset(permit, name, dry_run=dry_run), applied=not dry_run)


def _view(path: str, held: Held) -> SettingView:
    first, *others = held.origins
    return SettingView(
        name=held.kind.name,
        path=path,
        value=first.value,
        source=first.source,  # type: ignore[arg-type]
        set_at=first.path,
        overrides=[SettingOrigin.model_validate(each) for each in others],
        about=held.kind.about,
        allowed=held.kind.allowed,
        set_by=held.kind.set_by or None,
    )


def _change(path: str, change: Change, *, applied: bool) -> SettingChange:
    changed, overriding, at_least = change.impact
    return SettingChange(
        setting=_view(path, change.held), changed=changed, overriding=overriding, at_least=at_least, applied=applied
    )


def setting_routes(access: Access, tree: SettingsTree) -> Routes:
    """The routes of `/settings`."""
    on = SettingHandlers(access, tree)
    return routes(
        "/settings",
        "settings",
        Route("GET", "", on.show_settings),
        Route("GET", "/{name}", on.show_setting),
        Route("PUT", "/{name}", on.set_setting),
        Route("DELETE", "/{name}", on.reset_setting),
    )
