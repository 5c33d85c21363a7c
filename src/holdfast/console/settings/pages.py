"""`/-/settings`: what holds at a path, where each value comes from, and changing it.

Promises: before a value is saved the page says what that changes; what is saved is what was said, or the page says what
is different by now. Quotas, what is said of a path, and deleting it have pages of their own beside this one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from holdfast.access.errors import Changed, Invalid
from holdfast.access.grants.visibility import Visibility
from holdfast.access.model import PathPermit
from holdfast.access.policy.model import SYSTEM_ACTIONS, Action
from holdfast.access.rights import PUBLIC, VISIBILITY
from holdfast.console.settings.forms import FORBIDS, UNITS, Form, form_of, read_form, tried, wrong_field
from holdfast.console.where import Where, both
from holdfast.registry.effective.kinds import SettingKind
from holdfast.registry.effective.service import WINDOW
from holdfast.registry.errors import RepositoryUnknown
from holdfast.registry.immutability.rules import SETTING as IMMUTABLE
from holdfast.registry.namespaces.repositories import Filter, Repositories
from holdfast.registry.namespaces.saying import Facts
from holdfast.registry.namespaces.service import Namespaces
from holdfast.registry.namespaces.settings import CONFIGURATION, Change, Held, Origin, SettingsTree
from holdfast.registry.quotas.managing import Quotas
from holdfast.registry.quotas.model import KINDS as QUOTAS
from holdfast.web.frame import Crumb, Frame, Shown
from holdfast.web.refusals import NoPage
from holdfast.web.site import Route
from holdfast.web.slots import About, Slot
from holdfast.web.visit import Answer, Visit

_QUOTAS = frozenset(kind.name for kind in QUOTAS)
_FIRST = (VISIBILITY, IMMUTABLE, WINDOW)
_ADMIN = "/admin/settings"


class Said(NamedTuple):
    """A value and what says it, in words; `href`: the settings of the path that does, '' none."""

    value: str
    origin: str
    href: str = ""


class Row(NamedTuple):
    """A setting as the page shows it. `here`: whether this path says it; `may`: whether the caller may change it;
    `edit`: where it is changed."""

    name: str
    title: str
    about: str
    said: Said
    instead: tuple[Said, ...]
    here: bool
    may: bool
    edit: str


class SettingsPages:
    """The settings of repositories, namespaces and of everything."""

    def __init__(
        self,
        frame: Frame,
        settings: SettingsTree,
        quotas: Quotas,
        visibility: Visibility,
        *,
        namespaces: Namespaces,
        repositories: Repositories,
    ) -> None:
        self._frame = frame
        self._settings = settings
        self._namespaces = namespaces
        self._repositories = repositories
        self._quotas = quotas
        self._visibility = visibility

    def routes(self) -> list[Route]:
        """Every route of these pages."""
        return [
            *both("GET", "settings", self.show),
            *both("GET", "settings/{setting}", self.edit),
            *both("POST", "settings/{setting}", self.change),
            Route("GET", _ADMIN, self.show),
            Route("GET", f"{_ADMIN}/{{setting}}", self.edit),
            Route("POST", f"{_ADMIN}/{{setting}}", self.change),
        ]

    async def show(self, visit: Visit) -> Answer:
        """Every setting at a path."""
        where, permit = self._at(visit)
        facts = await self._facts(where, permit)
        held = await self._settings.list(permit)
        rows = [_row(where, permit, each) for each in sorted(held, key=_rank) if each.kind.name not in _QUOTAS]
        quota = await self._quotas.show(permit)
        return self._page(
            visit,
            where,
            "settings.html",
            rows=rows,
            quota=quota,
            facts=facts,
            keeps=not permit.lacks(Action.SETTINGS, where.path),
            operates=permit.system(Action.OPERATE),
            deletes=bool(where.path) and not permit.lacks(Action.DELETE_REPOSITORY, where.path),
            boxes=await self._frame.boxes(visit, Slot.SETTINGS, About(path=where.path)),
        )

    async def _facts(self, where: Where, permit: PathPermit) -> Facts:
        """What is said of the path. Raises what stands for what is not there."""
        if where.scope == "r":
            found = await self._repositories.list(permit, Filter(), "", 1)  # without counting what it holds
            if not found or found[0].name != where.path:
                raise RepositoryUnknown("there is no such repository", name=where.path)
            return found[0].facts
        return (await self._namespaces.show(permit)).facts if where.scope else Facts()

    async def edit(self, visit: Visit) -> Answer:
        """The form of one setting; with `reset` what it would be without a value of this path."""
        where, permit = self._at(visit)
        held = await self._held(visit, permit)
        if "reset" in visit.query:
            change = await self._settings.foresee(permit, held.kind.name, None)
            return await self._show(visit, where, held, change=change, reset=True)
        return await self._show(visit, where, held)

    async def change(self, visit: Visit) -> Answer:
        """Say what a value would change, and once that was seen, set it."""
        fields = await self._frame.changes(visit)
        where, permit = self._at(visit)
        held = await self._held(visit, permit)
        kind, reset = held.kind, bool(fields.get("reset"))
        if not _may(permit, kind, where.path):
            permit.require_all(_needs(kind), where.path)
        try:
            text = None if reset else fields["whole"] if "whole" in fields else read_form(kind, fields)
            change = await self._settings.foresee(permit, kind.name, text)
        except Invalid as error:
            said = visit.told(error, {error.field: wrong_field(kind, fields)})
            return await self._show(visit, where, held, status=400, error=said, form=tried(kind, fields))
        sight = fields.get("sight")
        if sight is None:
            return await self._show(visit, where, held, change=change, reset=reset, text=text)
        try:
            await self._save(visit, text, change, sight)
        except Changed:
            held = await self._held(visit, permit)
            return await self._show(visit, where, held, status=409, change=change, reset=reset, text=text, stale=True)
        title = kind.title or kind.name
        said = f"{title}: {kind.words(change.held.value)}" + (", as above it" if reset else "")
        return self._frame.done(visit, where.at("settings"), said)

    async def _save(self, visit: Visit, text: str | None, change: Change, sight: str) -> None:
        """Set or reset it. Raises `Changed` when it is not what was seen."""
        kind, (_, permit) = change.held.kind, self._at(visit)
        if kind.name != VISIBILITY:
            if text is None:
                await self._settings.reset(permit, kind.name, sight=sight)
            else:
                await self._settings.set(permit, kind.name, text, sight=sight)
            return
        if change.sight != sight:
            raise Changed(kind.name)
        caller = self._frame.caller(visit)
        if text is None:
            await self._visibility.reset(caller.who, permit.path, origin=caller.origin)
        else:
            await self._visibility.set(caller.who, permit.path, text == PUBLIC, origin=caller.origin)

    async def _held(self, visit: Visit, permit: PathPermit) -> Held:
        """The setting that the address names. Raises `NoPage`."""
        name = visit.named["setting"]
        found = next((each for each in await self._settings.list(permit) if each.kind.name == name), None)
        if found is None or name in _QUOTAS or found.kind.page:
            raise NoPage
        return found

    async def _show(
        self,
        visit: Visit,
        where: Where,
        held: Held,
        *,
        status: int = 200,
        change: Change | None = None,
        reset: bool = False,
        text: str | None = None,
        error: str = "",
        stale: bool = False,
        form: Form | None = None,
    ) -> Answer:
        kind = held.kind
        permit = self._frame.caller(visit).at(where.path)
        return self._page(
            visit,
            where,
            "setting.html",
            Crumb("Settings", where.at("settings")),
            Crumb(kind.title or kind.name),
            status=status,
            fragment="dialog",
            kind=kind,
            row=_row(where, permit, held),
            form_=form or form_of(kind, text if text is not None else held.value),
            units=UNITS,
            forbids=FORBIDS,
            change=change,
            after=kind.words(change.held.value) if change is not None else "",
            text=text,
            reset=reset,
            error=error,
            stale=stale,
        )

    def _at(self, visit: Visit) -> tuple[Where, PathPermit]:
        where = Where.of(visit)
        permit = self._frame.caller(visit).at(where.path)
        if not where.scope and not (permit.system(Action.OPERATE) or permit.system(Action.ADMINISTER)):
            raise NoPage
        return where, permit

    def _page(self, visit: Visit, where: Where, template: str, *crumbs: Crumb, **values: Any) -> Answer:
        return settings_page(self._frame, visit, where, template, *crumbs, **values)


def settings_page(
    frame: Frame, visit: Visit, where: Where, template: str, *crumbs: Crumb, status: int = 200, **values: Any
) -> Answer:
    """A page among the settings of a path."""
    ways = crumbs or (Crumb("Settings"),)
    tabs: Sequence[Shown] = ()
    if where.scope:
        way, tabs = frame.crumbs(where.scope, where.path, *ways), frame.tabs(visit, where.scope, where.path, "settings")
    else:
        way = [Crumb("Administration", "/admin"), *ways[:-1], Crumb(ways[-1].text)]
    fragment = values.pop("fragment", "")
    return frame.page(visit, template, status=status, fragment=fragment, crumbs=way, tabs=tabs, where=where, **values)


def _row(where: Where, permit: PathPermit, held: Held) -> Row:
    kind = held.kind
    first, *others = (_said(where, kind, origin) for origin in held.origins)
    own = where.at(kind.page) if kind.page and where.scope else kind.root_page
    edit = own or where.at(f"settings/{kind.name}")
    return Row(
        kind.name,
        kind.title or kind.name,
        kind.about.partition(": `")[0].removesuffix("."),
        first,
        tuple(others),
        held.origins[0].path == where.path,
        _may(permit, kind, where.path) and bool(where.scope or not kind.page or kind.root_page),
        edit,
    )


def _said(where: Where, kind: SettingKind, origin: Origin) -> Said:
    words = kind.words(origin.value)
    if origin.path is None:
        return Said(words, "the registry's configuration" if origin.source == CONFIGURATION else "default")
    if origin.path == where.path:
        return Said(words, "here")
    if not origin.path:
        return Said(words, "the whole registry")
    return Said(words, origin.path, Where("n", origin.path).at("settings"))


def _rank(held: Held) -> tuple[int, str]:
    """What people look for first, then by title."""
    kind = held.kind
    return _FIRST.index(kind.name) if kind.name in _FIRST else len(_FIRST), kind.title or kind.name


def _needs(kind: SettingKind) -> Action:
    return Action.MANAGE_ACCESS if kind.name == VISIBILITY else kind.needs


def _may(permit: PathPermit, kind: SettingKind, path: str) -> bool:
    needs = _needs(kind)
    return permit.system(needs) if needs in SYSTEM_ACTIONS else not permit.lacks(needs, path)
